"""Klines are the aggregate of the trades, by another route than the exchange's own."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from boxrig import NOON_MS, TurnedClock, line, recording_file
from hypothesis import given
from hypothesis import strategies as st

from statarb.exchange.klines import INTERVALS, Interval, Span, klines
from statarb.exchange.recording import read_recording
from statarb.exchange.replay import ReplayMarket
from statarb.exchange.rest import trade_rows
from statarb.exchange.synthetic import SyntheticMarket
from statarb.market import from_e8, to_e8

NOW_MS = NOON_MS + 17 * 60_000 + 23_456


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(["XRPUSDT"], 9, 1.0, TurnedClock(NOW_MS))


@pytest.fixture(scope="module")
def trades(market) -> pd.DataFrame:
    """Two days of trades, as REST tells them, in exact integers times 10^8."""
    rows = pd.DataFrame(trade_rows(market.newest("XRPUSDT", 2 * 86_400), 1))
    for name in ("price", "qty", "quoteQty"):
        rows[name] = [to_e8(text) for text in rows[name]]
    return rows


def from_pandas(trades: pd.DataFrame, width_ms: int) -> dict[int, list]:
    """Kline rows by pandas' groupby, with Binance's spelling."""
    buys = trades[~trades.isBuyerMaker]
    groups = trades.groupby(trades.time // width_ms * width_ms)
    bought = buys.groupby(buys.time // width_ms * width_ms)[["qty", "quoteQty"]].sum()
    price = groups.price.agg(["first", "max", "min", "last"])
    sums = groups[["qty", "quoteQty"]].sum().join(groups.size().rename("count"))
    rows = {}
    for open_ms in price.index:
        taker = bought.loc[open_ms] if open_ms in bought.index else {"qty": 0, "quoteQty": 0}
        rows[int(open_ms)] = [
            int(open_ms),
            *(from_e8(int(value)) for value in price.loc[open_ms]),
            from_e8(int(sums.qty[open_ms])),
            int(open_ms) + width_ms - 1,
            from_e8(int(sums.quoteQty[open_ms])),
            int(sums["count"][open_ms]),
            from_e8(int(taker["qty"])),
            from_e8(int(taker["quoteQty"])),
            "0",
        ]
    return rows


@pytest.mark.parametrize(("name", "width_ms"), [("1s", 1000), ("1m", 60_000), ("5m", 300_000), ("2h", 7_200_000)])
def test_klines_are_the_aggregate_of_their_trades(market, trades, name, width_ms):
    whole_from = trades.time.iloc[0] // width_ms * width_ms + width_ms
    oldest = klines(market, "XRPUSDT", Interval(name), Span(int(whole_from), None, 1000))
    newest = klines(market, "XRPUSDT", Interval(name), Span(None, None, 1000))
    for rows in (oldest, newest):
        traded = [row for row in rows if row[8] and row[0] >= whole_from]
        assert len(traded) > 20
        within = (trades.time >= max(whole_from, rows[0][0])) & (trades.time <= rows[-1][6])
        assert traded == list(from_pandas(trades[within], width_ms).values())
    assert newest[-1][0] == NOW_MS // width_ms * width_ms


def test_a_minute_is_the_sum_of_its_seconds(market):
    minutes = klines(market, "XRPUSDT", Interval("1m"), Span(None, NOON_MS + 900_000, 16))
    seconds = klines(market, "XRPUSDT", Interval("1s"), Span(minutes[0][0], None, 1000))
    by_minute = defaultdict(list)
    for row in seconds:
        by_minute[row[0] // 60_000 * 60_000].append(row)
    for minute in minutes[:15]:
        inside = by_minute[minute[0]]
        assert len(inside) == 60
        assert minute[1] == next(row[1] for row in inside if row[8])
        assert minute[2] == max((row[2] for row in inside if row[8]), key=Decimal)
        assert minute[3] == min((row[3] for row in inside if row[8]), key=Decimal)
        assert minute[4] == inside[-1][4]
        for column in (5, 7, 9, 10):
            assert Decimal(minute[column]) == sum(Decimal(row[column]) for row in inside)
        assert minute[8] == sum(row[8] for row in inside)


def test_an_interval_without_trades_is_flat_at_the_close_before(market):
    rows = klines(market, "XRPUSDT", Interval("1s"), Span(NOON_MS, None, 900))
    assert [row[0] for row in rows] == list(range(NOON_MS, NOON_MS + 900_000, 1000))
    quiet = [number for number, row in enumerate(rows) if row[8] == 0 and number]
    assert quiet
    for number in quiet:
        assert set(rows[number][1:5]) == {rows[number - 1][4]}
        assert {rows[number][column] for column in (5, 7, 9, 10)} == {"0.00000000"}


def test_a_flat_first_row_takes_the_last_price_before_it(market, trades):
    rows = klines(market, "XRPUSDT", Interval("1s"), Span(NOON_MS, None, 900))
    quiet_ms = next(row[0] for row in rows if row[8] == 0)
    alone = klines(market, "XRPUSDT", Interval("1s"), Span(quiet_ms, None, 1))[0]
    assert alone[1] == from_e8(int(trades.price[trades.time < quiet_ms].iloc[-1]))


@pytest.mark.parametrize(
    ("span", "opens"),
    [
        (Span(None, None, 3), [15, 16, 17]),
        (Span(60_000, None, 3), [1, 2, 3]),
        (Span(60_001, None, 3), [2, 3, 4]),
        (Span(None, 300_000, 3), [3, 4, 5]),
        (Span(None, 299_999, 3), [2, 3, 4]),
        (Span(60_000, 120_000, 10), [1, 2]),
        (Span(900_000, None, 10), [15, 16, 17]),
        (Span(300_000, 60_000, 10), []),
        (Span(86_400_000, None, 10), []),
    ],
)
def test_start_end_and_limit_choose_rows_as_binance_does(market, span, opens):
    moved = Span(*(None if ms is None else NOON_MS + ms for ms in (span.start_ms, span.end_ms)), span.limit)
    rows = klines(market, "XRPUSDT", Interval("1m"), moved)
    assert [(row[0] - NOON_MS) // 60_000 for row in rows] == opens


@pytest.mark.parametrize("name", INTERVALS)
def test_every_interval_tiles_time_without_hole_or_overlap(market, name):
    interval = Interval(name)
    rows = klines(market, "XRPUSDT", interval, Span(None, None, 10))
    assert rows[-1][0] <= NOW_MS <= rows[-1][6]
    for row, following in pairwise(rows):
        assert row[6] + 1 == following[0]


@given(st.datetimes(datetime(2017, 1, 1), datetime(2035, 1, 1)), st.integers(-12, 14))
def test_months_weeks_and_days_begin_where_the_calendar_says(moment, zone_h):
    ts_ms = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    local = datetime.fromtimestamp(ts_ms / 1000, UTC) + timedelta(hours=zone_h)
    day = datetime(local.year, local.month, local.day, tzinfo=UTC)
    starts = {"1d": day, "1w": day - timedelta(days=day.weekday()), "1M": day.replace(day=1)}
    for name, begins in starts.items():
        interval = Interval(name, zone_h * 3_600_000)
        number = interval.number(ts_ms)
        assert interval.start_ms(number) == (begins - timedelta(hours=zone_h)).timestamp() * 1000
        assert interval.start_ms(number) <= ts_ms < interval.start_ms(number + 1)


def test_sums_stay_exact_beyond_64_bits(tmp_path):
    qty = "90000.12345"
    lines = [line(k, "BTCUSDT", k + 1, "987654.32", qty, NOON_MS + k, maker=False) for k in range(300)]
    market = ReplayMarket(read_recording(recording_file(tmp_path, lines)), float("inf"), False, TurnedClock())
    market.advance({"btcusdt@trade"})
    row = klines(market, "BTCUSDT", Interval("1m"), Span(None, None, 10))[0]
    total = 300 * to_e8("987654.32") * to_e8(qty) // 10**8
    assert total > 2**63
    assert row[7] == row[10] == from_e8(total)
    assert row[5] == from_e8(300 * to_e8(qty))


def test_there_are_no_klines_before_the_first_trade(tmp_path):
    market = ReplayMarket(
        read_recording(recording_file(tmp_path, [line(0, "BTCUSDT", 1, "1.0", "1.0", NOON_MS)])),
        1.0,
        False,
        TurnedClock(),
    )
    assert klines(market, "BTCUSDT", Interval("1m"), Span(None, None, 10)) == []
    market.advance({"btcusdt@trade"})
    assert np.shape(klines(market, "BTCUSDT", Interval("1m"), Span(NOON_MS - 10**9, None, 1))) == (1, 12)
