"""How fast a spread comes back: its half-life, with an interval that allows for the bias of slow spreads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.quant.sample import Floats, NotEnough, Undefined, checked_series, is_constant

HALF_LIFE_BARS = 50
"""Fewer bars give an interval from nothing to for ever."""

UNRELATED_SHARE = 12
"""On unrelated walks the plain half-life is about the window over 12: it mirrors the window, not the market."""

LJUNG_BOX_99 = 11.345
"""99 % point of chi-squared with 3 degrees of freedom: four autocorrelations after one coefficient."""

BIAS_TERMS = {False: 1, True: 2}
"""How many slow things were removed from the spread: its mean, and with an estimated hedge the other leg."""

SCALE_FLOOR = 10.0
"""Keeps the scale of the table's statistic away from zero at a unit root; any number would do."""

# `python -m bench.half_life_table`, seed 1, 40,000 runs of 1,500 bars: (n (1 - phi), and the 2.5, 50 and 97.5 %
# quantiles of (n (rho - phi) + 2 phi + terms (1 + phi)) / sqrt(n (1 - phi) (1 + phi) + SCALE_FLOOR)).
_GIVEN = (
    (0, -4.048, -0.110, 1.391),
    (0.5, -3.862, -0.078, 1.405),
    (1, -3.692, -0.024, 1.420),
    (2, -3.565, 0.028, 1.431),
    (4, -3.122, 0.090, 1.444),
    (7, -2.889, 0.110, 1.483),
    (12, -2.707, 0.129, 1.557),
    (20, -2.472, 0.112, 1.620),
    (35, -2.358, 0.104, 1.683),
    (60, -2.240, 0.076, 1.738),
    (100, -2.159, 0.062, 1.789),
    (200, -2.078, 0.054, 1.845),
    (500, -2.029, 0.022, 1.899),
    (2000, -1.906, -0.004, 1.962),
)
_ESTIMATED = (
    (0, -5.647, -0.625, 1.686),
    (0.5, -5.317, -0.516, 1.680),
    (1, -5.029, -0.440, 1.667),
    (2, -4.531, -0.285, 1.629),
    (4, -4.029, -0.168, 1.632),
    (7, -3.575, -0.059, 1.657),
    (12, -3.025, 0.011, 1.690),
    (20, -2.745, 0.056, 1.696),
    (35, -2.500, 0.062, 1.721),
    (60, -2.311, 0.064, 1.787),
    (100, -2.218, 0.063, 1.804),
    (200, -2.110, 0.031, 1.853),
    (500, -2.052, 0.013, 1.886),
    (2000, -1.922, -0.011, 1.956),
)

HIGHEST, MEDIAN, LOWEST = 1, 2, 3
"""Columns of the table, by what they make of phi: the 97.5 % end of its interval, its middle, the 2.5 % end."""


@dataclass(frozen=True)
class HalfLife:
    """Half-life in bars, median-unbiased, with its 95 % interval; infinite where the data allow a random walk.

    `rho` is the plain estimate of persistence and `plain_bars` its half-life, uncorrected; `unrelated_bars` is what
    `plain_bars` would be about on unrelated walks. `ljung_box` is the statistic of four autocorrelations of what AR(1)
    leaves over; above LJUNG_BOX_99 the spread is no AR(1) (noise, or two speeds) and the interval is not `reliable`.
    """

    bars: float
    low_bars: float
    high_bars: float
    rho: float
    plain_bars: float
    unrelated_bars: float
    ljung_box: float
    n: int

    @property
    def reliable(self) -> bool:
        """Whether the interval holds the truth as often as promised: the spread has the shape that it assumes."""
        return self.ljung_box <= LJUNG_BOX_99

    def minutes(self, bar_s: float) -> tuple[float, float, float]:
        """(estimate, low, high) in minutes for bars of `bar_s` seconds."""
        factor = bar_s / 60
        return self.bars * factor, self.low_bars * factor, self.high_bars * factor


