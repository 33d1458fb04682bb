"""The synthetic market is a function of seed and time, and its pairs are what they are said to be."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from boxrig import NOON_MS, TurnedClock

from statarb.exchange.listings import LISTINGS, REVERTING_PAIRS, listing_of
from statarb.exchange.paths import DAY_MS, DAY_S, EPOCH_MS, Paths, _filtered
from statarb.exchange.synthetic import SyntheticMarket
from statarb.exchange.trades import Trades

HOUR_MS = 3_600_000


def market(now_ms: int = NOON_MS, seed: int = 3, rate: float = 5.0, symbols=("BTCUSDT", "ETHUSDT")) -> SyntheticMarket:
    return SyntheticMarket(symbols, seed, rate, TurnedClock(now_ms))


def columns(trades: Trades) -> list[list]:
    names = ("ids", "ts_ms", "price", "qty", "is_buyer_maker", "agg_ids")
    return [getattr(trades, name).tolist() for name in names]


def minute_closes(symbol: str, days: int) -> np.ndarray:
    """Log closes of every minute of some days, the last trade standing where a minute had none."""
    made = SyntheticMarket([symbol], 11, 5.0, TurnedClock(NOON_MS))
    start_ms = NOON_MS - days * DAY_MS
    bars = made.bars(symbol, 60_000, start_ms, NOON_MS)
    closes = np.full(days * 1440, np.nan)
    closes[(bars.open_ms - start_ms) // 60_000] = bars.close
    last = np.maximum.accumulate(np.where(np.isnan(closes), 0, np.arange(len(closes))))
    return np.log(closes[last])


def half_life_minutes(spread: np.ndarray) -> float:
    """By the lag-one autoregression, at ten minutes so that bid-ask bounce does not count as reversion."""
    thinned = spread[::10] - spread.mean()
    keep = np.dot(thinned[1:], thinned[:-1]) / np.dot(thinned[:-1], thinned[:-1])
    return float(10 * np.log(0.5) / np.log(keep))


def test_a_restart_goes_on_with_the_same_trades():
    before = market(NOON_MS)
    after = market(NOON_MS + 7 * HOUR_MS)
    first = before.newest("ETHUSDT", 1000)
    again = after.from_id("ETHUSDT", int(first.ids[0]), 1000)
    assert columns(first) == columns(again)


def test_another_seed_or_symbol_is_another_market():
    one, other = market(seed=3).newest("BTCUSDT", 200), market(seed=4).newest("BTCUSDT", 200)
    assert one.prices() != other.prices()
    assert one.prices() != market(seed=3).newest("ETHUSDT", 200).prices()


@pytest.mark.parametrize("rate", [0.05, 5.0, 40.0, 400.0, 3000.0])
def test_ids_are_consecutive_and_times_never_go_back_across_blocks(rate):
    made = market(NOON_MS + 5_000, rate=rate)
    count = 120_000 if rate > 10 else 40_000
    trades = made.from_id("BTCUSDT", int(made.newest("BTCUSDT", 1).ids[0]) - count + 1, count)
    assert len(trades) == count
    assert set(np.diff(trades.ids)) == {1}
    assert (np.diff(trades.ts_ms) >= 0).all()
    assert set(np.diff(trades.agg_ids)) == {0, 1}
    assert trades.ts_ms[-1] <= NOON_MS + 5_000


def test_trades_made_step_by_step_are_those_of_random_access():
    clock = TurnedClock(NOON_MS - 20_000)  # twenty seconds before a block begins
    live = SyntheticMarket(["BTCUSDT", "ETHUSDT"], 3, 5.0, clock)
    steps = []
    for ms in (1, 9, 700, 3, 0, 12_000, 7_287, 1, 2_500, 30_000):
        clock.turn(ms)
        steps.append(live.advance(()))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        parts = [columns(step.trades[symbol]) for step in steps if symbol in step.trades]
        told = [list(chain(*column)) for column in zip(*parts, strict=True)]
        whole = market(NOON_MS + DAY_MS).from_id(symbol, told[0][0], len(told[0]))
        assert told == columns(whole)
        assert NOON_MS - 20_000 < told[1][0] <= told[1][-1] <= clock.now_ms()


def test_what_was_not_made_yet_is_nowhere():
    clock = TurnedClock()
    made = SyntheticMarket(["BTCUSDT"], 3, 50.0, clock)
    last = int(made.newest("BTCUSDT", 1).ids[0])
    clock.turn(60_000)
    assert len(made.from_id("BTCUSDT", last + 1, 10)) == 0
    assert int(made.bars("BTCUSDT", 60_000, NOON_MS - 60_000, NOON_MS + 120_000).open_ms[-1]) <= NOON_MS
    assert made.close_before("BTCUSDT", NOON_MS + 60_000) == made.newest("BTCUSDT", 1).price[0]
    made.advance(())
    assert len(made.from_id("BTCUSDT", last + 1, 10)) == 10


def test_the_clock_of_the_market_never_goes_back():
    clock = TurnedClock()
    made = SyntheticMarket(["BTCUSDT"], 3, 5.0, clock)
    clock.turn(10_000)
    made.advance(())
    clock.turn(-5_000)
    assert made.now_ms() == NOON_MS + 10_000
    assert made.advance(()).trades == {}


def test_every_hour_has_the_rate_asked_for_in_bursts_over_a_steady_trickle():
    made = market()
    trades = made.newest("BTCUSDT", 20 * 18_000)
    in_hours = np.unique(trades.ts_ms // HOUR_MS, return_counts=True)[1]
    assert set(in_hours[1:-1]) == {18_000}
    same_ms = np.diff(trades.ts_ms) == 0
    assert 0.3 < same_ms.mean() < 0.9
    in_seconds = np.bincount((trades.ts_ms // 1000 - trades.ts_ms[0] // 1000)[1:])
    assert 0.005 < (in_seconds == 0).mean() < 0.08, "one-second bars need trades in nearly all of them"
    assert in_seconds.max() > 40


def test_trades_of_an_aggregate_share_price_side_and_time():
    trades = market(rate=300.0).newest("BTCUSDT", 50_000)
    same = np.diff(trades.agg_ids) == 0
    assert same.any()
    for column in (trades.price, trades.ts_ms, trades.is_buyer_maker):
        assert (column[1:][same] == column[:-1][same]).all()


def test_buyers_pay_the_ask_and_sellers_get_the_bid():
    trades = market(symbols=["LINKUSDT"]).newest("LINKUSDT", 50_000)
    seconds = trades.ts_ms // 1000
    buys, sells = ({}, {})
    for second, price, maker in zip(
        seconds.tolist(), trades.price.tolist(), trades.is_buyer_maker.tolist(), strict=True
    ):
        (sells if maker else buys).setdefault(second, []).append(price)
    both = buys.keys() & sells.keys()
    gap = np.mean([np.mean(buys[second]) - np.mean(sells[second]) for second in both])
    assert gap == pytest.approx(1.0, abs=0.1)  # one tick


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ADAUSDT"])
def test_log_prices_are_continuous_at_midnight(symbol):
    paths = Paths(5, cached_days=8)
    for day in (2400, 2401):
        assert paths.log_price(symbol, day)[-1] == pytest.approx(paths.log_price(symbol, day + 1)[0], abs=1e-9)


def test_the_chunked_filter_is_the_plain_recursion():
    shocks = np.random.default_rng(1).standard_normal(DAY_S)
    plain, value = [], 0.7
    for shock in shocks:
        value = 0.9995 * value + shock
        plain.append(value)
    fast = _filtered(shocks, 0.9995, 0.7)
    assert fast[0] == 0.7
    np.testing.assert_allclose(fast[1:], plain, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("y", "x"), REVERTING_PAIRS, ids=lambda symbol: symbol)
def test_reverting_pairs_have_the_beta_half_life_and_spread_they_are_said_to_have(y, x):
    truth = REVERTING_PAIRS[y, x]
    ys, xs = minute_closes(y, 7), minute_closes(x, 7)
    beta, alpha = np.polyfit(xs, ys, 1)
    assert beta == pytest.approx(truth.loading, abs=0.03)
    spread = ys - alpha - beta * xs
    assert spread.std() == pytest.approx(truth.spread.sd, rel=0.2)
    assert half_life_minutes(spread) == pytest.approx(truth.spread.half_life_s / 60, rel=0.3)


@pytest.mark.parametrize("symbol", ["SOLUSDT", "DOGEUSDT", "XRPUSDT"])
def test_other_pairs_move_together_but_do_not_revert_within_hours(symbol):
    ys, xs = minute_closes(symbol, 7), minute_closes("BTCUSDT", 7)
    beta, alpha = np.polyfit(xs, ys, 1)
    assert np.corrcoef(np.diff(ys[::30]), np.diff(xs[::30]))[0, 1] > 0.3
    assert half_life_minutes(ys - alpha - beta * xs) > 240


@pytest.mark.parametrize("symbol", LISTINGS)
def test_volatility_and_level_are_those_of_a_large_coin(symbol):
    closes = minute_closes(symbol, 7)
    returns = np.diff(closes[::60])
    assert 0.35 < returns.std() * np.sqrt(24 * 365) < 1.0
    level = np.exp(closes.mean()) * LISTINGS[symbol].tick
    assert 0.4 < level / LISTINGS[symbol].level < 2.5


def test_levels_stay_near_home_for_decades():
    paths = Paths(2, cached_days=8)
    starts = [paths.log_price("DOGEUSDT", day)[0] for day in range(0, 12_000, 400)]
    assert np.abs(np.array(starts) - np.log(LISTINGS["DOGEUSDT"].level)).max() < 1.0


@pytest.mark.parametrize("symbol", ["PEPEUSDT", "A", "1000SATSUSDT", "币安人生USDT", "BTCEUR"])
def test_any_symbol_can_be_listed_with_sensible_steps(symbol):
    listing = listing_of(symbol)
    assert listing == listing_of(symbol)
    assert 1e-6 < listing.tick / listing.level < 2e-2
    assert 0.01 < listing.lot * listing.level < 20
    trades = market(symbols=[symbol]).newest(symbol, 100)
    assert all(float(price) > 0 for price in trades.prices())
    assert listing.rules.tick_e8 * listing.rules.lot_e8 % 100 == 0


def test_a_week_of_klines_is_kept_and_less_at_high_rates():
    assert NOON_MS - market().listed_ms("BTCUSDT") >= 7 * DAY_MS
    assert NOON_MS - market(rate=100.0).listed_ms("BTCUSDT") >= 48 * HOUR_MS
    assert NOON_MS - market(rate=5000.0).listed_ms("BTCUSDT") >= HOUR_MS
    assert market(EPOCH_MS + 90 * 60_000).listed_ms("BTCUSDT") == EPOCH_MS
