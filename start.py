"""One command for the whole desk: installs into .venv, prepares the database, starts every process, opens the page."""

import sys

# Says so before anything newer is imported; without a __future__ import, because that alone stops the oldest ones.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("statarb needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ". Use a newer python3.")

import argparse
import contextlib
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from statarb import __version__
from statarb.errors import ConfigError, StatarbError
from statarb.market import Instrument
from statarb.params import WATCHLIST
from statarb.settings import DEMO_DB, PROJECT, SETTINGS, database_from_environment, database_path, symbols

WINDOWS = os.name == "nt"
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
DEMO_SYMBOLS = ",".join((*WATCHLIST, "usdm:BTCUSDT"))
"""A perpetual beside its spot shows that their basis is a pair like any other."""
DASHBOARD_PORT = 8501
LIVE_S, HEALTHY_S, STOP_S, LAST_LINES_S = 20.0, 60.0, 10.0, 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""Before a process that had been ready is started again; doubled as long as it dies before it is ready again."""
FINAL_CODES = (0, 2)
"""Of a process that ended because it was asked to, or that would refuse its settings again."""
READY_WORDS = {"exchange": "ready http://", "ingest": "feed is live"}
INGEST_SETTINGS = tuple(setting for setting in SETTINGS if setting.name != "db")


def say(name: str, text: str) -> None:
    """One line of the log, prefixed by who speaks; a closed terminal is no reason to die."""
    with contextlib.suppress(OSError, ValueError):
        print(f"{name:<9} | {text}", flush=True)


def last_line(output: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no reason was given")


# --- options ---------------------------------------------------------------------------------------------------------


def port_number(text: str) -> int:
    """A TCP port, 1 to 65535."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; write a number from 1 to 65535")
    return int(text)


def checked_text(kind: Callable[[str], Any]) -> Callable[[str], str]:
    """Text that `kind` accepts, kept as it was written so that it can be handed on."""

    def check(text: str) -> str:
        kind(text)
        return text

    return check


