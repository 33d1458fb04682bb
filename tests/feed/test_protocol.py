"""Bytes in, values out: every real frame exactly, nothing else ever as a trade."""

import gzip
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import shared_file

from statarb.feed.binance_spot import BinanceSpot, parse_frame
from statarb.feed.protocol import BadFrame, Notice
from statarb.market import Trade

GOOD = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)


def test_a_trade_frame_becomes_a_trade():
    assert parse_frame(GOOD, 7) == Trade(
        "BTCUSDT", 3735683259, 1723161255342, 6183763000000, 2000000, True, 1723161255343, 7
    )


def test_every_recorded_frame_is_read_to_the_last_digit():
    """Second route: json and Decimal."""
    count = 0
    with gzip.open(shared_file("recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz")) as lines:
        for line in lines:
            _, _, payload = line.rstrip().partition(b" ")
            trade, plain = parse_frame(payload, 0), json.loads(payload)["data"]
            assert isinstance(trade, Trade)
            assert (trade.symbol, trade.trade_id, trade.ts_ms, trade.is_buyer_maker) == (
                plain["s"],
                plain["t"],
                plain["T"],
                plain["m"],
            )
            assert (Decimal(trade.price_e8), Decimal(trade.qty_e8)) == (
                Decimal(plain["p"]) * 10**8,
                Decimal(plain["q"]) * 10**8,
            )
            count += 1
    assert count == 34_419


def test_symbols_are_not_assumed_to_be_ascii():
    frame = GOOD.replace(b'"s":"BTCUSDT"', '"s":"币安人生USDT"'.encode())
    assert parse_frame(frame, 0).symbol == "币安人生USDT"


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"result":null,"id":1}', "reply"),
        (b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2}', "error"),
        (b'{"code":2,"msg":"Invalid request: too many parameters"}', "error"),
        (b'{"e":"serverShutdown","E":1770123456789}', "shutdown"),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}', "shutdown"),
        (b'{"stream":"x","data":{"e":"aggTrade","a":1}}', "other"),
    ],
)
def test_what_is_no_trade_is_told_apart(payload, kind):
    message = parse_frame(payload, 0)
    assert isinstance(message, Notice)
    assert message.kind == kind


def _with(field: str, value: str) -> bytes:
    plain = json.loads(GOOD)
    text = json.dumps(plain, separators=(",", ":"))
    return text.replace(f'"{field}":{json.dumps(plain["data"][field])}', f'"{field}":{value}').encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"data":' * 50_000,
        GOOD[:-2],
        GOOD.replace(b'"t":3735683259,', b""),
        *(
            _with("p", value)
            for value in (
                '"NaN"',
                '"Infinity"',
                '"-1"',
                '"0"',
                '"1e400"',
                '"1_0.00000000"',
                '""',
                "1.5",
                '"1.000000001"',
                '"99999999999999999999"',
            )
        ),
        *(_with("q", value) for value in ('"0.00000000"', '"-0.1"', "null", '" 1"', '"+1"', '"١.00000000"')),
        *(_with("t", value) for value in ("-1", "1.5", '"7"', "null", str(2**70))),
        *(_with("T", value) for value in ("1723161255", "1723161255342000", str(2**62), "-5")),
        _with("m", "1"),
        _with("s", "7"),
    ],
    ids=lambda payload: payload[:20].decode("utf-8", "replace") + f" ({len(payload)} bytes)",
)
def test_nonsense_is_a_bad_frame_with_a_sample(payload):
    with pytest.raises(BadFrame) as caught:
        parse_frame(payload, 0)
    assert caught.value.reason
    assert len(caught.value.sample) <= 1000


@given(
    st.binary(max_size=300)
    | st.builds(lambda i, b: GOOD[:i] + b + GOOD[i:], st.integers(0, len(GOOD)), st.binary(max_size=4))
)
def test_no_bytes_raise_anything_but_bad_frame(payload):
    try:
        message = parse_frame(payload, 0)
    except BadFrame:
        return
    if isinstance(message, Trade):
        assert message.price_e8 > 0
        assert message.qty_e8 > 0


@pytest.mark.parametrize(
    ("price", "exact"),
    [
        ("90071992.54740993", 9007199254740993),
        ("9000000000.00000001", 900000000000000001),
        ("1", 10**8),
        ("0.5", 5 * 10**7),
    ],
)
def test_decimals_that_floats_cannot_hold_are_exact(price, exact):
    assert parse_frame(_with("p", f'"{price}"'), 0).price_e8 == exact


def test_the_stream_path_is_lower_case_and_combined():
    assert BinanceSpot().stream_path(["BTCUSDT", "ETHUSDT"]) == "/stream?streams=btcusdt@trade/ethusdt@trade"
