"""A live reading is the study's moments on two prices: z, edge, legs and how rare it is, or the reason for none."""

import numpy as np
import pytest
from quant_samples import START_MS, bars_of, closed_until, prices_of, reverting_legs

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import NotEnough, TwoLegs, costs, edge_to_mean, live_reading, live_z, share_beyond, study_pair

PARAMS = PairParams(window=60, test_window=120, notional=5_000)
Y, X = (prices_of(leg, level) for leg, level in zip(reverting_legs(400, seed=5), (3000, 60_000), strict=True))
STUDY = study_pair(bars_of(Y), bars_of(X), PARAMS, closed_until(400))
COSTS = costs(PARAMS)


def test_it_is_the_sum_of_its_parts():
    reading = live_reading(STUDY, 3100.0, X[-1], COSTS, y_lot=0.001, x_lot=0.00001)
    assert (reading.spread, reading.z) == live_z(STUDY.moments, 3100.0, X[-1])
    assert reading.edge == edge_to_mean(STUDY.moments, COSTS, reading.spread, 3100.0, X[-1])
    assert reading.share_beyond == share_beyond(STUDY.z, reading.z, STUDY.as_of_ms)


def test_the_legs_go_against_z_for_the_notional_of_the_analysis():
    for y_price in (3500.0, 2500.0):
        reading = live_reading(STUDY, y_price, X[-1], COSTS)
        assert isinstance(reading.legs, TwoLegs)
        assert np.sign(reading.legs.y_units) == -np.sign(reading.z)
        assert abs(reading.legs.y_notional) == pytest.approx(5_000)


def test_it_says_over_how_many_hours_the_share_was_counted():
    assert live_reading(STUDY, 3000.0, X[-1], COSTS).beyond_hours == pytest.approx(STUDY.z.notna().sum() / 60)


def test_without_moments_there_is_their_reason():
    young = study_pair(bars_of(Y[:20]), bars_of(X[:20]), PARAMS, closed_until(20))
    reading = live_reading(young, 3000.0, 60_000.0, COSTS)
    assert isinstance(reading, NotEnough)
    assert reading.text == "not enough data: 20 of 60 bars"


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_price_is_refused(price):
    with pytest.raises(DataError, match="two prices"):
        live_reading(STUDY, price, X[-1], COSTS)


def test_of_long_bars_the_share_is_counted_in_sixty_of_them():
    hour_ms = 3_600_000
    y, x = (bars_of(leg, step_s=3600, start_ms=START_MS // hour_ms * hour_ms) for leg in (Y, X))
    params = PairParams.for_timeframe("1h", window=24, test_window=100)
    study = study_pair(y, x, params, int(y.index[-1].timestamp() * 1000) + hour_ms)
    reading = live_reading(study, 3000.0, X[-1], COSTS)
    assert reading.beyond_hours == 60
    assert reading.share_beyond == (study.z.iloc[-60:].abs() >= abs(reading.z)).mean()
