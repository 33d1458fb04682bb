"""The Engle-Granger test: does a spread whose hedge was estimated from the same bars return to its mean?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.mackinnon import TRENDS, critical_values, residual_pvalue
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined, checked_least, checked_pair, is_constant
from statarb.quant.unitroot import (
    EXACT,
    Criterion,
    LagRule,
    deterministic_terms,
    lag_rule,
    lagged_differences,
    select_lags,
)

ENGLE_GRANGER_BARS = 100
"""Fewer bars give the test neither level nor power."""

LEVEL = 0.05
"""The doubled p below which a window is called reverting."""


@dataclass(frozen=True)
class ResidualTest:
    """The Dickey-Fuller t of the residuals of one regression; `rho` is their estimated persistence."""

    direction: str
    statistic: float
    pvalue: float
    critical_values: dict[str, float]
    lags: int
    nobs: int
    rho: float


@dataclass(frozen=True)
class CointegrationResult:
    """Engle-Granger both ways; `pvalue` is the doubled p, min(1, 2 min(p)), and decides at LEVEL."""

    pvalue: float
    y_on_x: ResidualTest
    x_on_y: ResidualTest
    n: int
    lag_rule: str
    trend: str
    null: str

    @property
    def rejects(self) -> bool:
        """Whether the null is rejected at LEVEL."""
        return self.pvalue < LEVEL


def engle_granger(
    y: Any,
    x: Any,
    trend: str = "c",
    lags: int | None = None,
    lag_bounds: tuple[int, int] | None = None,
    criterion: Criterion = "aic",
    least_bars: int = ENGLE_GRANGER_BARS,
) -> CointegrationResult | NotEnough:
    """Engle-Granger test in both directions.

    Step 1: u = y - alpha - beta x by least squares. Step 2: d(t) = gamma u(t-1) + sum of lagged d + e(t) with
    d(t) = u(t) - u(t-1); the statistic is the t of gamma, judged by MacKinnon's distribution for two series, since
    the residuals of a regression look more stationary than they are. Both directions; p = min(1, 2 min(p)).
    Null hypothesis: no combination of the legs returns to a mean.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression, of bars in which both legs traded.
    trend : {'n', 'c', 'ct', 'ctt'}
        Deterministic terms of step 1.
    lags : int, optional
        A fixed number of lagged differences.
    lag_bounds : (int, int), optional
        Bounds of the search; without both, `schwert_lags`, by which the doubled p holds its level.
    criterion : {'aic', 'bic', 't-stat'}
        Of the search, as `adf`.
    least_bars : int
        Fewer are NotEnough. Published samples may be shorter than a desk should trust; 20 at least.

    Returns
    -------
    CointegrationResult or NotEnough
        NotEnough below `least_bars`; Undefined when a leg does not move or both legs are the same asset.

    Raises
    ------
    DataError
        NaN, infinity, legs of different length or time, or options that do not exist.

    References
    ----------
    Engle & Granger (1987), Econometrica 55; MacKinnon (1994, 2010). Statistic equal to
    `arch.unitroot.cointegration.engle_granger`; critical values without the libraries' misprint.
    """
    first, second = checked_pair(y, x)
    ys, xs = first.to_numpy(), second.to_numpy()
    n = ys.size
    critical_values(2, trend, max(n, 1))  # an unknown trend is refused before anything else
    if n < checked_least(least_bars):
        return NotEnough("bars", n, least_bars)
    for name, leg in (("y", ys), ("x", xs)):
        if is_constant(leg):
            return Undefined(f"no test: {name} did not move in {n:,} bars", n, n)
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, HedgeFit) and fit.r2 > SAME_ASSET_R2:
        return Undefined("no test: both legs are the same asset (R² above 0.999999)", n, n)
    rule = lag_rule(n, lags, lag_bounds, criterion)
    terms = deterministic_terms(n, trend)
    y_on_x = _residual_test(line_residuals(ys, xs, terms), rule, trend, "y on x")
    x_on_y = _residual_test(line_residuals(xs, ys, terms), rule, trend, "x on y")
    if y_on_x is None or x_on_y is None:
        return Undefined("no test: the spread is an exact pattern without noise", n, n)
    return CointegrationResult(
        pvalue=min(1.0, 2 * min(y_on_x.pvalue, x_on_y.pvalue)),
        y_on_x=y_on_x,
        x_on_y=x_on_y,
        n=n,
        lag_rule=rule.text,
        trend=TRENDS[trend],
        null="no combination of the two legs returns to a mean",
    )


def line_residuals(y: Floats, x: Floats, terms: tuple[Floats, ...]) -> Floats:
    """Residuals of y on x and the terms, in shares of y's largest distance from its mean."""
    # Each column from 0 and by its own size: prices of 1e-8 and of 1e9 are then regressed alike.
    if terms:
        y, x = (leg - leg.mean() for leg in (y, x))
    y, x = (leg / np.abs(leg).max() for leg in (y, x))
    q = np.linalg.qr(np.column_stack([*terms, x]))[0]
    return np.asarray(y - q @ (q.T @ y))


def _residual_test(residuals: Floats, rule: LagRule, trend: str, direction: str) -> ResidualTest | None:
    if float(np.abs(residuals).max()) <= EXACT:
        return None
    lags = select_lags(residuals, rule)
    regressand, regressors = lagged_differences(residuals, lags)
    # The level goes last: its coefficient and t then stand in the last row of the factorisation.
    q, r = np.linalg.qr(np.roll(regressors, -1, axis=1))
    projected = q.T @ regressand
    resid = regressand - q @ projected
    sigma = math.sqrt(float(resid @ resid) / (regressand.size - lags - 1))
    if sigma <= 1e-12 * float(np.abs(residuals).max()):
        return None
    statistic = float(projected[-1] * np.sign(r[-1, -1])) / sigma
    return ResidualTest(
        direction=direction,
        statistic=statistic,
        pvalue=residual_pvalue(statistic, trend),
        critical_values=critical_values(2, trend, residuals.size - 1),
        lags=lags,
        nobs=regressand.size,
        rho=1 + float(projected[-1] / r[-1, -1]),
    )
