"""Bars summed from trades in exact integers, and longer bars summed from shorter ones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from statarb.exchange.trades import Trades

IntArray = npt.NDArray[np.int64]

_LOW_BITS = 32


@dataclass(frozen=True, eq=False)
class BarTable:
    """Bars with at least one trade, oldest first: prices in ticks, volumes in lots.

    A sum of ticks times lots can outgrow 64 bits, so quote volumes are kept as two sums:
    `total = (high << 32) + low`.
    """

    open_ms: IntArray
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    quote_high: IntArray
    quote_low: IntArray
    count: IntArray
    taker_volume: IntArray
    taker_quote_high: IntArray
    taker_quote_low: IntArray

    def __len__(self) -> int:
        return len(self.open_ms)

    def between(self, since_ms: int, until_ms: int) -> BarTable:
        """The bars that open in [since, until)."""
        lo, hi = np.searchsorted(self.open_ms, (since_ms, until_ms))
        return BarTable(*(getattr(self, field.name)[lo:hi] for field in fields(self)))


_COLUMNS = tuple(field.name for field in fields(BarTable))
_REDUCED = {"high": np.maximum, "low": np.minimum} | dict.fromkeys(_COLUMNS[5:], np.add)


def no_bars() -> BarTable:
    """A table without rows."""
    return BarTable(*(np.empty(0, np.int64) for _ in _COLUMNS))


def bars_of(trades: Trades, width_ms: int) -> BarTable:
    """Bars of `width_ms`, aligned with the epoch, of trades in time order."""
    if not len(trades):
        return no_bars()
    opens = trades.ts_ms // width_ms * width_ms
    quote = trades.price * trades.qty
    taker_buys = ~trades.is_buyer_maker
    taker_quote = quote * taker_buys
    mask = (1 << _LOW_BITS) - 1
    single = BarTable(
        opens,
        trades.price,
        trades.price,
        trades.price,
        trades.price,
        trades.qty,
        quote >> _LOW_BITS,
        quote & mask,
        trades.last_ids - trades.ids + 1,
        trades.qty * taker_buys,
        taker_quote >> _LOW_BITS,
        taker_quote & mask,
    )
    return rolled_up(single, opens)


def rolled_up(bars: BarTable, opens: IntArray) -> BarTable:
    """Longer bars: `opens` gives, for each bar, the open time of the one it belongs to, never decreasing."""
    if not len(bars):
        return bars
    first = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    last = np.append(first[1:], len(opens)) - 1
    reduced = {name: ufunc.reduceat(getattr(bars, name), first) for name, ufunc in _REDUCED.items()}
    return BarTable(open_ms=opens[first], open=bars.open[first], close=bars.close[last], **reduced)


def stacked(tables: list[BarTable]) -> BarTable:
    """Tables one after the other as one."""
    if not tables:
        return no_bars()
    return BarTable(*(np.concatenate([getattr(table, name) for table in tables]) for name in _COLUMNS))


def quote_total(high: int, low: int) -> int:
    """The exact sum of ticks times lots that two columns keep."""
    return (high << _LOW_BITS) + low
