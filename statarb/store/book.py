"""One instrument's book: its trades, gaps and bars, kept within the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from statarb.errors import StoreError
from statarb.market import InstrumentRules, Trade
from statarb.store import bars as stored_bars
from statarb.store.inbox import Seed
from statarb.store.ledger import Hole, Ledger, Placement, place, runs

_ROWS_A_STATEMENT = 400
# One statement for many rows: each step of SQLite hands the interpreter lock over, and that costs more than the insert.
_INSERT = "INSERT INTO trades VALUES {} ON CONFLICT(symbol_id,trade_id) DO NOTHING"
_INSERT_MANY = _INSERT.format(",".join(["(?,?,?,?,?,?)"] * _ROWS_A_STATEMENT))
_INSERT_ONE = _INSERT.format("(?,?,?,?,?,?)")

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


class Entry(NamedTuple):
    """What storing trades did: the book after it, how many were new, and the spans of time whose bars it touched."""

    book: Book
    stored: int
    touched: list[Span]


def open_book(connection: sqlite3.Connection, rule: InstrumentRules) -> Book:
    """Make an instrument known, or bring its rules up to date, and read its book."""
    name = rule.instrument
    connection.execute(
        "INSERT INTO symbols(venue,name,id_kind,status,tick,lot_step,can_short) VALUES(?,?,?,?,?,?,?) "
        "ON CONFLICT(venue,name,id_kind,id_epoch) DO UPDATE SET status=excluded.status, "
        "tick=excluded.tick, lot_step=excluded.lot_step, can_short=excluded.can_short",
        (name.venue, name.symbol, rule.id_kind, rule.status, rule.tick_e8, rule.lot_step_e8, rule.can_short),
    )
    symbol_id, closed_until_ms = connection.execute(
        "SELECT symbol_id, closed_until_ms FROM symbols WHERE venue=? AND name=? AND id_kind=? "
        "ORDER BY id_epoch DESC LIMIT 1",
        (name.venue, name.symbol, rule.id_kind),
    ).fetchone()
    return Book(symbol_id, _read_ledger(connection, symbol_id), closed_until_ms)


def _read_ledger(connection: sqlite3.Connection, symbol_id: int) -> Ledger | None:
    ends = [
        connection.execute(
            f"SELECT trade_id, ts_ms FROM trades WHERE symbol_id=? ORDER BY trade_id {order} LIMIT 1", (symbol_id,)
        ).fetchone()
        for order in ("ASC", "DESC")
    ]
    if ends[0] is None:
        return None
    rows = connection.execute(
        "SELECT lo, hi, "
        "(SELECT ts_ms FROM trades WHERE symbol_id=g.symbol_id AND trade_id<g.lo ORDER BY trade_id DESC LIMIT 1), "
        "(SELECT ts_ms FROM trades WHERE symbol_id=g.symbol_id AND trade_id>g.hi ORDER BY trade_id LIMIT 1), "
        "reason, found_at_ms, state, tries FROM gaps g WHERE symbol_id=? AND state<>'filled' ORDER BY lo",
        (symbol_id,),
    ).fetchall()
    return Ledger(ends[0][0], ends[1][0], ends[0][1], ends[1][1], tuple(Hole(*row) for row in rows))


def store_trades(
    connection: sqlite3.Connection, book: Book, session: str, arrived: Sequence[Trade], now_ms: int
) -> Entry:
    """Insert what is not stored yet, keep the ledger and the gaps, merge the bars.

    Raises
    ------
    StoreError
        The ledger and the table disagree: a bug, or a second writer.
    """
    trades = _in_order(arrived)
    reason = "start" if not book.session else "reconnect" if session != book.session else "stream"
    placed = place(book.ledger, runs([t.trade_id for t in trades], [t.ts_ms for t in trades]), reason, now_ms)
    fresh = _within(trades, placed.new)
    if _insert(connection, book.symbol_id, fresh) != len(fresh):
        raise StoreError(
            "The gap ledger and the stored trades disagree; nothing of this batch was stored.",
            "Start ingest again; if it happens twice, please report it.",
        )
    _store_gaps(connection, book.symbol_id, placed, now_ms)
    seconds = stored_bars.merge_seconds(connection, book.symbol_id, stored_bars.aggregate(fresh))
    stored_bars.derive_minutes(connection, book.symbol_id, seconds)
    touched = [(min(seconds) * 1000, max(seconds) * 1000 + 999)] if seconds else []
    touched += [(hole.from_ms, hole.until_ms) for hole in (*placed.opened, *placed.filled)]
    last_price_e8 = fresh[-1].price_e8 if fresh else book.last_price_e8
    after = replace(book, ledger=placed.ledger, session=session, last_price_e8=last_price_e8)
    return Entry(after, len(fresh), touched)


def _in_order(trades: Sequence[Trade]) -> Sequence[Trade]:
    """By id, each id once, the first arrival kept."""
    first = trades[0].trade_id
    if all(trade.trade_id == first + i for i, trade in enumerate(trades)):
        return trades
    once = {trade.trade_id: trade for trade in reversed(trades)}
    return [once[trade_id] for trade_id in sorted(once)]


def _within(trades: Sequence[Trade], ranges: Sequence[tuple[int, int]]) -> Sequence[Trade]:
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


def _store_gaps(connection: sqlite3.Connection, symbol_id: int, placed: Placement, now_ms: int) -> None:
    for hole in placed.gone:
        connection.execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, hole.lo))
    for hole in placed.opened:
        connection.execute(
            "INSERT INTO gaps(symbol_id,lo,hi,state,reason,found_at_ms,tries) VALUES(?,?,?,?,?,?,?)",
            (symbol_id, hole.lo, hole.hi, hole.state, hole.reason, hole.found_at_ms, hole.tries),
        )
    for hole in placed.filled:
        lo, hi = _join_filled(connection, symbol_id, hole)
        connection.execute(
            "INSERT INTO gaps(symbol_id,lo,hi,state,reason,found_at_ms,closed_at_ms,tries) VALUES(?,?,?,?,?,?,?,?)",
            (symbol_id, lo, hi, "filled", hole.reason, hole.found_at_ms, now_ms, hole.tries),
        )


def _join_filled(connection: sqlite3.Connection, symbol_id: int, hole: Hole) -> tuple[int, int]:
    """Parts of one gap that were filled one after the other become one row again; the range of the whole."""
    lo, hi = hole.lo, hole.hi
    for neighbour in ("lo<? ORDER BY lo DESC", "lo>? ORDER BY lo"):
        row = connection.execute(
            f"SELECT lo, hi, state, found_at_ms FROM gaps WHERE symbol_id=? AND {neighbour} LIMIT 1", (symbol_id, lo)
        ).fetchone()
        if row and row[2:] == ("filled", hole.found_at_ms) and (row[1] == lo - 1 or row[0] == hi + 1):
            connection.execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, row[0]))
            lo, hi = min(lo, row[0]), max(hi, row[1])
    return lo, hi


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
    # The first close judges everything stored before it; later ones only what they pass or what changed.
    from_ms = min([span[0] for span in behind] + [old_ms or 0])
    stored_bars.settle(connection, book.symbol_id, from_ms - from_ms % 60_000, until_ms, _doubtful(connection, book))
    connection.execute(
        "UPDATE symbols SET closed_until_ms=?, bars_version=bars_version+? WHERE symbol_id=?",
        (until_ms, bool(behind), book.symbol_id),
    )
    return replace(book, closed_until_ms=until_ms)


def _doubtful(connection: sqlite3.Connection, book: Book) -> list[Span]:
    """Spans of time in which trades may be missing: every hole, and the second our record begins in, unless seeded."""
    if book.ledger is None:
        return []
    first_ms = book.ledger.first_ms
    seeded = connection.execute(
        "SELECT 1 FROM bars_1s WHERE symbol_id=? AND sec=? AND source='kline'", (book.symbol_id, first_ms // 1000)
    ).fetchone()
    holes = [(hole.from_ms, hole.until_ms) for hole in book.ledger.holes]
    return holes if seeded else [(first_ms, first_ms), *holes]
