"""What came after an alert is earned by frozen legs, random entries know no future, and the score is the textbook's."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_samples import START_MS, prices_of, random_walks

from statarb.errors import DataError
from statarb.quant import FrozenMoments, NotEnough, Outcome, Scorecard, outcome, scorecard, two_legs

MINUTE = 60_000
LEGS = two_legs(FrozenMoments(0.0, 0.5, 0.0, 0.01, 0, 60, "log"), -1, 1000.0, 100.0, 50.0)


def series(*columns, start_ms: int = START_MS) -> list[pd.Series]:
    ts = (start_ms + MINUTE * np.arange(len(columns[0]))).astype("datetime64[ms]")
    return [pd.Series(np.asarray(one, dtype=float), index=pd.DatetimeIndex(ts, tz="UTC")) for one in columns]


def closed_ms(bars: int) -> int:
    return START_MS + bars * MINUTE


def test_a_result_by_hand():
    y, x = series([90] * 10 + [100, 101, 102, 99], [60] * 10 + [50, 50, 50.5, 51])
    after = [outcome(y, x, MINUTE, LEGS, closed_ms(10), bars, 24.0, 5, seed=1) for bars in (1, 2, 3)]
    # Judged at 90 and 60; filled a bar later: sold 10 y at 100, bought 10 x at 50, 500 of x for 1,000 of y.
    assert [one.gross_bps for one in after] == pytest.approx([-100, -150, 200])
    assert [one.net_bps for one in after] == pytest.approx([-124, -174, 176])


def test_a_live_alert_is_filled_at_the_close_of_its_bar():
    y, x = series([90] * 10 + [100, 101, 102, 103], [50] * 14)
    live = outcome(y, x, MINUTE, LEGS, closed_ms(10) + 30_000, 2, 0.0, 5, seed=1)
    assert live.gross_bps == pytest.approx(-200)


def test_the_last_close_within_the_horizon_counts_and_without_fill_and_exit_there_is_no_result():
    y, x = series([100.0] * 13 + [103.0], [50.0] * 14)
    y, x = y.drop(y.index[12]), x.drop(x.index[12])
    assert outcome(y, x, MINUTE, LEGS, closed_ms(10), 2, 0.0, 5, seed=1).gross_bps == pytest.approx(0)
    assert outcome(y, x, MINUTE, LEGS, closed_ms(11), 1, 0.0, 5, seed=1) == NotEnough("bars after the alert", 1, 2)
    assert outcome(y, x, MINUTE, LEGS, closed_ms(14), 5, 0.0, 5, seed=1) == NotEnough("bars after the alert", 0, 2)


def test_random_entries_are_the_mean_of_a_plain_loop_where_all_are_taken():
    y, x = series(*(prices_of(leg) for leg in random_walks(120, seed=4)))
    at, window, horizon = 100, 30, 5
    one = outcome(y, x, MINUTE, LEGS, closed_ms(at), horizon, 7.0, window, seed=3)
    y_, x_ = y.to_numpy(), x.to_numpy()
    results = [
        -((y_[i + horizon] / y_[i] - 1) - 0.5 * (x_[i + horizon] / x_[i] - 1)) * 1e4
        for i in range(at - window - horizon)
    ]
    assert one.n_random == len(results) == 65
    assert one.random_gross_bps == pytest.approx(np.mean(results))
    assert one.random_net_bps == pytest.approx(np.mean(results) - 7.0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(80, 140), st.floats(0.5, 2.0))
def test_random_entries_know_nothing_of_the_alerts_window_or_of_what_follows(seed, at, factor):
    y, x = series(*(prices_of(leg) for leg in random_walks(200, seed)))
    before = outcome(y, x, MINUTE, LEGS, closed_ms(at), 15, 24.0, 40, seed)
    changed = y.copy()
    changed.iloc[at - 40 :] *= factor
    after = outcome(changed, x, MINUTE, LEGS, closed_ms(at), 15, 24.0, 40, seed)
    assert (after.random_gross_bps, after.n_random) == (before.random_gross_bps, before.n_random)
    assert before.n_random == at - 40 - 15


def test_the_seed_chooses_the_entries():
    y, x = series(*(prices_of(leg) for leg in random_walks(2000, seed=1)))
    first, again, other = (outcome(y, x, MINUTE, LEGS, closed_ms(1900), 15, 24.0, 40, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.n_random == 200
    assert first.random_gross_bps != other.random_gross_bps


def test_without_bars_before_the_window_there_are_no_random_entries():
    y, x = series([100.0] * 20, [50.0] * 20)
    one = outcome(y, x, MINUTE, LEGS, closed_ms(15), 2, 24.0, 20, seed=1)
    assert isinstance(one, Outcome)
    assert one.n_random == 0
    assert math.isnan(one.random_gross_bps)


def test_a_horizon_below_a_bar_is_refused():
    with pytest.raises(DataError, match="horizon of 0"):
        outcome(*series([1.0], [1.0]), MINUTE, LEGS, closed_ms(1), 0, 24.0, 5, seed=1)


def test_a_score_by_hand():
    gross = np.array([10.0, -5, 20, 5, 30, 1, 2, 3, -4, 8])
    score = scorecard(gross, gross - 24, np.full(10, 2.0))
    assert isinstance(score, Scorecard)
    assert (score.n, score.share_positive, score.gross_bps, score.net_bps) == (10, 0.8, 7.0, -17.0)
    assert score.share_interval == pytest.approx((0.490, 0.943), abs=5e-4)  # Wilson, 8 of 10
    reach = 2.262157 * gross.std(ddof=1) / math.sqrt(10)  # Student, 9 degrees of freedom
    assert score.gross_interval_bps == pytest.approx((7 - reach, 7 + reach), abs=1e-4)
    assert score.excess_bps == pytest.approx(5.0)
    assert score.excess_interval_bps == pytest.approx((5 - reach, 5 + reach), abs=1e-4)


def test_alerts_without_random_entries_score_without_excess():
    gross = np.arange(6.0)
    score = scorecard(gross, gross, np.full(6, math.nan))
    assert isinstance(score, Scorecard)
    assert math.isnan(score.excess_bps)
    part = scorecard(gross, gross, np.array([1.0, math.nan, 1, 1, 1, 1]))
    assert isinstance(part, Scorecard)
    assert part.excess_bps == pytest.approx(np.mean([0, 2, 3, 4, 5]) - 1)


def test_few_alerts_have_no_score_and_broken_ones_are_refused():
    missing = scorecard([1.0] * 4, [1.0] * 4, [1.0] * 4)
    assert isinstance(missing, NotEnough)
    assert missing.text == "not enough data: 4 of 5 alerts with an outcome"
    with pytest.raises(DataError, match="differ in number"):
        scorecard([1.0] * 6, [1.0] * 5, [1.0] * 6)
    with pytest.raises(DataError, match="not numbers"):
        scorecard([math.nan] * 6, [1.0] * 6, [1.0] * 6)
