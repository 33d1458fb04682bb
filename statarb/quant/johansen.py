"""Other tests of two legs together: Phillips-Ouliaris on the residuals, Johansen on the system."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statarb.errors import DataError
from statarb.quant.cointegration import ENGLE_GRANGER_BARS, CointegrationResult, ResidualTest, line_residuals
from statarb.quant.hedge import HedgeFit, hedge_ratio
from statarb.quant.mackinnon import TRENDS
from statarb.quant.sample import (
    SAME_ASSET_R2,
    Floats,
    NotEnough,
    Undefined,
    checked_bandwidth,
    checked_lags,
    checked_least,
    checked_pair,
    checked_table,
    is_constant,
)
from statarb.quant.unitroot import deterministic_terms, is_pattern

MOST_LAGS = 8
"""Lagged differences among which AIC chooses."""

MOST_LEGS = 12
"""Critical values are tabulated no further."""

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
    if bandwidth is not None:
        bandwidth = checked_bandwidth(bandwidth, ys.size)
    terms = deterministic_terms(ys.size, trend)
    if any(is_pattern(line_residuals(*pair, terms), "n") for pair in ((ys, xs), (xs, ys))):
        return Undefined("no test: the spread is an exact pattern without noise", ys.size, ys.size)
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
    """Johansen's test of k legs. `trace` and `max_eigenvalue` are of rank 0 to k - 1, with critical values
    of 90, 95 and 99 %.

    `rank` at 95 %: 0 no relation, 1 one; k says that the legs look stationary themselves, not that there are k.
    `relation` are the weights of the first relation, the first leg's 1; `beta` is the hedge in it, of two legs only.
    There are no p-values.
    """

    trace: tuple[float, ...]
    trace_critical: tuple[dict[str, float], ...]
    max_eigenvalue: tuple[float, ...]
    max_eigenvalue_critical: tuple[dict[str, float], ...]
    eigenvalues: tuple[float, ...]
    rank: int
    relation: tuple[float, ...]
    beta: float
    lags: int
    nobs: int
    null: str


def johansen(
    y: Any, x: Any = None, lags: int | None = None, det_order: int = 0, least_bars: int = ENGLE_GRANGER_BARS
) -> JohansenResult | NotEnough:
    """Johansen's trace and maximum-eigenvalue tests of two legs, or of up to twelve.

    Null hypotheses: at most 0, then at most 1, 2 ... relations; stopped at the first that is not rejected.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression. Without x, y holds all legs, shape (n, k), k from 2 to 12.
    lags : int, optional
        Lagged differences; without it AIC among 1 to 8.
    det_order : {-1, 0, 1}
        No deterministic term, a constant, a constant and trend. Without a term the level of the legs matters.
    least_bars : int
        As `engle_granger`.

    Returns
    -------
    JohansenResult or NotEnough
        As `engle_granger`; `beta` is NaN where the relation has no y in it, and of more than two legs, and then
        `relation` is NaN if it has no first leg in it.

    Raises
    ------
    DataError
        As `engle_granger`, or lags, terms or a number of legs that do not exist.

    References
    ----------
    Johansen (1991), Econometrica 59. By `statsmodels.tsa.vector_ar.vecm.coint_johansen`.
    """
    if det_order not in (-1, 0, 1):
        raise DataError(f"{str(det_order)[:20]!r} is not a deterministic order.", "Choose -1, 0 or 1.")
    legs = _several_legs(y, least_bars) if x is None else _legs(y, x, least_bars)
    if isinstance(legs, NotEnough):
        return legs
    levels = np.column_stack(legs) if isinstance(legs, tuple) else legs
    n, k = levels.shape
    size = np.ptp(levels, axis=0)
    # Without a deterministic term the statistic depends on the origin, which is then the caller's.
    levels = (levels if det_order == -1 else levels - levels[0]) / size
    if lags is None:
        chosen = _aic_lags(levels, det_order)
        if chosen is None:
            return Undefined("no test: the legs are an exact pattern without noise", n, n)
    else:
        chosen = checked_lags(lags, (n - 2 * k - 3) // (k + 1))
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    result = coint_johansen(levels, det_order, chosen)
    trace, largest = (tuple(float(value) for value in stats) for stats in (result.trace_stat, result.max_eig_stat))
    limits, largest_limits = (
        tuple(dict(zip(_TRACE_LEVELS, map(float, row), strict=True)) for row in table)
        for table in (result.trace_stat_crit_vals, result.max_eig_stat_crit_vals)
    )
    rank = next((r for r in range(k) if trace[r] <= limits[r]["95%"]), k)
    weights = np.real(result.evec[:, 0]) / size
    has_first = abs(weights[0]) > 1e-12 * float(np.abs(weights[1:]).max())
    relation = tuple(float(weight) for weight in weights / weights[0]) if has_first else (math.nan,) * k
    return JohansenResult(
        trace=trace,
        trace_critical=limits,
        max_eigenvalue=largest,
        max_eigenvalue_critical=largest_limits,
        eigenvalues=tuple(float(value) for value in result.eig),
        rank=rank,
        relation=relation,
        beta=-relation[1] if k == 2 else math.nan,
        lags=chosen,
        nobs=n - chosen - 1,
        null="at most `rank` relations between the legs return to a mean",
    )


def _aic_lags(levels: Floats, det_order: int) -> int | None:
    """Lagged differences of the system by AIC, every candidate on the same bars; None where they leave no noise."""
    k = levels.shape[1]
    steps, before = np.diff(levels, axis=0), levels[:-1]
    target = steps[MOST_LAGS:]
    regressors = [before[MOST_LAGS:]] + [np.ones((len(target), 1))] * (det_order > -1)
    criteria = []
    for lag in range(1, min(MOST_LAGS, (len(levels) - 2 * k - 12) // (k + 1)) + 1):
        regressors.append(steps[MOST_LAGS - lag : -lag])
        q = np.linalg.qr(np.hstack(regressors))[0]
        resid = target - q @ (q.T @ target)
        determinant = float(np.linalg.det(resid.T @ resid / len(target)))
        if determinant <= 1e-12**k:
            return None
        criteria.append(len(target) * math.log(determinant) + 2 * k * k * lag)
    return 1 + int(np.argmin(criteria)) if criteria else None


def _several_legs(levels: Any, least_bars: int) -> Floats | NotEnough:
    table = checked_table(levels)
    n, k = table.shape
    if not 2 <= k <= MOST_LEGS:
        raise DataError(f"Johansen's test has no critical values for {k} legs.", f"Give 2 to {MOST_LEGS}.")
    need = max(checked_least(least_bars), 5 * k)
    if n < need:
        return NotEnough("bars", n, need)
    for j in range(k):
        if is_constant(table[:, j]):
            return Undefined(f"no test: leg {j + 1} did not move in {n:,} bars", n, n)
    values, vectors = np.linalg.eigh(np.corrcoef(table, rowvar=False))
    # 1 / (1 - R²) of each leg on the others.
    inflation = (vectors**2 / np.maximum(values, 1e-16)).sum(axis=1)
    if float(inflation.max()) > 1 / (1 - SAME_ASSET_R2):
        return Undefined("no test: the legs determine one another (R² above 0.999999)", n, n)
    return table


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
