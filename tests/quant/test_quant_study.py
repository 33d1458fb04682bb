"""A pair studied as a whole: closed bars only, no look-ahead, and a typed answer for every kind of poor data."""

import json
import math
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from quant_samples import START_MS, bars_of, closed_until, prices_of, random_walks, reverting_legs
from scipy.signal import lfilter

import statarb.quant.study as study_module
from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import (
    FrozenMoments,
    HedgeFit,
    InSample,
    NotEnough,
    Undefined,
    frozen_moments,
    live_z,
    log_returns,
    rolling_correlation,
    study_pair,
    text_report,
    to_dict,
    warm_up,
    z_seen,
)

PARAMS = PairParams(window=40, test_window=120, corr_window=20)
SERIES = ("z", "spread", "correlation", "moments_seen", "prices")
N = 400
Y, X = (prices_of(leg, level) for leg, level in zip(reverting_legs(N, seed=1), (3000, 60_000), strict=True))


def study_of(y=Y, x=X, n=None, params=PARAMS):
    n = len(y) if n is None else n
    return study_pair(bars_of(y[:n]), bars_of(x[:n]), params, closed_until(n))


STUDY = study_of()


def test_the_study_is_its_parts():
    y, x = np.log(Y), np.log(X)
    np.testing.assert_allclose(STUDY.z, z_seen(y, x, 40), rtol=1e-12)
    expected = rolling_correlation(np.diff(y), np.diff(x), 20)
    np.testing.assert_allclose(STUDY.correlation.iloc[1:], expected, rtol=1e-12)
    assert STUDY.moments == frozen_moments(y[-40:], x[-40:], "log", STUDY.as_of_ms)
    assert (STUDY.as_of_ms, STUDY.n_bars) == (closed_until(N), N)
    assert STUDY.prices.index[0].timestamp() * 1000 == START_MS
    assert isinstance(STUDY.spread_fixed, InSample)
    assert STUDY.spread_fixed.series.iloc[-40:].mean() == pytest.approx(0, abs=1e-9)
    assert STUDY.caveats == ()


def test_returns_of_the_legs_give_the_correlation_of_the_study_over_gaps_too():
    y = Y.copy()
    y[100:115] = np.nan  # longer than a return may be
    y[200:203] = np.nan
    study = study_of(y=y)
    returns = log_returns(study.legs)
    got = rolling_correlation(returns["y"], returns["x"], PARAMS.corr_window)
    there = study.correlation.notna()
    assert there.sum() > 300
    pd.testing.assert_series_equal(got[there], study.correlation[there])
    with pytest.raises(DataError):
        rolling_correlation(returns["y"].fillna(0.0), returns["x"], PARAMS.corr_window)


def test_price_scale_regresses_prices():
    study = study_of(params=PairParams(window=40, test_window=120, corr_window=20, price_scale="price"))
    np.testing.assert_allclose(study.z, z_seen(Y, X, 40), rtol=1e-9)
    assert study.hedge.beta == pytest.approx(STUDY.hedge.beta * Y[-1] / X[-1], rel=0.1)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("k", [41, 60, 121, 250, N - 1])
def test_a_shorter_past_gives_the_prefix(name, k):
    whole, part = getattr(STUDY, name), getattr(study_of(n=k), name)
    np.testing.assert_array_equal(np.asarray(part, float), np.asarray(whole.iloc[:k], float))


def test_the_forming_bar_changes_nothing():
    y, x = bars_of(np.append(Y, 1e6)), bars_of(np.append(X, 1.0))
    for until in (closed_until(N), closed_until(N) + 59_999):
        study = study_pair(y, x, PARAMS, until)
        pd.testing.assert_series_equal(study.z, STUDY.z)
        assert (study.hedge, study.verdict, study.as_of_ms) == (STUDY.hedge, STUDY.verdict, STUDY.as_of_ms)


def test_live_z_of_the_next_close_is_its_z():
    before = study_of(n=N - 1)
    spread, z = live_z(before.moments, Y[-1], X[-1])
    assert (spread, z) == pytest.approx((STUDY.spread.iloc[-1], STUDY.z.iloc[-1]), rel=1e-9)


def test_each_number_unlocks_on_its_own():
    unlocked = {}
    for n in range(0, 170):
        study = study_of(n=n) if n else study_pair(bars_of([]), bars_of([]), PARAMS, START_MS)
        have = {
            "hedge": not isinstance(study.hedge, NotEnough),
            "z": bool(study.z.notna().any()),
            "correlation": not isinstance(study.correlation, NotEnough),
            "verdict": study.verdict.word != "not enough data",
            "engle_granger": not isinstance(study.engle_granger, NotEnough),
        }
        for name, there in have.items():
            if there:
                unlocked.setdefault(name, n)
    assert unlocked == {"hedge": 40, "z": 41, "correlation": 21, "verdict": 120, "engle_granger": 120}


