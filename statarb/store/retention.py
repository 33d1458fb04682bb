"""Retention: what is older than it is to be kept is deleted in small pieces, and never across an open gap."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from statarb.clock import Clock
from statarb.store.archiver import Archived, Archiver
from statarb.store.book import Book
from statarb.store.gaps import read_ledger
from statarb.store.ledger import Hole, Ledger

log = logging.getLogger(__name__)

CHUNK_ROWS = 10_000
"""A piece takes some 30 ms, which is as long as live trades ever wait for it."""
LOOK_EVERY_S = 60.0
_MINUTE_MS = 60_000

Transact = Callable[[Callable[[], None]], None]
"""Runs a function in one transaction of the writer's connection, more than once if the disk is full."""


class Cut(NamedTuple):
    """Up to where an instrument is pruned: trades before `before_ms` whose id is below `stop_id`, a stored one."""

    symbol_id: int
    before_ms: int
    stop_id: int
    archived: Archived | None


class Pruned(NamedTuple):
    """What one piece did: rows deleted, and the first id kept with its time; `more` when another piece is due."""

    rows: int
    first_id: int
    first_ms: int
    more: bool


class Retention:
    """Deletes old trades and 1-second bars; the writer's thread calls `step` when it has nothing else to do.

    Age counts back from the exchange's clock as the closed bars have it, or from ours where that is behind. The last
    trade of an instrument always stays, and so does the one below a gap that is open, or deferred and not wholly as
    old. A second's bar is kept at least as long as its trades, a minute's for ever.

    Parameters
    ----------
    keep_trades_s, keep_bars_s : float
        How long; 0: for ever.
    archiver : Archiver or None
        What it has not archived is not deleted. Started and stopped with the writer.
    """

    def __init__(self, keep_trades_s: float, keep_bars_s: float, archiver: Archiver | None = None) -> None:
        self._keep_trades_ms = int(keep_trades_s * 1000)
        self._keep_bars_ms = int(keep_bars_s * 1000)
        self._archiver = archiver
        self._look_at_s = float("-inf")
        self._waiting: deque[int] = deque()
        self._held: set[str] = set()
        self._pruned = {"trades": 0, "bars": 0}

    def start(self) -> None:
        if self._archiver:
            self._archiver.start()

    def stop(self) -> None:
        if self._archiver:
            self._archiver.stop()

    def stats(self) -> dict[str, Any]:
        """Figures for the heartbeat; `held` are instruments of which an open gap keeps more than was asked for."""
        archive = {"archive": self._archiver.stats()} if self._archiver else {}
        return {"pruned_trades": self._pruned["trades"], "pruned_bars": self._pruned["bars"],
                "held": sorted(self._held)} | archive  # fmt: skip

    def step(
        self, connection: sqlite3.Connection, transact: Transact, books: Mapping[str, Book], clock: Clock
    ) -> dict[str, Book]:
        """Delete one piece, if any is due, in a transaction of its own; the books after it."""
        if not self._waiting and clock.monotonic_s() >= self._look_at_s:
            self._look_at_s = clock.monotonic_s() + LOOK_EVERY_S
            self._waiting.extend(row[0] for row in connection.execute("SELECT symbol_id FROM symbols"))
        if not self._waiting:
            return dict(books)
        symbol_id = self._waiting[0]
        name, book = next(((n, b) for n, b in books.items() if b.symbol_id == symbol_id), ("", Book(symbol_id)))
        ledger = book.ledger or read_ledger(connection, symbol_id)
        now_ms = _now_ms(connection, clock)
        cut = self._cut(connection, symbol_id, ledger, now_ms)
        pieces: list[Pruned] = []
        bars: list[int] = []

        def prune() -> None:
            pieces[:] = [prune_trades(connection, cut)] if cut else []
            bars[:] = [prune_seconds(connection, symbol_id, self._bars_before_ms(connection, symbol_id, now_ms))]

        try:
            transact(prune)
        except _NotArchivedError:
            pieces, bars = [], [0]  # the archiver sees the difference too, and archives that day again
        self._pruned["trades"] += sum(piece.rows for piece in pieces)
        self._pruned["bars"] += sum(bars)
        if not any(piece.more for piece in pieces) and sum(bars) < CHUNK_ROWS:
            self._waiting.popleft()
        if not (cut and pieces and name and book.ledger and pieces[0].rows):
            return dict(books)
        kept_ms = max(book.kept_from_ms, cut.before_ms)
        after = replace(
            book, ledger=_trimmed(book.ledger, pieces[0]), kept_from_id=pieces[0].first_id, kept_from_ms=kept_ms
        )
        return {**books, name: after}

    def _cut(self, connection: sqlite3.Connection, symbol_id: int, ledger: Ledger | None, now_ms: int) -> Cut | None:
        """Up to where this instrument may be pruned now; None: nowhere."""
        if not self._keep_trades_ms or ledger is None:
            return None
        before_ms, stop_id = _minute(min(now_ms - self._keep_trades_ms, ledger.last_ms)), ledger.last
        held = any(_holds(hole, before_ms) and hole.from_ms < before_ms for hole in ledger.holes)
        self._note_held(connection, symbol_id, held)
        archived = self._archiver.archived(symbol_id) if self._archiver else None
        if archived:
            before_ms, stop_id = min(before_ms, archived.until_ms), min(stop_id, archived.stop_id)
        elif self._archiver:
            return None
        holding = [hole for hole in ledger.holes if _holds(hole, before_ms)]
        if holding:
            before_ms = min(before_ms, *(hole.from_ms for hole in holding))
            stop_id = min(stop_id, _last_below(connection, symbol_id, holding[0].lo))
        return Cut(symbol_id, _minute(before_ms), stop_id, archived)

    def _note_held(self, connection: sqlite3.Connection, symbol_id: int, is_held: bool) -> None:
        ((name,),) = connection.execute("SELECT venue || ':' || name FROM symbols WHERE symbol_id=?", (symbol_id,))
        if is_held and name not in self._held:
            log.warning("%s: trades older than --keep-trades stay, because a gap among them may still close.", name)
        self._held = self._held | {name} if is_held else self._held - {name}

    def _bars_before_ms(self, connection: sqlite3.Connection, symbol_id: int, now_ms: int) -> int:
        """Bars of seconds before this time go; 0: none. Those whose trades may still change stay with these."""
        if not self._keep_bars_ms:
            return 0
        before_ms = now_ms - self._keep_bars_ms
        first = connection.execute(
            "SELECT t.ts_ms, s.kept_from_ms FROM trades t JOIN symbols s USING(symbol_id) WHERE symbol_id=? "
            "ORDER BY trade_id LIMIT 1",
            (symbol_id,),
        ).fetchone()
        if first:
            # One more minute: the exchange's times do not rise quite as its ids do.
            before_ms = min(before_ms, (first[1] or first[0]) - _MINUTE_MS)
        return max(0, _minute(before_ms))


