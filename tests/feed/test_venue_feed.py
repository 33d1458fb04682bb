"""What a venue lists may change while it is followed: symbols appear, halt, go, and begin to be numbered anew."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from feed.rawserver import RawServer, trades
from feed.streams import PATIENCE_S, LeapingClock
from support import free_port

from statarb.clock import SYSTEM_CLOCK
from statarb.feed import rhythm, venue_feed
from statarb.feed.backoff import ConnectBudget
from statarb.feed.listings import DELISTED, Listings
from statarb.feed.rest import RestClient
from statarb.feed.venue_feed import VenueFeed
from statarb.feed.venues import venue


class Venue:
    """exchangeInfo, klines and time over real HTTP; nobody streams there."""

    def __init__(self) -> None:
        self.listed = {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING"}
        self.asked: list[tuple[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, answer = owner.reply(parts.path.rsplit("/", 1)[1], query)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.place = venue("spot", f"ws://127.0.0.1:{free_port()}", url)

    def reply(self, name, query):
        if name == "exchangeInfo":
            symbols = json.loads(query["symbols"])
            self.asked += [(name, symbol) for symbol in symbols]
            if any(symbol not in self.listed for symbol in symbols):
                return 400, {"code": -1121, "msg": "Invalid symbol."}
            return 200, {"symbols": [{"symbol": one, "status": self.listed[one], "filters": []} for one in symbols]}
        self.asked.append((name, query.get("symbol", "")))
        return 200, {"serverTime": 1_700_000_000_000} if name == "time" else []

    def count(self, name, symbol) -> int:
        return self.asked.count((name, symbol))


class Heard:
    """A sink, and the store that it would fill."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, str]] = []
        self.refused: dict[str, str] = {}
        self.record_of = {"spot:BTCUSDT": 1}

    def listing(self, rules):
        self.statuses += [(rule.instrument.symbol, rule.status) for rule in rules]

    def report(self, name, state, instruments, stats):
        self.refused = stats.get("refused", self.refused)

    def missing(self):
        return []

    def newest_ids(self):
        return {}

    def records(self):
        return dict(self.record_of)

    def __getattr__(self, name):
        return lambda *_: True


@pytest.fixture
def place():
    place = Venue()
    yield place
    place.server.shutdown()
    place.server.server_close()


@pytest.fixture
def feed(place, monkeypatch):
    monkeypatch.setattr(venue_feed, "RETRY_S", 0.05)
    budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0)
    heard = Heard()
    feed = VenueFeed(place.place, ["BTCUSDT"], 0.0, heard, heard, budget, threading.Event())
    feed.start()
    wait(lambda: ("BTCUSDT", "TRADING") in heard.statuses)
    yield feed, heard
    feed.stop()


def wait(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_symbol_that_is_refused_is_followed_once_the_exchange_lists_it(place, feed, monkeypatch):
    clock = LeapingClock()
    feed, heard = feed
    monkeypatch.setattr(feed, "_clock", clock)
    feed.follow(["BTCUSDT", "NEWUSDT"])
    wait(lambda: "NEWUSDT is not listed" in heard.refused.get("NEWUSDT", ""))
    asked = place.count("exchangeInfo", "NEWUSDT")
    time.sleep(0.2)
    assert place.count("exchangeInfo", "NEWUSDT") == asked  # not at every look
    place.listed["NEWUSDT"] = "TRADING"
    clock.ahead_s = venue_feed.REFUSED_S
    wait(lambda: ("NEWUSDT", "TRADING") in heard.statuses)
    wait(lambda: heard.refused == {})


def test_a_new_request_has_it_asked_for_again_at_once(place, feed):
    feed, heard = feed
    feed.follow(["BTCUSDT", "NEWUSDT"])
    wait(lambda: "NEWUSDT" in heard.refused)
    place.listed["NEWUSDT"] = "TRADING"
    time.sleep(0.3)
    assert ("NEWUSDT", "TRADING") not in heard.statuses
    feed.follow(["BTCUSDT", "NEWUSDT"])
    wait(lambda: ("NEWUSDT", "TRADING") in heard.statuses)


def test_what_is_no_longer_asked_for_is_no_longer_refused(feed):
    feed, heard = feed
    feed.follow(["BTCUSDT", "NEWUSDT"])
    wait(lambda: "NEWUSDT" in heard.refused)
    feed.follow(["BTCUSDT"])
    wait(lambda: heard.refused == {})


def test_ids_that_begin_anew_have_bars_loaded_anew(place, feed):
    feed, heard = feed
    wait(lambda: place.count("klines", "BTCUSDT") == 2)
    time.sleep(0.2)
    assert place.count("klines", "BTCUSDT") == 2
    heard.record_of["spot:BTCUSDT"] = 2
    wait(lambda: place.count("klines", "BTCUSDT") == 4)


def test_after_a_long_absence_bars_are_loaded_anew_while_the_trades_are_still_missing(place, monkeypatch):
    """A night's sleep, made short: the connection is lost, and its successor finds that it was away for long."""
    monkeypatch.setattr(venue_feed, "RETRY_S", 0.05)
    monkeypatch.setattr(rhythm, "SHORTEST_S", PATIENCE_S)
    clock, received = LeapingClock(), threading.Event()

    def dies(peer):
        peer.accept()
        peer.send(trades([1]))
        assert received.wait(60)
        clock.ahead_s = 28_800.0

    def lives(peer):
        peer.accept()
        peer.wait_closed()

    budget, heard = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0), Heard()
    heard.trades = lambda *_: received.set() or True
    with RawServer(dies, lives) as server:
        spot = venue("spot", server.url, place.place.rest_url)
        feed = VenueFeed(spot, ["BTCUSDT"], 0.0, heard, heard, budget, threading.Event(), clock=clock)
        feed.start()
        wait(lambda: place.count("klines", "BTCUSDT") == 4)
        feed.stop()
    assert place.count("exchangeInfo", "BTCUSDT") == 1, "nothing else begins anew"


def test_a_halt_and_a_delisting_are_known_and_a_delisted_symbol_is_not_asked_about(place, caplog):
    heard, rest = Heard(), RestClient(place.place)
    listings = Listings(lambda: ["BTCUSDT", "ETHUSDT"], rest, heard)
    listings.deliver(rest.rules(["BTCUSDT", "ETHUSDT"]))
    place.listed = {"BTCUSDT": "BREAK"}
    heard.statuses.clear()
    listings.step()
    assert heard.statuses == [("BTCUSDT", "BREAK"), ("ETHUSDT", DELISTED)]
    assert listings.listed() == ["BTCUSDT"]
    assert "spot:BTCUSDT is BREAK at the exchange now; it was TRADING." in caplog.text
    place.listed = {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING"}
    caplog.clear()
    listings.step()
    assert listings.listed() == ["BTCUSDT", "ETHUSDT"]
    listings.step()
    assert caplog.text.count("spot:BTCUSDT is TRADING") == 1
