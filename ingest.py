"""Trades in: producer threads -> bounded queue -> one writer thread -> SQLite. Run `python ingest.py --help`."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, StatarbError
from statarb.feed import Feeds, Importer, add_import_option, follow, line_files, plan_import, source_for, venue
from statarb.jobs.background import Jobs
from statarb.market import Instrument
from statarb.process import start_logging, stop_on_signals
from statarb.settings import DEFAULT_DB, SETTING, desk_path, parse_settings
from statarb.store import (
    Archiver,
    DeskFile,
    Inbox,
    InboxSink,
    IngestLock,
    Retention,
    Wanted,
    Writer,
    read_holdings,
    reserve_lines,
)

log = logging.getLogger("ingest")

STATUS_EVERY_S, LOOK_EVERY_S, POLL_S = 5.0, 1.0, 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest until Ctrl-C, SIGTERM or --run-for; 0 when stopped, 1 when it failed, 2 when it was called wrongly."""
    os.umask(0o077)  # what is stored and logged is for the owner alone
    purpose = "Takes trades from the exchange into SQLite."
    options = parse_settings("ingest.py", purpose, tuple(SETTING), argv, add_import_option)
    try:
        find = partial(follow, venue_name=options.venue, ws_url=options.ws_url, rest_url=options.rest_url)
        followed = find(options.symbols)
        source = followed[0].venue.source
        first = [Instrument.parse(name, venue(options.venue).market) for name in options.symbols]
        with IngestLock(options.db):
            start_logging(options.db, options.log_level)
            if options.files:
                import_files(options.db, options.files, venue(options.venue).market)
                return 0
            inbox = Inbox()
            archiver = Archiver(options.db, options.archive, source) if options.archive else None
            retention = Retention(options.keep_trades, options.keep_bars, archiver)
            writer = Writer(options.db, source, inbox, retention=retention)
            feeds = Feeds(followed, find, options.history, partial(InboxSink, inbox), writer, options.record)
            jobs = Jobs(options, source, inbox.put, writer.stats)
            writer.start()
            feeds.start()
            jobs.start()
            try:
                watch(writer, feeds, partial(DeskFile(desk_path(options.db)).wanted, first), options.run_for)
            finally:
                jobs.stop()
                feeds.stop()
                writer.stop()
            log.info("Stopped; %d trades were stored in %s.", writer.stats()["trades"], options.db)
            if feeds.refusal:
                raise feeds.refusal
            return 1 if writer.error else 0
    except StatarbError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:  # while files are checked, before anything is stored
        return 130


def import_files(db: Path, paths: Sequence[Path], market: str) -> None:
    """Files in place of an exchange, through the same writer."""
    files = plan_import(paths, market)
    held, rules = read_holdings(db)
    source = source_for(files, held, db, DEFAULT_DB)
    for file in line_files(files):
        file.first_ids = reserve_lines(db, source, file.sha256, file.counts)
    inbox = Inbox()
    with contextlib.closing(Writer(db, source, inbox, fillable_ids=0)) as writer:
        Importer(files, rules, partial(InboxSink, inbox), partial(writer.step, 0.0), stop_on_signals()).run()
    log.info("%d trades are new in %s.", writer.stats()["backfilled"], db)


def watch(writer: Writer, feeds: Feeds, asked: Callable[[], Wanted], run_for_s: float | None) -> None:
    """Follow what is asked for and say how it goes, until told to stop, the time is over or a part has ended."""
    began_s = said_s = looked_s = SYSTEM_CLOCK.monotonic_s()
    is_live, asked_now, stop = False, asked(), stop_on_signals()
    feeds.try_to_follow(asked_now.names)
    while not SYSTEM_CLOCK.wait(stop, POLL_S) and not writer.stopped.is_set() and not feeds.ended.is_set():
        now_s = SYSTEM_CLOCK.monotonic_s()
        if run_for_s and now_s - began_s >= run_for_s:
            return
        if now_s - looked_s >= LOOK_EVERY_S:
            looked_s, before, asked_now = now_s, asked_now, asked()
            if asked_now != before:
                feeds.try_to_follow(asked_now.names)
        if not is_live and writer.stats()["trades"]:
            is_live, said_s = True, now_s
            log.info("The feed is live.")
        elif is_live and now_s - said_s >= STATUS_EVERY_S:
            said_s = now_s
            log.info("%s", writer.status_line())


if __name__ == "__main__":
    sys.exit(main())