class _NotArchivedError(Exception):
    """The rows to be deleted are not all in the archive; the transaction is taken back."""


def _holds(hole: Hole, before_ms: int) -> bool:
    """Whether a gap keeps what lies below it: while it may still be closed, and at least until all of it is old."""
    return hole.state == "open" or (hole.state == "deferred" and hole.until_ms >= before_ms)


def _minute(ts_ms: int) -> int:
    """Pruned are whole minutes, so that every bar has all of its trades or is older than any that is kept."""
    return ts_ms - ts_ms % _MINUTE_MS


def _now_ms(connection: sqlite3.Connection, clock: Clock) -> int:
    """The exchange's clock as the closed bars have it; never later than ours, so no wrong stamp ages everything."""
    ((closed_until_ms,),) = connection.execute("SELECT coalesce(max(closed_until_ms), 0) FROM symbols")
    return min(int(closed_until_ms), clock.now_ms())


def _last_below(connection: sqlite3.Connection, symbol_id: int, trade_id: int) -> int:
    """The last stored trade below an id: it stays, so that the gap above it keeps its place."""
    ((last,),) = connection.execute(
        "SELECT coalesce(max(trade_id), 0) FROM trades WHERE symbol_id=? AND trade_id<?", (symbol_id, trade_id)
    )
    return int(last)


def _trimmed(ledger: Ledger, piece: Pruned) -> Ledger:
    """The ledger without what lies below the first id kept."""
    holes = tuple(hole for hole in ledger.holes if hole.lo > piece.first_id)
    return replace(ledger, first=piece.first_id, first_ms=piece.first_ms, holes=holes)


def prune_trades(connection: sqlite3.Connection, cut: Cut) -> Pruned:
    """Delete the oldest trades up to a cut, at most CHUNK_ROWS, with the gaps and other ids among them."""
    symbol_id = cut.symbol_id
    oldest = "SELECT trade_id, ts_ms FROM trades WHERE symbol_id=? ORDER BY trade_id"
    first_id, first_ms = connection.execute(f"{oldest} LIMIT 1", (symbol_id,)).fetchone()
    stays = connection.execute(
        f"SELECT trade_id, ts_ms FROM ({oldest} LIMIT ?) WHERE trade_id>=? OR ts_ms>=? ORDER BY trade_id LIMIT 1",
        (symbol_id, CHUNK_ROWS, cut.stop_id, cut.before_ms),
    ).fetchone()
    more = stays is None
    if more:
        stays = connection.execute(f"{oldest} LIMIT 1 OFFSET ?", (symbol_id, CHUNK_ROWS)).fetchone()
    if stays[0] == first_id:
        return Pruned(0, first_id, first_ms, False)
    rows = connection.execute("DELETE FROM trades WHERE symbol_id=? AND trade_id<?", (symbol_id, stays[0])).rowcount
    if cut.archived and cut.archived.rows_in(first_id, stays[0] - 1) != rows:
        raise _NotArchivedError
    connection.execute("DELETE FROM nontrades WHERE symbol_id=? AND trade_id<?", (symbol_id, stays[0]))
    connection.execute("DELETE FROM gaps WHERE symbol_id=? AND hi<?", (symbol_id, stays[0]))
    connection.execute(
        "UPDATE symbols SET kept_from_id=?, kept_from_ms=max(kept_from_ms, ?) WHERE symbol_id=?",
        (stays[0], cut.before_ms, symbol_id),
    )
    return Pruned(rows, stays[0], stays[1], more)


def prune_seconds(connection: sqlite3.Connection, symbol_id: int, before_ms: int) -> int:
    """Delete the oldest 1-second bars before a time, at most CHUNK_ROWS; how many."""
    return connection.execute(
        "DELETE FROM bars_1s WHERE symbol_id=?1 AND sec<?2 AND sec<=coalesce("
        "(SELECT sec FROM bars_1s WHERE symbol_id=?1 ORDER BY sec LIMIT 1 OFFSET ?3), ?2)",
        (symbol_id, before_ms // 1000, CHUNK_ROWS - 1),
    ).rowcount
