"""start.py: one command brings the whole desk up, and one Ctrl-C brings it down."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support import PROJECT, free_port

import start
from statarb.errors import ConfigError, StatarbError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own STATARB_* variables have no say here."""
    for name in [name for name in os.environ if name.startswith("STATARB_")]:
        monkeypatch.delenv(name)


def until(is_true: Callable[[], object], seconds: float = 90.0) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# --- options ---------------------------------------------------------------------------------------------------------


def test_ingest_options_are_handed_on_as_they_were_written():
    options = start.parse_options(["--symbols", "BTCUSDT,ETHUSDT", "--history", "15m", "--venue", "binance.us"])
    assert start.ingest_options(options) == [
        "--symbols", "BTCUSDT,ETHUSDT", "--venue", "binance.us", "--history", "15m",
    ]  # fmt: skip


def test_nothing_is_handed_on_when_nothing_was_asked():
    assert start.ingest_options(start.parse_options([])) == []


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--port", "http"], "not a port"),
        (["--port", "0"], "not a port"),
        (["--port", "65536"], "not a port"),
        (["--history", "soon"], "not a duration"),
        (["--venue", "mars"], "invalid choice"),
        (["--ws-url", "wss://host/path"], "without a path"),
        (["--demo", "--ws-url", "ws://127.0.0.1:1"], "brings its own exchange"),
        (["--demo", "--venue", "spot"], "brings its own exchange"),
    ],
)
def test_a_bad_option_is_refused_in_one_line_with_exit_code_2(argv, says, capsys):
    with pytest.raises(SystemExit) as end:
        start.parse_options(argv)
    assert end.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_the_database_is_the_option_then_the_demos_own_then_the_environments(monkeypatch, tmp_path):
    monkeypatch.setenv("STATARB_DB", str(tmp_path / "env.db"))
    assert start.database_of(start.parse_options(["--db", str(tmp_path / "a.db"), "--demo"])) == tmp_path / "a.db"
    assert start.database_of(start.parse_options(["--demo"])) == PROJECT / "data" / "demo.db"
    assert start.database_of(start.parse_options([])) == tmp_path / "env.db"


def test_an_old_python_is_told_which_one_it_needs():
    pretend = "import runpy, sys; sys.version_info = (3, 9, 0, 'final', 0); runpy.run_path('start.py')"
    old = subprocess.run([sys.executable, "-c", pretend], cwd=PROJECT, capture_output=True, text=True)
    assert old.returncode == 1
    assert old.stderr.startswith("statarb needs Python 3.11 or newer")
    assert len(old.stderr.splitlines()) == 1


# --- environment -----------------------------------------------------------------------------------------------------


@pytest.fixture
def venv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A .venv of the test's own, half made: its interpreter does not run."""
    folder = tmp_path / ".venv"
    monkeypatch.setattr(start, "VENV", folder)
    monkeypatch.setattr(start, "VENV_PYTHON", folder / start.VENV_PYTHON.relative_to(PROJECT / ".venv"))
    start.VENV_PYTHON.parent.mkdir(parents=True)
    start.VENV_PYTHON.write_text("not an interpreter")
    start.VENV_PYTHON.chmod(0o700)
    return folder


def test_pip_runs_when_the_requirements_changed_and_only_then(venv, tmp_path, capsys):
    requirements, more = tmp_path / "requirements.txt", tmp_path / "requirements-dev.txt"
    requirements.write_text("# nothing yet\n")
    more.write_text("-r requirements.txt\n")
    python = start.install(more)
    assert subprocess.run([python, "-c", "import pip"]).returncode == 0
    assert "checking that .venv has what requirements-dev.txt lists" in capsys.readouterr().out
    assert start.is_installed(requirements), "what a file includes is installed with it"

    start.install(more)
    assert capsys.readouterr().out == "", "a second start installs nothing"

    requirements.write_text("# still nothing\n")
    assert not start.is_installed(more)
    requirements.write_text("./no-such-package\n")
    with pytest.raises(StatarbError, match="could not install"):
        start.install(more)
    assert not start.is_installed(more), "what failed is tried again"


