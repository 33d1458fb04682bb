"""Numbers and names as the screens write them."""

import ast
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from statarb.quant import NotEnough, Undefined
from statarb.screens.wording import (
    DASH,
    duration_text,
    escape,
    figures_text,
    interval_text,
    number_text,
    price_digits,
    price_text,
    share_text,
    wait_text,
    with_commands,
)
from statarb.settings import PROJECT


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


@pytest.mark.parametrize(
    ("share", "digits", "signed", "text"),
    [
        (0.55, 0, False, "55 %"),
        (0.0456, 1, False, "4.6 %"),
        (-0.4, 0, True, "\u221240 %"),
        (-0.001, 0, True, "0 %"),
        (math.nan, 0, False, DASH),
    ],
)
def test_a_share_is_a_number_a_space_and_the_sign(share, digits, signed, text):
    assert share_text(share, digits, signed=signed) == text


def unspaced_per_cent(source: str) -> list[int]:
    """Lines of the texts of a module that would show `55%`.

    A key such as `'5%'` by itself is a name of the quant results and no text.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            spec = node.format_spec.values[-1:]
            if spec and isinstance(spec[0], ast.Constant) and str(spec[0].value).endswith("%"):
                found.append(node.lineno)
        elif isinstance(node, ast.JoinedStr):
            for before, piece in zip(node.values, node.values[1:], strict=False):
                after = str(piece.value) if isinstance(piece, ast.Constant) else ""
                if isinstance(before, ast.FormattedValue) and after.startswith("%") and after != "%":
                    found.append(node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if re.search(r"\d%(?![A-Z0-9'])", text) and not re.fullmatch(r"\d+%", text):
                found.append(node.lineno)
    return sorted(set(found))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('x = f"{share:.0%} of bars"', [1]),
        ('x = f"{100 * share:.0f}% of bars"', [1]),
        ('x = "at 95% of bars"', [1]),
        ('x = "%{y:.1%}"', [1]),
        ('x = values["5%"]', []),
        ('x = f"{100 * share:.0f} % of %H"', []),
    ],
)
def test_the_search_for_per_cent_finds_what_it_should(source, lines):
    assert unspaced_per_cent(source) == lines


def test_per_cent_stands_after_a_space_in_every_text_of_the_product():
    package = PROJECT / "statarb"
    found = {
        str(path.relative_to(PROJECT)): lines
        for path in sorted([*package.rglob("*.py"), *PROJECT.glob("*.py")])
        if (lines := unspaced_per_cent(path.read_text()))
    }
    assert found == {}


def test_per_cent_stands_after_a_space_in_every_document():
    found = [
        f"{path.name}: {line}"
        for path in (PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").glob("*.md")))
        for line in path.read_text().splitlines()
        if re.search(r"\d%(?![A-Z0-9])", line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("value", "text"), [(0.87654321, "0.8765"), (-1.5, "\u22121.5"), (math.nan, DASH), (12345.6, "1.235e+04")]
)
def test_significant_figures_have_a_true_minus(value, text):
    assert figures_text(value, 4) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.403, 1.577, "0.40 to 1.58"),
        (0.8123, 0.8456, "0.812 to 0.846"),
        (-0.00412, 0.00012, "\u22120.0041 to 0.0001"),
        (1823.4, 2210.9, "1,823.40 to 2,210.90"),
        (1.0, 1.0, "1.000000 to 1.000000"),
        (math.nan, math.nan, ""),
        (-math.inf, math.inf, ""),
    ],
)
def test_an_interval_has_the_digits_of_its_width(low, high, text):
    assert interval_text(low, high) == text