def test_what_is_missing_says_how_many_bars_are_there():
    study = study_of(n=30)
    assert study.hedge == study.moments == study.spread_fixed == NotEnough("bars", 30, 40)
    assert study.ols_summary == NotEnough("bars", 30, 40)
    assert study.engle_granger == NotEnough("bars", 30, 120)
    assert study.adf == NotEnough("bars", 30, 160)
    assert study_of(n=15).correlation == NotEnough("returns", 14, 20)


def test_the_dickey_fuller_test_says_where_its_hedge_came_from():
    assert "beta estimated on the 40 bars before" in STUDY.adf.series
    changed = Y.copy()
    changed[-160:-120] = Y[-160:-120] * np.exp(0.02 * np.arange(40))
    assert study_of(y=changed).adf.statistic != STUDY.adf.statistic


def test_bars_in_which_one_leg_did_not_trade_are_left_out_and_told():
    y = Y.copy()
    y[np.arange(N) % 4 == 1] = np.nan
    study = study_of(y=y)
    kept = np.isfinite(y)
    assert study.n_bars == kept.sum()
    np.testing.assert_allclose(study.z, z_seen(np.log(y[kept]), np.log(X[kept]), 40), rtol=1e-12)
    assert any("ETHUSDT did not trade in 25 % of the bars" in caveat for caveat in study.caveats)


def test_after_an_outage_z_waits_for_a_full_window():
    y = Y.copy()
    y[200:300] = np.nan
    z = study_of(y=y).z
    assert z.iloc[40:200].notna().all()
    assert z.iloc[200:240].isna().all()
    assert z.iloc[240:].notna().all()


def test_a_stopped_leg_is_told():
    y = Y.copy()
    y[-5:] = np.nan
    study = study_of(y=y)
    assert any("last traded in the bar that closed at" in caveat for caveat in study.caveats)
    assert study.as_of_ms == closed_until(N)


def test_provisional_bars_are_told():
    bars = bars_of(Y)
    bars.iloc[7, bars.columns.get_loc("provisional")] = True
    study = study_pair(bars, bars_of(X), PARAMS, closed_until(N))
    assert any(caveat.startswith("1 of 400 bars are provisional") for caveat in study.caveats)


def test_a_hedge_that_is_none_is_told():
    study = study_of(y=9e6 / Y)
    assert study.hedge.beta < 0
    assert any("no hedge" in caveat for caveat in study.caveats)
    assert study.verdict.headline == "no hedge (beta <= 0)"


def test_identical_legs_have_no_numbers():
    study = study_of(y=X)
    assert isinstance(study.moments, Undefined)
    assert study.z.isna().all()
    assert study.verdict.headline == "same asset"
    assert isinstance(study.engle_granger, Undefined)


@pytest.mark.parametrize("which", ["y", "x", "both"])
def test_frozen_prices_have_no_numbers(which):
    still = np.full(N, 5.0)
    study = study_of(y=still if which != "x" else Y, x=still if which != "y" else X)
    assert isinstance(study.moments, Undefined)
    assert study.z.isna().all()
    assert study.correlation.isna().all()
    assert study.verdict.word == "no hedge"
    assert isinstance(study.engle_granger, Undefined)
    assert to_dict(study)["z"] is None


@pytest.mark.parametrize(("y_level", "x_level"), [(1e-8, 1e-8), (1e9, 1e9), (1e-8, 1e9)])
@pytest.mark.parametrize("price_scale", ["log", "price"])
def test_price_levels_do_not_matter(y_level, x_level, price_scale):
    params = PairParams(window=40, test_window=120, corr_window=20, price_scale=price_scale)
    expected = study_of(params=params)
    study = study_of(y=Y * y_level, x=X * x_level, params=params)
    np.testing.assert_allclose(study.z, expected.z, atol=1e-6)
    assert study.verdict.headline == expected.verdict.headline


def test_prices_of_zero_are_refused():
    with pytest.raises(DataError):
        study_pair(bars_of(np.zeros(100)), bars_of(X[:100]), PARAMS, closed_until(100))


@pytest.mark.parametrize("n", [0, 1, 2, 15, 41, 130, N])
def test_json_is_strict_and_every_null_has_its_reason(n):
    study = study_of(n=n) if n else study_pair(bars_of([]), bars_of([]), PARAMS, START_MS)
    plain = to_dict(study)
    json.dumps(plain, allow_nan=False)
    for name, value in plain.items():
        assert (value is None) == (name in plain["reasons"]), name
    assert plain["n_bars"] == n
    assert set(plain) >= {"hedge", "moments", "z", "spread", "correlation", "ols_summary", "adf", "engle_granger"}


