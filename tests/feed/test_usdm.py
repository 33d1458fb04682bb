"""Futures frames and answers: exact to the last digit, and what is no trade of the market never has a price."""

import gzip
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import shared_file

from statarb.errors import ConfigError
from statarb.feed.binance_usdm import (
    BinanceUsdm,
    BinanceUsdmTrades,
    parse_aggregate_frame,
    parse_trade_frame,
)
from statarb.feed.feeds import follow
from statarb.feed.protocol import BadFrame, Notice
from statarb.market import NonTrade, Trade

AGGREGATE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161256322,"s":"BTCUSDT","a":2345,"p":"61800.30",'
    b'"q":"0.006","nq":"0.006","f":10,"l":12,"T":1723161256300,"m":false}}'
)
PRINT = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,'
    b'"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
)
INSURANCE = PRINT.replace(b'"X":"MARKET"', b'"X":"INSURANCE_FUND"')
NOTHING = PRINT.replace(b'"61800.30"', b'"0"').replace(b'"0.006"', b'"0"').replace(b'"X":"MARKET"', b'"X":"NA"')


def test_an_aggregate_is_a_trade_under_the_aggregates_id():
    assert parse_aggregate_frame(AGGREGATE, 7) == Trade(
        "BTCUSDT", 2345, 1723161256300, 6_180_030_000_000, 600_000, False, 1723161256322, 7
    )


def test_every_recorded_futures_frame_is_read_to_the_last_digit():
    """Second route: json and Decimal."""
    count = 0
    with gzip.open(shared_file("recordings/usdm_btcusdt_ethusdt_trades_20240808.txt.gz")) as lines:
        for line in lines:
            _, _, payload = line.rstrip().partition(b" ")
            trade, plain = parse_trade_frame(payload, 0), json.loads(payload)["data"]
            assert isinstance(trade, Trade)
            assert trade[:3] == (plain["s"], plain["t"], plain["T"])
            assert trade.is_buyer_maker == plain["m"]
            assert (Decimal(trade.price_e8), Decimal(trade.qty_e8)) == (
                Decimal(plain["p"]) * 10**8,
                Decimal(plain["q"]) * 10**8,
            )
            count += 1
    assert count == 35_389


@pytest.mark.parametrize(
    ("payload", "kind"), [(NOTHING, "NA"), (INSURANCE, "INSURANCE_FUND"), (PRINT.replace(b"MARKET", b"ADL"), "ADL")]
)
def test_a_print_that_no_two_traders_made_keeps_its_id_and_no_price(payload, kind):
    assert parse_trade_frame(payload, 7) == NonTrade("BTCUSDT", 5266583935, 1723161256321, kind, 1723161256322, 7)


def test_the_time_may_stand_before_or_after_the_event():
    data = json.loads(PRINT)["data"]
    turned = json.dumps({"data": dict(reversed(data.items()))}).encode()
    assert parse_trade_frame(turned, 7) == parse_trade_frame(PRINT, 7)


@pytest.mark.parametrize("parse", [parse_aggregate_frame, parse_trade_frame])
@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"result":null,"id":1}', "reply"),
        (b'{"e":"serverShutdown","E":1770123456789}', "shutdown"),
        (b'{"stream":"x","data":{"e":"markPriceUpdate","s":"BTCUSDT"}}', "other"),
    ],
)
def test_what_is_no_print_is_told_apart(parse, payload, kind):
    message = parse(payload, 0)
    assert isinstance(message, Notice)
    assert message.kind == kind


@pytest.mark.parametrize(
    ("parse", "payload"),
    [
        (parse_aggregate_frame, AGGREGATE.replace(b'"61800.30"', b'"0"')),
        (parse_aggregate_frame, AGGREGATE.replace(b'"a":2345,', b"")),
        (parse_trade_frame, PRINT.replace(b'"0.006"', b'"0"')),
        (parse_trade_frame, PRINT.replace(b'"t":5266583935', b'"t":-1')),
        (parse_trade_frame, PRINT[:-3]),
    ],
)
def test_a_broken_print_is_a_bad_frame(parse, payload):
    with pytest.raises(BadFrame):
        parse(payload, 0)


@given(st.sampled_from([AGGREGATE, PRINT, NOTHING]), st.integers(0, 250), st.binary(max_size=4))
def test_no_bytes_raise_anything_but_bad_frame(good, at, noise):
    payload = good[:at] + noise + good[at:]
    for parse in (parse_aggregate_frame, parse_trade_frame):
        try:
            message = parse(payload, 0)
        except BadFrame:
            continue
        if isinstance(message, Trade):
            assert message.price_e8 > 0
            assert message.qty_e8 > 0


def test_the_doors_of_2026():
    """Aggregates come through /market, prints through /public; the old root is silent."""
    assert BinanceUsdm().stream_path(["BTCUSDT"]) == "/market/stream?streams=btcusdt@aggTrade"
    assert BinanceUsdmTrades().stream_path(["BTCUSDT"]) == "/public/stream?streams=btcusdt@trade"


def test_rules_are_those_of_the_symbols_asked_for():
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"}]
    row = {"symbol": "BTCUSDT", "status": "TRADING", "filters": filters}
    question = BinanceUsdm().rules("usdm", ["BTCUSDT", "NOPE"])
    (rule,) = question.read({"symbols": [row, row | {"symbol": "ETHUSDT"}]}).values()
    assert (str(rule.instrument), rule.id_kind, rule.can_short) == ("usdm:BTCUSDT", "aggTrade", True)
    assert (rule.tick_e8, rule.lot_step_e8) == (10_000_000, 100_000)


def test_instruments_go_to_their_venues_and_bare_ones_to_the_main_one():
    names = ["BTCUSDT", "usdm:BTCUSDT", "spot:ETHUSDT", "btcusdt"]
    spot, usdm = follow(names, "spot-data", None, None)
    assert (spot.venue.name, spot.symbols) == ("spot-data", ("BTCUSDT", "ETHUSDT"))
    assert (usdm.venue.name, usdm.symbols) == ("usdm", ("BTCUSDT",))
    assert spot.venue.source == usdm.venue.source == "binance"
    prints, other = follow(["BTCUSDT", "spot:BTCUSDT"], "usdm-trade", "ws://127.0.0.1:1", "http://127.0.0.1:1")
    assert (prints.venue.dialect.id_kind, other.venue.name) == ("trade", "spot")
    assert prints.venue.source == other.venue.source == "simulated"


@pytest.mark.parametrize(
    ("names", "words"), [(["mars:BTCUSDT"], "no venue"), (["BTCUSDT", "binance.us:BTCUSDT"], "different sources")]
)
def test_instruments_that_cannot_be_followed_together_are_refused(names, words):
    with pytest.raises(ConfigError, match=words):
        follow(names, "spot", None, None)
