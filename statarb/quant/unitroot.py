"""The augmented Dickey-Fuller test, for a series that was given: one spread with a hedge chosen beforehand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from statarb.errors import DataError
from statarb.quant.mackinnon import TRENDS, critical_values
from statarb.quant.sample import (
    Floats,
    NotEnough,
    Undefined,
    checked_lags,
    checked_least,
    checked_nobs,
    checked_series,
    is_constant,
)

Criterion = Literal["aic", "bic", "t-stat"]

LAST_T = 1.6448536269514722
"""By `t-stat` the longest lag stays whose |t| reaches it: 10 % on both sides of a standard normal."""

EXACT = 1e-10
"""Share of a series' size below which what is left of it is rounding."""

ADF_BARS = 50
"""Below it the choice of lags distorts the test badly: size 13 % at 30 bars, 9 % at 50, 6.5 % at 100."""


@dataclass(frozen=True)
class LagRule:
    """How many lagged differences: a fixed number, or the best by a criterion between two bounds."""

    low: int
    high: int
    criterion: Criterion = "aic"

    @property
    def text(self) -> str:
        if self.low == self.high:
            return f"{self.low} lags, fixed"
        name = "last |t| of 1.645" if self.criterion == "t-stat" else self.criterion.upper()
        return f"{name} among {self.low} to {self.high} lags"


def schwert_lags(nobs: int) -> LagRule:
    """AIC between Schwert's two bounds, floor(4 (n/100)^(1/4)) and floor(12 (n/100)^(1/4)), at most n / 5.

    The lower bound keeps bid-ask bounce and other noise of last prices from reading as reversion, and the search
    from distorting the test: with it the doubled Engle-Granger p holds its level (docs/methods.md).

    References
    ----------
    Schwert (1989), Journal of Business & Economic Statistics 7, 147-159.
    """
    scale = (checked_nobs(nobs) / 100) ** 0.25
    most = nobs // 5
    return LagRule(min(most, int(4 * scale)), min(most, int(12 * scale)))


def lag_rule(
    nobs: int, lags: int | None, bounds: tuple[int, int] | None, criterion: Criterion, terms: int = 0
) -> LagRule:
    """The rule that a caller's options mean; without any, `schwert_lags`. `terms` are the deterministic ones.

    Raises
    ------
    DataError
        Negative lags, more lags than leave a degree of freedom, or an unknown criterion.
    """
    if criterion not in ("aic", "bic", "t-stat"):
        raise DataError(f"{str(criterion)[:20]!r} is not a lag criterion.", "Choose aic, bic or t-stat.")
    if lags is None and bounds is None:
        default = schwert_lags(nobs)
        return LagRule(default.low, default.high, criterion)
    most = most_lags(nobs, terms)
    if bounds is None or lags is not None:
        fixed = checked_lags(lags, most)
        return LagRule(fixed, fixed, criterion)
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise DataError(f"{str(bounds)[:20]!r} are not bounds of lags.", "Give two, as (0, 12).") from None
    high = checked_lags(high, most)
    return LagRule(checked_lags(low, high), high, criterion)


def most_lags(nobs: int, terms: int) -> int:
    """Lagged differences that leave the Dickey-Fuller regression one degree of freedom."""
    return (nobs - 3 - terms) // 2


def lagged_differences(values: Floats, lags: int, extra: tuple[Floats, ...] = ()) -> tuple[Floats, Floats]:
    """Regressand and regressors of the Dickey-Fuller regression: [deterministic terms, level, lagged differences]."""
    difference = np.diff(values)
    n = difference.size - lags
    columns = [column[:n] for column in extra] + [values[lags:-1]]
    columns += [difference[lags - i : difference.size - i] for i in range(1, lags + 1)]
    return difference[lags:], np.column_stack(columns)


def select_lags(values: Floats, rule: LagRule, trend: str = "n") -> int:
    """The number of lags by `rule`, every candidate on the same sample, from one QR factorisation.

    The regressions are nested, so column j of Q takes (q_j . y)^2 from the sum of squares: one factorisation
    gives the criterion of every number of lags.
    """
    terms = deterministic_terms(values.size, trend)
    if rule.low == rule.high:
        return rule.low
    regressand, regressors = lagged_differences(values, rule.high, terms)
    q = np.linalg.qr(regressors)[0]
    ssr = regressand @ regressand - np.cumsum((q.T @ regressand) ** 2)
    n = regressand.size
    lags = np.arange(rule.high + 1)
    if rule.criterion == "t-stat":
        left = ssr[len(terms) :]
        freedom = n - len(terms) - 1 - lags[1:]
        reached = (left[:-1] - left[1:]) * freedom >= LAST_T**2 * np.maximum(left[1:], np.finfo(float).tiny)
        return max(rule.low, int(np.max(lags[1:][reached], initial=0)))
    charge = 2.0 if rule.criterion == "aic" else math.log(n)
    criterion = n * np.log(np.maximum(ssr[len(terms) :], np.finfo(float).tiny) / n) + charge * lags
    return rule.low + int(np.argmin(criterion[rule.low :]))


