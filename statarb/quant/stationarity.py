"""Further tests of one series: does it stay (KPSS), or does it wander (Phillips-Perron, DF-GLS)?"""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from statarb.errors import DataError
from statarb.quant.mackinnon import TRENDS
from statarb.quant.sample import (
    Floats,
    NotEnough,
    Undefined,
    checked_lags,
    checked_least,
    checked_series,
    is_constant,
)
from statarb.quant.unitroot import (
    ADF_BARS,
    UnitRootResult,
    deterministic_terms,
    is_exact,
    is_pattern,
    lag_rule,
    select_lags,
)

WANDERS = "the series has a unit root: it wanders and does not return"
STAYS = "the series stays around its mean; a small p says that it wanders"


def schwert_most(nobs: int) -> int:
    """Schwert's longer rule: floor(12 (n / 100)^(1/4)) lags."""
    return int(12 * (nobs / 100) ** 0.25)


def kpss(
    values: Any,
    trend: str = "c",
    lags: int | Literal["auto"] | None = None,
    series: str = "the series given",
    least_bars: int = ADF_BARS,
) -> UnitRootResult | NotEnough:
    """Kwiatkowski-Phillips-Schmidt-Shin test, whose null is the opposite of Dickey-Fuller's.

    Sum of the squared partial sums of the residuals over n^2 times their long-run variance.
    Null hypothesis: the series stays around its mean (or its trend).

    Parameters
    ----------
    values : Series or array, shape (n,)
        A series that was given.
    trend : {'c', 'ct'}
        Around a mean, or around a trend.
    lags : int or 'auto', optional
        Of the long-run variance; without it floor(12 (n / 100)^(1/4)), with 'auto' from the data (Hobijn et al.).
    series : str
        What the series is, for display.
    least_bars : int
        Fewer are NotEnough. Published samples may be shorter than a desk should trust; 20 at least.

    Returns
    -------
    UnitRootResult or NotEnough
        NotEnough below `least_bars`, Undefined when the series does not move. Here a *small* p says that it wanders.

    Raises
    ------
    DataError
        NaN, infinity, an index out of order, or options that do not exist.

    References
    ----------
    Kwiatkowski, Phillips, Schmidt & Shin (1992), Journal of Econometrics 54; Hobijn, Franses & Ooms (2004), Statistica
    Neerlandica 58. By `arch.unitroot.KPSS`.
    """
    sample = _sample(values, trend, ("c", "ct"), series, least_bars)
    if isinstance(sample, NotEnough):
        return sample
    from arch.unitroot import KPSS

    if lags == "auto":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # says only that None means this
            return _result(KPSS(sample, trend=trend), series, trend, "lags from the data", STAYS)
    fixed = schwert_most(sample.size) if lags is None else checked_lags(lags, sample.size - 1)
    return _result(KPSS(sample, trend=trend, lags=fixed), series, trend, f"{fixed} lags, fixed", STAYS)


def phillips_perron(
    values: Any,
    trend: str = "c",
    lags: int | None = None,
    series: str = "the series given",
    test: Literal["tau", "rho"] = "tau",
    least_bars: int = ADF_BARS,
) -> UnitRootResult | NotEnough:
    """Phillips-Perron test: Dickey-Fuller's t, corrected for autocorrelation by the long-run variance.

    Null hypothesis: the series has a unit root. It rejects too often where changes are negatively correlated, as
    bid-ask bounce makes them: prefer `adf` there.

    Parameters
    ----------
    values, lags, series, least_bars
        As `kpss`.
    trend : {'n', 'c', 'ct'}
        Deterministic terms.
    test : {'tau', 'rho'}
        By the t of the root, or by n times the root less one.

    Returns
    -------
    UnitRootResult or NotEnough
        As `adf`.

    Raises
    ------
    DataError
        As `adf`.

    References
    ----------
    Phillips & Perron (1988), Biometrika 75. By `arch.unitroot.PhillipsPerron`.
    """
    if test not in ("tau", "rho"):
        raise DataError(f"{str(test)[:20]!r} is not a statistic of this test.", "Choose tau or rho.")
    sample = _sample(values, trend, ("n", "c", "ct"), series, least_bars)
    if isinstance(sample, NotEnough):
        return sample
    from arch.unitroot import PhillipsPerron

    lags = schwert_most(sample.size) if lags is None else checked_lags(lags, sample.size - 2)
    if is_pattern(sample, trend):
        return Undefined(f"no test: {series} is an exact pattern without noise", sample.size, sample.size)
    return _result(
        PhillipsPerron(sample, trend=trend, lags=lags, test_type=test), series, trend, f"{lags} lags, fixed", WANDERS
    )


