"""How two instruments move together when they do not trade at the same moments: Hayashi and Yoshida."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.quant.sample import Floats, NotEnough, Undefined, checked_series, epoch_ms

LEAST_TRADES = 2


@dataclass(frozen=True)
class TickCovariance:
    """Covariance over the whole span, and its correlation; `y_steps` and `x_steps` changes of price went in.

    The correlation is of an estimate, not of a sample: on few trades it can leave [-1, 1].
    """

    covariance: float
    correlation: float
    y_variance: float
    x_variance: float
    y_steps: int
    x_steps: int


def hayashi_yoshida(y: Any, x: Any, y_times: Any = None, x_times: Any = None) -> TickCovariance | NotEnough:
    """Covariance of two price paths that are observed at different times, without filling any of them.

    cov = sum of dy(i) dx(j) over all pairs of intervals (s(i-1), s(i)] and (t(j-1), t(j)] that overlap.

    Parameters
    ----------
    y, x : Series or array, shapes (n,) and (m,)
        Log prices (or prices) of the trades of each leg.
    y_times, x_times : array, optional
        When they traded, strictly increasing, in any unit; without them the index of the series.

    Returns
    -------
    TickCovariance or NotEnough
        NotEnough below two trades in a leg, Undefined where a leg did not move.

    Raises
    ------
    DataError
        NaN, infinity, times that do not increase strictly or do not suit the prices.

    Notes
    -----
    On synchronous trades it is the sum of products of steps. Where quotes lead each other by more than a trade it
    reads low.

    References
    ----------
    Hayashi & Yoshida (2005), Bernoulli 11.
    """
    ys, s = _path(y, y_times, "y")
    xs, t = _path(x, x_times, "x")
    if min(ys.size, xs.size) < LEAST_TRADES:
        return NotEnough("trades", min(ys.size, xs.size), LEAST_TRADES)
    dy, dx = np.diff(ys), np.diff(xs)
    y_variance, x_variance = float(dy @ dy), float(dx @ dx)
    for name, variance in (("y", y_variance), ("x", x_variance)):
        if variance == 0:
            return Undefined(f"no covariance: {name} did not move", ys.size, ys.size)
    # Interval j of x overlaps interval i of y where it ends after i begins and begins before i ends; the sum of
    # those dx is a difference of x itself.
    first = np.searchsorted(t[1:], s[:-1], side="right")
    last = np.searchsorted(t[:-1], s[1:], side="left")
    moved = np.where(last > first, xs[np.maximum(last, first)] - xs[first], 0.0)
    covariance = float(dy @ moved)
    correlation = covariance / (math.sqrt(y_variance) * math.sqrt(x_variance))
    return TickCovariance(covariance, correlation, y_variance, x_variance, dy.size, dx.size)


def _path(values: Any, times: Any, name: str) -> tuple[Floats, Floats]:
    series = checked_series(values, name)
    if times is None and isinstance(series.index, pd.DatetimeIndex):
        when = epoch_ms(series.index).astype(np.float64)
    else:
        when = checked_series(series.index if times is None else np.asarray(times), f"times of {name}").to_numpy()
    if when.size != len(series) or np.any(np.diff(when) <= 0):
        raise DataError(
            f"The times of {name} do not increase strictly, one for each price.", "Keep the last trade of each moment."
        )
    return series.to_numpy(), when
