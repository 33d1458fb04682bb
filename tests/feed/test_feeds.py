"""All venues of one ingest: each is told what is its own, and a venue may join later."""

from __future__ import annotations

from functools import partial

import pytest

from statarb.errors import ConfigError
from statarb.feed import feeds as feeding
from statarb.feed.feeds import Feeds, follow


class Told:
    """Stands where a VenueFeed would, and remembers what it was told."""

    def __init__(self, venue, symbols, history_s, sink, stored, budget, ended, record, clock) -> None:
        self.venue, self.symbols, self.sink, self.budget, self.ended = venue, symbols, sink, budget, ended
        self.calls: list[str] = []
        self.refusal = None
        self.made.append(self)

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def follow(self, symbols) -> None:
        self.symbols = tuple(symbols)


@pytest.fixture
def made(monkeypatch):
    Told.made = []
    monkeypatch.setattr(feeding, "VenueFeed", Told)
    return Told.made


def feeds_of(names) -> Feeds:
    find = partial(follow, venue_name="spot", ws_url="ws://127.0.0.1:1", rest_url="http://127.0.0.1:1")
    return Feeds(find(names), find, 0.0, lambda market: f"sink of {market}", None)


def test_each_venue_has_its_symbols_and_its_sink_and_they_share_the_permission_to_connect(made):
    feeds = feeds_of(["BTCUSDT", "usdm:BTCUSDT", "ETHUSDT"])
    feeds.start()
    spot, usdm = made
    assert (spot.symbols, usdm.symbols) == (("BTCUSDT", "ETHUSDT"), ("BTCUSDT",))
    assert (spot.sink, usdm.sink) == ("sink of spot", "sink of usdm")
    assert spot.budget is usdm.budget
    assert spot.ended is usdm.ended is feeds.ended
    feeds.stop()
    assert spot.calls == usdm.calls == ["start", "stop"]


def test_instruments_may_join_and_leave_while_it_runs_a_new_venue_too(made):
    feeds = feeds_of(["BTCUSDT"])
    feeds.start()
    feeds.follow(["BTCUSDT", "SOLUSDT", "usdm:BTCUSDT"])
    spot, usdm = made
    assert (spot.symbols, usdm.symbols, usdm.calls) == (("BTCUSDT", "SOLUSDT"), ("BTCUSDT",), ["start"])
    feeds.follow(["SOLUSDT"])
    assert (spot.symbols, usdm.symbols) == (("SOLUSDT",), ())
    with pytest.raises(ConfigError, match="no venue"):
        feeds.follow(["mars:BTCUSDT"])
    assert spot.symbols == ("SOLUSDT",)


def test_the_refusal_of_one_venue_is_that_of_all(made):
    feeds = feeds_of(["BTCUSDT", "usdm:NOPE"])
    assert feeds.refusal is None
    made[1].refusal = ConfigError("NOPE is not listed.")
    assert feeds.refusal is made[1].refusal