def test_json_carries_the_numbers_under_the_fields_names():
    plain = to_dict(STUDY)
    assert plain["hedge"]["beta"] == STUDY.hedge.beta
    assert plain["z"] == STUDY.z.iloc[-1]
    assert plain["correlation"] == STUDY.correlation.iloc[-1]
    assert plain["engle_granger"]["pvalue"] == STUDY.engle_granger.pvalue
    assert plain["verdict"]["headline"] == STUDY.verdict.headline
    assert plain["prices"]["ts_ms"] == closed_until(N) - 60_000


def test_the_report_reads_without_nan_whatever_the_data():
    for n in (0, 1, 30, 41, 130, N):
        study = study_of(n=n) if n else study_pair(bars_of([]), bars_of([]), PARAMS, START_MS)
        text = text_report(study, "simulated")
        assert "nan" not in text.lower().split()
        assert "source: simulated" in text
        assert study.verdict.headline in text
    assert f"{STUDY.z.iloc[-1]:+.2f}" in text
    assert "OLS Regression Results" in text


def test_the_report_shows_no_edge_without_a_hedge():
    assert "Edge         none" in text_report(study_of(y=9e6 / Y), "binance")
    assert "bp net of fees" in text_report(STUDY, "binance")


def test_the_same_bars_give_the_same_words():
    assert text_report(study_of(), "binance") == text_report(study_of(), "binance")


def test_warming_up_loads_what_the_summary_needs(recwarn):
    warm_up()
    assert "statsmodels.tsa.stattools" in sys.modules
    assert not recwarn.list


def test_unrelated_walks_get_a_study_too():
    y, x = (prices_of(leg) for leg in random_walks(N, seed=4))
    study = study_of(y=y, x=x)
    assert isinstance(study.hedge, HedgeFit)
    assert math.isfinite(study.z.iloc[-1])


def test_a_pair_with_a_negative_beta_has_a_z_and_no_episode():
    y = prices_of(-1.5 * np.log(X / X[0]) / 5e-4 + np.random.default_rng(1).standard_normal(X.size))
    study = study_of(y=y)
    assert (study.z.abs() > study.params.entry_z).any()
    assert study.episodes == ()
    assert STUDY.episodes


def test_a_half_life_is_shown_only_while_the_verdict_stands():
    fast = study_of(*(prices_of(leg) for leg in reverting_legs(N, seed=2, half_life=1.5)))
    assert fast.verdict.word == "mean-reverting"
    assert fast.half_life.low_bars < 1.5 < fast.half_life.high_bars
    walk_y, walk_x = (prices_of(leg) for leg in random_walks(N, seed=8))
    unrelated = study_of(walk_y, walk_x)
    assert unrelated.verdict.word != "mean-reverting"
    assert "only while the verdict" in unrelated.half_life.text


def test_the_study_s_further_tests_are_of_its_newest_test_window():
    tests = STUDY.reversion_tests
    assert tests.engle_granger.n == PARAMS.test_window
    assert f"{PARAMS.window} bars before the window" in tests.given
    assert study_of(n=60).reversion_tests == NotEnough("bars", 60, 120)


def test_the_badge_is_of_the_hedge_of_a_quarter_window_ago():
    study = study_of(params=PairParams(window=100, test_window=120, corr_window=20))
    assert study.stability.bars == 25
    assert study.stability.badge == "stable"
    moved = Y.copy()
    moved[-20:] *= 1.1
    assert study_of(moved, params=study.params).stability.badge == "broken"
    assert "too short" in STUDY.stability.text


