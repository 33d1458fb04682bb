"""Critical values and p-values of unit-root tests on one series and on the residuals of a two-leg regression."""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal, TypeVar

from statarb.errors import DataError
from statarb.quant.sample import checked_nobs

Trend = Literal["n", "c", "ct", "ctt"]
TRENDS: dict[str, str] = {
    "n": "no constant",
    "c": "constant",
    "ct": "constant and trend",
    "ctt": "constant, trend and squared trend",
}

Row = TypeVar("Row")

_LEVELS = ("1%", "5%", "10%")

# MacKinnon (2010), "Critical Values for Cointegration Tests", Queen's Economics Department Working Paper 1227,
# tables 2 to 4: b0 + b1/T + b2/T^2 + b3/T^3 by (series, trend). Common libraries print -33.527 where the paper has
# -22.527 (two series, constant, 1 %); Stata's egranger, T = 199, confirms the paper. The case without constant is
# MacKinnon (1996), which the paper of 2010 leaves as it was. For two series without constant there is no table of his:
# that surface was simulated in the same way by K. Sheppard for the library arch (engle_granger).
_CRITICAL = {
    (2, "n"): (
        (-3.34191, -10.52922, -1.37381, -125.05815),
        (-2.75983, -6.93331, 21.37212, -195.03504),
        (-2.45704, -5.64593, 30.26726, -240.92321),
    ),
    (1, "n"): ((-2.56574, -2.2358, -3.627, 0.0), (-1.941, -0.2686, -3.365, 31.223), (-1.61682, 0.2656, -2.714, 25.364)),
    (1, "c"): (
        (-3.43035, -6.5393, -16.786, -79.433),
        (-2.86154, -2.8903, -4.234, -40.04),
        (-2.56677, -1.5384, -2.809, 0.0),
    ),
    (1, "ct"): (
        (-3.95877, -9.0531, -28.428, -134.155),
        (-3.41049, -4.3904, -9.036, -45.374),
        (-3.12705, -2.5856, -3.925, -22.38),
    ),
    (1, "ctt"): (
        (-4.37113, -11.5882, -35.819, -334.047),
        (-3.83239, -5.9057, -12.49, -118.284),
        (-3.55326, -3.6596, -5.293, -63.559),
    ),
    (2, "c"): ((-3.89644, -10.9519, -22.527, 0.0), (-3.33613, -6.1101, -6.823, 0.0), (-3.04445, -4.2412, -2.72, 0.0)),
    (2, "ct"): (
        (-4.32762, -15.4387, -35.679, 0.0),
        (-3.78057, -9.5106, -12.074, 0.0),
        (-3.49631, -7.0815, -7.538, 21.892),
    ),
    (2, "ctt"): (
        (-4.69276, -20.2284, -64.919, 88.884),
        (-4.15387, -13.3114, -28.402, 72.741),
        (-3.87346, -10.4637, -17.408, 66.313),
    ),
}

# MacKinnon (1994), Journal of Business & Economic Statistics 12, tables 3 and 4: p = Phi(polynomial in tau), one
# polynomial up to tau_star and another above; p is 0 below tau_min and 1 above tau_max.
# Without constant: from the source named above.
_PVALUE = {
    (2, "n"): (
        -21.36194,
        -0.96208,
        1.67599,
        (1.882033, 1.364167, 0.03192985),
        (1.562919, 0.885052, -0.186762, -0.0307384),
    ),
    (2, "c"): (-18.86, -2.62, 0.92, (2.92, 1.5012, 0.039796), (2.1945, 0.64695, -0.29198, -0.042377)),
    (2, "ct"): (-21.15, -3.19, 0.63, (3.6646, 1.5419, 0.036448), (2.85, 0.5272, -0.36622, -0.051695)),
    (2, "ctt"): (-21.1, -3.51, 0.79, (4.3534, 1.6016, 0.037947), (3.4713, 0.5967, -0.32507, -0.042286)),
}


def critical_values(series: int, trend: str, nobs: int) -> dict[str, float]:
    """Critical values at 1, 5 and 10 % for `nobs` observations: b0 + b1/T + b2/T^2 + b3/T^3.

    Parameters
    ----------
    series : {1, 2}
        1 for a series that was given, 2 for the residuals of a regression of one leg on the other.
    trend : {'n', 'c', 'ct', 'ctt'}
        Deterministic terms of the test (one series) or of the regression (two).
    nobs : int
        Sample size T of the formula: Stata and statsmodels take the length of the sample less one.

    Returns
    -------
    dict
        '1%', '5%', '10%'.

    Raises
    ------
    DataError
        No table for this number of series and trend, or a number of observations that is none.

    References
    ----------
    MacKinnon (2010), Queen's Economics Department Working Paper 1227.
    """
    rows, nobs = _table(_CRITICAL, series, trend), checked_nobs(nobs)
    return {level: sum(b / nobs**i for i, b in enumerate(row)) for level, row in zip(_LEVELS, rows, strict=True)}


def residual_pvalue(statistic: float, trend: str = "c") -> float:
    """Asymptotic p-value of a residual-based test on two legs: Phi of a polynomial in the statistic.

    Parameters
    ----------
    statistic : float
        The Dickey-Fuller t of the residuals.
    trend : {'n', 'c', 'ct', 'ctt'}
        Deterministic terms of the regression.

    Raises
    ------
    DataError
        No table for this trend, or a statistic that is not a number.

    References
    ----------
    MacKinnon (1994), Journal of Business & Economic Statistics 12, 167-176.
    """
    tau_min, tau_star, tau_max, small, large = _table(_PVALUE, 2, trend)
    if not isinstance(statistic, Real) or math.isnan(statistic):
        raise DataError(f"{str(statistic)[:20]} is not a statistic.", "Give a number.")
    if statistic > tau_max:
        return 1.0
    if statistic < tau_min:
        return 0.0
    polynomial = small if statistic <= tau_star else large
    return 0.5 * math.erfc(-sum(b * statistic**i for i, b in enumerate(polynomial)) / math.sqrt(2))


def _table(tables: dict[tuple[int, str], Row], series: int, trend: str) -> Row:
    try:
        return tables[series, trend]
    except (KeyError, TypeError):  # a TypeError of what cannot be a key
        known = ", ".join(name for number, name in tables if number == series) or "1 or 2 series"
        raise DataError(
            f"There is no table for {series} series and trend {str(trend)[:20]!r}.", f"Choose {known}."
        ) from None
