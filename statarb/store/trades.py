"""Stored trades, found by time without an index on it and read in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

DISORDER_MS = 60_000
"""Times rise with ids but for the exchange's own disorder, which is seconds at most."""
_ROWS_A_READ = 20_000
_COLUMNS = ["id_epoch", "trade_id", "price_e8", "qty_e8", "is_buyer_maker"]

Query = Callable[[str, Sequence[Any]], list[Any]]
"""An SQL statement and its values -> all rows."""


def first_id_at(query: Query, symbol_id: int, ts_ms: int) -> int | None:
    """The lowest id whose trade is not before `ts_ms`, by some 25 look-ups; None when every trade is before it.

    Exact where times rise with ids; within the exchange's disorder one of the ids there.
    """
    ((lo, hi),) = query("SELECT min(trade_id), max(trade_id) FROM trades WHERE symbol_id=?", (symbol_id,))
    if lo is None:
        return None
    end = hi + 1
    hi = end
    while lo < hi:
        middle = (lo + hi) // 2
        row = _next_row(query, symbol_id, middle)
        if row is None or row[1] >= ts_ms:
            hi = middle
        else:
            lo = row[0] + 1
    row = _next_row(query, symbol_id, lo) if lo < end else None
    return row[0] if row else None


def _next_row(query: Query, symbol_id: int, trade_id: int) -> tuple[int, int] | None:
    rows = query(
        "SELECT trade_id, ts_ms FROM trades WHERE symbol_id=? AND trade_id>=? ORDER BY trade_id LIMIT 1",
        (symbol_id, trade_id),
    )
    return rows[0] if rows else None


def read_ids(query: Query, symbol_id: int, lo: int, hi: int) -> Iterator[np.ndarray]:
    """Trades of the ids `lo..hi` in pieces: rows of trade_id, ts_ms, price, qty, maker (int64), in order of id.

    Each piece is a query of its own, so that no long read keeps SQLite's log from being trimmed.
    """
    while lo <= hi:
        rows = query(
            "SELECT trade_id, ts_ms, price, qty, maker FROM trades WHERE symbol_id=? AND trade_id BETWEEN ? AND ? "
            "ORDER BY trade_id LIMIT ?",
            (symbol_id, lo, hi, _ROWS_A_READ),
        )
        if not rows:
            return
        yield np.array(rows, dtype=np.int64)
        lo = rows[-1][0] + 1


def read_span(query: Query, symbol_id: int, since_ms: int, until_ms: int) -> Iterator[np.ndarray]:
    """Trades whose time is in [since_ms, until_ms), as `read_ids` gives them."""
    lo = first_id_at(query, symbol_id, since_ms - DISORDER_MS)
    if lo is None or since_ms >= until_ms:
        return
    for rows in read_ids(query, symbol_id, lo, 1 << 62):
        yield rows[(rows[:, 1] >= since_ms) & (rows[:, 1] < until_ms)]
        if rows[-1, 1] >= until_ms + DISORDER_MS:
            return


def trade_frame(parts: Sequence[tuple[int, np.ndarray]]) -> pd.DataFrame:
    """Pieces of trades, each with the id epoch it belongs to, as one frame with the index `ts`."""
    rows = np.vstack([np.empty((0, 6), dtype=np.int64)] + [np.insert(part, 0, epoch, axis=1) for epoch, part in parts])
    ts = pd.DatetimeIndex(rows[:, 2].astype("datetime64[ms]"), tz="UTC", name="ts")
    frame = pd.DataFrame(rows[:, [0, 1, 3, 4, 5]], index=ts, columns=_COLUMNS)
    return frame.astype({"is_buyer_maker": bool})
