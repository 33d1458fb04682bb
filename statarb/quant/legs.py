"""Two legs on one clock: only bars in which both traded, and how much is missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.market import Timeframe
from statarb.quant.sample import Floats, NotEnough, epoch_ms

REACH = 2
"""A window of w bars is the newest w bars in which both legs traded, looked for within the last REACH * w bars of
the clock: a pair that trades in less than half of the bars has no such window."""

RECENT_S = 300
"""How far back it is counted how many bars a leg did not trade in just now."""

MAX_RETURN_BARS = 10
"""A return over a longer gap than this is left out: one outage would outweigh a window of single-bar returns."""


@dataclass(frozen=True, eq=False)
class Legs:
    """Aligned legs.

    `prices`: index `ts` (open time, UTC); columns y, x (closes), y_volume, x_volume (quote volume), provisional.
    `y_empty_share`, `x_empty_share`: share of the common bars in which that leg did not trade; NaN without bars.
    `recent_empty`: the same of the bars of the last 300 s, for each row of `prices`, columns y and x; and
    `recent_empty_now` at the newest bar of the clock. `traded_ms`: close of the newest bar in which each leg traded.
    """

    prices: pd.DataFrame
    bar_ms: int
    y_empty_share: float
    x_empty_share: float
    recent_empty: Floats
    recent_empty_now: tuple[float, float]
    traded_ms: tuple[int | None, int | None]

    @cached_property
    def open_ms(self) -> npt.NDArray[np.int64]:
        """Opening times of the bars, epoch milliseconds."""
        return epoch_ms(self.prices.index)

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
    """The bars in which both legs traded.

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
    """
    grid = y_bars.index.intersection(x_bars.index)
    y, x = (bars.take(bars.index.get_indexer(grid)) for bars in (y_bars, x_bars))
    y_empty, x_empty = y["empty"].to_numpy(), x["empty"].to_numpy()
    both = ~(y_empty | x_empty)
    columns = {
        "y": y["close"].to_numpy(),
        "x": x["close"].to_numpy(),
        "y_volume": y["quote_volume"].to_numpy(),
        "x_volume": x["quote_volume"].to_numpy(),
        "provisional": y["provisional"].to_numpy() | x["provisional"].to_numpy(),
    }
    prices = pd.DataFrame({name: values[both] for name, values in columns.items()}, index=grid[both])
    empty = np.column_stack([y_empty, x_empty])
    recent = _recent_share(empty, max(1, RECENT_S // timeframe.seconds))
    share, now = (empty.mean(axis=0), recent[-1]) if len(grid) else (np.full(2, np.nan), np.full(2, np.nan))
    return Legs(
        prices,
        timeframe.ms,
        y_empty_share=float(share[0]),
        x_empty_share=float(share[1]),
        recent_empty=recent[both],
        recent_empty_now=(float(now[0]), float(now[1])),
        traded_ms=(_traded_ms(y_bars, timeframe), _traded_ms(x_bars, timeframe)),
    )


def _recent_share(empty: npt.NDArray[np.bool_], bars: int) -> Floats:
    """Share of empty bars among the last `bars`, or those there are, at every bar."""
    counts = np.vstack([np.zeros((1, 2)), np.cumsum(empty, axis=0)])
    last = np.arange(1, len(empty) + 1)
    first = np.maximum(last - bars, 0)
    return np.asarray((counts[last] - counts[first]) / (last - first)[:, None])


def _traded_ms(bars: pd.DataFrame, timeframe: Timeframe) -> int | None:
    traded = np.flatnonzero(~bars["empty"].to_numpy())
    return int(epoch_ms(bars.index[traded[-1:]])[0]) + timeframe.ms if traded.size else None


def log_returns(legs: Legs) -> pd.DataFrame:
    """Log returns of both legs between neighbouring bars in which both traded; NaN at the first and over long gaps."""
    far = np.diff(legs.open_ms, prepend=0) > MAX_RETURN_BARS * legs.bar_ms
    returns = {leg: np.diff(np.log(legs.prices[leg].to_numpy()), prepend=np.nan) for leg in ("y", "x")}
    return pd.DataFrame({leg: np.where(far, np.nan, r) for leg, r in returns.items()}, index=legs.prices.index)
