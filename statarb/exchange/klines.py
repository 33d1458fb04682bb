"""Binance's klines: every interval, gaps filled with flat rows, sums in exact integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from statarb.exchange.bars import BarTable, quote_total, rolled_up
from statarb.exchange.trades import Market, Rules
from statarb.market import SCALE, from_e8

IntArray = npt.NDArray[np.int64]

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# Weeks begin on Monday; the epoch was a Thursday.
_FIRST_MONDAY_MS = 4 * 86_400_000


@dataclass(frozen=True)
class Interval:
    """A kline length; its periods are numbered, in the time zone asked for, so that months fit in too."""

    name: str
    zone_ms: int = 0

    @property
    def base_ms(self) -> int:
        """Length of the bars it is summed from: a second or a minute."""
        return 1000 if self.name.endswith("s") else 60_000

    def numbers(self, ts_ms: IntArray) -> IntArray:
        """The number of the period each time falls into."""
        local = ts_ms + self.zone_ms
        if self.name == "1M":
            return local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        return (local - self._anchor_ms) // self._width_ms

    def number(self, ts_ms: int) -> int:
        return int(self.numbers(np.array([ts_ms]))[0])

    def start_ms(self, number: int) -> int:
        """When a period begins."""
        if self.name == "1M":
            return int(np.datetime64(number, "M").astype("datetime64[ms]").astype(np.int64)) - self.zone_ms
        return number * self._width_ms + self._anchor_ms - self.zone_ms

    @property
    def _width_ms(self) -> int:
        return int(self.name[:-1]) * _UNITS_S[self.name[-1]] * 1000

    @property
    def _anchor_ms(self) -> int:
        return _FIRST_MONDAY_MS if self.name == "1w" else 0


INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


@dataclass(frozen=True)
class Span:
    """Which klines are asked for; None is open."""

    start_ms: int | None
    end_ms: int | None
    limit: int


def klines(market: Market, symbol: str, interval: Interval, span: Span, time_unit: int = 1) -> list[list[Any]]:
    """Kline rows, oldest first: from the start time on if there is one, else the newest; the open one last.

    `time_unit` multiplies the two times of a row: 1 for milliseconds, 1000 for microseconds.
    """
    listed_ms = market.listed_ms(symbol)
    if listed_ms is None:
        return []
    first, last = interval.number(listed_ms), interval.number(market.now_ms())
    if span.end_ms is not None:
        last = min(last, interval.number(span.end_ms))
    if span.start_ms is not None:
        # Rows that open at the start time or later.
        first = max(first, interval.number(span.start_ms - 1) + 1)
        last = min(last, first + span.limit - 1)
    first = max(first, last - span.limit + 1)
    if last < first:
        return []
    since_ms, until_ms = max(listed_ms, interval.start_ms(first)), interval.start_ms(last + 1)
    bars = market.bars(symbol, interval.base_ms, since_ms, until_ms)
    return _rows(market, symbol, interval, range(first, last + 1), bars, time_unit)


def _rows(
    market: Market, symbol: str, interval: Interval, numbers: range, bars: BarTable, time_unit: int
) -> list[list[Any]]:
    periods = interval.numbers(bars.open_ms)
    traded = rolled_up(bars, periods)
    columns = [getattr(traded, name).tolist() for name in _COLUMNS]
    by_number = dict(zip(traded.open_ms.tolist(), zip(*columns, strict=True), strict=True))
    rules = market.rules[symbol]
    close = market.close_before(symbol, interval.start_ms(numbers[0]))
    rows = []
    for number in numbers:
        values = by_number.get(number)
        if values is None and close is None:
            continue
        if values is None:
            values = (close, close, close, close, 0, 0, 0, 0, 0, 0, 0)
        close = values[3]
        rows.append(_row(rules, interval, number, values, time_unit))
    return rows


_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_high",
    "quote_low",
    "count",
    "taker_volume",
    "taker_quote_high",
    "taker_quote_low",
)


def _row(rules: Rules, interval: Interval, number: int, values: tuple[Any, ...], time_unit: int) -> list[Any]:
    prices = [from_e8(ticks * rules.tick_e8) for ticks in values[:4]]
    volume, quote_high, quote_low, count, taker_volume, taker_high, taker_low = values[4:]
    return [
        interval.start_ms(number) * time_unit,
        *prices,
        from_e8(volume * rules.lot_e8),
        interval.start_ms(number + 1) * time_unit - 1,
        _quote_text(rules, quote_total(quote_high, quote_low)),
        count,
        from_e8(taker_volume * rules.lot_e8),
        _quote_text(rules, quote_total(taker_high, taker_low)),
        "0",
    ]


def _quote_text(rules: Rules, ticks_times_lots: int) -> str:
    return from_e8(ticks_times_lots * rules.tick_e8 * rules.lot_e8 // SCALE)
