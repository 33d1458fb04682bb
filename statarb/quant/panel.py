"""More tests of one window, behind the verdict: each can weaken it, none can make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.quant.cointegration import LEVEL, CointegrationResult, engle_granger
from statarb.quant.half_life import HalfLife, half_life
from statarb.quant.hedge import hedge_ratio, residual_name
from statarb.quant.johansen import JohansenResult, johansen, phillips_ouliaris
from statarb.quant.sample import Floats, NotEnough, checked_pair, checked_window
from statarb.quant.stationarity import df_gls, kpss, phillips_perron
from statarb.quant.unitroot import UnitRootResult, adf
from statarb.quant.walk import BounceNoise, Hurst, VarianceRatio, bounce_noise, hurst, variance_ratio

LEAST_FIT_BARS = 20
"""A hedge from fewer bars before the window says nothing about the window."""

VARIANCE_RATIO_BARS = 8


@dataclass(frozen=True)
class Integration:
    """Whether a leg wanders by itself: three tests whose null is a unit root, and KPSS, whose null is that it stays."""

    adf: UnitRootResult | NotEnough
    phillips_perron: UnitRootResult | NotEnough
    df_gls: UnitRootResult | NotEnough
    kpss: UnitRootResult | NotEnough

    @property
    def wanders(self) -> bool:
        """Dickey-Fuller does not reject a unit root: what every test of two legs assumes of each."""
        return not isinstance(self.adf, NotEnough) and self.adf.pvalue >= LEVEL


@dataclass(frozen=True)
class ReversionTests:
    """All tests of one window. `given` names the hedge of the tests that need one that never saw the window."""

    y: Integration
    x: Integration
    engle_granger: CointegrationResult | NotEnough
    phillips_ouliaris: CointegrationResult | NotEnough
    johansen: JohansenResult | NotEnough
    half_life: HalfLife | NotEnough
    given: str
    adf: UnitRootResult | NotEnough
    kpss: UnitRootResult | NotEnough
    variance_ratio: VarianceRatio | NotEnough
    hurst: Hurst | NotEnough
    y_noise: BounceNoise | NotEnough
    x_noise: BounceNoise | NotEnough

    @property
    def doubts(self) -> tuple[str, ...]:
        """What in these tests weakens a verdict of reversion, in sentences; empty where none does."""
        found = [
            f"{name} looks stationary by itself: it needs no other leg to revert."
            for name, leg in (("y", self.y), ("x", self.x))
            if isinstance(leg.adf, UnitRootResult) and not leg.wanders
        ]
        if isinstance(self.phillips_ouliaris, CointegrationResult) and not self.phillips_ouliaris.rejects:
            found.append("Phillips-Ouliaris finds no reversion.")
        if isinstance(self.johansen, JohansenResult) and self.johansen.rank != 1:
            found.append(
                "Johansen finds no relation."
                if self.johansen.rank == 0
                else "Johansen finds full rank: the legs may be stationary themselves."
            )
        if isinstance(self.kpss, UnitRootResult) and self.kpss.pvalue < LEVEL:
            found.append("KPSS: the spread with the hedge given beforehand does not stay around one mean.")
        if isinstance(self.variance_ratio, VarianceRatio) and self.variance_ratio.ratio >= 1:
            found.append(f"The spread's steps do not turn back within {self.variance_ratio.q} bars.")
        found += [
            f"{name} carries bid-ask noise as large as its steps, which passes for reversion: use longer bars."
            for name, noise in (("y", self.y_noise), ("x", self.x_noise))
            if isinstance(noise, BounceNoise) and noise.warns
        ]
        return tuple(found)


def reversion_tests(y: Any, x: Any, test_window: int) -> ReversionTests:
    """Every test of the newest `test_window` bars.

    Tests of a given series (Dickey-Fuller, KPSS, variance ratio, Hurst) take the spread whose hedge was fitted to the
    bars *before* the window: on residuals of the window itself their p-values would be wrong.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Closes on the scale of the regression: the window's, and before them the bars of the given hedge.
    test_window : int
        Bars of the tests.

    Returns
    -------
    ReversionTests
        With a NotEnough in the place of every test that the bars do not suffice for.

    Raises
    ------
    DataError
        As `engle_granger`.
    """
    first, second = checked_pair(y, x)
    window = checked_window(test_window)
    ys, xs = first.to_numpy(), second.to_numpy()
    y_now, x_now = ys[-window:], xs[-window:]
    spread = _given_spread(ys, xs, window)
    tested = spread if isinstance(spread, NotEnough) else spread[0]
    return ReversionTests(
        y=_integration(y_now, "y"),
        x=_integration(x_now, "x"),
        engle_granger=engle_granger(y_now, x_now),
        phillips_ouliaris=phillips_ouliaris(y_now, x_now),
        johansen=johansen(y_now, x_now),
        half_life=half_life_of_legs(y_now, x_now),
        given=spread.text if isinstance(spread, NotEnough) else spread[1],
        adf=tested if isinstance(tested, NotEnough) else adf(tested, series="the spread with the hedge given"),
        kpss=tested if isinstance(tested, NotEnough) else kpss(tested, series="the spread with the hedge given"),
        variance_ratio=tested if isinstance(tested, NotEnough) else _variance_ratio(tested),
        hurst=tested if isinstance(tested, NotEnough) else hurst(np.diff(tested)),
        y_noise=bounce_noise(y_now),
        x_noise=bounce_noise(x_now),
    )


def _integration(leg: Floats, name: str) -> Integration:
    return Integration(
        adf(leg, series=name), phillips_perron(leg, series=name), df_gls(leg, series=name), kpss(leg, series=name)
    )


def _given_spread(y: Floats, x: Floats, window: int) -> tuple[Floats, str] | NotEnough:
    before = y.size - window
    if before < LEAST_FIT_BARS:
        return NotEnough("bars", y.size, window + LEAST_FIT_BARS)
    fit = hedge_ratio(y[:before], x[:before])
    if isinstance(fit, NotEnough):
        return fit
    return (y - fit.beta * x)[before:], f"{residual_name(fit.beta)}, beta from the {before:,} bars before the window"


def _variance_ratio(spread: Floats) -> VarianceRatio | NotEnough:
    if spread.size < 5 * VARIANCE_RATIO_BARS:
        return NotEnough("bars", spread.size, 5 * VARIANCE_RATIO_BARS)
    return variance_ratio(spread, VARIANCE_RATIO_BARS)


def half_life_of_legs(y: Floats, x: Floats) -> HalfLife | NotEnough:
    """Half-life of what least squares leaves of y on these same bars."""
    fit = hedge_ratio(y, x)
    return fit if isinstance(fit, NotEnough) else half_life(y - fit.alpha - fit.beta * x)
