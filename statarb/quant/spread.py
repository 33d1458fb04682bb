"""The spread and its z-score, by moments frozen before the bar that they judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.hedge_moments import hedge_moments
from statarb.quant.sample import SAME_ASSET_R2, NotEnough, Undefined, checked_numbers, checked_pair, is_constant


@dataclass(frozen=True)
class FrozenMoments:
    """What judges the next price: hedge, mean and deviation of the spread over the `n` bars known at `as_of_ms`.

    `sd` has ddof 1. `mean` is 0 for least squares, whose residuals average to zero; other hedges differ.
    """

    alpha: float
    beta: float
    mean: float
    sd: float
    as_of_ms: int
    n: int
    price_scale: str

    @property
    def has_hedge(self) -> bool:
        """Whether beta is positive. This alone decides on legs, net edge, pin and alerts; the verdict, which is of the
        test window, is said beside them."""
        return self.beta > 0


@dataclass(frozen=True, eq=False)
class InSample:
    """A series that saw its own future: a picture, never a signal."""

    series: pd.Series
    hedge_as_of_ms: int


def on_scale(prices: Any, price_scale: str) -> Any:
    """Prices as they enter the regression: their logarithm for 'log', themselves for 'price'.

    Raises
    ------
    DataError
        A price that is not positive, or another scale.
    """
    if price_scale not in ("log", "price"):
        raise DataError(f"{price_scale!r} is not a price scale.", "Choose log or price.")
    if not np.all(checked_numbers(prices, "prices") > 0):
        raise DataError("Some prices are not positive numbers.", "Check the source of these prices.")
    return np.log(prices) if price_scale == "log" else prices


def frozen_moments(y: Any, x: Any, price_scale: str, as_of_ms: int) -> FrozenMoments | NotEnough:
    """Hedge, mean and deviation of the spread over the bars given, frozen for the prices to come.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes of the window's bars, already on `price_scale` (`on_scale`).
    price_scale : {'log', 'price'}
        Kept, so that `live_z` takes plain prices.
    as_of_ms : int
        When the last of these bars was known.

    Returns
    -------
    FrozenMoments or NotEnough
        Undefined where no spread exists: x does not move, or both legs are the same asset.

    Raises
    ------
    DataError
        As `hedge_ratio`.
    """
    hedge = hedge_ratio(y, x)
    return hedge if isinstance(hedge, NotEnough) else moments_of(hedge, y, price_scale, as_of_ms)


def moments_of(hedge: HedgeFit, y: Any, price_scale: str, as_of_ms: int) -> FrozenMoments | Undefined:
    """The same by the regression of these bars, where it is made already."""
    if hedge.r2 > SAME_ASSET_R2:
        return Undefined("no spread: both legs are the same asset (R² above 0.999999)", hedge.n, hedge.n)
    if is_constant(np.asarray(y, dtype=np.float64)):
        return Undefined(f"no spread: y did not move in {hedge.n:,} bars", hedge.n, hedge.n)
    sd = hedge.resid_sd * math.sqrt((hedge.n - 2) / (hedge.n - 1))
    return FrozenMoments(hedge.alpha, hedge.beta, 0.0, sd, as_of_ms, hedge.n, price_scale)


def live_z(moments: FrozenMoments, y_price: float, x_price: float) -> tuple[float, float]:
    """Spread and z of two prices, judged by frozen moments: the same formula as `z_seen`.

    spread = y - alpha - beta x,  z = (spread - mean) / sd,  y and x on `moments.price_scale`.

    Parameters
    ----------
    moments : FrozenMoments
        Frozen at the last closed bar.
    y_price, x_price : float
        Plain prices.

    Returns
    -------
    tuple of float
        (spread, z).

    Raises
    ------
    DataError
        A price that is not a positive number.
    """
    if not (0 < y_price < math.inf and 0 < x_price < math.inf):
        raise DataError(f"{y_price} and {x_price} are not two prices.", "Wait for a trade in both legs.")
    y, x = (math.log(y_price), math.log(x_price)) if moments.price_scale == "log" else (y_price, x_price)
    spread = y - moments.alpha - moments.beta * x
    return spread, (spread - moments.mean) / moments.sd


def moments_seen(y: Any, x: Any, window: int, hedge: str = "ols", bar_ms: int | None = None) -> pd.DataFrame:
    """The moments that judge each bar: those of the `window` bars before it.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    window : int
        Bars in the regression and in mean and deviation.
    hedge, bar_ms : str, int
        How beta is found, and on which clock, as `hedge_moments` takes them.

    Returns
    -------
    DataFrame
        Columns alpha, beta, mean, sd; row t uses bars before t only. NaN in the first `window` rows,
        and where no spread exists (x constant, or both legs the same asset).

    Raises
    ------
    DataError
        As `hedge_ratio`, or a window below 3 bars.
    """
    return hedge_moments(y, x, window, hedge, bar_ms).shift(1)


def spread_seen(y: Any, x: Any, window: int, hedge: str = "ols", bar_ms: int | None = None) -> pd.Series:
    """Spread of each bar by the hedge frozen at the bar before it: y(t) - alpha(t-1) - beta(t-1) x(t).

    Parameters, NaN and errors as `moments_seen`; same scale as y.
    """
    first, second = checked_pair(y, x)
    seen = moments_seen(first, second, window, hedge, bar_ms)
    return (first - seen["alpha"] - seen["beta"] * second).rename("spread")


def z_seen(y: Any, x: Any, window: int, hedge: str = "ols", bar_ms: int | None = None) -> pd.Series:
    """z-score of each bar by hedge, mean and deviation frozen at the bar before it.

    z(t) = (y(t) - alpha(t-1) - beta(t-1) x(t) - mean(t-1)) / sd(t-1), sd with ddof 1.

    The bar is not part of its own window, so z is not bounded by it, and no future enters. It is not standard
    normal: on real one-minute bars |z| > 2 in 14 to 17 % of bars. NaN while warming up (the first `window` bars)
    and where no spread exists.

    Parameters and errors as `moments_seen`.
    """
    first, second = checked_pair(y, x)
    seen = moments_seen(first, second, window, hedge, bar_ms)
    spread = first - seen["alpha"] - seen["beta"] * second
    return ((spread - seen["mean"]) / seen["sd"]).rename("z")


def spread_fixed(y: Any, x: Any, hedge: HedgeFit | FrozenMoments, hedge_as_of_ms: int) -> InSample:
    """Today's hedge drawn over the past: y - alpha - beta x with one alpha and beta for all bars.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    hedge : HedgeFit or FrozenMoments
        The hedge to draw: anything with alpha and beta.
    hedge_as_of_ms : int
        When it was fixed; figures say so.

    Returns
    -------
    InSample
        A picture: the fit has seen the bars it is drawn over.
    """
    first, second = checked_pair(y, x)
    return InSample((first - hedge.alpha - hedge.beta * second).rename("spread_fixed"), hedge_as_of_ms)
