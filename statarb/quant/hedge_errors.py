"""The hedge ratio with a standard error that can be believed: by long-run variances, and dynamic least squares."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.hedge_methods import HedgeEstimate, estimate, usable_legs
from statarb.quant.sample import (
    SAME_ASSET_R2,
    Floats,
    NotEnough,
    Undefined,
    checked_bandwidth,
    checked_lags,
    is_constant,
)


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
        As `hedge_ratio`, or lags that are negative or not fewer than the bars.

    Notes
    -----
    Wider than the classic error, and still far too narrow on integrated prices: prefer `long_run_hedge` there.

    References
    ----------
    Newey & West (1987), Econometrica 55. Equal to statsmodels' cov_type='HAC' with use_correction.
    """
    legs = usable_legs(y, x, 20)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    n = ys.size
    lags = newey_west_lags(n) if lags is None else checked_lags(lags, n - 1)
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, NotEnough):
        return fit
    dx = xs - xs.mean()
    size = float(np.abs(dx).max())
    dx = dx / size
    score = dx * ((ys - ys.mean()) - fit.beta * (xs - xs.mean()))
    variance = long_run_variance(score, lags) * n * n / (n - 2)
    return estimate("OLS, HAC error", fit.alpha, fit.beta, math.sqrt(variance) / float(dx @ dx) / size, n)


def long_run_hedge(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """Ordinary least squares with an error for integrated legs: the residuals' long-run variance over Sxx.

    var(beta) = n / (n - 2) omega^2 / Sxx; omega^2 of the residuals, prewhitened by an AR(1) whose root is corrected
    for bias (`prewhitened_variance`), so that a spread of slow return is not taken for noise.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression, taken as integrated and reverting to one line.

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 20 bars; Undefined where a leg does not move. Where the legs do not revert to one line the
        interval means nothing, as with any regression of two walks.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    Phillips & Durlauf (1986), Review of Economic Studies 53; Andrews & Monahan (1992), Econometrica 60.
    """
    legs = usable_legs(y, x, 20)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, NotEnough):
        return fit
    dx = xs - xs.mean()
    resid = (ys - ys.mean()) - fit.beta * dx
    size = float(np.abs(dx).max())
    variance = prewhitened_variance(resid) * ys.size / (ys.size - 2)
    se = math.sqrt(variance) / float(np.linalg.norm(dx / size)) / size
    return estimate("OLS, long-run error", fit.alpha, fit.beta, se, ys.size)


def prewhitened_variance(values: Floats) -> float:
    """Long-run variance of values that average to zero, by an AR(1) whose root is corrected for bias.

    omega^2 = (Newey and West's of e) / (1 - phi)^2 with e = v(t) - phi v(t-1), phi raised by (1 + 4 phi) / n and kept
    below 1 - 1 / n. Kernels alone take a slow series for a fast one.
    """
    n = values.size
    before, after = values[:-1], values[1:]
    squares = float(before @ before)
    if not squares > 0:
        return 0.0
    phi = float(before @ after) / squares
    phi = min(phi + (1 + 4 * phi) / n, 1 - 1 / n)
    return long_run_variance(after - phi * before, newey_west_lags(n)) / (1 - phi) ** 2


def newey_west_lags(n: int) -> int:
    """floor(4 (n / 100)^(2/9))."""
    return int(4 * (n / 100) ** (2 / 9))


def long_run_variance(values: Floats, lags: int) -> float:
    """Newey and West's variance of sqrt(n) times the mean of values that average to zero; never negative."""
    n = values.size
    total = float(values @ values) / n
    for j in range(1, lags + 1):
        total += 2 * (1 - j / (lags + 1)) * float(values[j:] @ values[:-j]) / n
    return max(0.0, total)


def dols_hedge(
    y: Any, x: Any, leads: int = 1, lags: int = 1, bandwidth: float | Literal["auto"] | None = None
) -> HedgeEstimate | NotEnough:
    """Dynamic least squares: the hedge of two integrated legs with a standard error that can be believed.

    y = alpha + beta x + sum of leads and lags of dx + u; the error of beta uses the long-run variance of u.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression, taken as integrated and reverting to one line.
    leads, lags : int
        Of the changes of x.
    bandwidth : float or 'auto', optional
        Of the Bartlett kernel: a number, or from the data (Newey and West, 1994). Without it the long-run variance is
        `prewhitened_variance`, whose intervals hold the true beta far more often.

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
    Saikkonen (1991), Econometric Theory 7; Stock & Watson (1993), Econometrica 61; with a bandwidth by `arch`'s
    DynamicOLS.
    """
    legs = usable_legs(y, x, 50)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    n = ys.size
    leads, lags = checked_lags(leads, n // 10, "leads"), checked_lags(lags, n // 10)
    if bandwidth is not None and bandwidth != "auto":
        bandwidth = checked_bandwidth(bandwidth, n - leads - lags - 1)
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, HedgeFit) and fit.r2 > SAME_ASSET_R2:
        return Undefined("no standard error: both legs are the same asset (R² above 0.999999)", n, n)
    y_size, x_size = float(np.ptp(ys)), float(np.ptp(xs))
    scaled_y, scaled_x = (ys - ys[0]) / y_size, (xs - xs[0]) / x_size
    if is_constant(scaled_y[lags + 1 : n - leads]) or is_constant(np.diff(scaled_x)):
        return Undefined("no standard error: the legs move in too few bars", n, n)
    if bandwidth is None:
        slope, level, slope_se = _dynamic(scaled_y, scaled_x, leads, lags)
    else:
        slope, level, slope_se = _dynamic_by_arch(scaled_y, scaled_x, leads, lags, bandwidth)
    if math.isnan(slope_se):  # a long-run variance that rounding put below zero
        return Undefined("no standard error: the residuals are an exact pattern", n, n)
    beta = slope * y_size / x_size
    return estimate("DOLS", float(ys[0] + level * y_size - beta * xs[0]), beta, slope_se * y_size / x_size, n)


def _dynamic(y: Floats, x: Floats, leads: int, lags: int) -> tuple[float, float, float]:
    """Slope, level and the slope's error with the prewhitened long-run variance."""
    used = np.arange(lags + 1, y.size - leads)
    changes = np.diff(x)
    design = np.column_stack([x[used], np.ones(used.size), *(changes[used - 1 + j] for j in range(-lags, leads + 1))])
    line, _, rank, _ = np.linalg.lstsq(design, y[used], rcond=None)
    if rank < design.shape[1]:
        return float(line[0]), float(line[1]), math.nan
    resid = y[used] - design @ line
    variance = prewhitened_variance(resid) * used.size / (used.size - design.shape[1])
    unit = np.linalg.solve(design.T @ design, np.eye(design.shape[1])[0])
    return float(line[0]), float(line[1]), math.sqrt(variance * float(unit[0]))


def _dynamic_by_arch(
    y: Floats, x: Floats, leads: int, lags: int, bandwidth: float | Literal["auto"]
) -> tuple[float, float, float]:
    """The same with the library's kernel estimate."""
    from arch.unitroot.cointegration import DynamicOLS

    chosen = None if bandwidth == "auto" else bandwidth
    result = DynamicOLS(y, x, leads=leads, lags=lags).fit(bandwidth=chosen, df_adjust=True)
    with np.errstate(invalid="ignore"):
        return float(result.params.iloc[0]), float(result.params.iloc[1]), float(result.std_errors.iloc[0])
