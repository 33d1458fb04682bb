"""A pinned trade is worth what its two legs are: by hand, leg by leg, and after every cost."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.pins import Fill, Pin, PinExit
from statarb.quant import FrozenMoments, TwoLegs, two_legs
from statarb.quant.costs import costs
from statarb.quant.pin import HOUR_MS, pin_events, pin_exit, pin_result, pin_state, pinned

START_MS = 1_800_000_000_000
MINUTE_MS = 60_000
FREE = PairParams(fee_bps=0.0, slippage_bps=0.0)
USUAL = PairParams(exit_z=0.5, stop_z=4.0, time_stop=240)
PERP = replace(FREE, y="usdm:BTCUSDT", x="spot:BTCUSDT")
MOMENTS = FrozenMoments(0.0, 1.0, 0.0, 0.01, START_MS - 1000, 240, "price")


def funding(rate: float, next_ms: int):
    return SimpleNamespace(rate=rate, next_ms=next_ms, interval_hours=8)


def pin_of(params: PairParams = FREE, y_units: float = -2.0, x_units: float = 4.0, **given) -> Pin:
    """Sold 2 y at 100, bought 4 x at 50, on plain prices: 200 of money in each leg."""
    params = replace(params, price_scale="price")
    legs = TwoLegs(1, y_units, x_units, 100 * y_units, 50 * x_units, 0.0)
    return replace(pinned(params, MOMENTS, legs, 100.0, 50.0, costs(params), START_MS), **given)


def state_at(pin: Pin, y: float, x: float, minutes: float = 0.0, **given):
    now_ms = START_MS + round(minutes * MINUTE_MS)
    return pin_state(pin, y, x, costs(pin.params), now_ms, **given)


def at_z(pin: Pin, z: float, minutes: float = 0.0, **given):
    """The state at which the pin's own z is `z`: y = alpha + beta x + mean + z sd."""
    return state_at(pin, 50.0 + z * pin.sd, 50.0, minutes, **given)


def test_two_legs_by_hand():
    """Short 2 y from 100 to 99 earns 2; long 4 x from 50 to 49.75 loses 1. Of 200 that is 50 bp."""
    state = state_at(pin_of(), 99.0, 49.75)
    assert (state.gross, state.entry_cost, state.exit_cost, state.carry) == (pytest.approx(1.0), 0, 0, 0)
    assert (state.net, state.net_bps) == (pytest.approx(1.0), pytest.approx(50.0))


def test_costs_by_hand():
    """Fee 5 and slippage 1 bp: in, 6 bp of 200 + 200; out, 6 bp of 2 · 110 + 4 · 50."""
    state = state_at(pin_of(PairParams()), 110.0, 50.0)
    assert state.entry_cost == pytest.approx(0.24)
    assert state.exit_cost == pytest.approx(0.252)
    assert state.net == pytest.approx(-20.0 - 0.24 - 0.252)


def test_flat_prices_cost_the_round_trip_that_the_headline_named():
    pin = pin_of(PairParams())
    state = state_at(pin, 100.0, 50.0)
    assert state.net_bps == pytest.approx(-costs(pin.params).round_trip_bps(1.0))


def test_a_typed_fill_carries_no_assumed_slippage_but_still_its_fee():
    pin = replace(pin_of(PairParams()), y=Fill(100.0), x=Fill(50.0))
    assert state_at(pin, 100.0, 50.0).entry_cost == pytest.approx(5e-4 * 400)


def test_the_exit_pays_half_of_a_wide_measured_spread():
    pin = pin_of(PairParams())
    wide = costs(pin.params, y_spread_bps=10.0)
    assert pin_state(pin, 100.0, 50.0, wide, START_MS).exit_cost == pytest.approx((10e-4 + 6e-4) * 200)


money = some.floats(0.01, 1e6)
size = some.floats(0.001, 1e3)


