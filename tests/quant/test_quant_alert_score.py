"""The scorecard of alerts is one half on unrelated walks and well above it on pairs that revert."""

from __future__ import annotations

import math

import numpy as np

from bench.alert_score import alerts_of, score_of
from bench.simulation import random_walks, reverting_pair


def scored(make, pairs: int, horizon: int):
    rng = np.random.default_rng([3, horizon])
    return score_of([one for run in range(pairs) for one in alerts_of(make(rng, 2100), run)[horizon]])


def test_unrelated_walks_read_one_half_and_no_edge_over_random_entries():
    """Three standard errors of a few dozen pairs; bench/alert_score.py has 800 a kind, docs/methods.md their table."""
    score = scored(random_walks, 60, 15)
    assert score.n > 100
    assert abs(score.share_positive - 0.5) < 1.5 / math.sqrt(score.n)
    low, high = score.excess_interval_bps
    assert abs(score.excess_bps) < 1.5 * (high - low) / 2


def test_pairs_that_revert_read_far_above_it():
    score = scored(reverting_pair(15), 12, 15)
    assert score.share_interval[0] > 0.6
    assert score.excess_interval_bps[0] > 5
