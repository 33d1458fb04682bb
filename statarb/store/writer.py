"""The writer: one thread, one connection, one transaction a batch."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from statarb.clock import SYSTEM_CLOCK, Clock, ExchangeClock
from statarb.errors import StatarbError, StoreError
from statarb.market import InstrumentRules, Trade, from_e8
from statarb.store import bars as stored_bars
from statarb.store.connect import claim_source, open_writer, plain_errors
from statarb.store.inbox import ExchangeTime, FeedReport, Inbox, Item, Listing, Reject, Seed, TradeBatch
from statarb.store.ledger import Hole, Ledger, Placement, place, runs

log = logging.getLogger(__name__)

FLUSH_S = 0.1
FLUSH_TRADES = 5_000
GRACE_MS = 1_000
"""A bar closes when the exchange's clock is this far past its end: late prints are rare beyond it."""
HOLD_S = 10.0
"""After a (re)connect an instrument's bars stay open until its first trade shows what was missed, or this long."""
QUIET_S = 3.0
"""Without any trade for so long, the exchange's own answer to what time it is moves the clock."""
KEPT_REJECTS = 10_000
_DISK_FULL_WAIT_S = 1.0
_ROWS_A_STATEMENT = 400
# One statement for many rows: each step of SQLite hands the interpreter lock over, and that costs more than the insert.
_INSERT = "INSERT INTO trades VALUES {} ON CONFLICT(symbol_id,trade_id) DO NOTHING"
_INSERT_MANY = _INSERT.format(",".join(["(?,?,?,?,?,?)"] * _ROWS_A_STATEMENT))
_INSERT_ONE = _INSERT.format("(?,?,?,?,?,?)")


@dataclass(frozen=True)
class _Book:
    """What the writer holds in memory of one instrument; replaced as a whole after each commit."""

    symbol_id: int
    ledger: Ledger | None = None
    closed_until_ms: int | None = None
    session: str = ""
    last_price_e8: int = 0