def test_one_more_bar_leaves_the_stretches_of_the_hedge_s_worth_as_they_were():
    """A window that rolls over the clock, as a desk's does: what is left by the hedge moves once a stretch."""
    worth = []
    for n in range(N - 40, N):
        first = n - 300
        y, x = (bars_of(leg[first:n], start_ms=START_MS + first * 60_000) for leg in (Y, X))
        worth.append(study_pair(y, x, PARAMS, closed_until(n)).hedge_quality)
    changes = sum(a != b for a, b in pairwise(worth))
    assert 1 <= changes <= 2 * math.ceil(40 / (PARAMS.window // 4)), "a stretch comes or goes, no other moves"


def test_the_report_says_what_the_hedge_is_worth_and_how_fast_the_spread_is():
    fast = study_of(*(prices_of(leg) for leg in reverting_legs(N, seed=2, half_life=1.5)))
    text = text_report(fast, "simulated")
    assert f"it left {100 * fast.hedge_quality.ratio:.0f} % of y's movement over 10 bars" in text
    assert f"beta of returns {fast.beta_gap.returns:.6g}" in text
    assert f"Half-life    {fast.half_life.bars:.3g} min" in text
    plain = to_dict(fast)
    assert plain["half_life"]["low_bars"] == fast.half_life.low_bars
    assert plain["reversion_tests"]["johansen"]["rank"] == fast.reversion_tests.johansen.rank
    assert json.dumps(plain)
    walks = study_of(*(prices_of(leg) for leg in random_walks(N, seed=8)))
    assert "only while the verdict reads mean-reverting" in text_report(walks, "simulated")
    assert walks.doubts == ()
    assert "Doubts" not in text_report(walks, "simulated")


def test_other_tests_weaken_a_verdict_of_reversion_and_are_made_once_a_scheduled_test(monkeypatch):
    """Two legs that revert each by itself: no need of a hedge, says the panel, which is slow."""
    shocks = np.random.default_rng(4).standard_normal((2, N))
    leg = lfilter([1.0], [1.0, -0.5], shocks[0])
    y, x = prices_of(leg + 0.4 * shocks[1]), prices_of(leg)
    made = []
    real = study_module.reversion_tests
    monkeypatch.setattr(study_module, "reversion_tests", lambda *a: made.append(1) or real(*a))
    for n in (N - 4, N - 3, N - 2):
        study = study_of(y, x, n)
        assert study.verdict.word == "mean-reverting"
        assert "y looks stationary by itself: it needs no other leg to revert." in study.doubts
    assert len(made) <= 2
    assert "Doubts       y looks stationary by itself" in text_report(study, "simulated")


def test_a_hedge_that_levels_and_returns_disagree_on_is_flagged():
    late = np.roll(X, 3)
    late[:3] = late[3]
    study = study_of(prices_of(np.log(late / late[0]) / 5e-4), X)  # y follows x with a delay of three bars
    assert study.beta_gap.differs
    assert any("more than 25 % apart" in caveat for caveat in study.caveats)


def seconds_study(y, x, **knobs):
    params = PairParams.for_timeframe("1s", window=60, test_window=100, **knobs)
    return study_pair(bars_of(y, 1), bars_of(x, 1), params, START_MS + 1000 * len(y))


def test_one_second_bars_are_off_while_a_leg_is_silent_in_a_tenth_of_the_last_five_minutes():
    y, x = (prices_of(leg) for leg in reverting_legs(900, seed=2))
    assert isinstance(seconds_study(y, x).moments, FrozenMoments)
    thin = y.copy()
    thin[700:760] = np.nan  # 60 of the 300 seconds that end at 760
    study = seconds_study(thin[:760], x[:760])
    assert "1s is off: ETHUSDT did not trade in 20 % or more of the last 300 s" in study.moments.text
    later = seconds_study(thin, x)  # 60 of the 300 s before 900 still
    assert isinstance(later.moments, Undefined)
    z = later.z
    assert z.iloc[:700].notna().sum() > 600
    assert z.loc[z.index >= z.index[0] + pd.Timedelta(seconds=760)].isna().all()
    minute = study_of_minutes(thin, x)
    assert isinstance(minute.moments, FrozenMoments)  # (longer bars are judged whatever was empty)


def study_of_minutes(y, x):
    return study_pair(bars_of(y), bars_of(x), PairParams(window=60, test_window=100), closed_until(len(y)))


def test_a_spread_of_a_few_ticks_says_so():
    y, x = (prices_of(leg) for leg in reverting_legs(300, seed=2))
    params = PairParams(window=60, test_window=100)
    bars = bars_of(y), bars_of(x)
    sd = study_pair(*bars, params, closed_until(300)).moments.sd
    coarse = study_pair(*bars, params, closed_until(300), y_tick=0.5 * sd * y[-1], x_tick=1e-9)
    said = [caveat for caveat in coarse.caveats if "ticks of" in caveat]
    assert said == ["The spread's deviation is 2.0 ticks of ETHUSDT: z moves in steps of the tick."]
    fine = study_pair(*bars, params, closed_until(300), y_tick=1e-9, x_tick=1e-9)
    assert not any("ticks of" in caveat for caveat in fine.caveats)


def test_the_leg_that_stopped_is_named():
    y, x = (prices_of(leg) for leg in reverting_legs(300, seed=2))
    x[-5:] = np.nan
    study = study_of_minutes(y, x)
    assert any(caveat.startswith("BTCUSDT last traded in the bar that closed at") for caveat in study.caveats)
    assert not any(caveat.startswith("ETHUSDT last traded") for caveat in study.caveats)
