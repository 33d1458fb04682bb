"""The badge: it keeps its level while nothing changes, and sees a beta or a mean that moved."""

import math

import numpy as np
import pytest
from quant_samples import random_walks, reverting_legs

from statarb.errors import DataError
from statarb.quant import NotEnough, Stability, Undefined, stability


def p_values(half_life, fitted, since, runs, change=lambda y, x: y):
    found = []
    for seed in range(runs):
        y, x = reverting_legs(fitted + since, seed, half_life=half_life)
        y[fitted:] = change(y[fitted:], x[fitted:] - x[fitted])
        found.append(stability(y, x, fitted).pvalue)
    return np.array(found)


@pytest.mark.parametrize(("half_life", "fitted", "since"), [(5, 240, 60), (5, 240, 240), (20, 1440, 240)])
def test_it_keeps_its_level_while_nothing_changes(half_life, fitted, since):
    """250 pairs: 5 % give or take three standard deviations, below being allowed."""
    p = p_values(half_life, fitted, since, 250)
    assert np.mean(p < 0.05) <= 0.092
    assert np.mean(p < 0.001) <= 0.03


def test_a_mean_that_jumped_and_a_beta_that_moved_are_seen():
    deviation = 1 / math.sqrt(1 - 0.5 ** (2 / 5))
    assert np.mean(p_values(5, 240, 60, 100, lambda y, x: y + 4 * deviation) < 0.001) > 0.9
    assert np.mean(p_values(5, 240, 240, 100, lambda y, x: y + 0.5 * x) < 0.05) > 0.7


def test_where_the_fit_allows_a_walk_only_beta_is_judged():
    found = stability(*random_walks(400, 3), 240)
    assert math.isnan(found.mean_p)
    assert found.pvalue == found.beta_p


def test_the_badge_says_what_it_means():
    y, x = reverting_legs(500, seed=1)
    assert stability(y, x, 240).badge == "stable"
    assert "chance" in stability(y, x, 240).text
    y[240:] += 100
    broken = stability(y, x, 240)
    assert isinstance(broken, Stability)
    assert (broken.badge, broken.bars) == ("broken", 260)
    assert "no longer holds" in broken.text


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_the_scale_of_prices_does_not_matter(scale):
    y, x = reverting_legs(400, seed=2)
    assert stability(scale * (y + 500), scale * (x + 300), 240).pvalue == pytest.approx(
        stability(y, x, 240).pvalue, rel=1e-4
    )


def test_poor_data_have_typed_answers():
    y, x = reverting_legs(300, seed=2)
    assert stability(y[:245], x[:245], 240) == NotEnough("bars", 245, 250)
    assert isinstance(stability(y, np.full(300, 2.0), 240), Undefined)
    assert isinstance(stability(x, x, 240), Undefined)
    with pytest.raises(DataError):
        stability(y, x, 20)