@given(size, size, money, money, money, money)
def test_what_two_legs_earn_is_what_each_earns_alone(y_units, x_units, y0, x0, y1, x1):
    pin = pin_of(y_units=y_units, x_units=-x_units, y=Fill(y0), x=Fill(x0))
    both, y_alone, x_alone = (state_at(pin, *at).gross for at in ((y1, x1), (y1, x0), (y0, x1)))
    assert both == pytest.approx(y_alone + x_alone, abs=1e-6 * (y_units * (y0 + y1) + x_units * (x0 + x1)))


@given(money, money, some.floats(0, 50), some.floats(0, 20))
def test_flat_prices_always_lose_exactly_the_cost(y, x, fee_bps, slippage_bps):
    pin = pin_of(PairParams(fee_bps=fee_bps, slippage_bps=slippage_bps), y=Fill(y), x=Fill(x))
    state = state_at(pin, y, x)
    assert state.gross == 0
    assert state.net == -state.entry_cost - state.exit_cost
    assert state.exit_cost == pytest.approx((fee_bps + slippage_bps) / 1e4 * (2 * y + 4 * x))


@given(some.floats(-0.2, 0.2), some.floats(-0.2, 0.2))
def test_the_other_side_earns_the_opposite_before_costs(dy, dx):
    sold, bought = pin_of(), pin_of(y_units=2.0, x_units=-4.0)
    prices = 100 * (1 + dy), 50 * (1 + dx)
    assert state_at(sold, *prices).gross == pytest.approx(-state_at(bought, *prices).gross)


def test_z_is_judged_by_the_pins_own_moments_and_nothing_later():
    pin = pin_of(sd=0.5, mean=1.0, beta=1.5, alpha=20.0)
    assert state_at(pin, 100.0, 50.0).z == pytest.approx((100 - 20 - 75 - 1) / 0.5)


def test_the_way_back_to_the_mean_earns_the_edge():
    """On logs: the legs of two_legs earn the distance to the mean, when only y moves and by little."""
    moments = FrozenMoments(0.0, 0.8, 0.0, 1e-4, START_MS, 240, "log")
    y, x = 60_000**0.8 * 1.0005, 60_000.0
    legs = two_legs(moments, -1, 10_000, y, x)
    pin = pinned(FREE, moments, legs, y, x, costs(FREE), START_MS)
    back = pin_state(pin, 60_000**0.8, x, costs(FREE), START_MS)
    assert back.z == pytest.approx(0, abs=1e-9)
    assert back.net_bps == pytest.approx(5.0, rel=1e-3)


def test_funding_counts_the_intervals_that_ended_since_entry():
    """Long 2 perps at 100, one basis point each 8 hours: nothing before the first end, 0.02 at each."""
    pin = pin_of(PERP, y_units=2.0, x_units=-4.0)
    first_ms = START_MS + HOUR_MS
    for hours, ends in ((0.9, 0), (1.0, 1), (8.9, 1), (9.0, 2), (25.0, 4)):
        now_ms = START_MS + round(hours * HOUR_MS)
        for next_ms in (first_ms, first_ms + 24 * HOUR_MS):  # whichever end is named as the next
            terms = costs(pin.params, y_funding=funding(1e-4, next_ms))
            assert pin_state(pin, 100.0, 50.0, terms, now_ms).carry == pytest.approx(0.02 * ends), hours


def test_a_short_perpetual_receives_what_the_long_pays():
    terms = costs(PERP, y_funding=funding(1e-4, START_MS + HOUR_MS))
    short = pin_state(pin_of(PERP), 100.0, 50.0, terms, START_MS + 2 * HOUR_MS)
    assert short.carry == pytest.approx(-0.02)
    assert short.net == pytest.approx(0.02)


def test_funding_that_is_not_known_is_said_and_left_out():
    state = state_at(pin_of(PERP), 99.0, 50.0)
    assert state.carry is None
    assert state.net == pytest.approx(2.0)


def test_a_short_spot_leg_pays_borrow_by_the_day_and_a_long_one_nothing():
    """36.5 % a year is 10 bp a day: half a day of 200 short is 0.10."""
    params = replace(FREE, borrow_pct_year=36.5)
    assert state_at(pin_of(params), 100.0, 50.0, 720).carry == pytest.approx(0.10)
    assert state_at(pin_of(params, y_units=2.0, x_units=4.0), 100.0, 50.0, 720).carry == 0