def half_life(spread: Any, estimated_beta: bool = True) -> HalfLife | NotEnough:
    """Half-life of a spread that is an AR(1): -ln 2 / ln phi, corrected for bias, with an interval.

    s(t) = c + phi s(t-1) + e(t). Least squares finds phi too small, the more so the slower the spread. Here phi is the
    value whose median estimate is the one found, and the ends of the interval are the values for which the one found
    is a 2.5 % and a 97.5 % case, by a table of simulated quantiles against n (1 - phi).

    Parameters
    ----------
    spread : Series or array, shape (n,)
        One hedge for all bars: residuals of the test window, or a spread with a hedge that was given.
    estimated_beta : bool
        Whether the hedge was fitted to these same bars: that makes the spread look faster.

    Returns
    -------
    HalfLife or NotEnough
        NotEnough below 50 bars; Undefined when the spread does not move, or where it turns back within a bar
        (phi <= 0: there is no half-life).

    Raises
    ------
    DataError
        NaN, infinity, or an index out of order.

    Notes
    -----
    On unrelated walks a plain half-life comes out at about n / 12: show this number only while the verdict stands.
    Bid-ask noise makes a spread look faster than it is.

    References
    ----------
    Kendall (1954), Biometrika 41, for the bias; Andrews (1993), Econometrica 61, for median-unbiased estimates;
    Phillips (1987), Biometrika 74, for quantiles that depend on n (1 - phi).
    """
    sample = checked_series(spread, "spread").to_numpy()
    if sample.size < HALF_LIFE_BARS:
        return NotEnough("bars", sample.size, HALF_LIFE_BARS)
    if is_constant(sample):
        return Undefined(f"no half-life: the spread did not move in {sample.size:,} bars", sample.size, sample.size)
    before, after = (part - part.mean() for part in (sample[:-1], sample[1:]))
    if is_constant(sample[:-1]):
        return Undefined("no half-life: the spread moved in one bar only", sample.size, sample.size)
    size = float(np.abs(before).max())
    before, after = before / size, after / size
    rho = float(before @ after) / float(before @ before)
    middle, low, high = (
        likely_persistence(rho, sample.size - 1, estimated_beta, column) for column in (MEDIAN, LOWEST, HIGHEST)
    )
    if middle <= 0:
        return Undefined("no half-life: the spread turns back within a bar", sample.size, sample.size)
    return HalfLife(
        bars=_bars(middle),
        low_bars=_bars(low),
        high_bars=_bars(high),
        rho=rho,
        plain_bars=_bars(rho),
        unrelated_bars=sample.size / UNRELATED_SHARE,
        ljung_box=_ljung_box(after - rho * before),
        n=sample.size,
    )


def _ljung_box(resid: Floats, lags: int = 4) -> float:
    n, squares = resid.size, float(resid @ resid)
    if squares <= 0:
        return math.inf
    return n * (n + 2) * sum((float(resid[j:] @ resid[:-j]) / squares) ** 2 / (n - j) for j in range(1, lags + 1))


def _bars(phi: float) -> float:
    if phi >= 1:
        return math.inf
    return -math.log(2) / math.log(phi) if phi > 0 else 0.0


def likely_persistence(rho: float, n: int, estimated_beta: bool, column: int) -> float:
    """The phi for which `rho` lies at the quantile of that column of the table; 1 where even a walk gives more."""
    table = np.array(_ESTIMATED if estimated_beta else _GIVEN, dtype=np.float64)
    terms = BIAS_TERMS[estimated_beta]

    def excess(phi: Floats) -> Floats:
        c = n * (1 - phi)
        statistic = (n * (rho - phi) + 2 * phi + terms * (1 + phi)) / np.sqrt(c * (1 + phi) + SCALE_FLOOR)
        return np.asarray(statistic - np.interp(np.log1p(c), np.log1p(table[:, 0]), table[:, column]))

    phi = 1 - np.concatenate([[0.0], np.geomspace(0.01 / n, 2 - 1e-6, 2000)])
    over = excess(phi)
    if over[0] > 0:
        return 1.0
    first = int(np.argmax(over > 0))
    if over[first] <= 0:
        return -1.0
    share = over[first] / (over[first] - over[first - 1])
    return float(phi[first] + share * (phi[first - 1] - phi[first]))