def test_a_requirements_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        start.is_installed(tmp_path / "nothing.txt")


# --- processes -------------------------------------------------------------------------------------------------------

POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("drained"), sys.exit(0)))
print("ready http://127.0.0.1:1234")
signal.pause()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready http://no'); signal.pause()"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[start.Desk]:
    desk = start.Desk(Path(sys.executable), tmp_path / "some.db")
    yield desk
    desk.stop()


def test_a_childs_lines_are_prefixed_and_its_ready_line_is_seen(desk, capsys):
    child = desk.start("exchange", "-c", POLITE)
    assert desk.wait_for(lambda: child.ready_line, 90)
    desk.stop()
    assert child.exit_code() == 0
    assert capsys.readouterr().out.splitlines() == [
        "exchange  | ready http://127.0.0.1:1234",
        "exchange  | drained",
    ]


def test_a_child_finds_the_database_in_its_environment(desk, tmp_path, capsys):
    child = desk.start("ingest", "-c", "import os; print(os.environ['STATARB_DB'])")
    assert until(lambda: child.exit_code() == 0)
    child.stop()
    assert str(tmp_path / "some.db") in capsys.readouterr().out


def test_a_child_that_will_not_stop_is_killed(desk, monkeypatch, capsys):
    monkeypatch.setattr(start, "STOP_S", 0.3)
    child = desk.start("exchange", "-c", STUBBORN)
    assert desk.wait_for(lambda: child.ready_line, 90)
    desk.stop()
    assert child.exit_code() == 128 + signal.SIGKILL
    assert "is killed" in capsys.readouterr().out


def test_the_exit_code_of_the_first_that_dies_ends_the_run(desk):
    desk.start("exchange", "-c", POLITE)
    desk.start("ingest", "-c", "import sys; sys.exit(7)")
    with pytest.raises(start.RunOver) as end:
        desk.watch()
    assert end.value.exit_code == 7


def test_what_returns_is_started_again_with_longer_pauses_until_it_is_ready(desk, monkeypatch, tmp_path, capsys):
    """Ready and killed, then three starts that fail, then ready again: the run goes on, and its pauses double."""
    monkeypatch.setattr(start, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(start, "LONGEST_PAUSE_S", 0.3)
    script = f"""
import pathlib, signal, sys
starts = pathlib.Path({str(tmp_path / "starts")!r})
number = len(starts.read_text()) if starts.exists() else 0
starts.write_text("x" * (number + 1))
if 0 < number < 4: sys.exit(1)
print("feed is live", flush=True)
if number == 0: sys.exit(137)
signal.pause()
"""
    desk.start("ingest", "-c", script, returns=True)
    starts = tmp_path / "starts"
    assert desk.wait_for(lambda: starts.exists() and starts.read_text() == "xxxxx", 90)
    out = capsys.readouterr().out
    assert out.count("ended with exit code 1; it is started again") == 3


def test_what_died_right_after_it_was_ready_returns_though_its_lines_are_read_late(desk, monkeypatch):
    monkeypatch.setattr(start, "say", lambda *_: time.sleep(0.002))
    script = "import os; print('line\\n' * 200 + 'feed is live', flush=True); os._exit(137)"
    child = desk.start("ingest", "-c", script, returns=True)
    assert until(lambda: child._process.poll() is not None)
    desk.check()
    assert child.ready_line == "feed is live"
    assert child.returns_at_s is not None


@pytest.mark.parametrize("code", [0, 2])
def test_what_meant_to_end_does_not_return(desk, code):
    desk.start("ingest", "-c", f"print('feed is live', flush=True); raise SystemExit({code})", returns=True)
    with pytest.raises(start.RunOver) as end:
        desk.wait_for(lambda: False, 90)
    assert end.value.exit_code == code


def test_what_never_was_ready_does_not_return(desk):
    desk.start("ingest", "-c", "raise SystemExit(1)", returns=True)
    with pytest.raises(start.RunOver):
        desk.wait_for(lambda: False, 90)


def test_ctrl_c_ends_the_run_with_0(desk):
    desk.start("exchange", "-c", POLITE)
    desk.interrupt(signal.SIGINT, None)
    with pytest.raises(start.RunOver) as end:
        desk.wait_for(lambda: False, 90)
    assert end.value.exit_code == 0


def test_waiting_ends_at_its_deadline(desk):
    assert desk.wait_for(lambda: False, 0.2) is False


# --- ports and health ------------------------------------------------------------------------------------------------


def test_a_taken_port_that_was_asked_for_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="Choose another"):
        start.dashboard_port(taken.getsockname()[1])


