"""Trades in: producer threads -> bounded queue -> one writer thread -> SQLite. Run `python ingest.py --help`."""

from __future__ import annotations

import logging
import logging.handlers
import random
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, FeedError, StatarbError
from statarb.feed import ConnectBudget, RestClient, Timekeeper, TradeStream, Venue, WarmStart, venue
from statarb.market import Instrument, InstrumentRules
from statarb.settings import parse_settings
from statarb.store import Inbox, InboxSink, IngestLock, Writer

log = logging.getLogger("ingest")

SYMBOLS_A_CONNECTION = 50
STATUS_EVERY_S = 5.0
RETRY_S = 5.0


def start_logging(db: Path, level: str) -> None:
    """To the terminal and to a rotating file beside the database."""
    db.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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


def ask_rules(rest: RestClient, symbols: Sequence[str], stop: threading.Event) -> list[InstrumentRules]:
    """What the exchange says of the symbols; asks for ever while it cannot be reached."""
    while not stop.is_set():
        try:
            return rest.rules(symbols)
        except FeedError as error:
            log.error("%s Trying again every %.0f s.", error, RETRY_S)
            SYSTEM_CLOCK.wait(stop, RETRY_S)
    return []


def run(place: Venue, options: Any, stop: threading.Event) -> int:
    """Wire the threads, wait until `stop` or until the writer fails, take them down in order."""
    symbols = [Instrument.parse(text, place.market).symbol for text in options.symbols]
    inbox = Inbox()
    writer = Writer(options.db, place.source, inbox)
    sink, rest = InboxSink(inbox, place.market), RestClient(place)
    budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, random.random)
    producers: list[TradeStream | Timekeeper | WarmStart] = []
    log.info("Trades of %s from %s into %s.", ", ".join(symbols), place.ws_url, options.db)
    writer.start()
    try:
        rules = ask_rules(rest, symbols, stop)
        instruments = [rule.instrument for rule in rules]
        sink.listing(rules)
        for start in range(0, len(instruments), SYMBOLS_A_CONNECTION):
            shard = instruments[start : start + SYMBOLS_A_CONNECTION]
            name = f"{place.market}-{start // SYMBOLS_A_CONNECTION + 1}"
            producers.append(TradeStream(name, place.ws_url, shard, sink, budget))
        producers += [Timekeeper(rest, sink), WarmStart(instruments, options.history, rest, sink)] if rules else []
        for producer in producers:
            producer.start()
        watch(writer, stop)
    finally:
        for producer in producers:
            producer.stop()
        writer.stop()
    log.info("Stopped; %d trades were stored.", writer.stats()["trades"])
    return 0 if writer.error is None else 1


def watch(writer: Writer, stop: threading.Event) -> None:
    """Say how it goes every few seconds until told to stop or the writer has ended."""
    was_live = False
    wait_s = 0.2
    while not SYSTEM_CLOCK.wait(stop, wait_s) and not writer.stopped.is_set():
        stats = writer.stats()
        if stats["trades"] and not was_live:
            was_live, wait_s = True, STATUS_EVERY_S
            log.info("The feed is live.")
        elif was_live:
            log.info("%s", writer.status_line())


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest until Ctrl-C, SIGTERM or --run-for; 0 when stopped, 1 when it failed, 2 when it was called wrongly."""
    names = ("db", "symbols", "venue", "ws_url", "rest_url", "history", "run_for", "log_level")
    options = parse_settings("ingest.py", "Takes trades from the exchange into SQLite.", names, argv)
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    if options.run_for:
        timer = threading.Timer(options.run_for, stop.set)
        timer.daemon = True
        timer.start()
    try:
        place = venue(options.venue, options.ws_url, options.rest_url)
        with IngestLock(options.db):
            start_logging(options.db, options.log_level)
            return run(place, options, stop)
    except StatarbError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    finally:
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