@dataclass
class _Counters:
    """Running totals since the start, for the heartbeat and the log."""

    trades: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    rejects: int = 0
    commits: int = 0
    lags_ms: deque[int] = field(default_factory=lambda: deque(maxlen=2_000))


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
    """

    def __init__(self, path: Path, source: str, inbox: Inbox, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path
        self._inbox = inbox
        self._clock = clock
        self._exchange = ExchangeClock()
        self._offset_ms: int | None = None
        self._books: dict[str, _Book] = {}
        self._live: set[str] = set()
        self._reports: dict[str, FeedReport] = {}
        self._counters = _Counters()
        self._marks: deque[tuple[float, Counter[str]]] = deque([(clock.monotonic_s(), Counter())], maxlen=10)
        self._beat_at_s = -1.0
        self._heard_trades_at_s = float("-inf")
        self._held_until_s: dict[str, float] = {}
        self._stats: dict[str, Any] = {"trades": 0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.error: BaseException | None = None
        self.stopped = threading.Event()
        self._connection, self.done = open_writer(path)
        with plain_errors(path):
            claim_source(self._connection, path, source)
        self._inode = path.stat().st_ino

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Write what is queued, mark the feeds stopped, close; safe to call twice."""
        self._stop.set()
        self._inbox.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

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
        empty = False
        while not empty:
            empty = self.step(wait_s=0.0)
        self._live.clear()
        for report in self._reports.values():
            self._reports[report.name] = report._replace(state="stopped")
        with plain_errors(self._path):
            self._write(lambda: self._heartbeat("stopped"))
            self._connection.close()

    def step(self, wait_s: float = FLUSH_S) -> bool:
        """Drain once and commit once; True when the queue was empty afterwards."""
        items, drained = self._inbox.take(FLUSH_TRADES, wait_s)
        if items or self._clock.monotonic_s() - self._beat_at_s >= 1.0:
            self._commit(items, drained)
        return drained

    # -- instruments ---------------------------------------------------------------------------------------------

    def _list(self, rule: InstrumentRules) -> _Book:
        """Make an instrument known, or bring its rules up to date; its book."""
        name = rule.instrument
        self._connection.execute(
            "INSERT INTO symbols(venue,name,id_kind,status,tick,lot_step,can_short) VALUES(?,?,?,?,?,?,?) "
            "ON CONFLICT(venue,name,id_kind,id_epoch) DO UPDATE SET status=excluded.status, "
            "tick=excluded.tick, lot_step=excluded.lot_step, can_short=excluded.can_short",
            (name.venue, name.symbol, rule.id_kind, rule.status, rule.tick_e8, rule.lot_step_e8, rule.can_short),
        )
        return self._books.get(str(name)) or self._load_book(name.venue, name.symbol, rule.id_kind)

    def _load_book(self, venue: str, symbol: str, id_kind: str) -> _Book:
        symbol_id, closed_until_ms = self._connection.execute(
            "SELECT symbol_id, closed_until_ms FROM symbols WHERE venue=? AND name=? AND id_kind=? "
            "ORDER BY id_epoch DESC LIMIT 1",
            (venue, symbol, id_kind),
        ).fetchone()
        ends = [
            self._connection.execute(
                f"SELECT trade_id, ts_ms FROM trades WHERE symbol_id=? ORDER BY trade_id {order} LIMIT 1", (symbol_id,)
            ).fetchone()
            for order in ("ASC", "DESC")
        ]
        if ends[0] is None:
            return _Book(symbol_id, None, closed_until_ms)
        holes = self._connection.execute(
            "SELECT lo, hi, reason, found_at_ms, state, tries, "
            "(SELECT ts_ms FROM trades WHERE symbol_id=g.symbol_id AND trade_id<g.lo ORDER BY trade_id DESC LIMIT 1), "
            "(SELECT ts_ms FROM trades WHERE symbol_id=g.symbol_id AND trade_id>g.hi ORDER BY trade_id LIMIT 1) "
            "FROM gaps g WHERE symbol_id=? AND state<>'filled' ORDER BY lo",
            (symbol_id,),
        ).fetchall()
        ledger = Ledger(
            ends[0][0],
            ends[1][0],
            ends[0][1],
            ends[1][1],
            tuple(Hole(lo, hi, a, b, why, found, state, tries) for lo, hi, why, found, state, tries, a, b in holes),
        )
        return _Book(symbol_id, ledger, closed_until_ms)

    # -- one transaction -----------------------------------------------------------------------------------------

    def _commit(self, items: Sequence[Item], drained: bool) -> None:
        """Everything that `items` change, in one transaction; in memory too only once it is on disk."""
        if self._path_is_gone():
            raise StoreError(
                f"{self._path} was deleted or replaced while ingest was writing it.", "Start ingest again."
            )
        batches = [item for item in items if isinstance(item, TradeBatch)]
        self._hear(items, batches)
        books = dict(self._books)
        counters = Counter[str]()

        def write() -> None:
            books.update(self._books)
            counters.clear()
            changed: dict[str, list[tuple[int, int]]] = {}
            for rule in (rule for item in items if isinstance(item, Listing) for rule in item.rules):
                books[str(rule.instrument)] = self._list(rule)
            for name, (session, trades) in _by_instrument(batches).items():
                if name in books:
                    self._held_until_s.pop(name, None)
                    books[name], spans = self._store_trades(books[name], session, trades, counters, name)
                    changed.setdefault(name, []).extend(spans)
            for item in items:
                if isinstance(item, Seed) and item.bars and str(item.instrument) in books:
                    spans = self._store_seed(books[str(item.instrument)], item)
                    changed.setdefault(str(item.instrument), []).extend(spans)
            self._close_bars(books, changed, drained)
            self._store_rejects([item for item in items if isinstance(item, Reject)])
            if self._clock.monotonic_s() - self._beat_at_s >= 1.0:
                self._heartbeat("live" if self._live else "connecting")

        self._write(write)
        self._books = books
        self._count(batches, items, counters)

    def _write(self, body: Callable[[], None]) -> None:
        """Run `body` in one transaction, as often as a full disk makes it necessary."""
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                body()
                self._connection.execute("COMMIT")
                return
            except sqlite3.Error as error:
                self._roll_back()
                if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                    with plain_errors(self._path):
                        raise
                log.error("The disk that holds %s is full: free some space; waiting, nothing is lost.", self._path)
                self._clock.wait(threading.Event(), _DISK_FULL_WAIT_S)
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _path_is_gone(self) -> bool:
        # SQLite would go on writing into a deleted file without an error.
        try:
            return self._path.stat().st_ino != self._inode
        except OSError:
            return True

    def _hear(self, items: Sequence[Item], batches: Sequence[TradeBatch]) -> None:
        """Take in what is no data: clocks, connection states."""
        now_s = self._clock.monotonic_s()
        for batch in batches:
            self._exchange.hear(max(trade.event_ms for trade in batch.trades), now_s)
            self._heard_trades_at_s = now_s
        for item in items:
            if isinstance(item, ExchangeTime):
                # While trades flow they are the clock: the exchange's answer may be ahead of what is still in transit.
                if item.monotonic_s - self._heard_trades_at_s > QUIET_S:
                    self._exchange.hear(item.exchange_ms, item.monotonic_s)
                self._offset_ms = item.exchange_ms - item.local_ms
            elif isinstance(item, FeedReport):
                self._reports[item.name] = item
                names = {str(instrument) for instrument in item.instruments}
                if item.state == "live":
                    self._held_until_s.update(dict.fromkeys(names - self._live, now_s + HOLD_S))
                self._live = self._live | names if item.state in ("live", "stale") else self._live - names

    def _store_trades(
        self, book: _Book, session: str, trades: list[Trade], counters: Counter[str], name: str
    ) -> tuple[_Book, list[tuple[int, int]]]:
        """Insert what is new, keep the ledger, merge the bars; the book after it and the spans of time touched."""
        arrived = len(trades)
        trades = _in_order(trades)
        reason = "start" if not book.session else "reconnect" if session != book.session else "stream"
        placed = place(
            book.ledger,
            runs([t.trade_id for t in trades], [t.ts_ms for t in trades]),
            reason,
            self._clock.now_ms(),
        )
        fresh = _within(trades, placed.new)
        before = self._connection.total_changes
        rows = [(book.symbol_id, t.trade_id, t.ts_ms, t.price_e8, t.qty_e8, int(t.is_buyer_maker)) for t in fresh]
        self._insert(rows)
        if self._connection.total_changes - before != len(rows):
            raise StoreError(
                f"{name}: the ledger and the stored trades disagree.",
                "Run `python db_setup.py`, and report this as a bug.",
            )
        self._store_gaps(book.symbol_id, placed)
        touched = stored_bars.merge_seconds(self._connection, book.symbol_id, stored_bars.aggregate(fresh))
        stored_bars.derive_minutes(self._connection, book.symbol_id, touched)
        counters[name] += len(fresh)
        counters["duplicates"] += arrived - len(fresh)
        spans = [(min(touched) * 1000, max(touched) * 1000 + 999)] if touched else []
        spans += [(hole.from_ms, hole.until_ms) for hole in (*placed.opened, *placed.filled)]
        last_price = fresh[-1].price_e8 if fresh else book.last_price_e8
        return replace(book, ledger=placed.ledger, session=session, last_price_e8=last_price), spans

    def _insert(self, rows: Sequence[tuple[int, ...]]) -> None:
        whole = len(rows) - len(rows) % _ROWS_A_STATEMENT
        for start in range(0, whole, _ROWS_A_STATEMENT):
            self._connection.execute(_INSERT_MANY, [v for row in rows[start : start + _ROWS_A_STATEMENT] for v in row])
        self._connection.executemany(_INSERT_ONE, rows[whole:])

    def _store_gaps(self, symbol_id: int, placed: Placement) -> None:
        now_ms = self._clock.now_ms()
        execute = self._connection.execute
        for hole in placed.gone:
            execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, hole.lo))
        for hole in placed.opened:
            execute(
                "INSERT INTO gaps(symbol_id,lo,hi,state,reason,found_at_ms,tries) VALUES(?,?,?,?,?,?,?)",
                (symbol_id, hole.lo, hole.hi, hole.state, hole.reason, hole.found_at_ms, hole.tries),
            )
        for hole in placed.filled:
            lo, hi = hole.lo, hole.hi
            # Parts of one gap filled one after the other become one row again.
            for side in ("lo<? ORDER BY lo DESC", "lo>? ORDER BY lo"):
                row = execute(
                    f"SELECT lo,hi,state,found_at_ms FROM gaps WHERE symbol_id=? AND {side} LIMIT 1", (symbol_id, lo)
                )
                found = row.fetchone()
                if found and found[2:] == ("filled", hole.found_at_ms) and (found[1] == lo - 1 or found[0] == hi + 1):
                    execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, found[0]))
                    lo, hi = min(lo, found[0]), max(hi, found[1])
            execute(
                "INSERT INTO gaps(symbol_id,lo,hi,state,reason,found_at_ms,closed_at_ms,tries) VALUES(?,?,?,?,?,?,?,?)",
                (symbol_id, lo, hi, "filled", hole.reason, hole.found_at_ms, now_ms, hole.tries),
            )

    def _store_seed(self, book: _Book, item: Seed) -> list[tuple[int, int]]:
        table: stored_bars.Table = "bars_1s" if item.base == "1s" else "bars_1m"
        stored_bars.seed(self._connection, book.symbol_id, table, item.bars)
        first_s, last_s = item.bars[0].open_ms // 1000, item.bars[-1].open_ms // 1000
        if item.base == "1s":
            # Only minutes that the seconds cover from their start: an older half minute would look whole.
            stored_bars.derive_minutes(self._connection, book.symbol_id, range(-(-first_s // 60) * 60, last_s + 1))
        return [(first_s * 1000, last_s * 1000 + 999)]

    def _close_bars(self, books: dict[str, _Book], changed: dict[str, list[tuple[int, int]]], drained: bool) -> None:
        """Move `closed_until_ms` on, settle the bars it passed and those that changed behind it."""
        now_s = self._clock.monotonic_s()
        exchange_ms = self._exchange.now_ms(now_s) if drained else None
        for name, book in books.items():
            old_ms = book.closed_until_ms
            until_ms = old_ms
            newest_ms = book.ledger.last_ms if book.ledger else None
            if name in self._live and now_s >= self._held_until_s.get(name, 0.0):
                heard_ms = exchange_ms if exchange_ms is not None else newest_ms
                if heard_ms is not None:
                    until_ms = max(old_ms or 0, (heard_ms - GRACE_MS) // 1000 * 1000)
            spans = changed.get(name, [])
            if until_ms is None or (until_ms == old_ms and not spans):
                continue
            behind = [span for span in spans if old_ms is not None and span[0] < old_ms]
            # The first close settles everything stored before it; later ones only what they pass or what changed.
            from_ms = min([span[0] for span in behind] + [old_ms or 0])
            settled_from_ms = from_ms - from_ms % 60_000
            stored_bars.settle(self._connection, book.symbol_id, settled_from_ms, until_ms, _doubtful(book.ledger))
            self._connection.execute(
                "UPDATE symbols SET closed_until_ms=?, bars_version=bars_version+? WHERE symbol_id=?",
                (until_ms, bool(behind), book.symbol_id),
            )
            books[name] = replace(book, closed_until_ms=until_ms)

    def _store_rejects(self, rejects: Sequence[Reject]) -> None:
        if rejects:
            self._connection.executemany("INSERT INTO rejects VALUES(?,?,?)", rejects)
            self._connection.execute(
                "DELETE FROM rejects WHERE rowid <= (SELECT max(rowid) FROM rejects) - ?", (KEPT_REJECTS,)
            )

    # -- what we say of ourselves --------------------------------------------------------------------------------

    def _count(self, batches: Sequence[TradeBatch], items: Sequence[Item], counters: Counter[str]) -> None:
        self._counters.duplicates += counters.pop("duplicates", 0)
        self._counters.trades.update(counters)
        self._counters.rejects += sum(isinstance(item, Reject) for item in items)
        self._counters.commits += 1
        committed_ms = self._clock.now_ms() + (self._offset_ms or 0)
        for batch in batches:
            step = max(1, len(batch.trades) // 20)
            self._counters.lags_ms.extend(committed_ms - trade.event_ms for trade in batch.trades[::step])

    def _heartbeat(self, state: str) -> None:
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        self._stats = self._measure()
        rows = [("ingest", state, now_ms, json.dumps(self._stats))]
        rows += [(r.name, r.state, now_ms, json.dumps(dict(r.stats))) for r in self._reports.values()]
        self._connection.executemany(
            "INSERT INTO feeds VALUES(?,?,?,?) ON CONFLICT(name) DO UPDATE SET state=excluded.state, "
            "updated_at_ms=excluded.updated_at_ms, stats=excluded.stats",
            rows,
        )
        self._marks.append((now_s, Counter(self._counters.trades)))
        self._beat_at_s = now_s

    def _rates(self) -> dict[str, float]:
        """Trades a second of each instrument over the last ten heartbeats."""
        since_s, base = self._marks[0]
        elapsed_s = max(self._clock.monotonic_s() - since_s, 1.0)
        return {name: (self._counters.trades[name] - base[name]) / elapsed_s for name in self._books}

    def stats(self) -> dict[str, Any]:
        """The newest heartbeat's figures; may be called from any thread."""
        return self._stats

    def _measure(self) -> dict[str, Any]:
        """What the heartbeat says: rates, lag, queue, duplicates, rejects, open gaps, each instrument's newest id."""
        rates = self._rates()
        lags = sorted(self._counters.lags_ms)
        books = {name: book for name, book in self._books.items() if book.ledger}
        return {
            "trades": self._counters.trades.total(),
            "trades_per_s": round(sum(rates.values()), 2),
            "lag_p50_ms": lags[len(lags) // 2] if lags else None,
            "lag_p99_ms": lags[len(lags) * 99 // 100] if lags else None,
            "clock_offset_ms": self._offset_ms,
            "queue_depth": self._inbox.depth,
            "reconnects": sum(int(report.stats.get("reconnects", 0)) for report in self._reports.values()),
            "duplicates": self._counters.duplicates,
            "rejects": self._counters.rejects,
            "open_gaps": sum(len(book.ledger.holes) for book in books.values() if book.ledger),
            "missing_ids": sum(book.ledger.missing for book in books.values() if book.ledger),
            "seeding": next((r.stats.get("progress") for r in self._reports.values() if r.name == "warm start"), None),
            "instruments": {
                name: {
                    "trades_per_s": round(rates[name], 2),
                    "last_id": book.ledger.last,
                    "last_ts_ms": book.ledger.last_ms,
                    "last_price": from_e8(book.last_price_e8),
                }
                for name, book in books.items()
                if book.ledger
            },
        }

    def status_line(self) -> str:
        """One line for the log: trades a second by instrument, lag, queue, gaps."""
        stats = self.stats()
        rates = ", ".join(
            f"{name.removeprefix('spot:')} {one['trades_per_s']:.1f}" for name, one in stats["instruments"].items()
        )
        lag = "" if stats["lag_p50_ms"] is None else f" | lag p50 {stats['lag_p50_ms']} ms p99 {stats['lag_p99_ms']} ms"
        gaps = f"{stats['open_gaps']} open ({stats['missing_ids']} ids)" if stats["open_gaps"] else "none open"
        return f"{stats['trades_per_s']:.1f} trades/s ({rates}){lag} | queue {stats['queue_depth']} | gaps {gaps}"


def _by_instrument(batches: Iterable[TradeBatch]) -> dict[str, tuple[str, list[Trade]]]:
    """Trades by instrument, in order of arrival, with the newest session that brought them."""
    found: dict[str, tuple[str, list[Trade]]] = {}
    for batch in batches:
        by_symbol: defaultdict[str, list[Trade]] = defaultdict(list)
        for trade in batch.trades:
            by_symbol[trade.symbol].append(trade)
        for symbol, trades in by_symbol.items():
            name = f"{batch.venue}:{symbol}"
            _, earlier = found.get(name, ("", []))
            found[name] = (batch.session, earlier + trades)
    return found


def _in_order(trades: list[Trade]) -> list[Trade]:
    """By id, each id once, the first arrival kept."""
    by_id = itemgetter(1)
    first = trades[0].trade_id
    if all(trade.trade_id == first + i for i, trade in enumerate(trades)):
        return trades
    return sorted({trade.trade_id: trade for trade in reversed(trades)}.values(), key=by_id)


def _within(trades: list[Trade], ranges: Sequence[tuple[int, int]]) -> list[Trade]:
    """The trades whose id lies in one of the ranges."""
    if sum(hi - lo + 1 for lo, hi in ranges) == len(trades):
        return trades
    inside = {trade_id for lo, hi in ranges for trade_id in range(lo, hi + 1)}
    return [trade for trade in trades if trade.trade_id in inside]


def _doubtful(ledger: Ledger | None) -> list[tuple[int, int]]:
    """Spans of time in which trades may be missing: every hole, and the second our record begins in."""
    if ledger is None:
        return []
    return [(ledger.first_ms, ledger.first_ms), *((hole.from_ms, hole.until_ms) for hole in ledger.holes)]
