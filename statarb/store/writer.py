"""The writer: one thread, one connection, one transaction a batch."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from statarb.clock import SYSTEM_CLOCK, Clock, ExchangeClock
from statarb.errors import StatarbError, StoreError
from statarb.market import Instrument, MissingIds, Print
from statarb.store.alert_log import AlertHealth, store_alerts
from statarb.store.book import (
    Book,
    Span,
    begins_new_epoch,
    close_bars,
    next_epoch,
    open_book,
    store_answer,
    store_rules,
    store_seed,
    store_trades,
)
from statarb.store.connect import claim_source, open_writer, plain_errors
from statarb.store.costs import store_funding, store_quotes
from statarb.store.inbox import (
    BACKFILL,
    Complete,
    Costs,
    ExchangeTime,
    FeedReport,
    GapAnswer,
    Inbox,
    Item,
    Listing,
    Reject,
    Seed,
    TradeBatch,
)
from statarb.store.pulse import Pulse, status_line
from statarb.store.retention import Retention

log = logging.getLogger(__name__)

FLUSH_S = 0.1
FLUSH_TRADES = 5_000
BEAT_S = 1.0
GRACE_MS = 1_000
"""A bar closes when the exchange's clock is this far past its end: late prints are rare beyond it."""
HOLD_S = 10.0
"""After a (re)connect an instrument's bars stay open until its first trade shows what was missed, or this long."""
QUIET_S = 3.0
"""Without any trade for so long, the exchange's own answer to what time it is moves the clock."""
KEPT_REJECTS = 10_000
FILLABLE_IDS = 1_000_000
_DISK_FULL_WAIT_S = 1.0


