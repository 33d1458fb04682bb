"""The backtest: no luck from the future, the money of frozen units, every cost counted, and nothing said too early."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from quant_samples import bars_of, closed_until, prices_of, random_walks, reverting_legs

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import NotEnough, Rule, backtest, backtest_study, costs, study_pair, z_seen

WINDOW = 60


def prices(legs, step=5e-4):
    index = bars_of(np.ones(legs[0].size)).index
    return tuple(
        pd.Series(prices_of(leg, level, step), index=index) for leg, level in zip(legs, (3000, 60_000), strict=True)
    )


REVERTING = prices(reverting_legs(3000, seed=1))


def test_a_trade_by_hand():
    """Window 60; z crosses at bar 60, both legs fill at bar 61, z is back at bar 62, both legs fill at bar 63."""
    rng = np.random.default_rng(0)
    x = np.exp(np.log(100) + 0.01 * rng.standard_normal(64).cumsum())
    y = x * np.exp(0.001 * rng.standard_normal(64))
    y[60], y[61] = x[60] * 1.05, x[61] * 1.04
    y[62] = x[62] * 0.99
    result = backtest(y, x, 60, Rule(cost_bps=10, notional=1000))
    z = z_seen(np.log(y), np.log(x), 60)
    assert z.iloc[60] > 2
    assert z.iloc[62] < 0
    first = result.round_trips[0]
    assert (first.side, first.entered, first.left, first.why) == (-1, 61, 63, "mean")
    assert first.y_units == pytest.approx(-1000 / y[61])
    gross = first.y_units * (y[63] - y[61]) + first.x_units * (x[63] - x[61])
    assert first.gross == pytest.approx(gross)
    turnover = abs(first.y_units) * (y[61] + y[63]) + first.x_units * (x[61] + x[63])
    assert (first.cost, first.turnover) == pytest.approx((turnover * 10 / 1e4, turnover))
    assert first.net_bps == pytest.approx((gross - first.cost) / 1000 * 1e4)
    assert result.equity.tolist()[59:61] == [0, 0]
    assert result.equity.iloc[63] == pytest.approx(first.net)


def test_cost_is_linear_in_the_turnover_and_changes_nothing_else():
    free, paid = (backtest(*REVERTING, WINDOW, Rule(cost_bps=cost)) for cost in (0.0, 7.5))
    for a, b in zip(free.round_trips, paid.round_trips, strict=True):
        assert (a.entered, a.left, a.gross, a.turnover) == (b.entered, b.left, b.gross, b.turnover)
        assert b.net == pytest.approx(a.net - 7.5e-4 * a.turnover)
    assert sum(trip.net for trip in backtest(*REVERTING, WINDOW, Rule(cost_bps=free.break_even_bps)).round_trips) == (
        pytest.approx(0, abs=1e-6)
    )


def test_equity_ends_at_the_sum_of_the_round_trips():
    result = backtest(*REVERTING, WINDOW)
    last = result.round_trips[-1]
    unpaid = last.cost - abs(last.y_units) * REVERTING[0].iloc[last.entered] * 6e-4 if last.why == "end" else 0.0
    assert last.why != "end" or unpaid > 0
    closed = [trip for trip in result.round_trips if trip.why != "end"]
    at = closed[-1].left
    assert result.equity.iloc[at] == pytest.approx(sum(trip.net for trip in closed))
    assert result.drawdown.max() <= 0
    assert result.drawdown.min() == pytest.approx(
        min(0.0, float((result.equity - result.equity.cummax().clip(lower=0)).min()))
    )


def test_constant_prices_with_a_beta_that_moved_earn_nothing():
    """Units are frozen at entry: what moves later is the hedge, and nobody trades it."""
    y, x = (leg.to_numpy().copy() for leg in REVERTING)
    found = backtest(y, x, WINDOW, Rule(cost_bps=0))
    trip = next(trip for trip in found.round_trips if trip.left - trip.entered > 4)
    y[trip.entered :], x[trip.entered :] = y[trip.entered], x[trip.entered]
    still = backtest(y, x, WINDOW, Rule(cost_bps=0, time_stop=3))
    again = next(other for other in still.round_trips if other.entered == trip.entered)
    assert again.gross == 0


def test_a_spike_that_is_gone_at_the_next_bar_is_not_earned():
    """Decided at one close, filled at the next: a bar that nobody could trade pays nobody."""
    rng = np.random.default_rng(3)
    x = 100 * np.exp(1e-3 * rng.standard_normal(400).cumsum())
    y = x * np.exp(1e-4 * rng.standard_normal(400))
    y[300] *= 1.05
    result = backtest(y, x, WINDOW, Rule(entry_z=20, cost_bps=0))
    assert [trip.entered for trip in result.round_trips] == [301]
    assert abs(result.round_trips[0].gross) / 10_000 < 0.005


def test_on_unrelated_walks_the_gross_result_is_zero_although_most_trades_win():
    gross, wins = [], []
    for seed in range(150):
        result = backtest(*prices(random_walks(2000, seed)), 240, Rule(cost_bps=0))
        gross += [trip.gross for trip in result.round_trips]
        wins.append(result.win_rate)
    gross = np.array(gross)
    assert len(gross) > 500
    assert abs(gross.mean()) < 2.6 * gross.std(ddof=1) / math.sqrt(len(gross))
    assert np.nanmean(wins) > 0.5


def test_on_a_true_reverting_spread_it_earns():
    result = backtest(*prices(reverting_legs(5000, seed=2), step=2e-3), 240, Rule(cost_bps=2))
    assert result.trips > 30
    assert result.interval_bps[0] > 0
    assert result.mean_net_bps < result.interval_bps[1]
    assert result.break_even_bps > 2


def test_looking_ahead_would_have_shown_a_gain_on_walks():
    """The same rule with the whole sample's hedge and moments 'earns' on unrelated walks: what this design prevents."""
    cheated = []
    for seed in range(60):
        y, x = random_walks(600, seed)
        beta, alpha = np.polyfit(x, y, 1)
        spread = (y - alpha - beta * x) / np.std(y - alpha - beta * x)
        held = 0.0
        for t in range(599):
            held = -np.sign(spread[t]) if abs(spread[t]) > 2 else 0.0 if held * spread[t] > 0 else held
            cheated.append(held * (spread[t + 1] - spread[t]))
    cheated = np.array(cheated)
    assert cheated.mean() > 3 * cheated.std() / math.sqrt(len(cheated))


