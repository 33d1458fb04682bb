"""Numbers and names as the screens write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from statarb.quant import NotEnough, Undefined
from statarb.screens.wording import (
    DASH,
    duration_text,
    escape,
    number_text,
    price_digits,
    price_text,
    wait_text,
    with_commands,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (12.4, "12 s"),
        (99, "99 s"),
        (100, "2 min"),
        (97 * 60, "97 min"),
        (12000, "3 h 20 min"),
        (7200, "2 h"),
        (86400 * 2, "2 d"),
        (86400 * 2 + 4 * 3600, "2 d 4 h"),
        (math.inf, DASH),
    ],
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (1234.567, 2, False, "1,234.57"),
        (-0.5, 1, False, "−0.5"),
        (0.31, 2, True, "+0.31"),
        (-0.001, 2, True, "0.00"),
        (math.nan, 2, True, DASH),
        (math.inf, 2, False, DASH),
    ],
)
def test_numbers_have_a_true_minus_and_no_minus_zero(value, digits, signed, text):
    assert number_text(value, digits, signed=signed) == text


@pytest.mark.parametrize(
    ("price", "tick", "text"),
    [
        (61837.63, 0.01, "61,837.63"),
        (0.1234567, 1e-05, "0.12346"),
        (61837.63, 1.0, "61,838"),
        (0.5, None, "0.500000"),
        (1e-07, 1e-08, "0.00000010"),
        (60000.123, None, "60,000.12"),
    ],
)
def test_prices_have_the_digits_of_their_tick(price, tick, text):
    assert price_text(price, tick) == text
    assert 0 <= price_digits(price, tick) <= 8


def test_the_wait_is_said_where_waiting_helps():
    assert wait_text(NotEnough("bars", 143, 240), 60) == "143 of 240 bars, about 97 min"
    assert wait_text(Undefined("no spread: both legs are the same asset", 240, 240), 60).startswith("no spread")


@given(some.text(alphabet=some.sampled_from("ab*_`[](){}<>#|$~:\\!+-"), max_size=30))
def test_escaped_text_has_no_special_character_without_its_backslash(text):
    escaped = escape(text)
    i = 0
    while i < len(escaped):
        if escaped[i] == "\\":
            i += 2
            continue
        assert escaped[i] not in "*_`[](){}<>#|$~:!+"
        i += 1
    assert escaped.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == text


def test_a_command_in_a_sentence_stays_as_it_is_typed():
    assert with_commands("a_b: start `ingest.py --db my_desk`.") == "a\\_b\\: start `ingest.py --db my_desk`."
    assert with_commands("half `a_b") == escape("half `a_b")
