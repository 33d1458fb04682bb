"""The hedge ratio by other methods: returns, total least squares, Huber, Theil-Sen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statarb.errors import DataError
from statarb.quant.hedge import hedge_ratio
from statarb.quant.sample import Floats, NotEnough, Undefined, checked_pair, is_constant

NORMAL_95 = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

HUBER_K = 1.345
"""Huber's bend in robust deviations: 95 % as efficient as least squares when the errors are normal."""

MAD_SD = 0.6744897501960817
"""Median absolute deviation of a standard normal."""

THEIL_SEN_BARS = 1000
"""The slopes of all pairs are n^2 / 2; a longer sample is thinned evenly to this many bars."""


@dataclass(frozen=True)
class HedgeEstimate:
    """y = alpha + beta x + residual by `method`, on `n` bars.

    `beta_low` and `beta_high` bound beta with 95 % (or the level asked for). `beta_se` and the bounds are NaN where
    the method has none; `note` says what the bounds assume where that does not hold for prices. Without a positive
    beta there are no legs to trade.
    """

    method: str
    alpha: float
    beta: float
    beta_se: float
    beta_low: float
    beta_high: float
    n: int
    note: str = ""


def usable_legs(y: Any, x: Any, least: int) -> tuple[Floats, Floats] | NotEnough:
    """Both legs as arrays; NotEnough below `least` bars, Undefined where a leg does not move."""
    first, second = checked_pair(y, x)
    ys, xs = first.to_numpy(), second.to_numpy()
    if ys.size < least:
        return NotEnough("bars", ys.size, least)
    for name, leg in (("y", ys), ("x", xs)):
        if is_constant(leg):
            return Undefined(f"no hedge ratio: {name} did not move in {ys.size:,} bars", ys.size, ys.size)
    return ys, xs


TOO_NARROW = "assumes independent residuals, so the interval is too narrow on prices"


def estimate(method: str, alpha: float, beta: float, beta_se: float, n: int, note: str = "") -> HedgeEstimate:
    """With the normal interval of 95 %."""
    reach = NORMAL_95 * beta_se
    return HedgeEstimate(method, alpha, beta, beta_se, beta - reach, beta + reach, n, note)


