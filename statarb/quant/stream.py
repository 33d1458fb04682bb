"""One pair followed bar by bar at a cost that does not grow: the same numbers as the batch."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from statarb.errors import DataError
from statarb.params import HEDGE_NAMES, PairParams
from statarb.quant.hedge_methods import tls_slope
from statarb.quant.hedge_path import moves
from statarb.quant.legs import MAX_RETURN_BARS, REACH
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined
from statarb.quant.spread import FrozenMoments

_SUMS = 5  # of y, x, yy, xx and xy


@dataclass(frozen=True)
class Moments:
    """Means and centred sums of the last `window` values; NaN until there are so many."""

    y_mean: float
    x_mean: float
    syy: float
    sxx: float
    sxy: float


_NO_MOMENTS = Moments(math.nan, math.nan, math.nan, math.nan, math.nan)


class MovingMoments:
    """Moments of a moving window, one value at a time, equal to `rolling_moments`.

    The window is the tail of the block before plus the head of this one. Tails are summed once a block, heads grow by
    one value: O(1) a value on average, and nothing is ever subtracted, so no error grows.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._block = np.empty((2, window))
        self._filled = 0
        self._tail_rows: list[list[float]] = []
        self._head = [0.0] * _SUMS
        self._first = (0.0, 0.0)

    def push(self, y: float, x: float) -> Moments:
        """Take one value of each, and give the moments of the last `window`."""
        if self._filled == self._window:
            self._sum_tails(y, x)
        elif self._filled == 0 and not self._tail_rows:
            self._first = (y, x)
        i = self._filled
        self._block[0, i], self._block[1, i] = y, x
        self._filled += 1
        y0, x0 = self._first
        dy, dx = y - y0, x - x0
        head = self._head
        for k, value in enumerate((dy, dx, dy * dy, dx * dx, dy * dx)):
            head[k] += value
        if self._filled == self._window:
            totals = head
        elif self._tail_rows:
            totals = [a + b for a, b in zip(head, self._tail_rows[i], strict=True)]
        else:
            return _NO_MOMENTS
        n = self._window
        y_off, x_off = totals[0] / n, totals[1] / n
        return Moments(
            y0 + y_off,
            x0 + x_off,
            max(totals[2] - n * y_off * y_off, 0.0),
            max(totals[3] - n * x_off * x_off, 0.0),
            totals[4] - n * y_off * x_off,
        )

    def _sum_tails(self, y: float, x: float) -> None:
        """Row i: sums over the filled block without its first i + 1 values, relative to the first of the next."""
        dy, dx = self._block[0] - y, self._block[1] - x
        values = np.array([dy, dx, dy * dy, dx * dx, dy * dx])
        tails: Floats = np.zeros_like(values)
        tails[:, :-1] = np.cumsum(values[:, :0:-1], axis=1)[:, ::-1]
        self._tail_rows = tails.T.tolist()
        self._first, self._filled, self._head = (y, x), 0, [0.0] * _SUMS


STREAMED = ("ols", "returns", "tls")
"""Hedges whose window is known by its sums; a fit that needs every bar, or a filter's whole past, is no stream."""


@dataclass(frozen=True)
class StreamedBar:
    """One closed bar: spread and z by the moments of the bars before it, correlation with it. NaN as in the study."""

    spread: float
    z: float
    beta: float
    correlation: float


