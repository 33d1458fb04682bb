"""A pin survives its own spelling, refuses what cannot be, and forgives knobs of another version."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from statarb.errors import ConfigError
from statarb.params import PairParams
from statarb.pins import NOTE_LENGTH, Fill, Pin, PinExit

PIN = Pin(
    params=PairParams(),
    entered_at_ms=1_000_000,
    alpha=-2.0,
    beta=0.8,
    mean=0.0,
    sd=0.001,
    moments_at_ms=960_000,
    moments_bars=240,
    y_units=-3.0,
    x_units=0.12,
    y=Fill(3000.0, 1.0),
    x=Fill(60_000.0, 1.0),
)
prices = some.floats(1e-8, 1e8)
units = some.floats(1e-6, 1e6).flatmap(lambda size: some.sampled_from((size, -size)))


@given(
    prices, prices, units, units, some.floats(1e-9, 1e3), some.text(), some.booleans(), some.none() | some.floats(-9, 9)
)
def test_json_and_back_is_the_same_pin(y, x, y_units, x_units, sd, note, is_closed, carry):
    ended = PinExit(2_000_000, Fill(x, 0.5), Fill(y), carry) if is_closed else None
    pin = replace(PIN, y=Fill(y), x=Fill(x, 2.5), y_units=y_units, x_units=x_units, sd=sd, note=note, exit=ended)
    assert Pin.from_json(pin.to_json(), 7) == replace(pin, pin_id=7)


def test_side_and_notional_are_those_of_the_y_leg():
    assert (PIN.side, PIN.notional, PIN.is_open) == (-1, 9000.0, True)
    assert replace(PIN, y_units=2.0).side == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": 0.0}, "moments"),
        ({"beta": -0.4}, "moments"),
        ({"sd": 0.0}, "moments"),
        ({"alpha": float("nan")}, "moments"),
        ({"y_units": 0.0}, "no units"),
        ({"x_units": float("inf")}, "no units"),
        ({"exit": PinExit(999_999, Fill(1.0), Fill(1.0), 0.0)}, "before it began"),
    ],
)
def test_what_cannot_be_is_refused_in_words(change, words):
    with pytest.raises(ConfigError, match=words):
        replace(PIN, **change)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_fill_needs_a_price(price):
    with pytest.raises(ConfigError, match="not a price"):
        Fill(price)


def test_assumed_slippage_is_never_a_gain():
    with pytest.raises(ConfigError, match="cannot be"):
        Fill(1.0, -0.5)


def test_a_note_is_cut_where_it_would_burst_the_page():
    assert replace(PIN, note="  why  ").note == "why"
    assert len(replace(PIN, note="a" * 9000).note) == NOTE_LENGTH


def test_knobs_of_another_version_are_left_out_and_missing_ones_have_their_defaults():
    body = json.loads(PIN.to_json())
    body["params"] |= {"a_knob_to_come": 3}
    del body["params"]["slippage_bps"]
    assert Pin.from_json(json.dumps(body)) == PIN


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"params": 3}', PIN.to_json().replace("3000.0", '"x"')])
def test_a_damaged_row_is_one_sentence(text):
    with pytest.raises(ConfigError, match="unreadable"):
        Pin.from_json(text)
