"""One instrument's book: its trades, gaps and bars, kept within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from statarb.errors import StoreError
from statarb.market import InstrumentRules, NonTrade, Print, Trade
from statarb.store import bars as stored_bars
from statarb.store.gaps import answered, read_ledger, write_placement
from statarb.store.inbox import BACKFILL, GapAnswer, Seed
from statarb.store.ledger import Ledger, place, runs

_ROWS_A_STATEMENT = 400
# One statement for many rows: each step of SQLite hands the interpreter lock over, and that costs more than the insert.
_INSERT = "INSERT INTO trades VALUES {} ON CONFLICT(symbol_id,trade_id) DO NOTHING"
_INSERT_MANY = _INSERT.format(",".join(["(?,?,?,?,?,?)"] * _ROWS_A_STATEMENT))
_INSERT_ONE = _INSERT.format("(?,?,?,?,?,?)")

EPOCH_JUMP_IDS = 1_000_000
FASTEST_IDS_A_SECOND = 2_000
"""No instrument has traded so fast for long; a jump of more ids than that is no outage of ours."""
_REORDER_MS = 1_000

Span = tuple[int, int]
"""A span of time in ms, both ends included."""


@dataclass(frozen=True)
class Book:
    """What the writer knows of one instrument; immutable, so that a failed commit leaves the old one in force."""

    symbol_id: int
    ledger: Ledger | None = None
    closed_until_ms: int | None = None
    session: str = ""
    last_price_e8: int = 0
    kept_from_id: int = 0
    kept_from_ms: int = 0


class Entry(NamedTuple):
    """What storing prints did: the book after it, how many trades were new, the spans of time whose bars it touched.

    `nontrades` are new ids without a trade; `conflicts` came again with other content; `mismatches` are seeded seconds
    that the trades contradict.
    """

    book: Book
    stored: int
    nontrades: int
    touched: list[Span]
    conflicts: int
    mismatches: int


def store_rules(connection: sqlite3.Connection, rule: InstrumentRules) -> None:
    """Make an instrument known, or bring its rules up to date, those of its earlier numberings too.

    Raises
    ------
    StoreError
        Its trades are stored by ids of another kind.
    """
    name = rule.instrument
    other = connection.execute(
        "SELECT id_kind FROM symbols WHERE venue=? AND name=? AND id_kind<>?", (name.venue, name.symbol, rule.id_kind)
    ).fetchone()
    if other:
        raise StoreError(
            f"{name} is stored by {other[0]} ids, and this feed has {rule.id_kind} ids.",
            "The two are never mixed: choose another file with --db.",
        )
    rules = (rule.status, rule.tick_e8, rule.lot_step_e8, rule.can_short, name.venue, name.symbol, rule.id_kind)
    updated = connection.execute(
        "UPDATE symbols SET status=?, tick=?, lot_step=?, can_short=? WHERE venue=? AND name=? AND id_kind=?", rules
    ).rowcount
    if not updated:
        connection.execute(
            "INSERT INTO symbols(status,tick,lot_step,can_short,venue,name,id_kind) VALUES(?,?,?,?,?,?,?)", rules
        )


def open_book(connection: sqlite3.Connection, rule: InstrumentRules) -> Book:
    """The book of an instrument that is known, as the database has it."""
    name = rule.instrument
    symbol_id, closed_until_ms, *kept_from = connection.execute(
        "SELECT symbol_id, closed_until_ms, kept_from_id, kept_from_ms FROM symbols "
        "WHERE venue=? AND name=? AND id_kind=? ORDER BY id_epoch DESC LIMIT 1",
        (name.venue, name.symbol, rule.id_kind),
    ).fetchone()
    return Book(symbol_id, read_ledger(connection, symbol_id), closed_until_ms, "", 0, *kept_from)


def begins_new_epoch(book: Book, session: str, trades: Sequence[Print]) -> bool:
    """Whether the exchange has begun to number its trades anew: a jump no market makes, or ids of the past again."""
    ledger = book.ledger
    if ledger is None or session == BACKFILL:
        return False
    first = min(trades, key=lambda trade: trade.trade_id)
    jump, elapsed_s = first.trade_id - ledger.last, max(0, first.ts_ms - ledger.last_ms) / 1000
    if jump > max(EPOCH_JUMP_IDS, FASTEST_IDS_A_SECOND * elapsed_s):
        return True
    later_ms = ledger.last_ms + _REORDER_MS
    return any(
        trade.ts_ms > later_ms and trade.trade_id <= ledger.last and not _is_missing(ledger, trade.trade_id)
        for trade in trades
    )


def _is_missing(ledger: Ledger, trade_id: int) -> bool:
    return any(hole.lo <= trade_id <= hole.hi for hole in ledger.holes)


def next_epoch(connection: sqlite3.Connection, book: Book) -> Book:
    """A new record of the same instrument, for its new numbers; the old one stays as it is."""
    cursor = connection.execute(
        "INSERT INTO symbols(venue,name,id_kind,id_epoch,status,tick,lot_step,can_short) "
        "SELECT venue,name,id_kind,id_epoch+1,status,tick,lot_step,can_short FROM symbols WHERE symbol_id=?",
        (book.symbol_id,),
    )
    return Book(int(cursor.lastrowid or 0), session=book.session)


def store_trades(
    connection: sqlite3.Connection, book: Book, session: str, arrived: Sequence[Print], now_ms: int, fillable_ids: int
) -> Entry:
    """Insert what is not stored yet, keep the ledger and the gaps, merge the bars.

    Raises
    ------
    StoreError
        The ledger and the table disagree: a bug, or a second writer.
    """
    if book.kept_from_id:
        # What was pruned was stored and is in its bars: should it come again, it is a duplicate.
        arrived = [trade for trade in arrived if trade.trade_id >= book.kept_from_id]
        if not arrived:
            return Entry(book, 0, 0, [], 0, 0)
    prints = _in_order(arrived)
    reason = "start" if not book.session else "reconnect" if session != book.session else "stream"
    arrived_runs = runs([p.trade_id for p in prints], [p.ts_ms for p in prints])
    placed = place(book.ledger, arrived_runs, reason, now_ms, fillable_ids)
    new = _within(prints, placed.new)
    fresh = [one for one in new if isinstance(one, Trade)]
    nontrades = [one for one in new if isinstance(one, NonTrade)]
    _insert_nontrades(connection, book.symbol_id, nontrades)
    if _insert(connection, book.symbol_id, fresh) != len(fresh):
        raise StoreError(
            "The gap ledger and the stored trades disagree; nothing of this batch was stored.",
            "Start ingest again; if it happens twice, please report it.",
        )
    conflicts = _store_conflicts(connection, book.symbol_id, arrived, new, now_ms)
    write_placement(connection, book.symbol_id, placed, now_ms)
    parts = stored_bars.aggregate(fresh)
    confirmed, mismatches = stored_bars.confirm_seeds(connection, book.symbol_id, parts)
    parts = [bar for bar in parts if bar.open_ms // 1000 not in confirmed]
    seconds = stored_bars.merge_seconds(connection, book.symbol_id, parts)
    stored_bars.derive_minutes(connection, book.symbol_id, seconds)
    touched = [(min(seconds) * 1000, max(seconds) * 1000 + 999)] if seconds else []
    touched += [(hole.from_ms, hole.until_ms) for hole in (*placed.opened, *placed.filled)]
    after = replace(
        book,
        ledger=placed.ledger,
        session=session if session != BACKFILL else book.session,
        last_price_e8=fresh[-1].price_e8 if fresh and session != BACKFILL else book.last_price_e8,
    )
    return Entry(after, len(fresh), len(nontrades), touched, conflicts, mismatches)


def _store_conflicts(
    connection: sqlite3.Connection, symbol_id: int, arrived: Sequence[Print], new: Sequence[Print], now_ms: int
) -> int:
    """Keep what came again with other content than is stored; the first stays. How many."""
    if len(arrived) == len(new):
        return 0
    trades = [one for one in arrived if isinstance(one, Trade)]
    stored = {}
    ids = sorted({trade.trade_id for trade in trades})
    for start in range(0, len(ids), _ROWS_A_STATEMENT):
        some = ids[start : start + _ROWS_A_STATEMENT]
        rows = connection.execute(
            "SELECT trade_id, ts_ms, price, qty, maker FROM trades WHERE symbol_id=? "
            f"AND trade_id IN ({','.join('?' * len(some))})",
            (symbol_id, *some),
        )
        stored.update({row[0]: row for row in rows})
    others = [trade for trade in trades if stored.get(trade.trade_id) != (*trade[1:5], int(trade.is_buyer_maker))]
    connection.executemany(
        "INSERT INTO conflicts VALUES(?,?,?,?)",
        [(symbol_id, trade.trade_id, now_ms, json.dumps(trade._asdict())) for trade in others],
    )
    return len(others)


def _in_order(trades: Sequence[Print]) -> Sequence[Print]:
    """By id, each id once, the first arrival kept."""
    first = trades[0].trade_id
    if all(trade.trade_id == first + i for i, trade in enumerate(trades)):
        return trades
    once = {trade.trade_id: trade for trade in reversed(trades)}
    return [once[trade_id] for trade_id in sorted(once)]


def _within(trades: Sequence[Print], ranges: Sequence[tuple[int, int]]) -> Sequence[Print]:
    """The trades whose id lies in one of the ranges."""
    if sum(hi - lo + 1 for lo, hi in ranges) == len(trades):
        return trades
    inside = {trade_id for lo, hi in ranges for trade_id in range(lo, hi + 1)}
    return [trade for trade in trades if trade.trade_id in inside]


def _insert(connection: sqlite3.Connection, symbol_id: int, trades: Sequence[Trade]) -> int:
    """How many rows really came in."""
    before = connection.total_changes
    rows = [(symbol_id, t.trade_id, t.ts_ms, t.price_e8, t.qty_e8, int(t.is_buyer_maker)) for t in trades]
    whole = len(rows) - len(rows) % _ROWS_A_STATEMENT
    for start in range(0, whole, _ROWS_A_STATEMENT):
        connection.execute(_INSERT_MANY, [v for row in rows[start : start + _ROWS_A_STATEMENT] for v in row])
    connection.executemany(_INSERT_ONE, rows[whole:])
    return connection.total_changes - before


def _insert_nontrades(connection: sqlite3.Connection, symbol_id: int, nontrades: Iterable[NonTrade]) -> None:
    connection.executemany(
        "INSERT INTO nontrades VALUES(?,?,?,?)", [(symbol_id, one.trade_id, one.ts_ms, one.kind) for one in nontrades]
    )


def store_answer(connection: sqlite3.Connection, book: Book, answer: GapAnswer, now_ms: int) -> tuple[Book, list[Span]]:
    """Put what the exchange said of missing ids on record; the spans of time that are no longer in doubt."""
    if book.ledger is None:
        return book, []
    placed = answered(book.ledger, answer)
    write_placement(connection, book.symbol_id, placed, now_ms)
    settled = [(hole.from_ms, hole.until_ms) for hole in placed.opened if hole.state == "unfillable"]
    return replace(book, ledger=placed.ledger), settled


def store_seed(connection: sqlite3.Connection, book: Book, item: Seed) -> list[Span]:
    """Store bars from klines where none is final, and the minutes they complete; the span of time touched."""
    table: stored_bars.Table = "bars_1s" if item.base == "1s" else "bars_1m"
    stored_bars.seed(connection, book.symbol_id, table, item.bars)
    first_s, last_s = item.bars[0].open_ms // 1000, item.bars[-1].open_ms // 1000
    if item.base == "1s":
        # Only minutes that the seconds cover from their start: an older half minute would look whole.
        stored_bars.derive_minutes(connection, book.symbol_id, range(-(-first_s // 60) * 60, last_s + 1))
    return [(first_s * 1000, last_s * 1000 + 999)]


def close_bars(connection: sqlite3.Connection, book: Book, until_ms: int | None, touched: Iterable[Span]) -> Book:
    """Close every bar that ends by `until_ms` (None: as far as before); judge those that changed behind it again."""
    old_ms = book.closed_until_ms
    until_ms = max(old_ms or 0, until_ms or 0)
    spans = list(touched)
    if not until_ms or (until_ms == old_ms and not spans):
        return book
    behind = [span for span in spans if old_ms is not None and span[0] < old_ms]
    doubtful = _doubtful(connection, book)
    # The first close judges everything stored before it; later ones only what they pass and what changed, not all
    # between, which may be weeks. Bars whose trades were pruned stay as they were judged while these were here.
    for from_ms, to_ms in _minutes([(old_ms or 0, until_ms - 1), *behind]):
        from_ms = max(book.kept_from_ms, from_ms)
        stored_bars.settle(connection, book.symbol_id, from_ms - from_ms % 60_000, min(to_ms, until_ms), doubtful)
    connection.execute(
        "UPDATE symbols SET closed_until_ms=?, bars_version=bars_version+? WHERE symbol_id=?",
        (until_ms, bool(behind), book.symbol_id),
    )
    return replace(book, closed_until_ms=until_ms)


def _minutes(spans: Iterable[Span]) -> list[Span]:
    """The whole minutes that spans touch, joined where they meet; the end is not included."""
    joined: list[Span] = []
    for first_ms, last_ms in sorted(spans):
        from_ms, to_ms = first_ms // 60_000 * 60_000, (max(first_ms, last_ms) // 60_000 + 1) * 60_000
        if joined and from_ms <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], to_ms))
        else:
            joined.append((from_ms, to_ms))
    return joined


def _doubtful(connection: sqlite3.Connection, book: Book) -> list[Span]:
    """Spans of time in which trades may be missing: every hole, and the second our record begins in, unless seeded.

    A record that begins where older trades were pruned lacks none.
    """
    if book.ledger is None:
        return []
    if book.kept_from_id:
        return book.ledger.doubtful_ms
    first_ms = book.ledger.first_ms
    seeded = connection.execute(
        "SELECT 1 FROM bars_1s WHERE symbol_id=? AND sec=? AND source='kline'", (book.symbol_id, first_ms // 1000)
    ).fetchone()
    holes = book.ledger.doubtful_ms
    return holes if seeded else [(first_ms, first_ms), *holes]
