"""What a hedge ratio is worth: its deviation out of sample, and whether levels and returns agree on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.errors import DataError
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.hedge_errors import dols_hedge, hac_hedge, long_run_hedge
from statarb.quant.hedge_methods import (
    TOO_NARROW,
    HedgeEstimate,
    estimate,
    huber_hedge,
    returns_hedge,
    theil_sen_hedge,
    tls_hedge,
    usable_legs,
)
from statarb.quant.hedge_moments import kalman_discount
from statarb.quant.hedge_path import kalman_hedge
from statarb.quant.johansen import johansen
from statarb.quant.sample import NotEnough, Undefined, checked_pair, checked_window

Estimator = Callable[[Any, Any], HedgeFit | HedgeEstimate | NotEnough]

GAP_LIMIT = 0.25
"""Levels and returns that disagree on beta by more than this share of it deserve a warning."""

BLOCKS = 10
"""Fewer stretches out of sample give no deviation worth a look."""


@dataclass(frozen=True)
class HedgeQuality:
    """How much of y's movement over `horizon` bars the hedge leaves, on `blocks` stretches after the bars it was
    fitted to. `ratio` = hedged_sd / unhedged_sd: 0 is a perfect hedge, 1 none, above 1 worse than none.
    """

    hedged_sd: float
    unhedged_sd: float
    horizon: int
    blocks: int

    @property
    def ratio(self) -> float:
        return self.hedged_sd / self.unhedged_sd


def hedge_quality(
    y: Any, x: Any, window: int, horizon: int = 60, estimator: Estimator = hedge_ratio
) -> HedgeQuality | NotEnough:
    """Deviation of the hedged leg over that of the bare one, out of sample.

    At every `horizon`-th bar beta is fitted to the `window` bars before it; the hedged change over the next `horizon`
    bars is dy - beta dx. Stretches do not overlap. Where beta is not positive no hedge is put on, and the stretch
    counts bare.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    window, horizon : int
        Bars of the fit, and bars that the hedge is held.
    estimator : callable
        (y, x) to a result with `beta`; any hedge of this module's neighbours.

    Returns
    -------
    HedgeQuality or NotEnough
        NotEnough until ten stretches are there; Undefined where a leg does not move.

    Raises
    ------
    DataError
        As `hedge_ratio`, or windows that are too short.

    References
    ----------
    Ederington (1979), Journal of Finance 34, for the effectiveness of a hedge.
    """
    window, horizon = checked_window(window), checked_window(horizon, 1)
    legs = usable_legs(y, x, window + BLOCKS * horizon)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    bare, hedged = [], []
    for now in range(window - 1, ys.size - horizon, horizon):
        fit = estimator(ys[now - window + 1 : now + 1], xs[now - window + 1 : now + 1])
        beta = 0.0 if isinstance(fit, NotEnough) else max(0.0, fit.beta)
        dy, dx = ys[now + horizon] - ys[now], xs[now + horizon] - xs[now]
        bare.append(dy)
        hedged.append(dy - beta * dx)
    unhedged_sd = float(np.std(bare, ddof=1))
    if unhedged_sd == 0 or len(bare) < BLOCKS:
        return Undefined("no deviation: y did not move over the stretches", ys.size, ys.size)
    return HedgeQuality(float(np.std(hedged, ddof=1)), unhedged_sd, horizon, len(bare))


@dataclass(frozen=True)
class BetaGap:
    """Beta by levels and by returns; `share` is their distance as a share of the level beta."""

    level: float
    returns: float

    @property
    def share(self) -> float:
        return abs(self.level - self.returns) / abs(self.level) if self.level else math.inf

    @property
    def differs(self) -> bool:
        """Whether they differ by more than 25 %: the legs then do not move together at short horizons as they do at
        long ones, and the level hedge may add variance."""
        return self.share > GAP_LIMIT


def beta_gap(y: Any, x: Any) -> BetaGap | NotEnough:
    """Whether the hedge by levels and the hedge by returns agree.

    |beta of levels - beta of returns| / |beta of levels|, flagged above 25 %.

    Parameters, NaN and errors as `returns_hedge`.
    """
    level, returns = hedge_ratio(y, x), returns_hedge(y, x)
    if isinstance(level, NotEnough):
        return level
    return returns if isinstance(returns, NotEnough) else BetaGap(level.beta, returns.beta)


def ols_estimate(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """`hedge_ratio` in the shape of the other methods."""
    fit = hedge_ratio(y, x)
    if isinstance(fit, NotEnough):
        return fit
    return estimate("OLS", fit.alpha, fit.beta, fit.beta_se, fit.n, TOO_NARROW)


def reverse_estimate(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """Least squares of x on y, turned round: 1 / slope. With noise in both legs the two slopes enclose the true one."""
    fit = hedge_ratio(x, y)
    if isinstance(fit, NotEnough):
        return fit
    if fit.beta == 0:
        return Undefined("no hedge ratio: x on y has no slope", fit.n, fit.n)
    slope = 1 / fit.beta
    return estimate("OLS, x on y", -fit.alpha * slope, slope, fit.beta_se * slope**2, fit.n, TOO_NARROW)


def johansen_estimate(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """The hedge of the first relation that Johansen's test finds, whether it rejects or not; without an error."""
    legs = usable_legs(y, x, 3)
    if isinstance(legs, NotEnough):
        return legs
    found = johansen(*legs)
    if isinstance(found, NotEnough):
        return found
    if not math.isfinite(found.beta):
        return Undefined("no hedge ratio: the relation has no y in it", legs[0].size, legs[0].size)
    alpha = float(np.mean(legs[0] - found.beta * legs[1]))
    return estimate("Johansen", alpha, found.beta, math.nan, legs[0].size)


