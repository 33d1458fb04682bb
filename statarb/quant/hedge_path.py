"""The hedge ratio as it moves: rolling least squares and the Kalman filter, each value known at its own bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.errors import DataError
from statarb.quant.hedge import hedge_ratio
from statarb.quant.hedge_methods import usable_legs
from statarb.quant.rolling import RollingMoments, rolling_moments
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined, checked_pair, checked_window

KALMAN_BARS = 50
"""Fewer bars do not tell the noises apart."""


def rolling_hedge(y: Any, x: Any, window: int) -> pd.DataFrame:
    """Least squares over the last `window` bars, at every bar.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    window : int
        Bars in the regression, this bar included.

    Returns
    -------
    DataFrame
        Columns alpha, beta, sd (of the residuals, ddof 1), r2, beta_se; known at the close of their bar. NaN until
        the window is full, and where no spread exists (a leg does not move, or both legs are one asset).

    Raises
    ------
    DataError
        As `hedge_ratio`, or a window below 3 bars.

    Notes
    -----
    beta_se is the classic standard error, sqrt(SSR / (w - 2) / Sxx). It takes the residuals as independent; those of
    prices are not, so a band of it is far too narrow: `long_run_hedge` has an error that can be believed.

    References
    ----------
    O(1) a bar by the window sums of van Herk (1992). Equal to statsmodels' RollingOLS on centred data.
    """
    first, second = checked_pair(y, x)
    m = rolling_moments(first.to_numpy(), second.to_numpy(), checked_window(window))
    line = rolling_line(m)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta_se = line.sd * np.sqrt((window - 1) / (window - 2) / m.sxx)
    return pd.DataFrame({**line._asdict(), "beta_se": beta_se}, index=first.index)


class RollingLine(NamedTuple):
    """The line of `rolling_hedge` as arrays."""

    alpha: Floats
    beta: Floats
    sd: Floats
    r2: Floats


def rolling_line(m: RollingMoments) -> RollingLine:
    """The regression of each window by its moments."""
    both_move = moves(m.sxx, m.x_mean, m.window) & moves(m.syy, m.y_mean, m.window)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(both_move, m.sxy / m.sxx, np.nan)
        ssr = m.syy - beta * m.sxy
        exists = both_move & (ssr > (1 - SAME_ASSET_R2) * m.syy)
        r2 = np.where(exists, 1 - ssr / m.syy, np.nan)
    beta = np.where(exists, beta, np.nan)
    sd = np.sqrt(np.where(exists, ssr, np.nan) / (m.window - 1))
    return RollingLine(m.y_mean - beta * m.x_mean, beta, sd, r2)


def moves(sum_of_squares: Any, mean: Any, window: int) -> npt.NDArray[np.bool_]:
    """Where a leg moves by more than rounding within its window."""
    return np.asarray(np.sqrt(sum_of_squares) > 1e-13 * math.sqrt(window) * np.abs(mean))


@dataclass(frozen=True)
class KalmanNoise:
    """How much alpha and beta wander, as variances a bar in units of the observation's variance.

    `log_likelihood` is of the sample they were fitted to, NaN where they were given.
    """

    q_alpha: float
    q_beta: float
    log_likelihood: float = math.nan


def kalman_hedge(
    y: Any, x: Any, noise: KalmanNoise | None = None, discount: float = 0.999, origin: float | None = None
) -> pd.DataFrame:
    """Alpha and beta as random walks, followed by a Kalman filter.

    y(t) = level(t) + beta(t) (x(t) - origin) + e(t); both states walk, each with its own noise. The start is exactly
    diffuse: nothing is assumed of alpha and beta before the data.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    noise : KalmanNoise, optional
        Noise of the two states, from `kalman_noise` on *earlier* bars.
    discount : float
        Used without `noise`: each bar the past loses this share of its weight, 1 / (1 - discount) bars of memory.
    origin : float, optional
        Where on x the walking level stands; without it the first x, so that level and beta walk by themselves. 0 is
        the model of textbooks.

    Returns
    -------
    DataFrame
        Columns alpha (where the line meets x = 0), beta (filtered: known at the close of their bar), beta_sd (half a
        band around beta), innovation (y less its prediction by the bar before) and innovation_sd (as predicted at the
        bar before). NaN until x has moved and the variance is known. The innovation is a one-step surprise, not a
        spread: no test of reversion may be made of it, for it reads stationary on unrelated walks every time.

    Raises
    ------
    DataError
        As `hedge_ratio`, negative noise, a discount outside (0.5, 1], or an origin that is no number.

    References
    ----------
    Kalman (1960); West & Harrison (1997), *Bayesian Forecasting*, ch. 4 and 6; Durbin & Koopman (2012), ch. 5.
    """
    first, second = checked_pair(y, x)
    if not 0.5 < discount <= 1:
        raise DataError(f"A discount of {discount} forgets too fast or never began.", "Give 0.5 to 1, such as 0.999.")
    if noise is not None and not (0 <= noise.q_alpha < math.inf and 0 <= noise.q_beta < math.inf):
        raise DataError("The noise of a state cannot be negative.", "Use kalman_noise.")
    if origin is not None and not math.isfinite(origin):
        raise DataError(f"{origin} is not a place on x.", "Leave it out, or give 0.")
    ys, xs = first.to_numpy(), second.to_numpy()
    names = ["alpha", "beta", "beta_sd", "innovation", "innovation_sd"]
    if not ys.size:
        return pd.DataFrame(np.empty((0, 5)), index=first.index, columns=names)
    dy, dx = ys - ys[0], xs - xs[0]
    if noise is None:
        path = _discounted(dy, dx, discount)
    else:
        # The level at the first x walks with beta too where its own place is elsewhere.
        away = 0.0 if origin is None else float(xs[0]) - origin
        q_beta = noise.q_beta
        path, _ = _filtered(dy, dx, noise.q_alpha + away**2 * q_beta, q_beta, away * q_beta)
    path[:, 0] += ys[0] - path[:, 1] * xs[0]
    return pd.DataFrame(path, index=first.index, columns=names)


def kalman_noise(y: Any, x: Any) -> KalmanNoise | NotEnough:
    """The noise of alpha and beta by maximum likelihood.

    The observation's variance is concentrated out; the two ratios are found by Nelder and Mead's simplex.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression. The estimate has seen these bars: filter later ones with it.

    Returns
    -------
    KalmanNoise or NotEnough
        NotEnough below 50 bars; Undefined where a leg does not move or both are one asset.

    Raises
    ------
    DataError
        As `hedge_ratio`.

    References
    ----------
    Durbin & Koopman (2012), *Time Series Analysis by State Space Methods*, ch. 7.
    """
    legs = usable_legs(y, x, KALMAN_BARS)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, NotEnough) or fit.r2 > SAME_ASSET_R2:
        return Undefined("no noise: both legs are the same asset (R² above 0.999999)", ys.size, ys.size)
    y_size, x_size = float(np.ptp(ys)), float(np.ptp(xs))
    dy, dx = (ys - ys[0]) / y_size, (xs - xs[0]) / x_size
    from scipy.optimize import minimize

    def cost(logs: Floats) -> float:
        q_alpha, q_beta = np.exp(np.clip(logs, -40, 40))
        return min(1e12, -_filtered(dy, dx, float(q_alpha), float(q_beta))[1])

    start = np.log([1e-4, 1e-4])
    best = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 120, "xatol": 0.02, "fatol": 1e-4})
    q_alpha, q_beta = np.exp(np.clip(best.x, -40, 40))
    # Back to the units of the legs, and with the constant of the two diffuse bars, as Durbin and Koopman count it.
    likelihood = -float(best.fun) - (ys.size - 2) * math.log(y_size) - math.log(2 * math.pi * x_size)
    return KalmanNoise(float(q_alpha), float(q_beta) / x_size**2, likelihood)


def _discounted(y: Floats, x: Floats, discount: float) -> Floats:
    """Rows as `_filtered` gives them, of the filter that forgets by a discount.

    Without noise of its own the filter is least squares with weights that fade by the discount: O(n) sums of pandas in
    place of a step a bar.
    """
    n = y.size
    path = np.full((n, 5), np.nan)
    moved = np.flatnonzero(x)
    if not moved.size:
        return path
    first = int(moved[0])  # the bar that tells beta, whatever it was
    ys, xs = pd.Series(y), pd.Series(x)
    com = discount / (1 - discount) if discount < 1 else math.inf
    faded_y, faded_x = ys.ewm(com=com), xs.ewm(com=com)
    weight = np.cumsum(discount ** np.arange(n))
    y_mean, x_mean = faded_y.mean().to_numpy(), faded_x.mean().to_numpy()
    sxx = weight * faded_x.var(bias=True).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(np.arange(n) < first, 0.0, weight * faded_x.cov(ys, bias=True).to_numpy() / sxx)
        alpha = y_mean - beta * x_mean
        error = y[1:] - alpha[:-1] - beta[:-1] * x[1:]
        away = np.where(np.arange(1, n) <= first, 0.0, (x[1:] - x_mean[:-1]) ** 2 / sxx[:-1])
        f = 1 + (1 / weight[:-1] + away) / discount
        surprises = error**2 / f
        surprises[first - 1] = 0.0
        count = np.arange(n) - (np.arange(n) >= first)
        variance = np.concatenate([[0.0], np.cumsum(surprises)]) / count
        path[first:, 0], path[first:, 1] = alpha[first:], beta[first:]
        rows = slice(first + 1, n)
        path[rows, 2] = np.sqrt(variance / sxx)[rows]
        path[rows, 3], path[rows, 4] = error[first:], np.sqrt(variance[:-1] * f)[first:]
    return path


def _filtered(y: Floats, x: Floats, q_alpha: float, q_beta: float, q_both: float = 0.0) -> tuple[Floats, float]:
    """Rows (alpha, beta, beta_sd, innovation, innovation_sd), and the log-likelihood with its variance at its best.

    Covariances are in units of the observation's variance, which is the running mean of the squared surprises.
    Plain numbers, not matrices: two states take a microsecond that way.
    """
    n = y.size
    path = np.full((n, 5), np.nan)
    alpha, p_aa = float(y[0]), 1.0
    beta = p_ab = p_bb = 0.0
    diffuse, squares, logs, count = True, 0.0, 0.0, 0
    for t, (yt, xt) in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        if t == 0:
            continue
        p_aa, p_ab, p_bb = p_aa + q_alpha, p_ab + q_both, p_bb + q_beta
        if diffuse:
            p_ab = 0.0
            if xt == 0.0:  # x stands where it began: only alpha can be learned
                f = p_aa + 1.0
                error = yt - alpha
                squares, logs, count = squares + error * error / f, logs + math.log(f), count + 1
                alpha, p_aa = alpha + p_aa / f * error, p_aa / f
            else:  # the first move of x tells beta, whatever it was: the limit of an infinite prior variance
                beta, p_bb, p_ab = (yt - alpha) / xt, (p_aa + 1.0) / (xt * xt), -p_aa / xt
                diffuse = False
                path[t, :2] = alpha, beta
                logs += math.log(xt * xt)
            continue
        k_a, k_b = p_aa + xt * p_ab, p_ab + xt * p_bb
        f = k_a + xt * k_b + 1.0
        error = yt - alpha - beta * xt
        variance = squares / count if count else math.nan
        path[t, 3], path[t, 4] = error, math.sqrt(variance * f)
        squares, logs, count = squares + error * error / f, logs + math.log(f), count + 1
        alpha, beta = alpha + k_a / f * error, beta + k_b / f * error
        p_aa, p_ab, p_bb = p_aa - k_a * k_a / f, p_ab - k_a * k_b / f, p_bb - k_b * k_b / f
        path[t, 0], path[t, 1] = alpha, beta
        path[t, 2] = math.sqrt(max(0.0, p_bb) * squares / count)
    if count == 0 or squares <= 0:
        return path, -math.inf
    return path, -0.5 * (logs + count * (math.log(2 * math.pi * squares / count) + 1))