def test_stop_and_time_stop_leave_and_wait_until_z_came_back():
    result = backtest(*REVERTING, WINDOW, Rule(entry_z=1.5, stop_z=2.5, time_stop=3, cost_bps=0))
    reasons = {trip.why for trip in result.round_trips}
    assert {"mean", "stop", "time"} <= reasons
    z = z_seen(*(np.log(leg) for leg in REVERTING), WINDOW).abs()
    for trip, after in zip(result.round_trips, result.round_trips[1:], strict=False):
        if trip.why in ("stop", "time"):
            assert (z.iloc[trip.left : after.entered] < 1.5).any()
        if trip.why == "time":
            assert trip.left - trip.entered == 4  # decided at the third bar, filled at the next


def test_without_a_positive_beta_nothing_is_entered():
    y, x = prices(reverting_legs(600, seed=1, beta=-3.0))
    assert backtest(y, x, 240).round_trips == ()
    assert backtest(y, x, 240).break_even_bps is not None
    assert math.isnan(backtest(y, x, 240).mean_net_bps)


@pytest.mark.parametrize("hours", [1, 11, 23])
def test_the_sharpe_ratio_does_not_depend_on_the_hour_at_which_the_data_begin(hours):
    legs = prices(reverting_legs(9000, seed=4), step=2e-3)
    later = [leg.set_axis(leg.index + pd.Timedelta(hours=hours)) for leg in legs]
    rule = Rule(cost_bps=0)
    assert backtest(*later, WINDOW, rule).sharpe == pytest.approx(backtest(*legs, WINDOW, rule).sharpe, rel=1e-12)


def test_nothing_is_said_per_year_too_early():
    short = backtest(*REVERTING, WINDOW)
    assert short.sharpe == NotEnough("days", int(short.days), 5)
    assert short.days == pytest.approx((len(REVERTING[0]) - WINDOW - 1) / 1440)
    assert backtest(*(leg.iloc[:300] for leg in REVERTING), WINDOW).sharpe.what == "round trips"
    long = backtest(*prices(reverting_legs(9000, seed=4), step=2e-3), WINDOW, Rule(cost_bps=0))
    days = long.equity.iloc[::-1].iloc[::1440].iloc[::-1].diff().iloc[1:]
    assert len(days) == int(long.days) == 6
    assert long.sharpe == pytest.approx(days.mean() / days.std() * math.sqrt(365))


@pytest.mark.parametrize("price_scale", ["log", "price"])
def test_the_legs_are_hedged_in_money(price_scale):
    trip = backtest(*REVERTING, WINDOW, price_scale=price_scale).round_trips[0]
    y, x = (float(leg.iloc[trip.entered]) for leg in REVERTING)
    assert abs(trip.y_units) * y == pytest.approx(10_000)
    assert trip.x_units * trip.y_units < 0
    assert abs(trip.x_units) * x / 10_000 == pytest.approx(1.7, abs=0.6)


def test_the_rule_of_the_knobs():
    rule = Rule.of(PairParams(entry_z=2.5, fee_bps=10))
    assert (rule.entry_z, rule.exit_z, rule.stop_z, rule.time_stop, rule.cost_bps) == (2.5, 0, 4, 240, 11)


@pytest.mark.parametrize(
    "wrong", [{"exit_z": 2}, {"exit_z": -1}, {"stop_z": 1}, {"time_stop": 0}, {"notional": 0}, {"cost_bps": math.nan}]
)
def test_rules_that_cannot_be_are_refused(wrong):
    with pytest.raises(DataError):
        Rule(**wrong)