def returns_hedge(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """Minimum-variance hedge: least squares on the changes from bar to bar.

    beta = cov(dy, dx) / var(dx),  alpha = mean(y - beta x).

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression; changes of log prices are returns.

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 4 bars; Undefined where a leg, or the change of x, does not vary.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    Johnson (1960), Review of Economic Studies 27; Ederington (1979), Journal of Finance 34.
    """
    legs = usable_legs(y, x, 4)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    fit = hedge_ratio(np.diff(ys), np.diff(xs))
    if isinstance(fit, NotEnough):
        return Undefined("no hedge ratio: every change of x is the same", ys.size, ys.size)
    return estimate("returns", float(np.mean(ys - fit.beta * xs)), fit.beta, fit.beta_se, ys.size)


def tls_hedge(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """Total least squares: the line with the least squared distance at right angles to it.

    beta = (Syy - Sxx + sqrt((Syy - Sxx)^2 + 4 Sxy^2)) / (2 Sxy),  alpha = mean y - beta mean x.

    The hedge of x on y is exactly 1 / beta. It lies between the slopes of the two regressions. It has no standard
    error here (NaN).

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Log prices: on plain prices the answer depends on the units of the legs.

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 3 bars; Undefined where a leg does not move or the legs are uncorrelated.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    Pearson (1901), Philosophical Magazine 2; York (1966), Canadian Journal of Physics 44.
    """
    legs = usable_legs(y, x, 3)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    dy, dx = ys - ys.mean(), xs - xs.mean()
    size = max(float(np.abs(dy).max()), float(np.abs(dx).max()))
    dy, dx = dy / size, dx / size
    syy, sxx, sxy = float(dy @ dy), float(dx @ dx), float(dy @ dx)
    beta, nan = float(tls_slope(syy, sxx, sxy)), math.nan
    if math.isnan(beta):
        return Undefined("no hedge ratio: the legs are uncorrelated", ys.size, ys.size)
    return HedgeEstimate("TLS", float(ys.mean() - beta * xs.mean()), beta, nan, nan, nan, ys.size, "has no interval")


def tls_slope(syy: Any, sxx: Any, sxy: Any) -> Floats:
    """Slope of total least squares by centred sums, of one window or of many; NaN where the legs are uncorrelated."""
    half = (syy - sxx) / 2
    root = np.hypot(half, sxy)
    # The form that does not subtract two large numbers.
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(half >= 0, (half + root) / sxy, sxy / (root - half))
        return np.where(np.abs(sxy) > 1e-12 * np.sqrt(syy * sxx), beta, np.nan)


def huber_hedge(y: Any, x: Any) -> HedgeEstimate | NotEnough:
    """Huber's M-estimate: least squares near the line, least absolute deviations far from it.

    Minimises sum rho(r / s), rho quadratic within 1.345 s and linear beyond, s = median |r| / 0.6745; by iteratively
    reweighted least squares.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 8 bars; Undefined where a leg does not move. Where half of the residuals are zero the line
        through those bars is the answer.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    Huber (1981), *Robust Statistics*, ch. 7. Equal to statsmodels' RLM with HuberT.
    """
    legs = usable_legs(y, x, 8)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    y_size, x_size = float(np.ptp(ys)), float(np.ptp(xs))
    target, design = (ys - ys[0]) / y_size, np.column_stack([np.ones(ys.size), (xs - xs[0]) / x_size])
    line, covariance, _ = huber_fit(target, design)
    beta = float(line[1]) * y_size / x_size
    alpha = float(ys[0] + line[0] * y_size - beta * xs[0])
    return estimate("Huber", alpha, beta, math.sqrt(covariance[1, 1]) * y_size / x_size, ys.size, TOO_NARROW)


def huber_fit(y: Floats, design: Floats) -> tuple[Floats, Floats, float]:
    """Coefficients by Huber's estimate, their covariance and the scale of the residuals.

    The covariance is Huber's first (1981, p. 173), with its correction for the number of coefficients; zero where half
    of the residuals are.
    """
    n, p = design.shape
    weights, line = np.ones(n), np.zeros(p)
    for _ in range(200):
        root = np.sqrt(weights)
        step = np.asarray(np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0], dtype=np.float64)
        resid, moved = y - design @ step, float(np.abs(step - line).max())
        line, scale = step, float(np.median(np.abs(resid))) / MAD_SD
        if moved < 1e-12 or scale < 1e-13:
            break
        weights = np.minimum(1.0, HUBER_K * scale / np.maximum(np.abs(resid), 1e-300))
    if scale < 1e-13:
        return line, np.zeros((p, p)), 0.0
    share = float((np.abs(resid) <= HUBER_K * scale).mean())
    psi = np.clip(resid / scale, -HUBER_K, HUBER_K)
    correction = 1 + p / n * share * (1 - share) / share**2
    variance = correction**2 * float(psi @ psi) * scale**2 / (n - p) / share**2
    return line, np.asarray(variance * np.linalg.inv(design.T @ design), dtype=np.float64), scale


def theil_sen_hedge(
    y: Any, x: Any, level: float = 0.95, intercept: Literal["separate", "joint"] = "separate"
) -> HedgeEstimate | NotEnough:
    """Theil-Sen: the median of the slopes between all pairs of bars.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression. More than 1,000 bars are thinned evenly to 1,000.
    level : float
        Of the interval of beta (Sen's; it assumes independent residuals).
    intercept : {'separate', 'joint'}
        median y - beta median x, or median(y - beta x).

    Returns
    -------
    HedgeEstimate or NotEnough
        NotEnough below 3 bars; Undefined where a leg does not move. `beta_se` is NaN.

    Raises
    ------
    DataError
        As `hedge_ratio`, or a level outside (0, 1), or another intercept.

    References
    ----------
    Theil (1950); Sen (1968), JASA 63. By `scipy.stats.theilslopes`.
    """
    if not 0 < level < 1 or intercept not in ("separate", "joint"):
        raise DataError(f"Level {level} with intercept {str(intercept)[:20]!r} does not exist.", "Say 0.95, separate.")
    legs = usable_legs(y, x, 3)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    ys, xs = _thinned(ys), _thinned(xs)
    if is_constant(xs):
        return Undefined("no hedge ratio: x moved in too few bars", ys.size, ys.size)
    from scipy.stats import theilslopes

    result = theilslopes(ys, xs, level, method=intercept)
    slope, low, high = float(result.slope), float(result.low_slope), float(result.high_slope)
    return HedgeEstimate("Theil-Sen", float(result.intercept), slope, math.nan, low, high, ys.size, TOO_NARROW)


def theil_sen_line(y: Floats, x: Floats) -> HedgeEstimate | NotEnough:
    """`theil_sen_hedge` without its interval, for many windows: the median is found without sorting the slopes."""
    legs = usable_legs(y, x, 3)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = _thinned(legs[0]), _thinned(legs[1])
    dx = np.subtract.outer(xs, xs)
    rising = dx > 0
    if not rising.any():
        return Undefined("no hedge ratio: x moved in too few bars", ys.size, ys.size)
    beta = float(np.median(np.subtract.outer(ys, ys)[rising] / dx[rising]))
    nan = math.nan
    return HedgeEstimate("Theil-Sen", float(np.median(ys) - beta * np.median(xs)), beta, nan, nan, nan, ys.size)


def _thinned(values: Floats) -> Floats:
    if values.size <= THEIL_SEN_BARS:
        return values
    kept = np.linspace(0, values.size - 1, THEIL_SEN_BARS).round().astype(int)
    return np.asarray(values[kept])
