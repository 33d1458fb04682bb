"""Trades one a line: what is written is what is stored, and what is no trade is refused or left out."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.feed.lines import line_trade, recorded_print, recorded_stream
from statarb.market import NonTrade

AT_MS = 1_723_161_255_342


def ndjson(**changes: object) -> bytes:
    return json.dumps({"symbol": "GOLD", "ts": AT_MS, "price": 2400.5, "size": 1} | changes).encode()


@given(
    st.decimals("0.00000001", "90000000", places=8),
    st.decimals("0.00000001", "90000000", places=8),
    st.sampled_from(["number", "text", "scientific"]),
)
def test_numbers_keep_the_decimals_they_are_written_with(price, size, spelling):
    write = {"number": "{:f}", "text": '"{:f}"', "scientific": "{:e}"}[spelling].format
    line = f'{{"symbol":"gold","ts":{AT_MS},"price":{write(price)},"size":{write(size)},"note":"x"}}'
    trade = line_trade(line.encode(), 5)
    assert trade[:5] == ("GOLD", 5, AT_MS, int(price * 10**8), int(size * 10**8))


@pytest.mark.parametrize("ts", [AT_MS // 1000, AT_MS, AT_MS * 1000, AT_MS * 1_000_000, str(AT_MS)])
def test_a_time_may_have_any_of_the_four_units(ts):
    assert line_trade(ndjson(ts=ts), 1).ts_ms // 1000 == AT_MS // 1000


@pytest.mark.parametrize(
    "line",
    [
        b"", b"nonsense", b"[]", b"null", b"[" * 100_000, b'"\xff"',
        ndjson(symbol=""), ndjson(symbol="spot:BTCUSDT"), ndjson(symbol=None), ndjson(symbol="A B"),
        ndjson(symbol=["A"]),
        ndjson(ts="now"), ndjson(ts=1e12), ndjson(ts=True), ndjson(ts=123), ndjson(ts=9_999_999_999_999),
        ndjson(price=0), ndjson(price=-1), ndjson(price=float("nan")), ndjson(price=0.1 + 0.2),
        ndjson(price="1e999999999"),
        ndjson(price="1e-999999999"), ndjson(price="e"), ndjson(size=10**12), ndjson(size=0), ndjson(size=None),
        b'{"symbol":"A","ts":1723161255342,"price":1}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_trade_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        line_trade(line, 1)


def frame(**changes: object) -> bytes:
    data = {"e": "trade", "E": AT_MS + 1, "s": "BTCUSDT", "t": 7, "p": "61837.63", "q": "0.02", "T": AT_MS, "m": True}
    envelope = {"stream": "btcusdt@trade", "data": data | changes}
    return b"1723161254087896568 " + json.dumps(envelope, separators=(",", ":")).encode()


def test_a_recorded_frame_is_the_trade_it_brought():
    trade = recorded_print(frame())
    assert trade is not None
    assert trade[:6] == ("BTCUSDT", 7, AT_MS, int(Decimal("61837.63") * 10**8), 2_000_000, True)
    assert (trade.event_ms, trade.recv_ms) == (AT_MS + 1, 1723161254087)
    assert recorded_print(frame(X="MARKET")) is not None


@pytest.mark.parametrize("kind", ["NA", "INSURANCE_FUND", "ADL"])
def test_a_recorded_print_that_is_no_trade_of_the_market_keeps_its_id_and_no_price(kind):
    assert recorded_print(frame(X=kind, p="0", q="0")) == NonTrade("BTCUSDT", 7, AT_MS, kind, AT_MS + 1, 1723161254087)


@pytest.mark.parametrize("line", [frame(e="kline"), b'1 {"result":null,"id":1}'])
def test_a_recorded_frame_that_is_no_print_is_left_out(line):
    assert recorded_print(line) is None


@pytest.mark.parametrize("line", [b"", b"1", b"x {}", frame(p="0"), frame(t="x"), frame()[:-5], frame().split(b" ")[1]])
def test_a_line_that_is_no_recorded_frame_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        recorded_print(line)


def aggregate(**changes: object) -> bytes:
    data = {"e": "aggTrade", "E": AT_MS, "s": "BTCUSDT", "a": 9, "p": "61837.6", "q": "0.02", "T": AT_MS, "m": True}
    envelope = {"stream": "btcusdt@aggTrade", "data": data | changes}
    return b"1723161254087896568 " + json.dumps(envelope, separators=(",", ":")).encode()


def test_a_recorded_frame_tells_its_stream_and_whose_ids_it_has():
    assert recorded_stream(frame(M=True)) == (None, "trade")
    assert recorded_stream(frame(X="MARKET")) == ("usdm", "trade")
    assert recorded_stream(aggregate(M=True)) == (None, "aggTrade")
    assert recorded_stream(aggregate()) == ("usdm", "aggTrade")
    trade = recorded_print(aggregate())
    assert trade is not None
    assert trade[:4] == ("BTCUSDT", 9, AT_MS, int(Decimal("61837.6") * 10**8))
