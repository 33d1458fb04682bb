"""market: prices are exact, instruments and timeframes are read one way only."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.errors import ConfigError
from statarb.market import SCALE, TIMEFRAMES, Instrument, Pair, from_e8, timeframe, to_e8

SYMBOLS = st.text("ABCXYZ0123456789_.-", min_size=1, max_size=40)


@given(st.integers(0, 10**30))
def test_every_stored_number_survives_being_written_and_read(value):
    assert to_e8(from_e8(value)) == value


@given(st.integers(0, 10**20), st.integers(0, 8), st.integers(0, 10))
def test_a_decimal_is_read_exactly_however_it_is_padded(digits, places, padding):
    text = format(Decimal(digits).scaleb(-places), f".{places}f") + "0" * (padding if places else 0)
    assert to_e8(text) == Decimal(text) * SCALE


@pytest.mark.parametrize("text", ["90071992.54740993", "9000000000.00000001", "0.00000001", "12", "012.50"])
def test_decimals_that_a_float_would_lose_are_kept(text):
    assert to_e8(text) == Decimal(text) * SCALE


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "1.", ".5", "-1", "+1", "1e5", "NaN", "Infinity", "1,5", " 1", "1 ", "1_000", "0x10", "1.2.3",
        "0.000000001", "1.123456789", "٣.٥", "1.٥", "²",
    ],
)  # fmt: skip
def test_what_is_no_plain_decimal_is_refused(text):
    with pytest.raises(ValueError, match=r"decimal"):
        to_e8(text)


def test_more_than_eight_decimals_are_fine_when_they_are_zero():
    assert to_e8("1.1000000000000") == 110_000_000


def test_a_refusal_never_repeats_a_huge_input():
    with pytest.raises(ValueError, match="decimal") as refusal:
        to_e8("x" * 1_000_000)
    assert len(str(refusal.value)) < 100


@given(st.sampled_from(["spot", "usdm", "binance.us", "lab"]), SYMBOLS)
def test_an_instrument_reads_back_what_it_writes(venue, symbol):
    instrument = Instrument(venue, symbol)
    assert Instrument.parse(str(instrument)) == instrument
    assert Instrument.parse(instrument.label) == instrument


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("btcusdt", "spot:BTCUSDT"),
        (" BTCUSDT ", "spot:BTCUSDT"),
        ("USDM:btcusdt", "usdm:BTCUSDT"),
        (":BTCUSDT", "spot:BTCUSDT"),
    ],
)
def test_people_write_instruments_in_several_ways(text, meant):
    assert str(Instrument.parse(text)) == meant


def test_a_bare_symbol_belongs_to_the_venue_in_hand():
    assert str(Instrument.parse("BTCUSDT", "binance.us")) == "binance.us:BTCUSDT"


@pytest.mark.parametrize(
    "text", ["", "   ", "spot:", "BTC/USDT", "../etc", "A B", "<script>", "a\0b", "A" * 41, "A;DROP", "A&y=1", "'", '"']
)
def test_what_no_exchange_would_call_a_symbol_is_refused(text):
    with pytest.raises(ConfigError, match=r"is not an instrument\. Write BTCUSDT"):
        Instrument.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_an_instrument_that_reads_back_or_a_clear_refusal(text):
    with contextlib.suppress(ConfigError):
        instrument = Instrument.parse(text)
        assert Instrument.parse(str(instrument)) == instrument


def test_a_pair_has_two_legs_and_swaps_them():
    y, x = Instrument.parse("ETHUSDT"), Instrument.parse("usdm:BTCUSDT")
    assert str(Pair(y, x)) == "ETHUSDT on usdm:BTCUSDT"
    assert Pair(y, x).swapped() == Pair(x, y)
    with pytest.raises(ConfigError, match="two different instruments"):
        Pair(y, y)


def test_a_timeframe_knows_its_length_and_which_bars_it_is_made_of():
    assert [(frame.ms, frame.base) for frame in TIMEFRAMES.values()] == [
        (1_000, "1s"),
        (30_000, "1s"),
        (60_000, "1m"),
        (300_000, "1m"),
    ]


@pytest.mark.parametrize("name", ["", "1", "s", "0s", "1M", "1m ", "-1m", "1.5m", "٣m", "7s", "7m", "2d", "99999h"])
def test_a_text_that_is_no_timeframe_is_refused_with_those_that_are(name):
    with pytest.raises(ConfigError, match="1s, 30s, 1m, 5m"):
        timeframe(name)


@pytest.mark.parametrize(
    ("name", "canonical", "seconds", "base"),
    [
        ("15s", "15s", 15, "1s"),
        ("60s", "1m", 60, "1m"),
        ("90s", "90s", 90, "1s"),
        ("2m", "2m", 120, "1m"),
        ("60m", "1h", 3600, "1m"),
        ("4h", "4h", 14_400, "1m"),
        ("1440m", "1d", 86_400, "1m"),
    ],
)
def test_any_length_that_divides_a_day_is_a_timeframe_with_one_name(name, canonical, seconds, base):
    frame = timeframe(name)
    assert (frame.name, frame.seconds, frame.base) == (canonical, seconds, base)
    assert timeframe(frame.name) == frame
