"""Bars of a timeframe: closed, on the grid, equal to pandas on the trades, empty ones marked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_samples import START_MS, bars_of

from statarb.errors import DataError
from statarb.market import TIMEFRAMES, Timeframe
from statarb.quant import resample_bars


def seconds_from_trades(ts_ms, prices, qty) -> pd.DataFrame:
    """One-second bars by a plain loop over the trades: another route than the product's."""
    rows: dict[int, list] = {}
    for ts, price, q in zip(ts_ms, prices, qty, strict=True):
        row = rows.setdefault(ts // 1000 * 1000, [price, price, price, price, 0.0, 0.0, 0.0, 0, False, False])
        row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
        row[4], row[5], row[7] = row[4] + q, row[5] + q * price, row[7] + 1
    columns = ["open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "trade_count"]
    index = pd.DatetimeIndex(np.array(sorted(rows), dtype="datetime64[ms]"), tz="UTC", name="ts")
    frame = pd.DataFrame([rows[k] for k in sorted(rows)], columns=[*columns, "provisional", "seeded"], index=index)
    return frame.astype({"trade_count": np.int64, "provisional": bool, "seeded": bool})


def test_a_trade_at_the_boundary_belongs_to_the_bar_that_opens_there():
    base = seconds_from_trades([0, 30_000, 60_000, 90_000], [1.0, 2.0, 3.0, 4.0], [1.0] * 4)
    bars = resample_bars(base, TIMEFRAMES["1m"], 120_000)
    assert bars[["open", "close"]].to_numpy().tolist() == [[1, 2], [3, 4]]


@settings(max_examples=40)
@given(st.data())
def test_bars_equal_pandas_resample_of_the_trades_themselves(data):
    n = data.draw(st.integers(1, 120))
    seed = data.draw(st.integers(0, 10_000))
    frame = data.draw(st.sampled_from([TIMEFRAMES["1s"], TIMEFRAMES["30s"], TIMEFRAMES["1m"], Timeframe("7s", 7)]))
    rng = np.random.default_rng(seed)
    start = START_MS // frame.ms * frame.ms
    ts = np.sort(np.concatenate([[start], start + rng.integers(0, 400_000, n)]))
    price, qty = rng.uniform(1, 2, n + 1), rng.uniform(0, 3, n + 1) + 0.1
    closed = int(ts[-1]) + frame.ms
    bars = resample_bars(seconds_from_trades(ts.tolist(), price, qty), frame, closed)
    ticks = pd.DataFrame({"price": price, "qty": qty}, index=pd.to_datetime(ts, unit="ms", utc=True))
    oracle = ticks["price"].resample(f"{frame.seconds}s", origin="epoch").ohlc().reindex(bars.index)
    volume = ticks["qty"].resample(f"{frame.seconds}s", origin="epoch").sum().reindex(bars.index)
    count = ticks["qty"].resample(f"{frame.seconds}s", origin="epoch").count().reindex(bars.index)
    pd.testing.assert_frame_equal(
        bars[["open", "high", "low", "close"]], oracle, check_index_type=False, check_freq=False
    )
    np.testing.assert_allclose(bars["volume"], volume.fillna(0), rtol=1e-12)
    worth = (ticks["price"] * ticks["qty"]).resample(f"{frame.seconds}s", origin="epoch").sum().reindex(bars.index)
    np.testing.assert_allclose(bars["vwap"], worth / volume.where(volume > 0), rtol=1e-9)
    np.testing.assert_allclose(bars["signed_volume"], -bars["volume"], rtol=1e-12)  # nobody bought as a taker here
    assert bars["trade_count"].tolist() == count.fillna(0).astype(int).tolist()
    assert bars["empty"].tolist() == (bars["trade_count"] == 0).tolist()


def test_sixty_seconds_make_the_minute():
    rng = np.random.default_rng(1)
    base = bars_of(rng.uniform(1, 2, 300), step_s=1)
    minutes = resample_bars(base, TIMEFRAMES["1m"], START_MS + 300_000)
    assert len(minutes) == 5
    second = base.iloc[60:120]
    bar = minutes.iloc[1]
    assert bar["open"] == second["open"].iloc[0]
    assert bar["high"] == second["high"].max()
    assert bar["low"] == second["low"].min()
    assert bar["close"] == second["close"].iloc[-1]
    assert bar["volume"] == pytest.approx(second["volume"].sum())
    assert bar["trade_count"] == 180


def test_the_open_bar_is_not_there_until_it_is_closed():
    base = bars_of(np.arange(1.0, 91.0), step_s=1)
    assert len(resample_bars(base, TIMEFRAMES["1m"], START_MS + 90_000)) == 1
    assert len(resample_bars(base, TIMEFRAMES["1m"], START_MS + 119_999)) == 1
    assert len(resample_bars(base, TIMEFRAMES["1m"], START_MS + 120_000)) == 2


def test_empty_bars_are_marked_and_never_filled():
    base = bars_of([1.0, np.nan, np.nan, 4.0])
    bars = resample_bars(base, TIMEFRAMES["1m"], START_MS + 6 * 60_000)
    assert bars["empty"].tolist() == [False, True, True, False, True, True]
    assert bars["close"].isna().tolist() == bars["empty"].tolist()
    assert bars.loc[bars["empty"], ["volume", "quote_volume", "trade_count"]].to_numpy().sum() == 0


def test_an_exchange_kline_without_a_trade_is_an_empty_bar():
    base = bars_of([1.0, 1.0, 2.0])
    base.iloc[1, base.columns.get_indexer(["volume", "trade_count"])] = 0
    assert resample_bars(base, TIMEFRAMES["1m"], START_MS + 180_000)["empty"].tolist() == [False, True, False]


def test_a_first_bar_whose_beginning_is_missing_is_dropped():
    base = bars_of(np.ones(100), step_s=1, start_ms=START_MS + 20_000)
    bars = resample_bars(base, TIMEFRAMES["1m"], START_MS + 120_000)
    assert bars.index[0].timestamp() * 1000 == START_MS + 60_000


def test_one_provisional_second_makes_its_minute_provisional():
    base = bars_of(np.ones(180), step_s=1)
    base.iloc[70, base.columns.get_loc("provisional")] = True
    bars = resample_bars(base, TIMEFRAMES["1m"], START_MS + 180_000)
    assert bars["provisional"].tolist() == [False, True, False]


def test_times_keep_their_milliseconds():
    bars = resample_bars(bars_of([1.0, 2.0]), TIMEFRAMES["1m"], START_MS + 120_000)
    assert str(bars.index.dtype) == "datetime64[ms, UTC]"
    assert bars.index.as_unit("ms").asi8.tolist() == [START_MS, START_MS + 60_000]


def test_no_bars_give_no_bars():
    bars = resample_bars(bars_of([]), TIMEFRAMES["5m"], START_MS)
    assert bars.empty
    assert "empty" in bars.columns


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b.iloc[::-1],
        lambda b: pd.concat([b, b]).sort_index(),
        lambda b: b.tz_localize(None),
        lambda b: b.reset_index(drop=True),
        lambda b: b.drop(columns="volume"),
        lambda b: b.assign(close=np.nan),
        lambda b: b.assign(low=np.inf),
        lambda b: b.assign(open=0.0),
        lambda b: b.assign(high=-1.0),
    ],
    ids=["backwards", "doubled", "naive", "no-times", "no-volume", "nan", "inf", "zero", "negative"],
)
def test_unusable_bars_are_refused_with_one_sentence(spoil):
    with pytest.raises(DataError):
        resample_bars(spoil(bars_of([1.0, 2.0, 3.0])), TIMEFRAMES["1m"], START_MS + 180_000)


def test_bars_of_no_length_are_refused():
    with pytest.raises(DataError):
        resample_bars(bars_of([1.0]), Timeframe("0s", 0), START_MS)
