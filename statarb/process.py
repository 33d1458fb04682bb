"""A process's own affairs: the signals that ask it to stop, and where it logs."""

from __future__ import annotations

import logging
import logging.handlers
import signal
import threading
from pathlib import Path


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C, SIGTERM and Windows' Ctrl-Break set."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            # From a thread of its own: the main thread may hold the event's lock at this very moment.
            signal.signal(getattr(signal, name), lambda *_: threading.Thread(target=stop.set).start())
    return stop


def start_logging(db: Path, level: str) -> None:
    """To the terminal and to a rotating file beside the database."""
    file = logging.handlers.RotatingFileHandler(
        db.with_name(f"{db.stem}-ingest.log"), maxBytes=5_000_000, backupCount=3
    )
    logging.basicConfig(
        level=level,
        format="%(asctime)s %(levelname)-7s %(message)s",
        handlers=[logging.StreamHandler(), file],
        force=True,
    )
    logging.getLogger("urllib3").setLevel(logging.WARNING)
