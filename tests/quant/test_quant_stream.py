"""The stream is the batch, bar by bar, at a cost that does not grow."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_samples import START_MS, bars_of, closed_until, prices_of, reverting_legs

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import FrozenMoments, NotEnough, PairStream, Undefined, live_z, moments_seen, study_pair
from statarb.quant.rolling import rolling_moments
from statarb.quant.stream import STREAMED, MovingMoments

PARAMS = PairParams(window=40, test_window=120, corr_window=20)


def test_equal_to_the_batch_after_100_000_random_updates():
    y, x = (prices_of(leg, level) for leg, level in zip(reverting_legs(100_000, seed=3), (3000, 60_000), strict=True))
    stream, zs = PairStream(PairParams(window=240, corr_window=60)), []
    for t in range(100_000):
        zs.append(stream.update(START_MS + 60_000 * t, y[t], x[t]).z)
    seen = moments_seen(np.log(y), np.log(x), 240)
    spread = np.log(y) - seen["alpha"] - seen["beta"] * np.log(x)
    np.testing.assert_allclose(zs, spread / seen["sd"], rtol=1e-9, atol=1e-9)


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(3, 40), st.sampled_from([1e-8, 1.0, 60_000.0, 1e9]), st.integers(0, 99))
def test_moving_moments_are_the_rolling_ones(n, window, level, seed):
    rng = np.random.default_rng(seed)
    y, x = level * (1 + 1e-4 * rng.standard_normal((2, n)).cumsum(axis=1))
    batch, moving = rolling_moments(y, x, window), MovingMoments(window)
    for t in range(n):
        got, size = moving.push(y[t], x[t]), (1e-4 * level) ** 2
        assert got.y_mean == pytest.approx(batch.y_mean[t], rel=1e-12, nan_ok=True)
        for name in ("syy", "sxx", "sxy"):
            assert getattr(got, name) == pytest.approx(getattr(batch, name)[t], rel=1e-9, abs=1e-9 * size, nan_ok=True)


@pytest.mark.parametrize("price_scale", ["log", "price"])
@pytest.mark.parametrize("hedge", STREAMED)
def test_a_stream_says_what_the_study_says_over_gaps_and_stops(price_scale, hedge):
    params = PairParams(window=40, test_window=120, corr_window=20, price_scale=price_scale, hedge=hedge)
    y, x = (prices_of(leg) for leg in reverting_legs(700, seed=5))
    y[100:110] = np.nan  # ten bars without a trade
    x[300:390] = np.nan  # an outage longer than the reach of the window
    y[450:500] = y[449]  # a leg that does not move
    study = study_pair(bars_of(y), bars_of(x), params, closed_until(700))
    stream, rows = PairStream(params), []
    for opened, row in zip(study.legs.open_ms, study.prices.itertuples(), strict=True):
        rows.append(stream.update(int(opened), row.y, row.x))
    got = pd.DataFrame([(row.spread, row.z, row.correlation) for row in rows], index=study.prices.index)
    expected = pd.concat([study.spread, study.z, study.correlation], axis=1)
    assert got.notna().sum().min() > 300
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


def test_its_frozen_moments_judge_the_live_price_as_the_study_does():
    y, x = (prices_of(leg) for leg in reverting_legs(200, seed=6))
    study = study_pair(bars_of(y), bars_of(x), PARAMS, closed_until(200))
    stream = PairStream(PARAMS)
    for t in range(200):
        stream.update(START_MS + 60_000 * t, y[t], x[t])
    assert isinstance(stream.moments, FrozenMoments)
    assert stream.moments.as_of_ms == study.moments.as_of_ms
    assert live_z(stream.moments, 101.0, 100.0) == pytest.approx(live_z(study.moments, 101.0, 100.0), rel=1e-9)


def test_before_the_window_is_full_and_where_nothing_moves_there_is_a_reason():
    stream = PairStream(PARAMS)
    assert stream.moments == NotEnough("bars", 0, 40)
    for t in range(45):
        row = stream.update(60_000 * t, 100.0, 50.0)
        assert math.isnan(row.z)
    assert isinstance(stream.moments, Undefined)


@pytest.mark.parametrize(
    "wrong", [(0, 1.0, 1.0), (120_000, -1.0, 1.0), (120_000, 1.0, math.nan), (120_000, math.inf, 1.0)]
)
def test_old_bars_and_wrong_prices_are_refused(wrong):
    stream = PairStream(PARAMS)
    stream.update(60_000, 1.0, 1.0)
    with pytest.raises(DataError):
        stream.update(*wrong)


def test_a_hedge_that_needs_every_bar_is_refused():
    with pytest.raises(DataError, match="does not follow Huber"):
        PairStream(PairParams(hedge="huber"))
