"""Other tests of two legs together: Phillips-Ouliaris on the residuals, Johansen on the system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statarb.errors import DataError
from statarb.quant.cointegration import ENGLE_GRANGER_BARS, CointegrationResult, ResidualTest
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.mackinnon import TRENDS
from statarb.quant.sample import SAME_ASSET_R2, Floats, NotEnough, Undefined, checked_least, checked_pair, is_constant

MOST_LAGS = 8
"""Lagged differences among which AIC chooses."""

_TRACE_LEVELS = ("90%", "95%", "99%")


def phillips_ouliaris(
    y: Any,
    x: Any,
    trend: str = "c",
    bandwidth: float | None = None,
    test: Literal["Zt", "Za"] = "Zt",
    least_bars: int = ENGLE_GRANGER_BARS,
) -> CointegrationResult | NotEnough:
    """Phillips-Ouliaris residual test in both directions.

    As Engle-Granger, but the t of the residuals is corrected by their long-run variance instead of lagged differences.
    Null hypothesis: no combination of the legs returns to a mean.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    trend : {'n', 'c', 'ct', 'ctt'}
        Deterministic terms of the regression.
    bandwidth : float, optional
        Of the Bartlett kernel; without it chosen from the data.
    test : {'Zt', 'Za'}
        By the t of the residuals' root, or by n times the root less one.
    least_bars : int
        As `engle_granger`.

    Returns
    -------
    CointegrationResult or NotEnough
        As `engle_granger`; `lags` is the bandwidth, rounded. The p shown is min(1, 2 min(p)).

    Raises
    ------
    DataError
        As `engle_granger`.

    Notes
    -----
    It rejects too often where bid-ask noise makes changes negatively correlated: it can weaken a verdict, not make it.

    References
    ----------
    Phillips & Ouliaris (1990), Econometrica 58. By `arch.unitroot.cointegration.phillips_ouliaris`.
    """
    if trend not in TRENDS:
        raise DataError(f"{str(trend)[:20]!r} is not a trend.", f"Choose one of {', '.join(TRENDS)}.")
    if test not in ("Zt", "Za"):
        raise DataError(f"{str(test)[:20]!r} is not a statistic of this test.", "Choose Zt or Za.")
    legs = _legs(y, x, least_bars)
    if isinstance(legs, NotEnough):
        return legs
    ys, xs = legs
    from arch.unitroot.cointegration import phillips_ouliaris as by_arch

    tests = []
    for direction, first, second in (("y on x", ys, xs), ("x on y", xs, ys)):
        result = by_arch(first, second, trend=trend, test_type=test, bandwidth=bandwidth)
        tests.append(
            ResidualTest(
                direction=direction,
                statistic=float(result.stat),
                pvalue=float(result.pvalue),
                critical_values={f"{level}%": float(result.critical_values[level]) for level in (1, 5, 10)},
                lags=round(float(result.bandwidth)),
                nobs=ys.size - 1,
                rho=float("nan"),
            )
        )
    return CointegrationResult(
        pvalue=min(1.0, 2 * min(test.pvalue for test in tests)),
        y_on_x=tests[0],
        x_on_y=tests[1],
        n=ys.size,
        lag_rule="Bartlett bandwidth from the data" if bandwidth is None else f"Bartlett bandwidth {bandwidth:g}",
        trend=TRENDS[trend],
        null="no combination of the two legs returns to a mean",
    )


@dataclass(frozen=True)
class JohansenResult:
    """Johansen's test. `trace` and `max_eigenvalue` are of rank 0 and rank 1, with critical values 90, 95 and 99 %.

    `rank` at 95 %: 0 no relation, 1 one, 2 says that the legs look stationary themselves, not that there are two.
    `beta` is the hedge of the first relation, y normalised to 1. There are no p-values.
    """

    trace: tuple[float, float]
    trace_critical: tuple[dict[str, float], dict[str, float]]
    max_eigenvalue: tuple[float, float]
    max_eigenvalue_critical: tuple[dict[str, float], dict[str, float]]
    eigenvalues: tuple[float, float]
    rank: int
    beta: float
    lags: int
    nobs: int
    null: str


def johansen(
    y: Any, x: Any, lags: int | None = None, det_order: int = 0, least_bars: int = ENGLE_GRANGER_BARS
) -> JohansenResult | NotEnough:
    """Johansen's trace and maximum-eigenvalue tests of two legs.

    Null hypotheses: at most 0, then at most 1 relation; stopped at the first that is not rejected.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression.
    lags : int, optional
        Lagged differences; without it AIC among 1 to 8.
    det_order : {-1, 0, 1}
        No deterministic term, a constant, a constant and trend.
    least_bars : int
        As `engle_granger`.

    Returns
    -------
    JohansenResult or NotEnough
        As `engle_granger`; `beta` is NaN where the relation has no y in it.

    Raises
    ------
    DataError
        As `engle_granger`, or lags or terms that do not exist.

    References
    ----------
    Johansen (1991), Econometrica 59. By `statsmodels.tsa.vector_ar.vecm.coint_johansen`.
    """
    if det_order not in (-1, 0, 1):
        raise DataError(f"{det_order} is not a deterministic order.", "Choose -1, 0 or 1.")
    legs = _legs(y, x, least_bars)
    if isinstance(legs, NotEnough):
        return legs
    levels = np.column_stack(legs)
    if lags is not None and not 0 <= lags <= len(levels) // 10:
        raise DataError(f"{lags} lags do not suit {len(levels)} bars.", f"Give 0 to {len(levels) // 10}.")
    chosen = _aic_lags(levels) if lags is None else lags
    if chosen is None:
        return Undefined("no test: the legs are an exact pattern without noise", len(levels), len(levels))
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    # To size one, for the digits; begun at zero only where the model has a constant to take that up.
    levels = (levels - (levels[0] if det_order >= 0 else 0.0)) / np.ptp(levels, axis=0)
    result = coint_johansen(levels, det_order, chosen)
    trace, largest = (tuple(float(value) for value in stats) for stats in (result.trace_stat, result.max_eig_stat))
    limits, largest_limits = (
        tuple(dict(zip(_TRACE_LEVELS, map(float, row), strict=True)) for row in table)
        for table in (result.trace_stat_crit_vals, result.max_eig_stat_crit_vals)
    )
    rank = 0 if trace[0] <= limits[0]["95%"] else 1 if trace[1] <= limits[1]["95%"] else 2
    of_y, of_x = (float(value) for value in result.evec[:, 0] / np.ptp(np.column_stack(legs), axis=0))
    return JohansenResult(
        trace=(trace[0], trace[1]),
        trace_critical=(limits[0], limits[1]),
        max_eigenvalue=(largest[0], largest[1]),
        max_eigenvalue_critical=(largest_limits[0], largest_limits[1]),
        eigenvalues=(float(result.eig[0]), float(result.eig[1])),
        rank=rank,
        beta=-of_x / of_y if abs(of_y) > 1e-12 * abs(of_x) else float("nan"),
        lags=chosen,
        nobs=len(levels) - chosen - 1,
        null="at most `rank` relations between the legs return to a mean",
    )


def _aic_lags(levels: Floats) -> int | None:
    """Lagged differences of the system by AIC, every candidate on the same bars; None where they leave no noise."""
    size = np.ptp(levels, axis=0)
    steps, before = np.diff(levels, axis=0) / size, (levels[:-1] - levels[0]) / size
    target = steps[MOST_LAGS:]
    regressors = [np.ones((len(target), 1)), before[MOST_LAGS:]]
    criteria = []
    for lag in range(1, MOST_LAGS + 1):
        regressors.append(steps[MOST_LAGS - lag : -lag])
        q = np.linalg.qr(np.hstack(regressors))[0]
        resid = target - q @ (q.T @ target)
        determinant = float(np.linalg.det(resid.T @ resid / len(target)))
        if determinant <= 1e-24:
            return None
        criteria.append(len(target) * math.log(determinant) + 2 * 4 * lag)
    return 1 + int(np.argmin(criteria))


def _legs(y: Any, x: Any, least_bars: int) -> tuple[Floats, Floats] | NotEnough:
    first, second = checked_pair(y, x)
    ys, xs = first.to_numpy(), second.to_numpy()
    n = ys.size
    if n < checked_least(least_bars):
        return NotEnough("bars", n, least_bars)
    for name, leg in (("y", ys), ("x", xs)):
        if is_constant(leg):
            return Undefined(f"no test: {name} did not move in {n:,} bars", n, n)
    fit = hedge_ratio(ys, xs)
    if isinstance(fit, HedgeFit) and fit.r2 > SAME_ASSET_R2:
        return Undefined("no test: both legs are the same asset (R² above 0.999999)", n, n)
    return ys, xs
