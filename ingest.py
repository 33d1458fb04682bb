"""Trades in: producer threads -> bounded queue -> one writer thread -> SQLite. Run `python ingest.py --help`."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, StatarbError
from statarb.feed import VenueFeed, venue
from statarb.market import Instrument
from statarb.settings import parse_settings
from statarb.store import Inbox, InboxSink, IngestLock, Writer

log = logging.getLogger("ingest")

STATUS_EVERY_S = 5.0
POLL_S = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest until Ctrl-C, SIGTERM or --run-for; 0 when stopped, 1 when it failed, 2 when it was called wrongly."""
    os.umask(0o077)  # what is stored and logged is for the owner alone
    names = ("db", "symbols", "venue", "ws_url", "rest_url", "history", "run_for", "log_level")
    options = parse_settings("ingest.py", "Takes trades from the exchange into SQLite.", names, argv)
    try:
        place = venue(options.venue, options.ws_url, options.rest_url)
        symbols = [Instrument.parse(text, place.market).symbol for text in options.symbols]
        with IngestLock(options.db):
            start_logging(options.db, options.log_level)
            inbox = Inbox()
            writer = Writer(options.db, place.source, inbox)
            feed = VenueFeed(place, symbols, options.history, InboxSink(inbox, place.market), writer.missing)
            writer.start()
            feed.start()
            try:
                watch(writer, feed, stop_on_signals(), options.run_for)
            finally:
                feed.stop()
                writer.stop()
            log.info("Stopped; %d trades were stored in %s.", writer.stats()["trades"], options.db)
            if feed.refusal:
                raise feed.refusal
            return 1 if writer.error else 0
    except StatarbError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1


def watch(writer: Writer, feed: VenueFeed, stop: threading.Event, run_for_s: float | None) -> None:
    """Say how it goes every few seconds until told to stop, the time is over or a part has ended."""
    began_s = said_s = SYSTEM_CLOCK.monotonic_s()
    is_live = False
    while not SYSTEM_CLOCK.wait(stop, POLL_S) and not writer.stopped.is_set() and not feed.ended.is_set():
        now_s = SYSTEM_CLOCK.monotonic_s()
        if run_for_s and now_s - began_s >= run_for_s:
            return
        if not is_live and writer.stats()["trades"]:
            is_live, said_s = True, now_s
            log.info("The feed is live.")
        elif is_live and now_s - said_s >= STATUS_EVERY_S:
            said_s = now_s
            log.info("%s", writer.status_line())


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


if __name__ == "__main__":
    sys.exit(main())
