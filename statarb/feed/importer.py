"""Import: files in, the same sink as a live feed's; repeatable, because an id that is stored is no news."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError
from statarb.feed.datafile import ArchiveFile, DataFile, LineFile, Piece, open_data_file
from statarb.feed.sink import Sink
from statarb.market import Bar, IdKind, Instrument, InstrumentRules

log = logging.getLogger(__name__)

IMPORT = "import"
"""What a database filled from files is called."""
ARCHIVED_SOURCE = "binance"
"""Whose archive the zips are: the same ids, so that they may close gaps of a live database."""
SAY_EVERY_S = 5.0


def add_import_option(parser: argparse.ArgumentParser) -> None:
    """The option of a command that imports; not a setting, because it says what to do once."""
    parser.add_argument(
        "--import",
        dest="files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="put files into the database and end: archive zips, recordings or NDJSON; can be repeated and interrupted",
    )


def plan_import(paths: Iterable[Path], default_market: str) -> list[DataFile]:
    """Open and check the files, and bring them into order: trades before klines, older before newer.

    Raises
    ------
    ConfigError, FeedError
        A file that cannot be imported, with the reason.
    """
    files = [open_data_file(path, default_market) for path in paths]
    unverified = [file.path.name for file in files if isinstance(file, ArchiveFile) and not file.is_verified]
    if unverified:
        log.warning("No .CHECKSUM beside %s: not verified.", ", ".join(unverified))
    return sorted(files, key=lambda file: (file.id_kind is None, str(file.instrument or ""), file.since_ms))


def source_for(files: Sequence[DataFile], held: str | None, db: Path, live_db: Path) -> str:
    """What the database these files go into is called; `held` is what it holds already, None: nothing yet.

    Raises
    ------
    ConfigError
        It holds another source, or it is the one that live trades are to go into.
    """
    own_file = f"Choose a database of its own: --db {live_db.with_name('import.db')}"
    if held is None and db == live_db:
        raise ConfigError(f"{db} is for live trades, and sources are never mixed.", own_file)
    if held in (None, IMPORT):
        return IMPORT
    if held != ARCHIVED_SOURCE:
        raise ConfigError(f"{db} holds trades from {held!r}, and sources are never mixed.", own_file)
    for file in files:
        if not file.is_archive:
            raise ConfigError(f"{file.path.name} is not from {held}'s archive, and {db} holds its trades.", own_file)
    return held


class Importer:
    """Delivers files one after the other.

    Parameters
    ----------
    files : sequence of DataFile
        As `plan_import` ordered them.
    rules : mapping
        What the database knows of its instruments, by their text.
    sink_of : callable
        A venue's sink.
    flush : callable
        Commits what was delivered.
    stop : threading.Event
        Ends the import after the piece at hand.

    Raises
    ------
    ConfigError
        A file has other ids than the database has for its instrument.
    """

    def __init__(
        self,
        files: Sequence[DataFile],
        rules: Mapping[str, InstrumentRules],
        sink_of: Callable[[str], Sink],
        flush: Callable[[], object],
        stop: threading.Event,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._files = files
        self._rules = dict(rules)
        self._listed: set[Instrument] = set()
        self._sink_of = sink_of
        self._flush = flush
        self._stop = stop
        self._clock = clock
        self._said_at_s = clock.monotonic_s()
        self.trades = self.bars = 0
        for file in files:
            if file.instrument:
                self._rule(file.instrument, file)

    def run(self) -> bool:
        """Deliver everything; False when it was stopped before the end, with everything read until then stored."""
        for number, file in enumerate(self._files, 1):
            self._say(f"file {number} of {len(self._files)}, {file.path.name}", 0.0)
            last_ms: dict[Instrument, int] = {}
            for piece in file.pieces():
                if self._stop.is_set():
                    self._end(f" before the end of {file.path.name}; the same command again goes on")
                    return False
                self._deliver(file, piece)
                newest_ms = max(row.open_ms if isinstance(row, Bar) else row.ts_ms for row in piece.rows)
                last_ms[piece.instrument] = max(newest_ms, last_ms.get(piece.instrument, 0))
                self._say(f"file {number} of {len(self._files)}, {file.path.name}", piece.done)
            for instrument, newest_ms in last_ms.items():
                self._sink_of(instrument.venue).complete(instrument, file.until_ms(newest_ms))
            self._flush()
        self._end()
        return True

    def _deliver(self, file: DataFile, piece: Piece) -> None:
        sink = self._sink_of(piece.instrument.venue)
        if piece.instrument not in self._listed:
            self._listed.add(piece.instrument)
            sink.listing([self._rule(piece.instrument, file)])
        if piece.base:
            sink.seed(piece.instrument, piece.base, piece.rows)  # type: ignore[arg-type]
            self.bars += len(piece.rows)
        else:
            # As if they had been missed and fetched: they close gaps, and a jump in their ids is no new epoch.
            sink.backfill(piece.rows)  # type: ignore[arg-type]
            self.trades += len(piece.rows)
        self._flush()

    def _rule(self, instrument: Instrument, file: DataFile) -> InstrumentRules:
        """What is known of an instrument, or what the file tells of it."""
        known = self._rules.get(str(instrument))
        if known is None:
            # A kline has no id; aggregate trades are what futures are followed by.
            kind: IdKind = file.id_kind or ("aggTrade" if instrument.venue == "usdm" else "trade")
            known = self._rules[str(instrument)] = InstrumentRules(
                instrument, id_kind=kind, can_short=instrument.venue == "usdm"
            )
        if file.id_kind not in (None, known.id_kind):
            raise ConfigError(
                f"{file.path.name} has {file.id_kind} ids, and {instrument} is stored by {known.id_kind} ids.",
                "The two are never mixed: import it into a database of its own.",
            )
        return known

    def _end(self, where: str = "") -> None:
        self._sink_of(IMPORT).report(IMPORT, "stopped", (), {})
        self._flush()
        log.info("Import ended%s: %d trades and %d bars read.", where, self.trades, self.bars)

    def _say(self, what: str, done: float) -> None:
        progress = {"done": round(100 * done), "total": 100}
        self._sink_of(IMPORT).report(IMPORT, "connecting", (), {"file": what, "progress": progress})
        if not done or self._clock.monotonic_s() - self._said_at_s >= SAY_EVERY_S:
            self._said_at_s = self._clock.monotonic_s()
            log.info("Import: %s: %.0f %%; %d trades and %d bars read.", what, 100 * done, self.trades, self.bars)


def line_files(files: Iterable[DataFile]) -> list[LineFile]:
    """Those that need ids for their lines."""
    return [file for file in files if isinstance(file, LineFile)]