def kalman_estimate(y: Any, x: Any, memory: int | None = None) -> HedgeEstimate | NotEnough:
    """Where the Kalman filter stands at the last bar; it remembers `memory` bars, or as many as there are."""
    legs = usable_legs(y, x, 50)
    if isinstance(legs, NotEnough):
        return legs
    last = kalman_hedge(*legs, discount=kalman_discount(memory or legs[0].size)).iloc[-1]
    alpha, beta, se = (float(last[name]) for name in ("alpha", "beta", "beta_sd"))
    if math.isnan(beta):
        return Undefined("no hedge ratio: x has not left its first price", legs[0].size, legs[0].size)
    return estimate("Kalman", alpha, beta, se, legs[0].size)


HEDGE_METHODS: dict[str, Callable[[Any, Any], HedgeEstimate | NotEnough]] = {
    "OLS": ols_estimate,
    "OLS, x on y": reverse_estimate,
    "OLS, HAC error": hac_hedge,
    "OLS, long-run error": long_run_hedge,
    "DOLS": dols_hedge,
    "returns": returns_hedge,
    "TLS": tls_hedge,
    "Huber": huber_hedge,
    "Theil-Sen": theil_sen_hedge,
    "Johansen": johansen_estimate,
    "Kalman": kalman_estimate,
}
"""Every method by the name its results carry."""

HEDGE_KNOB: dict[str, Callable[[Any, Any], HedgeEstimate | NotEnough]] = {
    "ols": long_run_hedge,
    "returns": returns_hedge,
    "tls": tls_hedge,
    "huber": huber_hedge,
    "theil_sen": theil_sen_hedge,
    "kalman": kalman_estimate,
}
"""The hedges that may drive z, by the knob's words."""


@dataclass(frozen=True)
class HedgeComparison:
    """Every method on the newest window, each with its quality out of sample, and the gap of levels and returns."""

    estimates: dict[str, HedgeEstimate | NotEnough]
    quality: dict[str, HedgeQuality | NotEnough]
    gap: BetaGap | NotEnough


def compare_hedges(
    y: Any, x: Any, window: int, horizon: int = 60, methods: tuple[str, ...] = tuple(HEDGE_METHODS)
) -> HedgeComparison:
    """The hedge ratio by every method, each beside what it left of y's movement out of sample.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression: the estimate is of the newest `window`, the quality of all bars.
    window, horizon : int
        As `hedge_quality`.
    methods : tuple of str
        Keys of HEDGE_METHODS.

    Raises
    ------
    DataError
        As `hedge_quality`, or a method that does not exist.
    """
    first, second = checked_pair(y, x)
    unknown = [name for name in methods if name not in HEDGE_METHODS]
    if unknown:
        raise DataError(f"{str(unknown[0])[:20]!r} is not a hedge method.", f"Choose from {', '.join(HEDGE_METHODS)}.")
    ys, xs = first.to_numpy(), second.to_numpy()
    newest = ys[-window:], xs[-window:]
    chosen = {name: HEDGE_METHODS[name] for name in methods}
    return HedgeComparison(
        {name: method(*newest) for name, method in chosen.items()},
        {name: hedge_quality(ys, xs, window, horizon, method) for name, method in chosen.items()},
        beta_gap(*newest),
    )