class Writer:
    """Drains the inbox into the database; the only connection in the system that writes.

    Parameters
    ----------
    path : Path
        The database; created or upgraded as needed.
    source : str
        What it will hold; a database of another source is refused.
    inbox : Inbox
        Where the producers put what they have.
    fillable_ids : int
        Of the trades missed by an instrument in one go, so many of the newest are to be fetched.
    retention : Retention or None
        What is deleted when there is nothing else to do; None: nothing.

    Raises
    ------
    StoreError
        Foreign, newer, locked, damaged, of another source or not writable.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        inbox: Inbox,
        clock: Clock = SYSTEM_CLOCK,
        fillable_ids: int = FILLABLE_IDS,
        retention: Retention | None = None,
    ) -> None:
        self._retention = retention
        self._path = path
        self._fillable_ids = fillable_ids
        self._inbox = inbox
        self._clock = clock
        self._exchanges: defaultdict[str, ExchangeClock] = defaultdict(ExchangeClock)
        self._heard_trades_at_s: dict[str, float] = {}
        self._clock_offset_ms: int | None = None
        self._books: dict[str, Book] = {}
        self._live_by_feed: dict[str, set[str]] = {}
        self._held_until_s: dict[str, float] = {}
        self._reports: dict[str, FeedReport] = {}
        self._alerts: dict[str, Any] | None = None
        self._pulse = Pulse(clock.monotonic_s())
        self._beat_at_s = float("-inf")
        self._stats: dict[str, Any] = {"trades": 0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.error: BaseException | None = None
        self.stopped = threading.Event()
        self._connection, _ = open_writer(path)
        with plain_errors(path):
            claim_source(self._connection, path, source)
        self._inode = path.stat().st_ino

    def start(self) -> None:
        self._thread.start()
        if self._retention:
            self._retention.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Write what is queued, mark the feeds stopped, close; safe to call twice."""
        if self._retention:
            self._retention.stop()
        self._stop.set()
        self._inbox.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def stats(self) -> dict[str, Any]:
        """The newest heartbeat's figures; may be called from any thread."""
        return self._stats

    def missing(self) -> list[MissingIds]:
        """What is to be fetched from the exchange, as of the newest commit; may be called from any thread."""
        return [
            MissingIds(
                Instrument.parse(name),
                *(hole.lo, hole.hi, hole.from_ms, hole.until_ms, hole.found_at_ms, hole.tries, hole.asked_at_ms),
            )
            for name, book in self._books.items()
            for hole in (book.ledger.holes if book.ledger else ())
            if hole.state == "open"
        ]

    def newest_ids(self) -> dict[str, int]:
        """The newest stored trade id of each instrument; may be called from any thread."""
        return {name: book.ledger.last for name, book in self._books.items() if book.ledger}

    def records(self) -> dict[str, int]:
        """Which record the trades of each instrument go to; may be called from any thread."""
        return {name: book.symbol_id for name, book in self._books.items()}

    def status_line(self) -> str:
        """The same as one line for the log."""
        return status_line(self._stats)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.step()
            self.close()
        except StatarbError as error:
            self.error = error
            log.error("%s", error)
        except Exception as error:
            self.error = error
            log.exception("The writer failed.")
        finally:
            self.stopped.set()

    def close(self) -> None:
        """Drain the queue, write the last heartbeat and close the connection."""
        while not self.step(wait_s=0.0):
            pass
        self._live_by_feed.clear()
        self._reports = {name: report._replace(state="stopped") for name, report in self._reports.items()}
        self._transact(lambda: self._beat("stopped"))
        self._connection.close()

    def step(self, wait_s: float = FLUSH_S) -> bool:
        """Drain once and commit once; True when the queue was empty afterwards."""
        items, drained = self._inbox.take(FLUSH_TRADES, wait_s)
        if items or self._beat_is_due():
            self._commit(items, drained)
        if drained and self._retention:
            self._books = self._retention.step(self._connection, self._transact, self._books, self._clock)
        return drained

    def _beat_is_due(self) -> bool:
        return self._clock.monotonic_s() - self._beat_at_s >= BEAT_S

    def _commit(self, items: Sequence[Item], drained: bool) -> None:
        """Everything that `items` change, in one transaction; in memory only once it is on disk."""
        if self._path_is_gone():
            raise StoreError(
                f"{self._path} was deleted or replaced while ingest was writing it.", "Start ingest again."
            )
        batches = [item for item in items if isinstance(item, TradeBatch)]
        rejects = [item for item in items if isinstance(item, Reject)]
        self._hear(items, batches)
        books: dict[str, Book] = {}
        stored: Counter[str] = Counter()
        odd: Counter[str] = Counter()

        def write() -> None:
            # A full disk makes this run again, so it begins from what is known to be on disk.
            books.clear()
            books.update(self._books)
            stored.clear()
            odd.clear()
            touched: defaultdict[str, list[Span]] = defaultdict(list)
            for rule in (rule for item in items if isinstance(item, Listing) for rule in item.rules):
                store_rules(self._connection, rule)
                if (name := str(rule.instrument)) not in books:
                    books[name] = open_book(self._connection, rule)
            for (name, session), trades in _by_instrument(batches).items():
                if name not in books:
                    continue
                if begins_new_epoch(books[name], session, trades):
                    log.error("%s: its trade ids began anew; they are kept apart from the earlier ones.", name)
                    books[name] = next_epoch(self._connection, books[name])
                now_ms = self._clock.now_ms()
                entry = store_trades(self._connection, books[name], session, trades, now_ms, self._fillable_ids)
                books[name] = entry.book
                if session == BACKFILL:
                    odd["backfilled"] += entry.stored
                else:
                    stored[name] += entry.stored
                odd["nontrades"] += entry.nontrades
                odd["conflicts"] += entry.conflicts
                odd["seed_mismatches"] += entry.mismatches
                touched[name] += entry.touched
            for item in items:
                if isinstance(item, GapAnswer) and (name := str(item.instrument)) in books:
                    books[name], spans = store_answer(self._connection, books[name], item, self._clock.now_ms())
                    touched[name] += spans
            for item in items:
                if isinstance(item, Seed) and item.bars and str(item.instrument) in books:
                    name = str(item.instrument)
                    touched[name] += store_seed(self._connection, books[name], item)
            for item in items:
                if isinstance(item, Costs):
                    store_quotes(self._connection, books, item.quotes)
                    store_funding(self._connection, books, item.funding)
            complete_ms = {str(item.instrument): item.until_ms for item in items if isinstance(item, Complete)}
            for name, book in books.items():
                until_ms = complete_ms.get(name) or self._closable_ms(name, book, drained)
                books[name] = close_bars(self._connection, book, until_ms, touched[name])
            self._store_rejects(rejects)
            store_alerts(self._connection, items)
            if self._beat_is_due():
                self._beat("live" if self._live else "connecting")

        self._transact(write)
        self._books = books
        arrived = sum(len(batch.trades) for batch in batches)
        odd.update(duplicates=arrived - stored.total() - odd["backfilled"] - odd["nontrades"], rejects=len(rejects))
        self._pulse.count(stored, odd)
        self._pulse.time(
            [batch for batch in batches if batch.session != BACKFILL],
            self._clock.now_ms() + (self._clock_offset_ms or 0),
        )

    def _transact(self, body: Callable[[], None]) -> None:
        """Run `body` in one transaction, as often as a full disk makes it necessary."""
        while True:
            try:
                with plain_errors(self._path):
                    self._connection.execute("BEGIN IMMEDIATE")
                    body()
                    self._connection.execute("COMMIT")
                return
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                    raise
                log.error("%s Waiting.", error)
                self._clock.wait(threading.Event(), _DISK_FULL_WAIT_S)

    def _path_is_gone(self) -> bool:
        # SQLite would go on writing into a deleted file without an error.
        try:
            return self._path.stat().st_ino != self._inode
        except OSError:
            return True

    def _hear(self, items: Sequence[Item], batches: Sequence[TradeBatch]) -> None:
        """Take in what is no data: the exchange's time and what the connections say."""
        now_s = self._clock.monotonic_s()
        live = [batch for batch in batches if batch.session != BACKFILL]
        for batch in live:
            self._exchanges[batch.venue].hear(max(trade.event_ms for trade in batch.trades), now_s)
            self._heard_trades_at_s[batch.venue] = now_s
        for item in items:
            if isinstance(item, ExchangeTime):
                self._clock_offset_ms = item.exchange_ms - item.local_ms
                # While trades flow they are the clock: the exchange's answer may be ahead of what is in transit.
                if item.monotonic_s - self._heard_trades_at_s.get(item.venue, float("-inf")) > QUIET_S:
                    self._exchanges[item.venue].hear(item.exchange_ms, item.monotonic_s)
            elif isinstance(item, AlertHealth):
                self._alerts = item.stats
            elif isinstance(item, FeedReport):
                self._reports[item.name] = item
                names = {str(instrument) for instrument in item.instruments}
                if item.state == "live":
                    self._held_until_s.update(dict.fromkeys(names - self._live, now_s + HOLD_S))
                self._live_by_feed[item.name] = names if item.state == "live" else set()
        for batch in live:
            for symbol in {trade.symbol for trade in batch.trades}:
                self._held_until_s.pop(f"{batch.venue}:{symbol}", None)

    @property
    def _live(self) -> set[str]:
        """The instruments that a live connection delivers now."""
        return set().union(*self._live_by_feed.values())

    def _closable_ms(self, name: str, book: Book, drained: bool) -> int | None:
        """Up to when this instrument's bars may be closed now; None: no further than they are."""
        now_s = self._clock.monotonic_s()
        if name not in self._live or now_s < self._held_until_s.get(name, 0.0):
            return None
        # With a backlog the clock runs ahead of what is stored, so the instrument's own newest trade decides.
        newest_ms = book.ledger.last_ms if book.ledger else None
        heard_ms = self._exchanges[name.partition(":")[0]].now_ms(now_s) if drained else newest_ms
        return None if heard_ms is None else (heard_ms - GRACE_MS) // 1000 * 1000

    def _store_rejects(self, rejects: Sequence[Reject]) -> None:
        if rejects:
            self._connection.executemany("INSERT INTO rejects VALUES(?,?,?)", rejects)
            self._connection.execute(
                "DELETE FROM rejects WHERE rowid <= (SELECT max(rowid) FROM rejects) - ?", (KEPT_REJECTS,)
            )

    def _beat(self, state: str) -> None:
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        self._stats = self._pulse.beat(now_s, self._books, self._reports, self._inbox.depth)
        self._stats["clock_offset_ms"] = self._clock_offset_ms
        self._stats["alerts"] = self._alerts
        self._stats["retention"] = self._retention.stats() if self._retention else None
        rows = [("ingest", state, now_ms, json.dumps(self._stats))]
        rows += [(r.name, r.state, now_ms, json.dumps(dict(r.stats))) for r in self._reports.values()]
        self._connection.executemany(
            "INSERT INTO feeds VALUES(?,?,?,?) ON CONFLICT(name) DO UPDATE SET state=excluded.state, "
            "updated_at_ms=excluded.updated_at_ms, stats=excluded.stats",
            rows,
        )
        self._beat_at_s = now_s


def _by_instrument(batches: Iterable[TradeBatch]) -> dict[tuple[str, str], list[Print]]:
    """Trades by instrument and session, in order of arrival; what was fetched comes after what came by itself."""
    found: defaultdict[tuple[str, str], list[Print]] = defaultdict(list)
    for batch in sorted(batches, key=lambda batch: batch.session == BACKFILL):
        by_symbol: defaultdict[str, list[Print]] = defaultdict(list)
        for trade in batch.trades:
            by_symbol[trade.symbol].append(trade)
        for symbol, trades in by_symbol.items():
            found[f"{batch.venue}:{symbol}", batch.session] += trades
    return found
