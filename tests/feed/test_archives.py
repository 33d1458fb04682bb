"""The exchange's archive files: names, columns, spellings and units are told apart, and nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.errors import ConfigError
from statarb.feed.archives import bar_of, is_header, market_of, read_name, time_ms, trade_of

SPOT_TRADES = read_name("BTCUSDT-trades-2025-01-01.zip")
SPOT_AGG = read_name("BTCUSDT-aggTrades-2024-02.zip")
MINUTES = read_name("BTCUSDT-1m-2024-02.zip")


def ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("name", "symbol", "content", "since_ms", "until_ms"),
    [
        ("BTCUSDT-trades-2025-01-01.zip", "BTCUSDT", "trades", ms(2025, 1, 1), ms(2025, 1, 2)),
        ("ETHUSDT-aggTrades-2024-02.zip", "ETHUSDT", "aggTrades", ms(2024, 2, 1), ms(2024, 3, 1)),
        ("BTCUSDT_240628-1m-2023-12.zip", "BTCUSDT_240628", "1m", ms(2023, 12, 1), ms(2024, 1, 1)),
        ("币安人生USDT-1s-2025-12-31.zip", "币安人生USDT", "1s", ms(2025, 12, 31), ms(2026, 1, 1)),
    ],
)
def test_a_name_says_symbol_content_and_period(name, symbol, content, since_ms, until_ms):
    said = read_name(name)
    assert (said.symbol, said.content, said.since_ms, said.until_ms) == (symbol, content, since_ms, until_ms)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trades.zip", "not the name of an archive file"),
        ("BTCUSDT-trades-2025-13-01.zip", "not the name of an archive file"),
        ("BTCUSDT-trades-2025-02-30.zip", "not the name of an archive file"),
        ("BTCUSDT-1h-2025-01-01.zip", "klines of 1h are not stored"),
        ("BTCUSDT-1mo-2025-01.zip", "klines of 1mo are not stored"),
        ("BTCUSD_PERP-trades-2025-01-01.zip", "COIN-M"),
    ],
)
def test_another_name_is_refused_in_one_sentence(name, words):
    with pytest.raises(ConfigError, match=words):
        read_name(name)


@given(st.integers(1_400_000_000, 4_000_000_000), st.integers(0, 999), st.integers(0, 999_999))
def test_the_unit_of_a_time_is_told_by_its_digits(second, milli, nano):
    at_ms = second * 1000 + milli
    assert time_ms(str(second)) == second * 1000
    assert time_ms(str(at_ms)) == at_ms
    assert time_ms(f"{at_ms}{nano // 1000:03d}") == at_ms
    assert time_ms(f"{at_ms}{nano:06d}") == at_ms


@pytest.mark.parametrize("text", ["", "123", "17231612551234", "1723161255.5", "-1723161255342", "१७२३१६१२५५"])
def test_a_time_of_another_length_is_refused(text):
    with pytest.raises(ValueError, match="no time"):
        time_ms(text)


@given(
    trade_id=st.integers(0, 2**50),
    price=st.decimals("0.00000001", "90000000", places=8),
    qty=st.decimals("0.00000001", "90000000", places=8),
    at_ms=st.integers(1_500_000_000_000, 2_500_000_000_000),
    maker=st.booleans(),
)
def test_all_four_spellings_of_a_trade_are_the_same_trade(trade_id, price, qty, at_ms, maker):
    price_e8, qty_e8 = int(price * 10**8), int(qty * 10**8)
    numbers = [str(trade_id), f"{price:f}", f"{qty:f}"]
    unpadded = [str(trade_id), f"{price.normalize():f}", f"{qty.normalize():f}"]
    side = str(maker)
    spellings = [
        (SPOT_TRADES, [*numbers, "1.0", str(at_ms), side, "True"]),
        (SPOT_TRADES, [*numbers, "1.0", f"{at_ms}999", side, "True"]),
        (SPOT_TRADES, [*unpadded, "1.0", str(at_ms), side.lower()]),
        (SPOT_AGG, [*numbers, "1", "2", f"{at_ms}000", side, "True"]),
        (SPOT_AGG, [*unpadded, "1", "2", str(at_ms), side.lower()]),
    ]
    for name, cells in spellings:
        trade = trade_of(name, cells)
        assert trade == ("BTCUSDT", trade_id, at_ms, price_e8, qty_e8, maker, at_ms, at_ms)


GOOD = ["28457", "4.00000100", "12.00000000", "48.000012", "1499865549590", "True", "True"]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (0, "1_0"), (0, "-1"), (0, "x"), (1, "0"), (1, "NaN"), (1, "-4"), (1, "1e400"), (1, "4.000000001"),
        (2, "0.0"), (2, ""), (4, "14998655"), (4, "9999999999999"), (5, "TRUE"), (5, "1"),
    ],
)  # fmt: skip
def test_a_row_with_one_wrong_cell_is_refused(column, text):
    assert trade_of(SPOT_TRADES, GOOD).trade_id == 28457
    with pytest.raises(ValueError, match=r"."):
        trade_of(SPOT_TRADES, [*GOOD[:column], text, *GOOD[column + 1 :]])


@pytest.mark.parametrize("count", [0, 1, 5, 8])
def test_a_row_with_another_number_of_cells_is_refused(count):
    with pytest.raises(ValueError, match="columns"):
        trade_of(SPOT_TRADES, (GOOD * 2)[:count])


KLINE = ["1706745600000", "10.5", "11", "10", "10.75", "3.5", "1706745659999", "37.1", "7", "1.5", "16", "0"]


def test_a_kline_is_the_bar_it_says_whatever_its_unit():
    for open_time in (KLINE[0], KLINE[0] + "000"):
        bar = bar_of(MINUTES, [open_time, *KLINE[1:]])
        assert bar[:5] == (1706745600000, 1_050_000_000, 1_100_000_000, 1_000_000_000, 1_075_000_000)
        assert bar[5:9] == (3.5, 37.1, 1.5, 7)
        assert bar.first_id is None


@pytest.mark.parametrize(
    ("column", "text"), [(0, "1706745600001"), (2, "10.6"), (3, "10.6"), (1, "0"), (8, "x"), (5, "-1")]
)
def test_a_kline_that_contradicts_itself_is_refused(column, text):
    with pytest.raises(ValueError, match=r"."):
        bar_of(MINUTES, [*KLINE[:column], text, *KLINE[column + 1 :]])


@pytest.mark.parametrize(
    ("name", "cells", "has_header", "market"),
    [
        ("X-trades-2024-01-01.zip", ["1"] * 7, False, "spot"),
        ("X-trades-2024-01-01.zip", ["1"] * 6, True, "usdm"),
        ("X-trades-2020-01-01.zip", ["1"] * 6, False, "usdm"),
        ("X-aggTrades-2024-01-01.zip", ["1"] * 8, False, "spot"),
        ("X-aggTrades-2024-01-01.zip", ["1"] * 7, True, "usdm"),
        ("X-1m-2025-01-01.zip", ["1735689600000000", *KLINE[1:]], False, "spot"),
        ("X-1m-2025-01-01.zip", ["1735689600000", *KLINE[1:]], False, "usdm"),
        ("X-1m-2024-01-01.zip", KLINE, True, "usdm"),
        ("X-1m-2024-01-01.zip", KLINE, False, None),
    ],
)
def test_the_market_is_told_by_columns_header_and_unit_or_not_at_all(name, cells, has_header, market):
    assert market_of(read_name(name), cells, has_header) == market


def test_a_header_names_columns_and_a_row_begins_with_digits():
    assert is_header(["id", "price"])
    assert is_header(["open_time"])
    assert not is_header(GOOD)


def test_decimals_never_pass_through_a_float():
    text = "90071992.54740993"
    assert trade_of(SPOT_TRADES, [GOOD[0], text, *GOOD[2:]]).price_e8 == int(Decimal(text) * 10**8)
