"""Settings of the operator: each an option and a STATARB_* environment variable, in one table."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statarb import __version__
from statarb.errors import ConfigError
from statarb.params import WATCHLIST

PROJECT = Path(__file__).resolve().parent.parent
"""Default paths are relative to the project, not to the current directory."""

DEFAULT_DB = PROJECT / "data" / "ticks.db"
DEMO_DB = PROJECT / "data" / "demo.db"
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_s(text: str) -> float:
    """`'90'`, `'90s'`, `'15m'`, `'1h'`, `'7d'` -> seconds."""
    number, unit = (text[:-1], _UNITS_S[text[-1]]) if text[-1:] in _UNITS_S else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 15m, 1h or 7d")
    return seconds


def symbols(text: str) -> tuple[str, ...]:
    """`'BTCUSDT,ETHUSDT'` -> its parts, upper case, without doubles."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("no symbol given; write BTCUSDT,ETHUSDT")
    return names


def base_url(*schemes: str) -> Callable[[str], str]:
    """A check for a base URL: one of `schemes`, a host, no path."""

    def check(text: str) -> str:
        scheme, _, rest = text.partition("://")
        if scheme not in schemes or not rest.rstrip("/") or "/" in rest.rstrip("/"):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a base URL; write {schemes[0]}://host[:port], without a path"
            )
        return text.rstrip("/")

    return check


def folder_path(text: str) -> Path:
    """The path of a folder; `~` is the home folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the folder needs a name")
    return Path(text).expanduser().absolute()


def web_url(text: str) -> str:
    """An http or https address, with its path."""
    if not text.startswith(("http://", "https://")) or len(text.split("://")[1]) < 1:
        raise argparse.ArgumentTypeError("an address begins with http:// or https://")
    return text


def database_path(text: str) -> Path:
    """A path; `~` is the home folder."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("the database needs a file name")
    return Path(text).expanduser().absolute()


@dataclass(frozen=True)
class Setting:
    """One option, its environment variable and its help."""

    name: str
    default: str | None
    kind: Callable[[str], Any]
    help: str
    choices: tuple[str, ...] | None = None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        return "STATARB_" + self.name.upper()


SETTINGS = (
    Setting("db", str(DEFAULT_DB), database_path, "the database file"),
    Setting(
        "symbols",
        ",".join(WATCHLIST),
        symbols,
        "instruments to follow, separated by commas; usdm:BTCUSDT is one of another venue",
    ),
    Setting(
        "venue",
        "spot",
        str,
        "where instruments without a venue come from",
        ("spot", "spot-data", "usdm", "usdm-trade", "binance.us"),
    ),
    Setting("ws_url", None, base_url("wss", "ws"), "another WebSocket base URL than the venue's, without path"),
    Setting("rest_url", None, base_url("https", "http"), "another REST base URL than the venue's, without path"),
    Setting("history", "1h", duration_s, "how far back 1-second bars are fetched at start"),
    Setting("record", None, folder_path, "a folder to record the exchange's trade frames into, for a replay"),
    Setting("keep_trades", "7d", duration_s, "how long trades are kept; 0: for ever"),
    Setting("keep_bars", "14d", duration_s, "how long 1-second bars are kept, at least as long as trades; 0: for ever"),
    Setting(
        "archive", None, folder_path, "a folder for closed days as Parquet, written before their trades are pruned"
    ),
    Setting("ping_url", None, web_url, "a URL to call each minute while all is well, for an outside monitor"),
    Setting("desk_url", "http://localhost:8501", web_url, "where the dashboard is, for the links in alerts"),
    Setting("deliver_simulated", "no", str, "whether alerts about a simulated market are delivered too", ("no", "yes")),
    Setting("run_for", None, duration_s, "stop by itself after so many seconds"),
    Setting("log_level", "INFO", str, "how much is logged", ("DEBUG", "INFO", "WARNING", "ERROR")),
)

SETTING = {setting.name: setting for setting in SETTINGS}


def parse_settings(
    prog: str,
    purpose: str,
    names: Sequence[str],
    argv: Sequence[str] | None = None,
    extend: Callable[[argparse.ArgumentParser], object] = lambda parser: None,
) -> argparse.Namespace:
    """Options of a command: the command line first, then the environment, then the default.

    `extend` may add options that are no settings: what to do once, not how to run.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description=purpose, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for setting in (SETTING[name] for name in names):
        parser.add_argument(
            setting.flag,
            type=setting.kind,
            choices=setting.choices,
            default=os.environ.get(setting.env) or setting.default,
            metavar=None if setting.choices else setting.name.upper(),
            help=f"{setting.help} [{setting.env}]",
        )
    extend(parser)
    parser.add_argument("--version", action="version", version=f"statarb {__version__}")
    options = parser.parse_args(argv)
    for setting in (SETTING[name] for name in names):
        if setting.choices and getattr(options, setting.name) not in setting.choices:
            parser.error(f"{setting.env}: choose from {', '.join(setting.choices)}")
    return options


def database_from_environment() -> Path:
    """The database the app and the report read: STATARB_DB, or the default.

    Raises
    ------
    ConfigError
        STATARB_DB is not a path.
    """
    try:
        return database_path(os.environ.get("STATARB_DB") or str(DEFAULT_DB))
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"STATARB_DB: {error}.") from None


def start_command(db: Path, source: str = "") -> str:
    """What to type so that trades come into a database: ingest, or the demo where its market is simulated."""
    is_demo = source == "simulated" or db == DEMO_DB
    command, usual = ("python start.py --demo", DEMO_DB) if is_demo else ("python ingest.py", DEFAULT_DB)
    quoted = f'"{db}"' if os.name == "nt" else shlex.quote(str(db))
    return command if db == usual else f"{command} --db {quoted}"


def desk_path(db: Path) -> Path:
    """`ticks.db` -> `desk.db` beside it; any other `name.db` -> `name-desk.db`."""
    return db.with_name("desk.db" if db.stem == "ticks" else f"{db.stem}-desk.db")


def uploads_path(db: Path) -> Path:
    """The database of uploaded bars, in a folder beside any other."""
    return db.with_name("uploads") / "uploads.db"
