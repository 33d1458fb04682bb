"""What several tests need: the source files, free ports, the system's Chromium, the shared recordings."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SHARED = PROJECT.parent / "shared"
DOORS = ("app", "ingest", "analytics", "db_setup")
PRODUCT = sorted([*(PROJECT / "statarb").rglob("*.py"), *(PROJECT / f"{door}.py" for door in (*DOORS, "start"))])
BENCH = sorted((PROJECT / "bench").rglob("*.py"))
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def path_id(path: Path) -> str:
    """A test's name for a file of the repository."""
    return path.relative_to(PROJECT).as_posix()


def free_port() -> int:
    """A loopback port that nobody listens on, below those that the system gives to whoever connects meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def find_chromium() -> str | None:
    """The path of an installed Chromium: CHROMIUM first, then the usual names."""
    wanted = os.environ.get("CHROMIUM")
    return shutil.which(wanted) if wanted else next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def shared_file(name: str) -> Path:
    """A recording or reference file beside the repository; the test skips where it is not there."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared file {name} is not beside this repository")
    return path
