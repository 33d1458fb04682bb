"""A study carried from close to close is the study made anew, whatever happened between."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_samples import START_MS, bars_of, prices_of, reverting_legs

from statarb.market import timeframe
from statarb.params import HEDGES, PairParams
from statarb.quant import NotEnough, StudyStream, study_pair

N = 900
Y, X = (prices_of(leg, level) for leg, level in zip(reverting_legs(N, seed=8), (3000, 60_000), strict=True))
PARAMS = PairParams(window=40, test_window=120, corr_window=20)


class Record:
    """Stored bars of both legs, one every `step_s`; what is read of them is counted."""

    def __init__(self, y=Y, x=X, step_s=60):
        self.bars = bars_of(y, step_s), bars_of(x, step_s)
        self.step_ms = step_s * 1000
        self.rows_read = 0

    def read(self, since_ms, until_ms):
        found = tuple(
            bars[(epoch := bars.index.as_unit("ms").asi8) >= since_ms][: int((epoch < until_ms).sum())]
            for bars in (self._until(until_ms, 0), self._until(until_ms, 1))
        )
        self.rows_read += sum(map(len, found))
        return found

    def _until(self, until_ms, leg):
        return self.bars[leg][self.bars[leg].index.as_unit("ms").asi8 < until_ms]

    def anew(self, params, closed_ms):
        """The study of the same bars, made at once."""
        frame = timeframe(params.timeframe)
        as_of_ms = closed_ms // frame.ms * frame.ms
        return study_pair(*self.read(max(0, as_of_ms - params.lookback_bars * frame.ms), as_of_ms), params, as_of_ms)

    def close_of(self, n):
        return START_MS + n * self.step_ms


def assert_equal(got, expected):
    assert (got.as_of_ms, got.n_bars) == (expected.as_of_ms, expected.n_bars)
    pd.testing.assert_frame_equal(got.prices, expected.prices)
    for name in ("moments_seen", "z", "spread", "correlation"):
        mine, theirs = getattr(got, name), getattr(expected, name)
        if isinstance(theirs, NotEnough):
            assert mine == theirs
        else:
            pd.testing.assert_index_equal(mine.index, theirs.index)
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9, err_msg=name)
    for name in ("hedge", "verdict", "caveats", "beta_gap"):
        assert getattr(got, name) == getattr(expected, name), name
    for name in ("y_empty_share", "x_empty_share", "traded_ms", "recent_empty", "recent_empty_now"):
        np.testing.assert_array_equal(getattr(got.legs, name), getattr(expected.legs, name), err_msg=name)
    if isinstance(expected.moments, NotEnough):
        assert got.moments == expected.moments
    else:
        mine, theirs = dataclasses.astuple(got.moments), dataclasses.astuple(expected.moments)
        assert mine[4:] == theirs[4:]
        np.testing.assert_allclose(mine[:4], theirs[:4], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("price_scale", ["log", "price"])
@pytest.mark.parametrize("hedge", HEDGES)
def test_it_is_the_study_made_anew_at_every_close(hedge, price_scale):
    params = dataclasses.replace(PARAMS, hedge=hedge, price_scale=price_scale)
    record, stream = Record(), StudyStream(params)
    for n in (500, 501, 502, 510, 511, 530, 531, 610):
        closed_ms = record.close_of(n)
        assert_equal(stream.study(closed_ms, "1", record.read), record.anew(params, closed_ms))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(0, 10_000), st.sampled_from([0.0, 0.05, 0.6]))
def test_over_holes_quiet_legs_and_late_looks_too(steps, seed, empty_share):
    rng = np.random.default_rng(seed)
    y, x = Y.copy(), X.copy()
    for leg in (y, x):
        leg[rng.random(N) < empty_share * rng.random()] = np.nan
        hole = int(rng.integers(100, N - 100))
        leg[hole : hole + int(rng.integers(0, 90))] = np.nan
    still = int(rng.integers(100, N - 100))
    y[still : still + int(rng.integers(0, 60))] = y[still - 1]
    y[0], x[0] = 3000.0, 60_000.0
    record, stream, n = Record(y, x), StudyStream(PARAMS), 300
    for step in (0, *steps):
        n = min(n + step, N)
        closed_ms = record.close_of(n)
        got, expected = stream.study(closed_ms, "1", record.read), record.anew(PARAMS, closed_ms)
        assert_equal(got, expected)


@pytest.mark.parametrize(("frame", "step_s"), [("1s", 1), ("30s", 1), ("5m", 60)])
def test_in_every_timeframe(frame, step_s):
    seconds = timeframe(frame).seconds // step_s
    walks = reverting_legs(300 * seconds, seed=4)
    record = Record(*(prices_of(leg, 100.0, 1e-4) for leg in walks), step_s)
    params = PairParams.for_timeframe(frame, window=40, test_window=120, corr_window=20)
    stream = StudyStream(params)
    for n in (200, 200.4, 201, 202.9, 203, 217):
        closed_ms = record.close_of(int(n * seconds))
        assert_equal(stream.study(closed_ms, "1", record.read), record.anew(params, closed_ms))


def test_a_close_reads_its_own_bars_only():
    record, stream = Record(), StudyStream(PARAMS)
    stream.study(record.close_of(500), "1", record.read)
    record.rows_read = 0
    again = stream.study(record.close_of(500), "1", record.read)
    assert record.rows_read == 0
    assert stream.study(record.close_of(501), "1", record.read) is not again
    assert record.rows_read == 2


def test_a_revised_bar_makes_the_study_anew():
    record, stream = Record(), StudyStream(PARAMS)
    before = stream.study(record.close_of(500), "1", record.read)
    changed = Y.copy()
    changed[480] *= 1.01
    record.bars = bars_of(changed), record.bars[1]
    assert stream.study(record.close_of(500), "1", record.read) is before
    assert_equal(stream.study(record.close_of(500), "2", record.read), record.anew(PARAMS, record.close_of(500)))


def test_from_the_first_bar_on_nothing_is_missed():
    record, stream = Record(), StudyStream(PARAMS)
    for n in range(0, 60):
        closed_ms = record.close_of(n)
        assert_equal(stream.study(closed_ms, "1", record.read), record.anew(PARAMS, closed_ms))
