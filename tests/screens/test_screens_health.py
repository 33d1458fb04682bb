"""The badge tells the truth: from heartbeats, their age, the age of the last trades, and the source."""

import pytest

from statarb.screens.health import feed_health, stale_limit_s
from statarb.store import FeedState, LastTrade

NOW_MS = 1_800_000_000_000
ETH, BTC = "spot:ETHUSDT", "spot:BTCUSDT"


def feeds(state="live", age_ms=400, **stats):
    rates = {ETH: {"trades_per_s": 5.0}, BTC: {"trades_per_s": 5.0}}
    said = {"queue_depth": 0, "lag_p50_ms": 40, "trades_per_s": 10.0, "seeding": None, "instruments": rates} | stats
    return {"ingest": FeedState("ingest", state, NOW_MS - age_ms, said)}


def legs(eth_age_s=0.5, btc_age_s=0.5):
    trades = {}
    for name, age_s in ((ETH, eth_age_s), (BTC, btc_age_s)):
        trades[name] = None if age_s is None else LastTrade(1, int(NOW_MS - age_s * 1000), 1.0, 1.0)
    return trades


def health(feeds_=None, legs_=None, source="binance"):
    return feed_health(source, feeds() if feeds_ is None else feeds_, legs() if legs_ is None else legs_, NOW_MS)


def test_fresh_heartbeat_and_fresh_trades_are_live():
    found = health()
    assert (found.state, found.text, found.simulated) == ("LIVE", "LIVE", False)
    assert "10 trades/s" in found.detail
    assert "40 ms" in found.detail


@pytest.mark.parametrize(
    ("feeds_", "legs_", "text"),
    [
        ({}, legs(), "DISCONNECTED"),
        (feeds("stopped", 7_000), legs(), "DISCONNECTED 7 s"),
        (feeds("live", 12_000), legs(), "DISCONNECTED 12 s"),
        (feeds("connecting"), legs(), "DISCONNECTED"),
        (feeds(), legs(12.2), "STALE 12 s"),
        (feeds(), legs(0.1, 30), "STALE 30 s"),
        (feeds(), legs(None), "STALE"),
        (feeds("stale"), legs(2), "STALE 2 s"),
        (feeds(seeding={"done": 3, "total": 8}), legs(), "CATCHING UP"),
        (feeds(queue_depth=20_000), legs(), "CATCHING UP"),
        (feeds(missing_ids=1_200), legs(), "CATCHING UP"),
        (feeds(lag_p50_ms=9_000), legs(), "CATCHING UP"),
    ],
)
def test_each_trouble_has_its_word(feeds_, legs_, text):
    assert health(feeds_, legs_).text == text


def test_the_command_told_is_the_one_of_this_database():
    for found in ({}, feeds("stopped", 7_000)):
        assert "start `python x`" in feed_health("binance", found, legs(), NOW_MS, command="python x").detail


def test_an_ingest_that_is_gone_is_said_at_once_and_not_only_when_heartbeats_are_missed():
    found = feed_health("binance", feeds("live", 1_000), legs(), NOW_MS, is_running=False)
    assert (found.text, found.has_live_prices) == ("DISCONNECTED 1 s", False)
    assert "Ingest stopped 1 s ago: start" in found.detail


def test_a_dead_ingest_outranks_everything_that_it_last_said():
    assert health(feeds("live", 60_000, seeding={"done": 3, "total": 8}), legs(90)).text == "DISCONNECTED 60 s"


def test_simulated_is_said_in_any_state():
    for feeds_ in (feeds(), feeds("stopped"), {}):
        assert health(feeds_, source="simulated").simulated


def test_what_was_read_from_files_is_neither_live_nor_a_feed_that_broke():
    found = health(feeds("stopped", 10**9), legs(10**6), source="import")
    assert (found.state, found.has_live_prices) == ("IMPORTED", False)


def test_age_is_by_the_exchanges_clock():
    """A replay's recorded times are years ago; its own clock says that they are now."""
    offset_ms = -70_000_000_000
    trades = {name: LastTrade(1, NOW_MS + offset_ms - 300, 1.0, 1.0) for name in (ETH, BTC)}
    assert health(feeds(clock_offset_ms=offset_ms), trades).state == "LIVE"
    assert health(feeds(clock_offset_ms=None), trades).state == "STALE"


def test_a_quiet_instrument_is_given_ten_of_its_own_gaps():
    def stats(rate):
        return {"instruments": {ETH: {"trades_per_s": rate}}}

    assert stale_limit_s(stats(100), ETH) == 5
    assert stale_limit_s(stats(0.5), ETH) == 20
    assert stale_limit_s(stats(0.01), ETH) == 60
    assert stale_limit_s(stats(0), ETH) == stale_limit_s({}, ETH) == 10


@pytest.mark.parametrize("nonsense", ["x", [], {}, None, True])
def test_nonsense_in_a_heartbeat_is_not_believed_and_does_no_harm(nonsense):
    stats = dict.fromkeys(("queue_depth", "lag_p50_ms", "trades_per_s", "clock_offset_ms", "instruments"), nonsense)
    assert health(feeds(**stats)).state == "LIVE"


def test_a_leg_that_the_exchange_has_halted_is_silent_for_that_reason():
    found = feed_health("binance", feeds(), legs(0.1, 90), NOW_MS, {ETH: "TRADING", BTC: "BREAK"})
    assert (found.state, found.text) == ("STALE", "STALE 90 s")
    assert "the exchange says BREAK of it" in found.detail
    assert "reconnects" in feed_health("binance", feeds(), legs(90, 0.1), NOW_MS, {ETH: "TRADING"}).detail
