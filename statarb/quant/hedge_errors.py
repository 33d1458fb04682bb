"""The hedge ratio with a standard error that can be believed: Newey-West, and dynamic least squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from statarb.errors import DataError
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.hedge_methods import HedgeEstimate, estimate, usable_legs
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined, is_constant


def hac_hedge(y: Any, x: Any, lags: int | None = None) -> HedgeEstimate | NotEnough:
    """Ordinary least squares with the standard error of Newey and West.

    var(beta) = n / (n - 2) times the long-run variance of (x - mean x) u over Sxx^2, Bartlett weights 1 - j / (L + 1).

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    lags : int, optional
        L; without it floor(4 (n / 100)^(2/9)).

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 20 bars; Undefined where a leg does not move.

    Raises
    ------
    DataError
        As `hedge_ratio`, or lags that are negative or more than half of the bars.

    Notes
    -----
    Wider than the classic error, and still too narrow on integrated prices: prefer `dols_hedge` there.

    References
    ----------
    Newey & West (1987), Econometrica 55. Equal to statsmodels' cov_type='HAC' with use_correction.
    """
    legs = usable_legs(y, x, 20)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    n = ys.size
    lags = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= lags <= n // 2:
        raise DataError(f"{lags} lags do not suit {n} bars.", f"Give 0 to {n // 2}.")
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, NotEnough):
        return fit
    dx = xs - xs.mean()
    size = float(np.abs(dx).max())
    dx = dx / size
    score = dx * ((ys - ys.mean()) - fit.beta * (xs - xs.mean()))
    variance = long_run_variance(score, lags) * n * n / (n - 2)
    return estimate("OLS, HAC error", fit.alpha, fit.beta, math.sqrt(variance) / float(dx @ dx) / size, n)


def long_run_variance(values: Floats, lags: int) -> float:
    """Newey and West's variance of sqrt(n) times the mean of values that average to zero; never negative."""
    n = values.size
    total = float(values @ values) / n
    for j in range(1, lags + 1):
        total += 2 * (1 - j / (lags + 1)) * float(values[j:] @ values[:-j]) / n
    return max(0.0, total)


def dols_hedge(
    y: Any, x: Any, leads: int = 1, lags: int = 1, bandwidth: float | None = None
) -> HedgeEstimate | NotEnough:
    """Dynamic least squares: the hedge of two integrated legs with a standard error that can be believed.

    y = alpha + beta x + sum of leads and lags of dx + u; the error of beta uses the long-run variance of u.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression, taken as integrated and reverting to one line.
    leads, lags : int
        Of the changes of x.
    bandwidth : float, optional
        Of the Bartlett kernel; without it chosen from the data (Newey and West, 1994).

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 50 bars; Undefined where a leg does not move or both are one asset. Where the legs do not
        revert to one line the interval means nothing, as with any regression of two walks.

    Raises
    ------
    DataError
        As `hedge_ratio`, or leads or lags outside 0 to a tenth of the bars.

    References
    ----------
    Saikkonen (1991), Econometric Theory 7; Stock & Watson (1993), Econometrica 61. By `arch`'s DynamicOLS.
    """
    legs = usable_legs(y, x, 50)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    n = ys.size
    if not (0 <= leads <= n // 10 and 0 <= lags <= n // 10):
        raise DataError(f"{leads} leads and {lags} lags do not suit {n} bars.", f"Give 0 to {n // 10} of each.")
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, HedgeFit) and fit.r2 > SAME_ASSET_R2:
        return Undefined("no standard error: both legs are the same asset (R² above 0.999999)", n, n)
    from arch.unitroot.cointegration import DynamicOLS

    y_size, x_size = float(np.ptp(ys)), float(np.ptp(xs))
    scaled_y, scaled_x = (ys - ys[0]) / y_size, (xs - xs[0]) / x_size
    inner = scaled_y[lags + 1 : n - leads]
    if is_constant(inner) or is_constant(np.diff(scaled_x)):
        return Undefined("no standard error: the legs move in too few bars", n, n)
    result = DynamicOLS(scaled_y, scaled_x, leads=leads, lags=lags).fit(bandwidth=bandwidth, df_adjust=True)
    with np.errstate(invalid="ignore"):
        beta_se = float(result.std_errors.iloc[0]) * y_size / x_size
    if math.isnan(beta_se):  # a long-run variance that rounding put below zero
        return Undefined("no standard error: the residuals are an exact pattern", n, n)
    slope, level = (float(value) for value in result.params.iloc[:2])
    beta = slope * y_size / x_size
    return estimate("DOLS", float(ys[0] + level * y_size - beta * xs[0]), beta, beta_se, n)
