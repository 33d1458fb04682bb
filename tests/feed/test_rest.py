"""REST answers, real and broken, become values or one clear sentence."""

import gzip
import json

import pytest
from feed.rawserver import Peer, RawServer
from support import shared_file

from statarb.errors import BlockedError, ConfigError, FeedError, UnreachableError
from statarb.feed import rest as resting
from statarb.feed.rest import RestClient
from statarb.feed.venues import VENUES, venue
from statarb.feed.warmstart import Page, plan
from statarb.market import Instrument, to_e8


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json", length: int | None = None):
    def script(peer: Peer) -> None:
        peer.read_request()
        size = len(body) if length is None else length
        peer.send(
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode()
            + body
        )

    return script


def client(server: RawServer) -> RestClient:
    return RestClient(venue("spot", server.url, server.http_url))


def real_answers(route: str) -> list:
    with gzip.open(shared_file("rest/gocryptotrader_binance_http_market.json.gz")) as file:
        return [answer["data"] for answer in json.load(file)[route]["GET"]]


def test_real_klines_are_read_to_the_last_digit():
    rows = real_answers("/api/v3/klines")[0]
    with RawServer(reply(json.dumps(rows).encode())) as server:
        bars = client(server).klines("BTCUSDT", "1m", 0)
    traded = [row for row in rows if row[8]]
    assert [bar.open_ms for bar in bars] == [row[0] for row in traded]
    assert [bar.close_e8 for bar in bars] == [to_e8(row[4]) for row in traded]
    assert [bar.trade_count for bar in bars] == [row[8] for row in traded]


@pytest.mark.parametrize("margin", [True, False])
def test_real_exchange_info_gives_tick_lot_step_and_whether_a_margin_loan_lets_it_be_sold_short(margin):
    info = real_answers("/api/v3/exchangeInfo")[0]
    symbol = info["symbols"][0]
    symbol["isMarginTradingAllowed"] = margin
    with RawServer(reply(json.dumps(info).encode())) as server:
        (rule,) = client(server).rules([symbol["symbol"]])
    by_type = {item["filterType"]: item for item in symbol["filters"]}
    assert rule.tick_e8 == to_e8(by_type["PRICE_FILTER"]["tickSize"])
    assert rule.lot_step_e8 == to_e8(by_type["LOT_SIZE"]["stepSize"])
    assert str(rule.instrument) == f"spot:{symbol['symbol']}"
    assert rule.can_short is margin


def test_unknown_symbols_are_named():
    invalid = reply(b'{"code":-1121,"msg":"Invalid symbol."}', "400 Bad Request")
    listed = reply(b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","filters":[]}]}')
    with RawServer(invalid, listed, invalid) as server, pytest.raises(ConfigError, match="NOPEUSDT is not listed"):
        client(server).rules(["BTCUSDT", "NOPEUSDT"])


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (reply(b"{}", "451 Unavailable"), BlockedError, "--venue binance.us"),
        (reply(b'{"code":-1003,"msg":"Too much request weight used"}', "429 Too Many"), BlockedError, "429"),
        (reply(b'{"code":-1003,"msg":"banned"}', "418 Teapot"), BlockedError, "418"),
        (reply(b"<html>oops</html>", "502 Bad Gateway", "text/html"), FeedError, "no JSON"),
        (reply(b"<html>hello</html>", kind="text/html"), FeedError, "no JSON"),
        (reply(b'{"code":-1121,"msg":"Invalid symbol."}'), FeedError, "Invalid symbol"),
        (reply(b'{"serverTime":1', length=500), FeedError, r"broke off|no JSON"),
        (reply(b"", "302 Found"), FeedError, "302"),
        (reply(b"{}", "500 Oops"), FeedError, "500"),
        (Peer.reset, UnreachableError, "cannot be reached"),
    ],
    ids=["451", "429", "418", "html 502", "html 200", "200 with code", "truncated", "redirect", "500", "reset"],
)
def test_what_is_no_answer_is_one_sentence(script, error, words):
    with RawServer(script) as server, pytest.raises(error, match=words):
        client(server).time_ms()


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(resting, "MAX_BODY_BYTES", 1000)
    with RawServer(reply(b"[" + b"1," * 5000)) as server, pytest.raises(FeedError, match="more than"):
        client(server).time_ms()


def test_a_server_that_is_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(resting, "TIMEOUT_S", (0.3, 0.3))
    with RawServer(Peer.wait_closed) as server, pytest.raises(UnreachableError, match=r"in time|broke off"):
        client(server).time_ms()


def test_no_network_points_to_the_demo():
    with pytest.raises(UnreachableError, match="--demo"):
        RestClient(venue("spot", "ws://no-such.invalid", "http://no-such.invalid")).time_ms()


def test_a_venue_at_an_unknown_address_is_simulated():
    assert venue("spot").source == "binance"
    assert venue("binance.us").source == "binance.us"
    assert venue("spot", "ws://127.0.0.1:1", "http://127.0.0.1:1").source == "simulated"
    assert venue("spot", VENUES["spot-data"].ws_url, VENUES["spot-data"].rest_url).source == "binance"


def test_two_addresses_of_different_sources_are_refused():
    with pytest.raises(ConfigError, match="different sources"):
        venue("spot", "ws://127.0.0.1:1")


def test_the_warm_start_asks_for_what_unlocks_most_first():
    btc, eth = Instrument("spot", "BTCUSDT"), Instrument("spot", "ETHUSDT")
    assert plan([btc, eth], 1500, ("1m", "1s")) == [
        Page(btc, "1m", 0), Page(eth, "1m", 0), Page(btc, "1m", 1), Page(eth, "1m", 1),
        Page(btc, "1s", 0), Page(eth, "1s", 0), Page(btc, "1s", 1, 500), Page(eth, "1s", 1, 500),
    ]  # fmt: skip
    assert [page.interval for page in plan([btc], 0, ("1m", "1s"))] == ["1m", "1m"]