def test_a_taken_default_port_leads_to_the_next_free_one_and_says_so(monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(start, "DASHBOARD_PORT", taken.getsockname()[1])
        port = start.dashboard_port(None)
    assert port > start.DASHBOARD_PORT
    assert f"port {start.DASHBOARD_PORT} is taken, so the dashboard gets port {port}" in capsys.readouterr().out


@pytest.mark.parametrize(("body", "healthy"), [(b"ok", True), (b"starting", False)])
def test_healthy_is_what_the_health_address_says(body, healthy):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/_stcore/health" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        assert until(lambda: start.is_healthy(server.server_port) is healthy)
        server.shutdown()


def test_nobody_listening_is_not_healthy():
    assert start.is_healthy(free_port()) is False


# --- the whole journey -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def launched(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """start.py as a process of its own, with the lines it prints; whatever happens, nothing of it stays."""
    command = [sys.executable, "start.py", "--no-browser", "--no-venv", *options]
    process = subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: [lines.append(line) for line in process.stdout or ()], daemon=True)
    reader.start()
    family = psutil.Process(process.pid)
    try:
        yield process, lines
    finally:
        left = family.children(recursive=True) if process.poll() is None else []
        for each in [family, *left]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
        reader.join(60)


def wait_until_live(process: subprocess.Popen[str], lines: list[str]) -> list[psutil.Process]:
    """The desk's processes, once it says that it is live."""
    said = until(lambda: process.poll() is not None or any("the desk is live at" in line for line in lines), 240)
    assert said, "".join(lines)
    assert process.poll() is None, "".join(lines)
    return psutil.Process(process.pid).children(recursive=True)


def stored_trades(db: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM trades").fetchone()[0])


@pytest.mark.slow
@pytest.mark.timeout(600)  # the whole desk comes up three times
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process on Windows")
def test_the_demo_comes_up_stops_on_ctrl_c_goes_on_the_next_day_and_outlives_a_kill_of_ingest(tmp_path):
    db, port = tmp_path / "demo.db", free_port()
    options = ("--demo", "--db", str(db), "--port", str(port))

    with launched(*options) as (process, lines):
        children = wait_until_live(process, lines)
        assert until(lambda: start.is_healthy(port))
        with launched("--demo", "--db", str(db)) as (second, answer):
            assert second.wait(90) == 1
            assert until(lambda: any("Another ingest is already writing" in line for line in answer)), "".join(answer)
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0, "".join(lines)
        assert not [child for child in children if child.is_running()], "".join(lines)
    assert not [line for line in lines + answer if "Traceback" in line]
    first_day = stored_trades(db)
    assert first_day > 0

    with launched(*options) as (process, lines):
        children = wait_until_live(process, lines)
        next(child for child in children if "ingest.py" in child.cmdline()).kill()
        assert until(lambda: sum("The feed is live" in line for line in lines) == 2, 120), "".join(lines)
        assert any("ingest ended with exit code 137; it is started again in 1 s" in line for line in lines)
        assert until(lambda: start.is_healthy(port)), "the page stays"
        children = psutil.Process(process.pid).children(recursive=True)
        next(child for child in children if "statarb.exchange" in child.cmdline()).kill()
        assert process.wait(90) == 128 + signal.SIGKILL
        assert not [child for child in children if child.is_running()], "".join(lines)
    assert any("exchange ended with exit code 137; stopping the rest" in line for line in lines)
    assert stored_trades(db) > first_day, "the second day goes on in the first day's database"
