"""The futures market of the exchange in a box: its own doors, its own spelling, near its spot."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise

import pytest
from exchange.boxrig import NOON_MS, TurnedClock, served

from statarb.clock import SYSTEM_CLOCK
from statarb.exchange import fapi
from statarb.exchange.control import Subscriptions
from statarb.exchange.endpoints import endpoint_of
from statarb.exchange.protocol import agg_trade_payloads, trade_payloads
from statarb.exchange.rest import answer
from statarb.exchange.synthetic import SyntheticMarket
from statarb.feed.binance_usdm import parse_aggregate_frame, parse_trade_frame

NAMES = "btcusdt@trade/btcusdt@aggTrade"


@pytest.fixture(scope="module")
def perp():
    return SyntheticMarket(["usdm:BTCUSDT"], 5, 5.0, TurnedClock(NOON_MS))


def rows(market, name, query=""):
    status, body = answer(fapi.ENDPOINTS[name], market, query, "")
    assert status == 200, body
    return json.loads(body)


def test_frames_are_spelled_as_futures_spell_them(perp):
    trades = perp.newest("BTCUSDT", 50)
    for payload in trade_payloads(trades, NOON_MS):
        data = json.loads(payload)
        assert list(data) == ["e", "E", "T", "s", "t", "p", "q", "X", "m"]
        assert (data["s"], data["X"]) == ("BTCUSDT", "MARKET")
        assert len(data["p"].split(".")[1]) == 2
        assert parse_trade_frame(b'{"data":%b}' % payload, 0).price_e8 == Decimal(data["p"]) * 10**8
    for payload in agg_trade_payloads(trades, NOON_MS):
        assert list(json.loads(payload)) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m"]
        assert parse_aggregate_frame(b'{"data":%b}' % payload, 0).symbol == "BTCUSDT"


def test_the_perpetual_stays_near_its_spot_and_its_basis_returns(perp):
    spot = SyntheticMarket(["BTCUSDT"], 5, 5.0, TurnedClock(NOON_MS))
    since = NOON_MS - 6 * 3_600_000
    bases = []
    for minute in range(0, 360, 5):
        ours, theirs = (m.close_before("BTCUSDT", since + minute * 60_000) for m in (perp, spot))
        bases.append(ours / theirs - 1)
    assert max(map(abs, bases)) < 0.003
    assert min(bases) < max(bases)
    assert sum(a * b < 0 for a, b in pairwise(bases)) >= 3


def test_rest_lists_what_the_streams_send(perp):
    listed = rows(perp, "aggTrades", "symbol=BTCUSDT&limit=20")
    assert list(listed[0]) == ["a", "p", "q", "f", "l", "T", "m"]
    again = rows(perp, "aggTrades", f"symbol=BTCUSDT&fromId={listed[0]['a']}&limit=20")
    assert again == listed
    assert [row["a"] for row in listed] == list(range(listed[0]["a"], listed[0]["a"] + 20))
    (info,) = rows(perp, "exchangeInfo")["symbols"]
    assert (info["symbol"], info["contractType"]) == ("BTCUSDT", "PERPETUAL")
    assert rows(perp, "time") == {"serverTime": NOON_MS}
    assert rows(perp, "ping") == {}
    assert rows(perp, "premiumIndex", "symbol=BTCUSDT")["symbol"] == "BTCUSDT"
    assert rows(perp, "fundingInfo")[0]["fundingIntervalHours"] == 8
    book = rows(perp, "ticker/bookTicker")[0]
    assert Decimal(book["bidPrice"]) < Decimal(book["askPrice"])
    assert "isBestMatch" not in rows(perp, "trades", "symbol=BTCUSDT&limit=1")[0]


def test_futures_have_minutes_but_no_seconds(perp):
    assert len(rows(perp, "klines", "symbol=BTCUSDT&interval=1m&limit=7")) == 7
    status, body = answer(fapi.ENDPOINTS["klines"], perp, "symbol=BTCUSDT&interval=1s", "")
    assert (status, json.loads(body)["code"]) == (400, -1120)


def test_paths_lead_to_their_market():
    assert endpoint_of("/fapi/v1/aggTrades") is fapi.ENDPOINTS["aggTrades"]
    assert endpoint_of("/fapi/v1/historicalTrades") is None
    assert endpoint_of("/api/v3/premiumIndex") is None


@pytest.mark.parametrize(
    ("path", "market", "heard"),
    [
        ("/stream", "spot", {"btcusdt@trade", "btcusdt@aggTrade"}),
        ("/market/stream", "usdm", {"btcusdt@aggTrade"}),
        ("/public/stream", "usdm", {"btcusdt@trade"}),
        ("/private/stream", "usdm", set()),
    ],
)
def test_each_door_of_the_futures_brings_its_own_streams(path, market, heard):
    subscriptions = Subscriptions.from_target(f"{path}?streams={NAMES}", 1024)
    assert (subscriptions.market, subscriptions.heard) == (market, heard)


def test_one_port_serves_both_markets_and_never_mixes_them():
    spot, perp = (SyntheticMarket([name], 3, 50.0, SYSTEM_CLOCK) for name in ("BTCUSDT", "usdm:BTCUSDT"))
    with served(spot, futures=perp) as door:
        with (
            door.stream("/stream?streams=btcusdt@trade") as theirs,
            door.stream("/public/stream?streams=btcusdt@trade") as ours,
        ):
            assert "M" in json.loads(theirs.recv())["data"]
            assert json.loads(ours.recv())["data"]["X"] == "MARKET"
        assert door.session.get(f"http://127.0.0.1:{door.port}/fapi/v1/time", timeout=10).status_code == 200
    with served(spot) as door:
        assert door.session.get(f"http://127.0.0.1:{door.port}/fapi/v1/time", timeout=10).status_code == 404