def df_gls(
    values: Any,
    trend: str = "c",
    lags: int | None = None,
    series: str = "the series given",
    least_bars: int = ADF_BARS,
) -> UnitRootResult | NotEnough:
    """Dickey-Fuller test of the series less its mean (or trend) by generalised least squares: more power than `adf`.

    Null hypothesis: the series has a unit root.

    Parameters
    ----------
    values, series, least_bars
        As `kpss`.
    trend : {'c', 'ct'}
        What is removed.
    lags : int, optional
        A fixed number of lagged differences; without it AIC up to floor(12 (n / 100)^(1/4)).

    Returns
    -------
    UnitRootResult or NotEnough
        As `adf`.

    Raises
    ------
    DataError
        As `adf`.

    References
    ----------
    Elliott, Rothenberg & Stock (1996), Econometrica 64. By `arch.unitroot.DFGLS`.
    """
    sample = _sample(values, trend, ("c", "ct"), series, least_bars)
    if isinstance(sample, NotEnough):
        return sample
    from arch.unitroot import DFGLS

    bounds = (0, min(schwert_most(sample.size), sample.size // 5)) if lags is None else None
    rule = lag_rule(sample.size, lags, bounds, "aic", len(deterministic_terms(sample.size, trend)))
    chosen = select_lags(_gls_detrended(sample, trend), rule)
    if is_exact(sample, chosen, trend):
        return Undefined(f"no test: {series} is an exact pattern without noise", sample.size, sample.size)
    return _result(DFGLS(sample, lags=chosen, trend=trend), series, trend, rule.text, WANDERS)


def _gls_detrended(sample: Floats, trend: str) -> Floats:
    """The series less its mean or trend, by least squares of quasi-differences with Elliott, Rothenberg and Stock's c.

    The library does the same, but takes ten times as long to choose the lags.
    """
    keep = 1 - (7.0 if trend == "c" else 13.5) / sample.size
    terms = np.column_stack(deterministic_terms(sample.size, trend))
    design, target = terms.copy(), sample.copy()
    design[1:] -= keep * terms[:-1]
    target[1:] -= keep * sample[:-1]
    line = np.linalg.lstsq(design, target, rcond=None)[0]
    return np.asarray(sample - terms @ line)


def _sample(values: Any, trend: str, trends: tuple[str, ...], series: str, least_bars: int) -> Floats | NotEnough:
    """The series from 0 and of size 1, so that prices of 1e-8 and of 1e9 are tested alike."""
    sample = checked_series(values).to_numpy()
    if trend not in trends:
        raise DataError(f"{str(trend)[:20]!r} is not a trend of this test.", f"Choose one of {', '.join(trends)}.")
    if sample.size < checked_least(least_bars):
        return NotEnough("bars", sample.size, least_bars)
    if is_constant(sample):
        return Undefined(f"no test: {series} did not move in {sample.size:,} bars", sample.size, sample.size)
    centred = sample - sample[0] if trend != "n" else sample
    size = float(abs(centred).max())
    steps = (centred[1:] - centred[:-1]) / size
    if float(steps.max() - steps.min()) <= 1e-12:
        return Undefined(f"no test: {series} is a straight line", sample.size, sample.size)
    return centred / size


def _result(test: Any, series: str, trend: str, rule: str, null: str) -> UnitRootResult:
    return UnitRootResult(
        series=series,
        statistic=float(test.stat),
        pvalue=float(test.pvalue),
        critical_values={level: float(value) for level, value in test.critical_values.items()},
        lags=int(test.lags),
        nobs=int(test.nobs),
        lag_rule=rule,
        trend=TRENDS[trend],
        null=null,
    )
