"""The product's processes, started for a benchmark and taken down after it: exchange in a box, ingest, dashboard."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 2.0


@contextlib.contextmanager
def process(*args: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process in the project's folder; `settings` are environment variables."""
    with subprocess.Popen(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


@contextlib.contextmanager
def exchange(*args: str) -> Iterator[tuple[str, ...]]:
    """The exchange in a box; the options that lead ingest to it."""
    with process("-m", "statarb.exchange", "--port", "0", *args) as child:
        assert child.stdout
        url = child.stdout.readline().split()[-1]
        yield ("--rest-url", url, "--ws-url", url.replace("http://", "ws://"))


@contextlib.contextmanager
def dashboard(db: Path, script: str = "app.py") -> Iterator[tuple[str, int]]:
    """Address and process id of the page, once it answers; nobody has asked it for a page yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with process("-m", "streamlit", "run", script, "--server.port", str(port), STATARB_DB=str(db)) as child:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _is_healthy(url))
        yield url, child.pid


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return as soon as the condition holds; a benchmark that waits for ever says so instead."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.05)


def _is_healthy(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
        return bool(answer.read() == b"ok")
    return False
