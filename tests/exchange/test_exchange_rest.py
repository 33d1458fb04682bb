"""REST answers in Binance's shapes, orders and error codes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from boxrig import NOON_MS, TurnedClock

from statarb.exchange.endpoints import endpoint_of
from statarb.exchange.rest import ENDPOINTS, answer
from statarb.exchange.synthetic import SyntheticMarket

NOW_MS = NOON_MS + 1_234_567


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(["BTCUSDT", "ETHUSDT"], 9, 5.0, TurnedClock(NOW_MS))


def ask(market, path: str, query: str = "", time_unit: str = ""):
    status, body = answer(ENDPOINTS[path], market, query, time_unit)
    return status, json.loads(body)


def rows(market, path: str, query: str):
    status, body = ask(market, path, query)
    assert status == 200, body
    return body


MISSING = (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
ILLEGAL = (-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.")


@pytest.mark.parametrize(
    ("path", "query", "code", "text"),
    [
        ("trades", "", *MISSING),
        ("klines", "symbol=&interval=1m", *MISSING),
        ("historicalTrades", "symbol=btcusdt", *ILLEGAL),
        ("aggTrades", "symbol=BTC%20USDT", *ILLEGAL),
        ("trades", "symbol=" + "A" * 21, *ILLEGAL),
        ("trades", "symbol=NOPEUSDT", -1121, "Invalid symbol."),
        ("exchangeInfo", "symbol=NOPEUSDT", -1121, "Invalid symbol."),
        ("exchangeInfo", 'symbols=["BTCUSDT","NOPE"]', -1121, "Invalid symbol."),
        ("exchangeInfo", "symbols=BTCUSDT", -1100, None),
        ("exchangeInfo", 'symbol=BTCUSDT&symbols=["BTCUSDT"]', -1128, "Combination of optional parameters invalid."),
        ("klines", "symbol=BTCUSDT", -1102, MISSING[1].replace("symbol", "interval")),
        ("klines", "symbol=BTCUSDT&interval=1M ", -1120, "Invalid interval."),
        ("klines", "symbol=BTCUSDT&interval=1D", -1120, "Invalid interval."),
        ("klines", "symbol=BTCUSDT&interval=1d&timeZone=15:00", -1130, None),
        ("trades", "symbol=BTCUSDT&limit=0", -1130, "Data sent for parameter 'limit' is not valid."),
        ("trades", "symbol=BTCUSDT&limit=-5", -1100, None),
        ("trades", "symbol=BTCUSDT&limit=%D9%A3", -1100, None),
        ("historicalTrades", "symbol=BTCUSDT&fromId=1.5", -1100, None),
        ("klines", "symbol=BTCUSDT&interval=1m&startTime=", -1105, "Parameter 'startTime' was empty."),
        ("aggTrades", "symbol=BTCUSDT&fromId=1&startTime=1", -1128, "Combination of optional parameters invalid."),
    ],
)  # fmt: skip
def test_a_bad_parameter_gets_binances_error(market, path, query, code, text):
    status, body = ask(market, path, query)
    assert status == 400
    assert body["code"] == code
    assert text is None or body["msg"] == text


def test_a_bad_time_unit_gets_binances_error(market):
    assert ask(market, "time", time_unit="SECOND")[1]["code"] == -1194


def test_only_the_documented_paths_exist():
    assert endpoint_of("/api/v3/klines") is ENDPOINTS["klines"]
    assert endpoint_of("/some/base/api/v3/ping") is ENDPOINTS["ping"]
    for path in ("/api/v3/", "/api/v3/nothing", "/api/v1/klines", "/", "klines"):
        assert endpoint_of(path) is None


def test_weights_are_the_documented_ones():
    weights = {name: endpoint.weight for name, endpoint in ENDPOINTS.items()}
    assert weights == {
        "ping": 1, "time": 1, "exchangeInfo": 20, "trades": 25,
        "historicalTrades": 25, "aggTrades": 4, "klines": 2, "uiKlines": 2, "ticker/bookTicker": 4,
    }  # fmt: skip


def test_exchange_info_tells_ticks_and_lots(market):
    info = rows(market, "exchangeInfo", 'symbols=["ETHUSDT"]')
    (symbol,) = info["symbols"]
    filters = {row["filterType"]: row for row in symbol["filters"]}
    assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == ("ETHUSDT", "ETH", "USDT")
    assert symbol["status"] == "TRADING"
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"
    assert [s["symbol"] for s in rows(market, "exchangeInfo", "")["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert info["serverTime"] == NOW_MS


def test_trades_are_the_newest_oldest_first(market):
    newest = rows(market, "trades", "symbol=BTCUSDT&limit=7")
    assert rows(market, "trades", "symbol=BTCUSDT&limit=5000")[-7:] == newest
    assert len(rows(market, "trades", "symbol=BTCUSDT&limit=5000")) == 1000
    assert len(rows(market, "trades", "symbol=BTCUSDT")) == 500
    assert [row["id"] for row in newest] == list(range(newest[-1]["id"] - 6, newest[-1]["id"] + 1))
    assert list(newest[0]) == ["id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"]
    assert rows(market, "historicalTrades", "symbol=BTCUSDT&limit=7") == newest
    assert newest[-1]["time"] <= NOW_MS


def test_paging_by_id_walks_to_the_live_edge_without_hole_or_double(market):
    last = rows(market, "trades", "symbol=ETHUSDT&limit=1")[0]["id"]
    first = last - 4_321
    ids, from_id = [], first
    while page := rows(market, "historicalTrades", f"symbol=ETHUSDT&fromId={from_id}&limit=1000"):
        ids += [row["id"] for row in page]
        from_id = ids[-1] + 1
    assert ids == list(range(first, last + 1))


def test_an_id_before_the_first_gives_the_first_and_one_after_the_last_nothing(market):
    assert rows(market, "historicalTrades", "symbol=BTCUSDT&fromId=0&limit=2")[0]["time"] > 1_577_836_800_000
    for path in ("historicalTrades", "aggTrades"):
        assert rows(market, path, "symbol=BTCUSDT&fromId=99999999999999999999") == []


def test_aggregates_cover_their_trades_exactly(market):
    aggs = rows(market, "aggTrades", "symbol=BTCUSDT&limit=800")
    assert list(aggs[0]) == ["a", "p", "q", "f", "l", "T", "m", "M"]
    trades = {}
    from_id = aggs[0]["f"]
    while from_id <= aggs[-1]["l"]:
        page = rows(market, "historicalTrades", f"symbol=BTCUSDT&fromId={from_id}&limit=1000")
        trades |= {row["id"]: row for row in page}
        from_id = page[-1]["id"] + 1
    assert [agg["a"] for agg in aggs] == list(range(aggs[0]["a"], aggs[0]["a"] + 800))
    assert all(agg["f"] == before["l"] + 1 for before, agg in pairwise(aggs))
    for agg in aggs:
        parts = [trades[number] for number in range(agg["f"], agg["l"] + 1)]
        assert {(part["price"], part["time"], part["isBuyerMaker"]) for part in parts} == {
            (agg["p"], agg["T"], agg["m"])
        }
        assert round(sum(float(part["qty"]) for part in parts), 8) == float(agg["q"])
    assert aggs[-1]["l"] == rows(market, "trades", "symbol=BTCUSDT&limit=1")[0]["id"]


def test_aggregates_are_chosen_by_id_and_time_as_binance_does(market):
    whole = rows(market, "aggTrades", f"symbol=BTCUSDT&startTime={NOON_MS}&limit=1000")
    assert whole[0]["T"] >= NOON_MS
    start, end = whole[100]["T"], whole[300]["T"]
    between = [agg for agg in whole if start <= agg["T"] <= end]
    for query, expected in [
        (f"startTime={start}&endTime={end}&limit=1000", between),
        (f"startTime={start}&endTime={end}&limit=10", between[:10]),
        (f"endTime={end}&limit=10", between[-10:]),
        (f"startTime={start}&endTime={start}", [agg for agg in whole if agg["T"] == start]),
        (f"startTime={start * 1000}&limit=10", between[:10]),
        (f"fromId={whole[50]['a']}&limit=3", whole[50:53]),
        (f"startTime={end + 10**9}", []),
    ]:
        assert rows(market, "aggTrades", f"symbol=BTCUSDT&{query}") == expected, query


def test_microseconds_are_told_on_request(market):
    plain = rows(market, "klines", "symbol=BTCUSDT&interval=1m&limit=2")
    status, fine = ask(market, "klines", "symbol=BTCUSDT&interval=1m&limit=2", "MICROSECOND")
    assert status == 200
    assert [row[0] for row in fine] == [row[0] * 1000 for row in plain]
    assert [row[6] for row in fine] == [(row[6] + 1) * 1000 - 1 for row in plain]
    assert ask(market, "time", "", "microsecond")[1] == {"serverTime": NOW_MS * 1000}
    assert ask(market, "trades", "symbol=BTCUSDT&limit=1", "MICROSECOND")[1][0]["time"] > 10**15


def test_kline_days_follow_the_time_zone_asked_for(market):
    (row,) = rows(market, "klines", "symbol=BTCUSDT&interval=1d&limit=1&timeZone=-5:30")
    assert (row[0] - 330 * 60_000) % 86_400_000 == 0
    assert row[0] <= NOW_MS <= row[6]
