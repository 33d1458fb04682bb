"""The product's own processes, started as a user would and always taken down."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support import PROJECT


class Process:
    """A child process whose output is collected while it runs."""

    def __init__(self, *args: str, **settings: str) -> None:
        # Warnings of one setting must not leak in from the developer's own environment.
        env = {k: v for k, v in os.environ.items() if not k.startswith("STATARB_")} | {"PYTHONUNBUFFERED": "1"}
        env |= settings
        self.child = subprocess.Popen(
            [sys.executable, *args], cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, words: str, seconds: float = 90.0) -> str:
        """The first line that holds `words`; gives up at the end of its output, which may come after its own end."""
        wait_until(lambda: words in self.output or not self._reader.is_alive(), seconds)
        for line in list(self.lines):
            if words in line:
                return line
        raise AssertionError(f"never said {words!r}:\n{self.output}")

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Send a signal and wait; the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(how)
        code = self.child.wait(seconds)
        self._reader.join(60)
        return code

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()


def wait_until(condition: Callable[[], object], seconds: float = 90.0) -> None:
    """Return as soon as the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)


@contextlib.contextmanager
def running(*args: str, **settings: str) -> Iterator[Process]:
    """A Python process that is killed at the end, if it still runs; `settings` are environment variables."""
    process = Process(*args, **settings)
    try:
        yield process
    finally:
        process.kill()


@contextlib.contextmanager
def exchange(*args: str) -> Iterator[tuple[Process, list[str]]]:
    """The exchange in a box, and the options that point ingest to it."""
    port = [] if "--port" in args else ["--port", "0"]
    with running("-m", "statarb.exchange", *port, *args) as process:
        url = process.wait_for("ready http://").split()[-1]
        yield process, ["--ws-url", url.replace("http://", "ws://"), "--rest-url", url]


@contextlib.contextmanager
def ingest(db: Path, *args: str) -> Iterator[Process]:
    with running("ingest.py", "--db", str(db), *args) as process:
        yield process