def test_few_bars_say_so():
    assert backtest([1.0] * 10, [2.0] * 10, WINDOW) == NotEnough("bars", 10, 62)
    flat = backtest(np.full(100, 5.0), np.full(100, 7.0), WINDOW)
    assert (flat.trips, flat.equity.abs().sum()) == (0, 0)


FUNDED = PairParams(y="usdm:ETHUSDT", x="spot:BTCUSDT", fee_preset="venue_taker", borrow_pct_year=36.5)
FUNDING = SimpleNamespace(rate=0.0003, next_ms=0, interval_hours=8)


def on_minutes(legs, minutes=None):
    minutes = np.arange(len(legs[0])) if minutes is None else minutes
    index = pd.DatetimeIndex((60_000 * minutes).astype("datetime64[ms]"), tz="UTC", name="ts")
    return tuple(pd.Series(np.asarray(leg), index=index) for leg in legs)


def test_each_leg_pays_its_own_costs():
    spent = costs(FUNDED)
    free, paid = (backtest(*REVERTING, WINDOW, Rule(cost_bps=0, costs=known)) for known in (None, spent))
    for a, b in zip(free.round_trips, paid.round_trips, strict=True):
        y, x = (np.asarray(leg) for leg in REVERTING)
        sides = sum(abs(a.y_units) * y[t] * 6e-4 + abs(a.x_units) * x[t] * 11e-4 for t in (a.entered, a.left))
        assert b.cost == pytest.approx(sides)
        assert b.gross == pytest.approx(a.gross)


def test_funding_and_borrow_are_paid_for_the_time_held():
    legs = on_minutes(REVERTING)
    spent = costs(FUNDED, y_funding=FUNDING)
    result = backtest(*legs, WINDOW, Rule(cost_bps=0, costs=spent))
    assert result.carry_known
    y, x = (np.asarray(leg) for leg in legs)
    for trip in result.round_trips[:5]:
        held = range(trip.entered, trip.left)
        funding = sum(trip.y_units * y[t] * 0.0009 for t in held) / 1440  # + is paid by a long
        borrow = sum(-min(0.0, trip.x_units) * x[t] * 0.001 for t in held) / 1440
        assert trip.carry == pytest.approx(funding + borrow)
        assert trip.net == pytest.approx(trip.gross - trip.cost - trip.carry)
    assert result.equity.iloc[-1] == pytest.approx(sum(trip.net for trip in result.round_trips), rel=0.05)
    assert not backtest(*legs, WINDOW, Rule(costs=costs(FUNDED))).carry_known


def test_after_an_outage_nothing_old_is_filled_and_what_was_open_is_closed():
    plain = backtest(*on_minutes(REVERTING), WINDOW, Rule(cost_bps=0), bar_ms=60_000)
    trip = next(trip for trip in plain.round_trips if trip.left - trip.entered > 3)
    minutes = np.arange(len(REVERTING[0]))
    minutes[trip.entered + 2 :] += 30  # half an hour is missing while the trade is on
    held = backtest(*on_minutes(REVERTING, minutes), WINDOW, Rule(cost_bps=0), bar_ms=60_000)
    cut = next(other for other in held.round_trips if other.entered == trip.entered)
    assert (cut.left, cut.why) == (trip.entered + 2, "outage")
    minutes = np.arange(len(REVERTING[0]))
    minutes[trip.entered :] += 30  # and here between the decision and its fill
    missed = backtest(*on_minutes(REVERTING, minutes), WINDOW, Rule(cost_bps=0), bar_ms=60_000)
    assert all(other.entered != trip.entered for other in missed.round_trips)


def test_windows_that_span_a_long_outage_give_no_signal():
    minutes = np.arange(len(REVERTING[0]))
    minutes[300:] += 10 * WINDOW
    result = backtest(*on_minutes(REVERTING, minutes), WINDOW, Rule(entry_z=1.0, cost_bps=0), bar_ms=60_000)
    assert not any(300 <= trip.entered < 300 + WINDOW for trip in result.round_trips)
    assert any(trip.entered > 300 + WINDOW for trip in result.round_trips)


@pytest.mark.parametrize("hedge", ["ols", "kalman"])
def test_the_backtest_of_a_study_is_the_backtest_of_its_bars(hedge):
    params = PairParams(window=60, test_window=100, hedge=hedge, price_scale="price")
    y, x = (np.asarray(leg) for leg in REVERTING)
    study = study_pair(bars_of(y), bars_of(x), params, closed_until(len(y)))
    whole = backtest_study(study, tried=7)
    plain = backtest(study.prices["y"], study.prices["x"], 60, Rule.of(params), "price", 7, hedge, 60_000)
    assert whole.round_trips == plain.round_trips
    assert whole.trips > 3
    pd.testing.assert_series_equal(whole.equity, plain.equity)
    assert whole.tried == 7


def test_a_study_of_few_bars_has_no_backtest():
    y, x = (np.asarray(leg)[:40] for leg in REVERTING)
    study = study_pair(bars_of(y), bars_of(x), PairParams(window=60), closed_until(40))
    assert backtest_study(study) == NotEnough("bars", 40, 62)