class PairStream:
    """One pair followed bar by bar in O(1): the numbers of `study_pair`, within rounding.

    Parameters
    ----------
    params : PairParams
        Windows, scale, timeframe and hedge.

    Raises
    ------
    DataError
        A hedge that no moving sums give (Huber, Theil-Sen, Kalman): `study_pair` does those.

    Notes
    -----
    A bar that was already given cannot be revised: make a new stream from the stored bars then.
    """

    def __init__(self, params: PairParams) -> None:
        if params.hedge not in STREAMED:
            raise DataError(f"A stream does not follow {HEDGE_NAMES[params.hedge]}.", "Use study_pair for this hedge.")
        self.params = params
        self._bar_ms = params.bar_s * 1000
        self._levels = MovingMoments(params.window)
        self._changes = MovingMoments(params.window - 1)
        self._returns = MovingMoments(params.corr_window)
        self._times: deque[int] = deque(maxlen=max(params.window, params.corr_window) + 1)
        self._last = self._level = (math.nan, math.nan)
        self.moments: FrozenMoments | NotEnough = NotEnough("bars", 0, params.window)
        self.bars = 0

    def update(self, open_ms: int, y_price: float, x_price: float) -> StreamedBar:
        """Take the closes of the next bar in which both legs traded.

        Raises
        ------
        DataError
            A bar that is not newer than the one before, or prices that are not positive numbers.
        """
        if self._times and open_ms <= self._times[-1]:
            raise DataError("This bar is not newer than the last one.", "Make a new stream from the stored bars.")
        if not (0 < y_price < math.inf and 0 < x_price < math.inf):
            raise DataError(f"{y_price} and {x_price} are not two prices.", "Give bars in which both legs traded.")
        y_log, x_log = math.log(y_price), math.log(x_price)
        y, x = (y_log, x_log) if self.params.price_scale == "log" else (y_price, x_price)
        gap_ms = open_ms - self._times[-1] if self._times else None
        self._times.append(open_ms)
        spread, z, beta = self._judged(y, x)
        correlation = self._correlated(gap_ms, y_log - self._last[0], x_log - self._last[1])
        changes = _NO_MOMENTS
        if self.params.hedge == "returns" and self.bars:
            changes = self._changes.push(y - self._level[0], x - self._level[1])
        self._last, self._level = (y_log, x_log), (y, x)
        self.bars += 1
        self.moments = self._frozen(self._levels.push(y, x), changes, open_ms)
        return StreamedBar(spread, z, beta, correlation)

    def _judged(self, y: float, x: float) -> tuple[float, float, float]:
        seen = self.moments
        if isinstance(seen, NotEnough) or not self._within_reach(self.params.window + 1):
            return math.nan, math.nan, math.nan
        spread = y - seen.alpha - seen.beta * x
        return spread, (spread - seen.mean) / seen.sd, seen.beta

    def _correlated(self, gap_ms: int | None, y_return: float, x_return: float) -> float:
        if gap_ms is None or gap_ms > MAX_RETURN_BARS * self._bar_ms:
            return math.nan
        m = self._returns.push(y_return, x_return)
        n = self.params.corr_window
        moves = m.sxx > 1e-13 * n * m.x_mean**2 and m.syy > 1e-13 * n * m.y_mean**2
        if not moves or not self._within_reach(n + 1):
            return math.nan
        return max(-1.0, min(1.0, m.sxy / (math.sqrt(m.sxx) * math.sqrt(m.syy))))

    def _within_reach(self, window: int) -> bool:
        """Whether the last `window` bars lie within the reach of the clock, as `Legs.spans_at_most` asks."""
        times = self._times
        return len(times) >= window and times[-1] - times[-window] < REACH * window * self._bar_ms

    def _frozen(self, m: Moments, changes: Moments, open_ms: int) -> FrozenMoments | NotEnough:
        window = self.params.window
        if math.isnan(m.syy):
            return NotEnough("bars", min(self.bars, window), window)
        for name, sum_of_squares, mean in (("x", m.sxx, m.x_mean), ("y", m.syy, m.y_mean)):
            if not moves(sum_of_squares, mean, window):
                return Undefined(f"no spread: {name} did not move in {window:,} bars", window, window)
        if not m.syy - m.sxy**2 / m.sxx > (1 - SAME_ASSET_R2) * m.syy:
            return Undefined("no spread: both legs are the same asset (R² above 0.999999)", window, window)
        beta = self._beta(m, changes)
        if math.isnan(beta):
            return Undefined(f"no spread: {self.params.hedge} finds no hedge here", window, window)
        squares = max(m.syy - 2 * beta * m.sxy + beta**2 * m.sxx, 0.0)
        return FrozenMoments(
            alpha=m.y_mean - beta * m.x_mean,
            beta=beta,
            mean=0.0,
            sd=math.sqrt(squares / (window - 1)),
            as_of_ms=open_ms + self._bar_ms,
            n=window,
            price_scale=self.params.price_scale,
        )

    def _beta(self, m: Moments, changes: Moments) -> float:
        if self.params.hedge == "ols":
            return m.sxy / m.sxx
        if self.params.hedge == "returns":
            moved = moves(changes.sxx, changes.x_mean, self.params.window - 1)
            return changes.sxy / changes.sxx if moved else math.nan
        return float(tls_slope(m.syy, m.sxx, m.sxy))
