"""What a pair costs: each leg by its venue, measured spreads when they are wider, funding signed, borrow on shorts."""

from types import SimpleNamespace

import pytest

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import FrozenMoments, costs, edge_to_mean
from statarb.quant.costs import fresh_quotes, live_prices, market_costs

SPOT_PERP = PairParams(y="usdm:BTCUSDT", x="spot:BTCUSDT", fee_preset="venue_taker", borrow_pct_year=36.5)
EIGHT_HOURS = SimpleNamespace(rate=0.0001, next_ms=1_700_000_000_000, interval_hours=8)


def test_a_round_trip_is_both_sides_of_both_legs():
    assert costs(PairParams()).round_trip_bps(1.5) == pytest.approx(2 * 2.5 * 6)


def test_each_leg_pays_its_venues_fee():
    spent = costs(SPOT_PERP)
    assert (spent.y.fee_bps, spent.x.fee_bps) == (5, 10)
    assert spent.round_trip_bps(1.0) == 2 * (6 + 11)


def test_half_the_measured_spread_counts_where_it_is_more_than_the_slippage():
    spent = costs(PairParams(), y_spread_bps=0.4, x_spread_bps=7.0)
    assert (spent.y.side_bps, spent.x.side_bps) == (6.0, 8.5)


def test_a_long_perpetual_pays_a_positive_funding_rate_and_a_short_one_earns_it():
    spent = costs(SPOT_PERP, y_funding=EIGHT_HOURS)
    assert spent.carry_bps_day(1, 0.0) == pytest.approx(3.0)
    assert spent.carry_bps_day(-1, 0.0) == pytest.approx(-3.0)
    assert spent.funding_next_ms == 1_700_000_000_000


def test_a_short_spot_leg_is_borrowed_and_a_long_one_is_not():
    spent = costs(SPOT_PERP, y_funding=EIGHT_HOURS)
    assert spent.carry_bps_day(1, 2.0) == pytest.approx(3.0 + 2 * 10)  # y long pays funding, x short is borrowed
    assert spent.carry_bps_day(-1, 2.0) == pytest.approx(-3.0)


def test_unknown_funding_is_unknown_and_not_nothing():
    assert costs(SPOT_PERP).carry_bps_day(1, 1.0) is None
    assert costs(PairParams(), y_funding=EIGHT_HOURS).carry_bps_day(1, 1.0) == 0.0


def test_the_edge_carries_the_side_towards_the_mean():
    moments = FrozenMoments(0.0, 1.0, 0.0, 0.001, 0, 240, "log")
    spent = costs(SPOT_PERP, y_funding=EIGHT_HOURS)
    rich, cheap = (edge_to_mean(moments, spent, spread, 60_000.0, 60_000.0) for spread in (0.002, -0.002))
    assert rich.carry_bps_day == pytest.approx(-3.0)
    assert cheap.carry_bps_day == pytest.approx(3.0 + 10)
    assert rich.net_bps == cheap.net_bps == pytest.approx(20 - 34)


@pytest.mark.parametrize(
    "bad", [{"y_spread_bps": -1.0}, {"x_spread_bps": float("nan")}, {"y_spread_bps": float("inf")}]
)
def test_a_spread_that_cannot_be_is_refused(bad):
    with pytest.raises(DataError, match="spread"):
        costs(PairParams(), **bad)


def test_a_funding_rate_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="funding"):
        costs(SPOT_PERP, y_funding=SimpleNamespace(rate=float("nan"), next_ms=0, interval_hours=8))


QUOTES = {
    "spot:ETHUSDT": SimpleNamespace(ts_ms=95_000, mid=3000.5, spread_bps=8.0),
    "spot:BTCUSDT": SimpleNamespace(ts_ms=80_000, mid=60_000.5, spread_bps=9.0),
}


def test_an_old_quote_is_neither_a_spread_nor_a_price():
    params = PairParams(price="mid")
    spent = market_costs(params, QUOTES, {}, now_ms=100_000)
    assert (spent.y.spread_bps, spent.x.spread_bps) == (8.0, None)
    quotes = fresh_quotes(params, QUOTES, now_ms=100_000)
    assert live_prices(params, quotes, (3000.0, 60_000.0)) == (3000.0, 60_000.0)


def test_middles_are_prices_where_they_are_asked_for_and_both_are_fresh():
    for price, expected in (("mid", (3000.5, 60_000.5)), ("last", (3000.0, 60_000.0))):
        params = PairParams(price=price)
        quotes = fresh_quotes(params, QUOTES, now_ms=85_000)
        assert live_prices(params, quotes, (3000.0, 60_000.0)) == expected


def test_a_book_that_is_crossed_for_a_moment_costs_nothing():
    crossed = QUOTES | {"spot:ETHUSDT": SimpleNamespace(ts_ms=95_000, mid=3000.5, spread_bps=-0.1)}
    assert market_costs(PairParams(), crossed, {}, 100_000).y.spread_bps == 0.0
