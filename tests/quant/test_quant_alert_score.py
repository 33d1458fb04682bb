"""The scorecard of alerts is one half on unrelated walks and well above it on pairs that revert."""

from __future__ import annotations

import numpy as np
import pytest

from bench.alert_score import alerts_of, score_of
from bench.simulation import noisy_walks, random_walks, reverting_pair


def scored(make, pairs: int, horizon: int):
    rng = np.random.default_rng([3, horizon])
    return score_of([one for run in range(pairs) for one in alerts_of(make(rng, 2100), run)[horizon]])


@pytest.mark.parametrize("make", [random_walks, noisy_walks])
def test_unrelated_walks_read_one_half_and_no_edge_over_random_entries(make):
    """One half within two points; docs/methods.md has the table of more kinds and horizons."""
    score = scored(make, 1000, 15)
    assert score.n > 2000
    assert abs(score.share_positive - 0.5) < 0.02
    low, high = score.excess_interval_bps
    assert low < 0 < high


def test_pairs_that_revert_read_far_above_it():
    score = scored(reverting_pair(15), 12, 15)
    assert score.share_interval[0] > 0.6
    assert score.excess_interval_bps[0] > 5