def is_exact(values: Floats, lags: int, trend: str) -> bool:
    """Whether the regressors of the Dickey-Fuller regression determine one another: a pattern, not a sample."""
    centred = values - values.mean()
    terms = deterministic_terms(values.size, trend)
    _, regressors = lagged_differences(centred / np.abs(centred).max(), lags, terms)
    diagonal = np.abs(np.diag(np.linalg.qr(regressors, mode="r")))
    return bool(diagonal.min() <= EXACT * math.sqrt(values.size))


def is_pattern(values: Floats, trend: str) -> bool:
    """Whether a series of size 1 is rounding, or repeats itself after a few bars: no test of it means anything."""
    return float(np.abs(values).max()) <= EXACT or is_exact(values, 4, trend)


def deterministic_terms(nobs: int, trend: str) -> tuple[Floats, ...]:
    """Constant, trend and squared trend, as far as `trend` asks.

    Raises
    ------
    DataError
        Not one of n, c, ct, ctt.
    """
    if trend not in TRENDS:
        raise DataError(f"{str(trend)[:20]!r} is not a trend.", f"Choose one of {', '.join(TRENDS)}.")
    # From -1 to 1, so that the squared trend stays well conditioned in long samples.
    t = np.linspace(-1.0, 1.0, nobs)
    return (np.ones(nobs), t, t * t)[: len(trend) if trend != "n" else 0]


@dataclass(frozen=True)
class UnitRootResult:
    """An augmented Dickey-Fuller test; `series` says what was tested and where its hedge came from."""

    series: str
    statistic: float
    pvalue: float
    critical_values: dict[str, float]
    lags: int
    nobs: int
    lag_rule: str
    trend: str
    null: str


def adf(
    values: Any,
    trend: str = "c",
    lags: int | None = None,
    lag_bounds: tuple[int, int] | None = None,
    criterion: Criterion = "aic",
    series: str = "the series given",
    least_bars: int = ADF_BARS,
) -> UnitRootResult | NotEnough:
    """Augmented Dickey-Fuller test.

    d(t) = deterministic + gamma s(t-1) + sum of lagged d + e(t), d(t) = s(t) - s(t-1); the statistic is the t of gamma.
    Null hypothesis: s has a unit root (it wanders, and does not return).

    Parameters
    ----------
    values : Series or array, shape (n,)
        A series whose making did not look at it: a price, or a spread with a hedge fixed beforehand. For a hedge
        estimated on the same bars these p-values are wrong (they reject 15 % at 5 %): use `engle_granger`.
    trend : {'n', 'c', 'ct', 'ctt'}
        Deterministic terms.
    lags : int, optional
        A fixed number of lagged differences.
    lag_bounds : (int, int), optional
        Bounds of the search; without both, `schwert_lags`.
    criterion : {'aic', 'bic', 't-stat'}
        Of the search; 't-stat' goes down from the upper bound to the first lag whose own |t| is 1.645 or more.
    series : str
        What the series is, for display.
    least_bars : int
        Fewer are NotEnough. Published samples may be shorter than a desk should trust; 20 at least.

    Returns
    -------
    UnitRootResult or NotEnough
        NotEnough below `least_bars`, Undefined when the series does not move.

    Raises
    ------
    DataError
        NaN, infinity, an index out of order, or options that do not exist.

    References
    ----------
    Dickey & Fuller (1979), JASA 74; MacKinnon (1994, 2010). By `statsmodels.tsa.stattools.adfuller`.
    """
    sample = checked_series(values).to_numpy()
    if sample.size < checked_least(least_bars):
        return NotEnough("bars", sample.size, least_bars)
    if is_constant(sample):
        return Undefined(f"no test: {series} did not move in {sample.size:,} bars", sample.size, sample.size)
    if np.ptp(np.diff(sample)) <= 1e-13 * np.abs(sample).max():
        return Undefined(f"no test: {series} is a straight line", sample.size, sample.size)
    rule = lag_rule(sample.size, lags, lag_bounds, criterion, len(deterministic_terms(sample.size, trend)))
    chosen = select_lags(sample, rule, trend)
    if is_exact(sample, chosen, trend):
        return Undefined(f"no test: {series} is an exact pattern without noise", sample.size, sample.size)
    # Imported on first use: two seconds that the first paint need not wait for.
    from statsmodels.tsa.stattools import adfuller

    result = adfuller(sample, maxlag=chosen, regression=trend, autolag=None, result_object=True)
    return UnitRootResult(
        series=series,
        statistic=float(result.statistic),
        pvalue=float(result.pvalue),
        critical_values=critical_values(1, trend, int(result.nobs)),
        lags=chosen,
        nobs=int(result.nobs),
        lag_rule=rule.text,
        trend=TRENDS[trend],
        null="the series has a unit root: it wanders and does not return",
    )