def parse_options(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line: start.py's own options, and ingest's, which are checked here and handed on."""
    parser = argparse.ArgumentParser(prog="start.py", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="a simulated exchange on this machine; no network needed")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_argument("--port", type=port_number, help=f"the dashboard's port [{DASHBOARD_PORT} or the next free]")
    parser.add_argument("--db", type=database_path, help="the database file [STATARB_DB; with --demo data/demo.db]")
    parser.add_argument("--no-venv", action="store_true", help="use this Python as it is and install nothing")
    parser.add_argument("--install", metavar="FILE", type=Path, help="only make .venv and install FILE into it")
    for setting in INGEST_SETTINGS:
        kind = checked_text(setting.kind)
        metavar = None if setting.choices else setting.name.upper()
        parser.add_argument(setting.flag, type=kind, choices=setting.choices, metavar=metavar, help=setting.help)
    parser.add_argument("--version", action="version", version=f"statarb {__version__}")
    options = parser.parse_args(argv)
    for name in ("venue", "ws_url", "rest_url"):
        if options.demo and getattr(options, name) is not None:
            parser.error(f"--demo brings its own exchange; leave --{name.replace('_', '-')} out")
    return options


def ingest_options(options: argparse.Namespace) -> list[str]:
    """What the command line says to ingest; its environment variables reach it by themselves."""
    given = ((setting.flag, getattr(options, setting.name)) for setting in INGEST_SETTINGS)
    return [part for flag, value in given if value is not None for part in (flag, value)]


def database_of(options: argparse.Namespace) -> Path:
    """--db first; then data/demo.db for the demo, which never follows STATARB_DB; then STATARB_DB or the default."""
    if options.db is not None:
        return Path(options.db)
    return DEMO_DB if options.demo else database_from_environment()


# --- environment -----------------------------------------------------------------------------------------------------


def included_files(requirements: Path) -> list[Path]:
    """A requirements file and those it includes by `-r`."""
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{requirements} cannot be read ({error.strerror}).", "Give a requirements file.") from None
    included = [requirements.parent / line.removeprefix("-r ").strip() for line in lines if line.startswith("-r ")]
    return [requirements, *(found for file in included for found in included_files(file))]


def installed_stamp(requirements: Path) -> tuple[Path, str]:
    """Where .venv remembers what was installed for a file, and the text that says it is up to date."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in included_files(requirements)))
    return VENV / f".installed-{requirements.name}", digest.hexdigest()


def is_installed(requirements: Path) -> bool:
    """Whether .venv holds what the file asks for."""
    stamp, text = installed_stamp(requirements)
    return VENV_PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == text


def venv_works() -> bool:
    """Whether .venv has an interpreter that runs, is new enough and has pip."""
    try:
        probe = [str(VENV_PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
        return subprocess.run(probe, capture_output=True).returncode == 0
    except OSError:
        return False


def make_venv() -> None:
    """A .venv that works: one that does is kept, one left half made is made again."""
    if venv_works():
        return
    say("start", f"making {VENV}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode:
        raise StatarbError(
            f"{VENV} could not be made: {last_line(made.stdout + made.stderr)}",
            "On Debian and Ubuntu, run `sudo apt install python3-venv` and start again.",
        )


def run_pip(requirements: Path) -> None:
    """Install a requirements file into .venv, showing only the large downloads and when they are all there."""
    quiet = ["--disable-pip-version-check", "--progress-bar", "off"]
    command: list[str | Path] = [VENV_PYTHON, "-m", "pip", "install", *quiet, "-r", requirements]
    output = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            output.append(line)
            words = line.split()
            if words[:1] == ["Downloading"] and words[-1] == "MB)":
                say("start", f"  downloading {'-'.join(words[1].split('-')[:2])} {words[-2]} {words[-1]}")
            elif words[:1] == ["Installing"]:
                say("start", "  unpacking")
    if pip.returncode:
        errors = [line for line in output if line.startswith("ERROR")] or output
        raise StatarbError(
            f"pip could not install the packages: {last_line(''.join(errors))}",
            "Check the network and the proxy, then give the same command again.",
        )


def install(requirements: Path) -> Path:
    """The interpreter of a .venv that holds `requirements`; runs pip only when the file has changed."""
    if not is_installed(requirements):
        make_venv()
        say("start", f"checking that .venv has what {requirements.name} lists (some minutes the first time)")
        run_pip(requirements)
        for file in included_files(requirements):
            stamp, text = installed_stamp(file)
            stamp.write_text(text, encoding="utf-8")
    return VENV_PYTHON


# --- processes -------------------------------------------------------------------------------------------------------


class Child:
    """One process of the desk: its log is prefixed, a line of it may tell that it is ready, it is stopped politely.

    It gets a process group of its own, so that Ctrl-C reaches only start.py, which then stops all in order.

    `pause_s` is how long after its death a process that `returns` is started again.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        *,
        returns: bool = False,
        pause_s: float = 0.0,
    ) -> None:
        self.name = name
        self.ready_line = ""
        self.returns_at_s: float | None = None
        self._command, self._env, self._returns, self._pause_s = command, env, returns, pause_s
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=not WINDOWS,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._log = threading.Thread(target=self._show_log, name=f"log-{name}", daemon=True)
        self._log.start()

    def _show_log(self) -> None:
        words = READY_WORDS.get(self.name)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if words and not self.ready_line and words in line:
                self.ready_line = line.strip()
            if line.strip():
                say(self.name, line.rstrip())

    def exit_code(self) -> int | None:
        """None while it runs; 128 + n, as shells say it, when signal n ended it.

        Its last lines are read first: the one that says it was ready may be among them.
        """
        code = self._process.poll()
        if code is None:
            return None
        self._log.join(LAST_LINES_S)
        return 128 - code if code < 0 else code

    def can_return(self, code: int) -> bool:
        """Whether it is started again after ending with that code: it was ready once, and did not mean to end."""
        return self._returns and code not in FINAL_CODES and bool(self.ready_line or self._pause_s)

    def pause(self) -> float:
        """Say when it returns; the seconds until then."""
        wait_s = FIRST_PAUSE_S if self.ready_line else min(2 * self._pause_s, LONGEST_PAUSE_S)
        self.returns_at_s, self._pause_s = time.monotonic() + wait_s, wait_s
        return wait_s

    def again(self) -> "Child":
        """The same process once more."""
        return Child(self.name, self._command, self._env, returns=True, pause_s=self._pause_s)

    def stop(self) -> None:
        """Ask it to end, wait, and kill it if it does not; safe when it has ended already."""
        if self._process.poll() is None:
            self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                say("start", f"{self.name} did not stop within {STOP_S:.0f} s and is killed")
                self._process.kill()
                self._process.wait()
        self._log.join(LAST_LINES_S)


class RunOver(Exception):  # noqa: N818 - an end, not always an error
    """Ctrl-C was pressed, or a process has died; carries the exit code."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Desk:
    """The processes of one run: all up together, all down together.

    One may return: the page stays open, and says how old its prices are, until ingest is back.
    """

    def __init__(self, python: Path, db: Path) -> None:
        self._python = python
        self._env = {"STATARB_DB": str(db)}
        self._children: list[Child] = []
        self._interrupted = False

    def interrupt(self, *_: object) -> None:
        """Signal handler: only a flag, because a handler may run in the middle of anything."""
        self._interrupted = True

    def start(self, name: str, *command: str | Path, returns: bool = False) -> Child:
        """One more process, run by the desk's Python on the desk's database."""
        child = Child(name, [self._python, *command], self._env, returns=returns)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise RunOver when Ctrl-C was pressed or a process has died that does not return."""
        if self._interrupted:
            say("start", "stopping")
            raise RunOver(0)
        for number, child in enumerate(self._children):
            code = child.exit_code()
            if code is None:
                continue
            if not child.can_return(code):
                say("start", f"{child.name} ended with exit code {code}; stopping the rest")
                raise RunOver(code)
            if child.returns_at_s is None:
                wait_s = child.pause()
                say("start", f"{child.name} ended with exit code {code}; it is started again in {wait_s:.0f} s")
            elif time.monotonic() >= child.returns_at_s:
                self._children[number] = child.again()

    def wait_for(self, is_ready: Callable[[], object], seconds: float) -> bool:
        """Whether it became true in time, watching all processes meanwhile."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if time.monotonic() > deadline:
                return False
            self.check()
            time.sleep(0.1)
        return True

    def watch(self) -> NoReturn:
        """Until Ctrl-C or a death that ends the run."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """The last started first: nobody loses what it still reads from."""
        for child in reversed(self._children):
            child.stop()


def dashboard_port(wanted: int | None) -> int:
    """The port asked for, or the default, or the next free one, saying so."""
    for port in [wanted] if wanted else range(DASHBOARD_PORT, DASHBOARD_PORT + 100):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        if wanted is None and port != DASHBOARD_PORT:
            say("start", f"port {DASHBOARD_PORT} is taken, so the dashboard gets port {port}")
        return port
    raise ConfigError(f"Port {wanted or DASHBOARD_PORT} cannot be used.", "Choose another with --port.")


def is_healthy(port: int) -> bool:
    """Whether Streamlit answers ok on its health address."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().read() == b"ok"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def prepare_database(python: Path, db: Path) -> None:
    """Create or upgrade the database; its own sentence tells when that cannot be done."""
    done = subprocess.run([python, "db_setup.py", "--db", db], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise StatarbError(last_line(done.stderr or done.stdout))
    say("start", f"database {db}")


def start_exchange(desk: Desk, names: str | None) -> list[str]:
    """Start the exchange in a box, with the instruments named, and wait for it; the options that lead ingest to it."""
    only = ["--symbols", ",".join(str(Instrument.parse(name)) for name in symbols(names or DEMO_SYMBOLS))]
    exchange = desk.start("exchange", "-m", "statarb.exchange", "--port", "0", *only)
    if not desk.wait_for(lambda: exchange.ready_line, HEALTHY_S):
        raise StatarbError("The simulated exchange did not get ready.", "See its lines above.")
    address = exchange.ready_line.rpartition("http://")[2]
    return ["--venue", "spot", "--ws-url", f"ws://{address}", "--rest-url", f"http://{address}", *only]


def open_browser(url: str) -> None:
    """Open the page where there is a screen: a text browser would take over the terminal."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()


def run_desk(desk: Desk, options: argparse.Namespace, db: Path) -> NoReturn:
    """Start everything, say when the page is there, and watch until the end."""
    port = dashboard_port(options.port)
    source = start_exchange(desk, options.symbols or os.environ.get("STATARB_SYMBOLS")) if options.demo else []
    link = [] if os.environ.get("STATARB_DESK_URL") else ["--desk-url", f"http://localhost:{port}"]
    ingest = desk.start("ingest", "ingest.py", "--db", db, *source, *link, *ingest_options(options), returns=True)
    desk.start("dashboard", "-m", "streamlit", "run", "app.py", "--server.port", str(port))
    live = desk.wait_for(lambda: ingest.ready_line and is_healthy(port), LIVE_S)
    if not live and not desk.wait_for(lambda: is_healthy(port), HEALTHY_S):
        raise StatarbError("The dashboard did not get ready.", "See its lines above.")
    url = f"http://127.0.0.1:{port}"
    state = "the desk is live at" if live else "no live trades yet (ingest says why, above); the desk is open at"
    say("start", f"{state} {url}   Ctrl-C stops it")
    if not options.no_browser:
        open_browser(url)
    desk.watch()


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 after Ctrl-C, otherwise that of the process whose death ended the run."""
    options = parse_options(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        if options.install:
            install(options.install)
            return 0
        python = Path(sys.executable) if options.no_venv else install(PROJECT / "requirements.txt")
        db = database_of(options)
        prepare_database(python, db)
        desk = Desk(python, db)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), desk.interrupt)
        try:
            run_desk(desk, options, db)
        except RunOver as end:
            return end.exit_code
        finally:
            desk.stop()
    except KeyboardInterrupt:
        say("start", "interrupted; give the same command again to go on")
        return 130
    except StatarbError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
