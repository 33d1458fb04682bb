"""Statistics of one instrument, against pandas and what is known."""

import math

import numpy as np
import pytest
from quant_samples import bars_of, closed_until

from statarb.errors import DataError
from statarb.market import TIMEFRAMES
from statarb.quant import price_statistics, resample_bars

MINUTE = TIMEFRAMES["1m"]


def statistics(closes, window=20, step_s=60, frame=MINUTE):
    return price_statistics(
        resample_bars(bars_of(closes, step_s), frame, closed_until(len(closes), step_s)), frame, window
    )


def walk(n, seed=1, sd=1e-3):
    return 100 * np.exp(sd * np.random.default_rng(seed).standard_normal(n).cumsum())


def test_volatility_is_that_of_pandas_a_year_of_every_second():
    closes = walk(300)
    found = statistics(closes)
    oracle = found["log_return"].rolling(20).std() * math.sqrt(525_600)
    np.testing.assert_allclose(found["volatility"], oracle, rtol=1e-9)
    assert found["volatility"].isna().sum() == 20
    assert statistics(walk(20_000), 10_000)["volatility"].iloc[-1] == pytest.approx(1e-3 * math.sqrt(525_600), rel=0.03)


def test_two_timeframes_agree_on_the_volatility_of_a_walk():
    closes = walk(20_000)
    one, five = statistics(closes, 19_000), statistics(closes, 3900, frame=TIMEFRAMES["5m"])
    assert five["volatility"].iloc[-1] == pytest.approx(one["volatility"].iloc[-1], rel=0.05)


def test_vwap_volume_and_flow_by_hand():
    bars = bars_of([10.0, 20.0, 40.0])
    bars["volume"], bars["quote_volume"], bars["taker_buy_volume"] = (
        [2.0, 3.0, 4.0],
        [20.0, 61.0, 156.0],
        [2.0, 0.0, 3.0],
    )
    found = price_statistics(resample_bars(bars, MINUTE, closed_until(3)), MINUTE, 3)
    np.testing.assert_allclose(found["vwap"], [10, 61 / 3, 39])
    np.testing.assert_allclose(found["signed_volume"], [2, -3, 2])
    np.testing.assert_allclose(found["flow"], [1, -1, 0.5])
    np.testing.assert_allclose(found["log_return"], [np.nan, math.log(2), math.log(2)])


def test_an_empty_bar_has_no_return_vwap_or_flow_and_the_next_spans_it():
    closes = walk(60)
    closes[30] = np.nan
    found = statistics(closes)
    assert found.iloc[30][["log_return", "vwap", "flow", "volatility", "effective_spread_bps"]].isna().all()
    assert found["volume"].iloc[30] == 0
    assert found["log_return"].iloc[31] == pytest.approx(math.log(closes[31] / closes[29]))
    closes[20:40] = np.nan
    assert math.isnan(statistics(closes)["log_return"].iloc[40])


@pytest.mark.parametrize("empty_share", [0.0, 0.5, 0.8])
def test_volatility_does_not_depend_on_how_often_a_leg_trades(empty_share):
    rng = np.random.default_rng(9)
    closes = walk(20_000, sd=1e-4)
    closes[1:-1][rng.random(19_998) < empty_share] = np.nan
    found = statistics(closes, 3000)["volatility"].dropna().iloc[-1]
    assert found == pytest.approx(1e-4 * math.sqrt(365 * 24 * 60), rel=0.05)


def test_the_effective_spread_of_bouncing_prices_is_found():
    """Half a spread of 5 bp at random sides of a walk: the spread is 10 bp."""
    rng = np.random.default_rng(2)
    closes = walk(20_000, sd=1e-4) * (1 + 5e-4 * rng.choice([-1, 1], 20_000))
    found = statistics(closes, 15_000)["effective_spread_bps"]
    assert found.iloc[-1] == pytest.approx(10, rel=0.03)
    assert found.isna().sum() >= 15_000


def test_few_bars_give_no_deviation_and_no_warning():
    found = statistics(walk(5))
    assert found["volatility"].isna().all()
    assert len(statistics(np.array([]))) == 0
    assert (statistics(np.full(50, 7.0))["volatility"].iloc[-1], len(found)) == (0, 5)


def test_other_tables_are_refused():
    with pytest.raises(DataError, match="lack the columns"):
        price_statistics(bars_of(walk(5)), MINUTE)
    with pytest.raises(DataError):
        statistics(walk(5), window=2)