def test_beta_drift_is_relative_and_flagged_beyond_a_quarter():
    pin = pin_of()
    for now, drifted in ((1.25, False), (1.26, True), (0.75, False), (0.74, True), (-0.5, True)):
        state = state_at(pin, 100.0, 50.0, beta_now=now)
        assert state.beta_drift == pytest.approx(now - 1)
        assert state.has_drifted is drifted
    for now in (None, float("nan")):
        assert state_at(pin, 100.0, 50.0, beta_now=now).beta_drift is None


def kinds(pin: Pin, state) -> list[str]:
    return [event.kind for event in pin_events(pin, state)]


@pytest.mark.parametrize("side", [1, -1])
def test_target_and_stop_are_crossings_on_the_side_of_the_trade(side):
    pin = pin_of(USUAL, y_units=side * 2.0, x_units=-side * 4.0)
    for away, expected in (
        (4.01, ["stop"]),
        (3.9, []),
        (0.6, []),
        (0.49, ["target"]),
        (0.0, ["target"]),
        (-3.0, ["target"]),
        (-9.0, ["target"]),
    ):
        assert kinds(pin, at_z(pin, -side * away)) == expected


def test_a_target_that_costs_says_what_closing_leaves_and_zero_has_no_sign():
    pin = pin_of(USUAL)
    state = at_z(pin, 0.0)
    lost, gained = (pin_events(pin, replace(state, z=-0.001, gross=gross))[0].text for gross in (0.0, 10.0))
    left = replace(state, gross=0.0).net_bps
    assert lost == (
        f"Target reached, but closing now leaves −{-left:.1f} bp: z 0.00 by its own moments has come back to 0.5."
    )
    kept = replace(state, gross=10.0).net_bps
    assert left < 0 < kept
    assert gained == f"Target: z 0.00 by its own moments has come back to 0.5; net +{kept:.1f} bp."


def test_the_time_stop_counts_bars_of_the_pins_own_frame():
    pin = pin_of(replace(USUAL, timeframe="5m"))
    assert kinds(pin, at_z(pin, 2.0, minutes=1199)) == []
    assert kinds(pin, at_z(pin, 2.0, minutes=1200)) == ["time stop"]


def test_a_drifted_hedge_is_an_event_with_its_size_in_words():
    pin = pin_of(USUAL)
    (event,) = pin_events(pin, at_z(pin, 2.0, beta_now=0.6))
    assert event.kind == "beta drift"
    assert "−40 %" in event.text
    assert "net " in event.text


def test_closing_keeps_the_result_whatever_comes_later():
    pin = pin_of(PairParams())
    closed = replace(pin, exit=pin_exit(pin, Fill(99.0), Fill(49.75), costs(pin.params), START_MS + 30 * MINUTE_MS))
    result = pin_result(closed)
    assert result.gross == pytest.approx(1.0)
    assert result.exit_cost == pytest.approx(5e-4 * (198 + 199))
    assert result.bars_held == 30
    assert pin_events(closed, result) == ()
    with pytest.raises(DataError, match="closed"):
        state_at(closed, 1.0, 1.0)
    with pytest.raises(DataError, match="open"):
        pin_result(pin)


def test_the_carry_at_the_close_is_kept():
    pin = pin_of(PERP)
    terms = costs(PERP, y_funding=funding(1e-4, START_MS + HOUR_MS))
    closed = replace(pin, exit=pin_exit(pin, Fill(100.0), Fill(50.0), terms, START_MS + 2 * HOUR_MS))
    assert pin_result(closed).carry == pytest.approx(-0.02)
    assert isinstance(closed.exit, PinExit)


def test_a_clock_set_back_holds_no_negative_time():
    assert state_at(pin_of(), 100.0, 50.0, minutes=-5).bars_held == 0


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(DataError, match="not two prices"):
        state_at(pin_of(), price, 50.0)
