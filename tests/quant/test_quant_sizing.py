"""Two legs for a notional: the money is the hedge's, the units are whole lots, and without a hedge there are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from statarb.errors import DataError
from statarb.quant import FrozenMoments, NotEnough, TwoLegs, Undefined, share_beyond, two_legs


def moments(beta: float, scale: str = "log") -> FrozenMoments:
    return FrozenMoments(0.0, beta, 0.0, 0.001, 0, 240, scale)


def test_the_notional_of_x_is_beta_times_that_of_y():
    legs = two_legs(moments(0.8), -1, 10_000, 3000, 60_000)
    assert (legs.y_notional, legs.x_notional) == pytest.approx((-10_000, 8000))
    assert (legs.y_units, legs.x_units) == pytest.approx((-10_000 / 3000, 8000 / 60_000))
    assert (legs.gross, legs.net) == pytest.approx((18_000, -2000))
    assert legs.hedge_error_bps == pytest.approx(0)


def test_both_scales_give_the_same_cash_legs():
    """A unit ratio of 0.04 at these prices is a notional ratio of 0.8."""
    log, price = (
        two_legs(moments(0.8), 1, 10_000, 3000, 60_000),
        two_legs(moments(0.04, "price"), 1, 10_000, 3000, 60_000),
    )
    assert (price.y_units, price.x_units) == pytest.approx((log.y_units, log.x_units))


def test_units_are_whole_lots_and_the_error_is_said():
    legs = two_legs(moments(1.0), 1, 10_000, 3000, 60_000, y_lot=0.01, x_lot=0.05)
    assert (legs.y_units, legs.x_units) == (3.33, -0.15)
    assert legs.hedge_error_bps == pytest.approx((0.15 * 60_000 - 9990) / 9990 * 1e4)


def test_decimal_lots_stay_decimal():
    assert two_legs(moments(1.0), 1, 0.3, 1, 1, y_lot=0.1, x_lot=0.1).y_units == 0.3


@example(1.0, 1e-5, 1.0, 1e-5)
@given(
    some.floats(0.05, 5),
    some.floats(1e-6, 1e5),
    some.floats(1e-6, 1e5),
    some.sampled_from([1e-5, 1e-3, 0.1, 1.0, 10.0]),
)
def test_y_never_costs_more_than_the_notional(beta, y_price, x_price, lot):
    legs = two_legs(moments(beta), 1, 10_000, y_price, x_price, lot, lot)
    if isinstance(legs, TwoLegs):
        assert legs.y_notional <= 10_000 * (1 + 1e-9)
        assert legs.y_notional > 10_000 * (1 - 1e-14) - lot * y_price * (1 + 1e-9)
        for units in (legs.y_units, legs.x_units):
            assert units / lot == pytest.approx(round(units / lot), rel=1e-12, abs=1e-6)
    else:
        assert y_price * lot > 10_000 or beta * 10_000 < lot * max(x_price, y_price) * 2


def test_no_hedge_no_legs_and_too_little_money_no_legs():
    for beta in (0.0, -0.5, float("nan")):
        assert "no hedge" in two_legs(moments(beta), 1, 10_000, 3000, 60_000).text
    assert isinstance(two_legs(moments(1), 1, 100, 3000, 60_000, y_lot=1), Undefined)


@pytest.mark.parametrize(
    "wrong",
    [
        (0, 1e4, 1, 1),
        (1, 0, 1, 1),
        (1, 1e4, -1, 1),
        (1, 1e4, 1, float("nan")),
        (1, 1e4, 1, 1, 0.0),
        (1, 1e4, 1, 1, None, -1.0),
    ],
)
def test_what_cannot_be_sized_is_refused(wrong):
    with pytest.raises(DataError):
        two_legs(moments(1.0), *wrong)


HOUR_MS = 3_600_000


def z_of(values, first_ms=0):
    index = pd.DatetimeIndex((first_ms + np.arange(len(values)) * HOUR_MS // 10).astype("datetime64[ms]"), tz="UTC")
    return pd.Series(np.asarray(values, float), index=index)


def test_the_share_is_of_the_hours_asked_for_and_of_bars_with_a_z():
    z = z_of([3.0] * 100 + [np.nan] * 40 + [1.0] * 150 + [-2.5] * 50)
    now_ms = 340 * HOUR_MS // 10
    assert share_beyond(z, 2.0, now_ms) == pytest.approx(50 / 200)
    assert share_beyond(z, -2.5, now_ms) == pytest.approx(50 / 200)
    assert share_beyond(z, 2.0, now_ms, hours=34) == pytest.approx(150 / 300)
    assert share_beyond(z, 2.0, now_ms, hours=1) == NotEnough("bars with a z", 10, 30)
    assert share_beyond(z_of([]), 1.0, now_ms) == NotEnough("bars with a z", 0, 30)
    with pytest.raises(DataError):
        share_beyond(z, float("nan"), now_ms)
