"""Two legs on one clock: only bars in which both traded, and how much is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.errors import DataError
from statarb.market import Timeframe
from statarb.quant.bars import BarColumns
from statarb.quant.sample import Floats, NotEnough, Times, epoch_ms, utc_index

REACH = 2
"""A window of w bars is the newest w bars in which both legs traded, looked for within the last REACH * w bars of
the clock: a pair that trades in less than half of the bars has no such window."""

RECENT_S = 300
"""How far back it is counted how many bars a leg did not trade in just now."""

MAX_RETURN_BARS = 10
"""A return over a longer gap than this is left out: one outage would outweigh a window of single-bar returns."""


ALIGNED = ("close", "quote_volume", "provisional", "empty")
COLUMNS = ("y", "x", "y_volume", "x_volume", "provisional")


@dataclass(frozen=True, eq=False)
class Legs:
    """Aligned legs, as arrays over the bars in which both traded: `open_ms`, closes `y` and `x`, quote volumes,
    `provisional`.

    `clock_ms`: opening times of all bars since the first trade of either leg, `empty` in which of them y and x did not
    trade, shape (bars of the clock, 2). `traded_ms`: close of the newest bar in which each leg traded.
    """

    bar_ms: int
    open_ms: Times
    y: Floats
    x: Floats
    y_volume: Floats
    x_volume: Floats
    provisional: npt.NDArray[np.bool_]
    clock_ms: Times
    empty: npt.NDArray[np.bool_]
    traded_ms: tuple[int | None, int | None]

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Opening times as an index named `ts`, UTC."""
        return utc_index(self.open_ms)

    @cached_property
    def prices(self) -> pd.DataFrame:
        """The bars as a frame: index `ts` (open time, UTC); columns y, x, y_volume, x_volume, provisional."""
        return pd.DataFrame({name: getattr(self, name) for name in COLUMNS}, index=self.index)

    @property
    def y_empty_share(self) -> float:
        """Share of the bars in which y did not trade, once both had traded; NaN without bars."""
        return self._empty_shares[0]

    @property
    def x_empty_share(self) -> float:
        """The same of x."""
        return self._empty_shares[1]

    @cached_property
    def recent_empty(self) -> Floats:
        """Share of empty bars of each leg in the last 300 s, for each row of `prices`, columns y and x."""
        return self._recent_shares[~self._empty_since_both.any(axis=1)]

    @property
    def recent_empty_now(self) -> tuple[float, float]:
        """The same at the newest bar of the clock."""
        y, x = self._recent_shares[-1].tolist() if len(self._empty_since_both) else (math.nan, math.nan)
        return y, x

    @cached_property
    def _empty_since_both(self) -> npt.NDArray[np.bool_]:
        """Without the bars before both had traded; none where one never did."""
        first = (~self.empty).argmax(axis=0).max(initial=0) if len(self.empty) else 0
        return self.empty[len(self.empty) if self.empty.all(axis=0).any() else first :]

    @cached_property
    def _empty_shares(self) -> tuple[float, float]:
        empty = self._empty_since_both
        y, x = empty.mean(axis=0).tolist() if len(empty) else (math.nan, math.nan)
        return y, x

    @cached_property
    def _recent_shares(self) -> Floats:
        empty = self._empty_since_both
        counts = np.vstack([np.zeros((1, 2)), np.cumsum(empty, axis=0)])
        last = np.arange(1, len(empty) + 1)
        first = np.maximum(last - max(1, RECENT_S * 1000 // self.bar_ms), 0)
        return np.asarray((counts[last] - counts[first]) / (last - first)[:, None])

    @cached_property
    def log_steps(self) -> Floats:
        """Change of each leg's log price since the bar before, rows y and x; NaN at the first bar."""
        return np.diff(np.log([self.y, self.x]), prepend=np.nan)

    @cached_property
    def is_return(self) -> npt.NDArray[np.bool_]:
        """Bars whose change is a return: all but the first, and those after a long gap."""
        near = np.diff(self.open_ms, prepend=0) <= MAX_RETURN_BARS * self.bar_ms
        near[:1] = False
        return np.asarray(near)

    def spans_at_most(self, window: int) -> npt.NDArray[np.bool_]:
        """For each bar, whether the `window` bars that end with it lie within the reach of the clock."""
        ts = self.open_ms
        near = np.zeros(ts.size, dtype=bool)
        if ts.size >= window:
            near[window - 1 :] = ts[window - 1 :] - ts[: ts.size - window + 1] < REACH * window * self.bar_ms
        return near

    def newest(self, window: int, until_ms: int) -> slice | NotEnough:
        """Which rows are the newest `window` bars that are closed at `until_ms`."""
        end = int(np.searchsorted(self.open_ms, until_ms - self.bar_ms, side="right"))
        first = int(np.searchsorted(self.open_ms, until_ms - REACH * window * self.bar_ms, side="left"))
        if end - first < window:
            return NotEnough("bars", end - first, window)
        return slice(end - window, end)


def align_legs(y_bars: pd.DataFrame, x_bars: pd.DataFrame, timeframe: Timeframe) -> Legs:
    """The bars in which both legs traded; the common clock begins by when both have traded.

    Joined on the clock, never by position, and never filled: a forward-filled price makes false mean reversion
    and destroys correlation.

    Parameters
    ----------
    y_bars, x_bars : DataFrame
        Closed bars from `resample_bars`.
    timeframe : Timeframe
        The timeframe of both.

    Returns
    -------
    Legs

    Raises
    ------
    DataError
        Bars that do not come from `resample_bars`.
    """
    if not all({*ALIGNED} <= {*bars.columns} and isinstance(bars.index, pd.DatetimeIndex) for bars in (y_bars, x_bars)):
        raise DataError("These are no bars on a grid of the clock.", "Make them with resample_bars.")
    y, x = (
        BarColumns(epoch_ms(bars.index), {name: bars[name].to_numpy() for name in ALIGNED}) for bars in (y_bars, x_bars)
    )
    return aligned_columns(y, x, timeframe.ms)


def aligned_columns(y: BarColumns, x: BarColumns, bar_ms: int) -> Legs:
    """The same of bars as arrays."""
    clock_ms = np.union1d(y.open_ms, x.open_ms)
    empty = np.ones((clock_ms.size, 2), dtype=bool)
    for leg, bars in enumerate((y, x)):
        empty[np.searchsorted(clock_ms, bars.open_ms), leg] = bars.values["empty"]
    open_ms = clock_ms[~empty.any(axis=1)]
    y_rows, x_rows = np.searchsorted(y.open_ms, open_ms), np.searchsorted(x.open_ms, open_ms)
    y_ms, x_ms = (int(times[-1]) + bar_ms if (times := clock_ms[~gone]).size else None for gone in empty.T)
    return Legs(
        bar_ms,
        open_ms,
        y.values["close"][y_rows],
        x.values["close"][x_rows],
        y.values["quote_volume"][y_rows],
        x.values["quote_volume"][x_rows],
        y.values["provisional"][y_rows] | x.values["provisional"][x_rows],
        clock_ms,
        empty,
        (y_ms, x_ms),
    )


def continued_legs(legs: Legs, newer: Legs, since_ms: int) -> Legs:
    """Aligned bars followed by newer ones of the same clock, without those that open before `since_ms`."""
    rows, ticks = (int(np.searchsorted(times, since_ms)) for times in (legs.open_ms, legs.clock_ms))

    def joined(name: str, first: int) -> Any:
        return np.concatenate([getattr(legs, name)[first:], getattr(newer, name)])

    y_ms, x_ms = (
        after or (before if before is not None and before > since_ms else None)
        for before, after in zip(legs.traded_ms, newer.traded_ms, strict=True)
    )
    columns = {name: joined(name, rows) for name in ("open_ms", *COLUMNS)}
    clock = {name: joined(name, ticks) for name in ("clock_ms", "empty")}
    return Legs(legs.bar_ms, **columns, **clock, traded_ms=(y_ms, x_ms))


def log_returns(legs: Legs) -> pd.DataFrame:
    """Log returns of both legs between neighbouring bars in which both traded; NaN at the first and over long gaps."""
    y, x = np.where(legs.is_return, legs.log_steps, np.nan)
    return pd.DataFrame({"y": y, "x": x}, index=legs.index)
