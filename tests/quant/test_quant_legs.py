"""Two legs on one clock."""

import numpy as np
from quant_samples import START_MS, bars_of, closed_until

from statarb.market import TIMEFRAMES
from statarb.quant import NotEnough, align_legs, log_returns, resample_bars

MINUTE = TIMEFRAMES["1m"]
NAN = np.nan


def legs_of(y, x, x_start_ms=START_MS):
    until = closed_until(len(y))
    return align_legs(
        resample_bars(bars_of(y), MINUTE, until), resample_bars(bars_of(x, start_ms=x_start_ms), MINUTE, until), MINUTE
    )


def test_only_bars_in_which_both_traded_are_kept():
    legs = legs_of([1, NAN, 3, 4, 5.0], [10, 20, NAN, 40, 50.0])
    assert legs.prices["y"].tolist() == [1, 4, 5]
    assert legs.prices["x"].tolist() == [10, 40, 50]
    assert (legs.y_empty_share, legs.x_empty_share) == (0.2, 0.2)


def test_legs_are_joined_by_time_not_by_position():
    legs = legs_of([1, 2, 3, 4.0], [30, 40.0], x_start_ms=START_MS + 120_000)
    assert legs.prices[["y", "x"]].to_numpy().tolist() == [[3, 30], [4, 40]]


def test_a_window_reaches_back_at_most_twice_its_length():
    y = np.full(40, NAN)
    y[::2] = 1.0
    legs = legs_of(y, np.ones(40))
    assert legs.newest(10, closed_until(40)) == slice(10, 20)
    y[::3] = 2.0
    sparse = np.full(40, NAN)
    sparse[::3] = 1.0
    assert legs_of(sparse, np.ones(40)).newest(10, closed_until(40)) == NotEnough("bars", 7, 10)


def test_a_window_ends_at_the_time_that_is_asked():
    legs = legs_of(np.arange(1.0, 31), np.arange(1.0, 31))
    assert legs.newest(10, closed_until(20)) == slice(10, 20)
    assert legs.newest(10, closed_until(20) - 1) == slice(9, 19)
    assert legs.newest(10, closed_until(9)) == NotEnough("bars", 9, 10)


def test_spans_agree_with_the_window_that_ends_at_each_bar():
    rng = np.random.default_rng(3)
    y = np.where(rng.random(200) < 0.5, 1.0, NAN)
    y[0] = 1.0
    legs = legs_of(y, np.ones(200))
    near = legs.spans_at_most(8)
    found = [isinstance(legs.newest(8, int(t) + 60_000), slice) for t in legs.open_ms]
    assert near.tolist() == found
    assert 0 < near.sum() < near.size


def test_returns_skip_long_gaps_and_begin_with_the_second_bar():
    y = np.full(30, NAN)
    y[[0, 1, 3, 20]] = [1, 2, 4, 8]
    returns = log_returns(legs_of(y, np.where(np.isfinite(y), 1.0, 2.0)))
    np.testing.assert_allclose(returns["y"], [NAN, np.log(2), np.log(2), NAN])


def test_no_common_bar_gives_no_prices():
    legs = legs_of([1, NAN, 3.0], [NAN, 2, NAN])
    assert legs.prices.empty
    assert log_returns(legs).empty
    assert legs.newest(3, closed_until(3)) == NotEnough("bars", 0, 3)
