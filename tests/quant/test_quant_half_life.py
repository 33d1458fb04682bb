"""The half-life: its interval holds the truth as often as it says, and a walk has none."""

import math

import numpy as np
import pytest
from quant_samples import random_walks, reverting_legs

from statarb.quant import HalfLife, NotEnough, Undefined, half_life, hedge_ratio


def spread_of(half_life_bars: float, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phi = 0.5 ** (1 / half_life_bars)
    spread, shocks = np.empty(n), rng.standard_normal(n)
    spread[0] = shocks[0] / math.sqrt(1 - phi**2)
    for t in range(1, n):
        spread[t] = phi * spread[t - 1] + shocks[t]
    return spread


def residual(y, x):
    fit = hedge_ratio(y, x)
    return y - fit.alpha - fit.beta * x


@pytest.mark.parametrize("estimated", [False, True], ids=["given-beta", "estimated-beta"])
@pytest.mark.parametrize(("bars", "n"), [(5, 300), (60, 300), (20, 1440)])
def test_the_interval_holds_the_truth_in_19_of_20_cases(bars, n, estimated):
    """300 samples: 91 to 98.3 % is three standard deviations either side of 95 %. bench/calibration.py has more."""
    inside, middle = 0, []
    for seed in range(300):
        spread = spread_of(bars, n, seed)
        if estimated:
            x = random_walks(n, 10_000 + seed)[1]
            spread = residual(spread + x, x)
        found = half_life(spread, estimated)
        inside += found.low_bars < bars < found.high_bars
        middle.append(found.bars)
    assert 0.91 <= inside / 300 <= 0.983
    assert np.median(middle) == pytest.approx(bars, rel=0.2)


def test_the_plain_estimate_is_biased_and_ours_is_not():
    """At 300 bars a true half-life of 60 reads less than 35 in half of the cases."""
    plain = [half_life(residual(*reverting_legs(300, seed, half_life=60.0))).plain_bars for seed in range(150)]
    assert np.median(plain) < 35


def test_a_walk_has_no_upper_bound():
    unbounded = sum(math.isinf(half_life(residual(*random_walks(500, seed))).high_bars) for seed in range(100))
    assert unbounded >= 90


def test_on_unrelated_walks_the_plain_number_mirrors_the_window():
    for n in (300, 1440):
        plain = [half_life(residual(*random_walks(n, seed))).plain_bars for seed in range(200)]
        shown = half_life(residual(*random_walks(n, 1))).unrelated_bars
        assert np.median(plain) == pytest.approx(shown, rel=0.35)


def test_an_exact_half_life_is_the_logarithm_and_not_its_first_term():
    found = half_life(spread_of(1.0, 20_000, 3), estimated_beta=False)
    assert found.bars == pytest.approx(1.0, rel=0.05)  # -ln 2 / (phi - 1) would be 1.39


def test_noise_makes_it_unreliable():
    rng = np.random.default_rng(4)
    clean = spread_of(20, 3600, 5)
    assert half_life(clean, False).reliable
    assert not half_life(clean + 3 * rng.standard_normal(3600), False).reliable


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_the_scale_does_not_matter(scale):
    spread = spread_of(20, 500, 1)
    assert half_life(scale * (spread + 7)).bars == pytest.approx(half_life(spread).bars, rel=1e-6)


def test_minutes():
    found = HalfLife(10, 8, 14, 0.9, 9, 25, 1.0, 300)
    assert found.minutes(30) == (5, 4, 7)


def test_where_there_is_none():
    assert half_life(np.arange(20.0)) == NotEnough("bars", 20, 50)
    assert isinstance(half_life(np.ones(60)), Undefined)
    assert isinstance(half_life(np.tile([1.0, -1.0], 100)), Undefined)
    assert math.isinf(half_life(np.arange(100.0)).bars)
