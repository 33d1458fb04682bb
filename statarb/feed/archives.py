"""The exchange's archive files: what their names say, and their rows as trades and bars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from statarb.errors import ConfigError
from statarb.feed.protocol import is_sane
from statarb.market import SCALE, Bar, IdKind, Trade, to_e8

Market = Literal["spot", "usdm"]

_NAME = re.compile(r"(?P<symbol>[^-\s]+)-(?P<content>trades|aggTrades|\w+)-(?P<period>\d{4}-\d{2}(?:-\d{2})?)\.zip")
_NAME_HINT = (
    "Archive files are named like BTCUSDT-trades-2025-01-01.zip, BTCUSDT-aggTrades-2025-01.zip or "
    "BTCUSDT-1m-2025-01-01.zip."
)
_WIDTHS_MS = {"1s": 1_000, "1m": 60_000}
_MS_PER_UNIT = {10: 1_000, 13: 1}
_UNITS_PER_MS = {16: 1_000, 19: 1_000_000}
_TRUTH = {"True": True, "true": True, "False": False, "false": False}
SPOT_MICROSECONDS_FROM_MS = 1_735_689_600_000
"""From 2025-01-01 on, spot archives have microseconds; those of the futures kept milliseconds."""


@dataclass(frozen=True)
class ArchiveName:
    """What a file's name says: the symbol, what is in it and the time [since_ms, until_ms) it covers."""

    symbol: str
    content: Literal["trades", "aggTrades", "1s", "1m"]
    since_ms: int
    until_ms: int

    @property
    def base(self) -> Literal["1s", "1m"] | None:
        """Which bars are in it; None: trades."""
        return self.content if self.content in ("1s", "1m") else None

    @property
    def id_kind(self) -> IdKind | None:
        """Whose ids the rows have; klines have none."""
        return {"trades": "trade", "aggTrades": "aggTrade"}.get(self.content)  # type: ignore[return-value]


class _Columns(NamedTuple):
    """How many columns the rows of each market have, and which of them hold the time and the side."""

    market: dict[int, Market]
    time: int
    is_buyer_maker: int


_COLUMNS = {
    "trades": _Columns({7: "spot", 6: "usdm"}, 4, 5),
    "aggTrades": _Columns({8: "spot", 7: "usdm"}, 5, 6),
}
_KLINE_COLUMNS = 12


def read_name(name: str) -> ArchiveName:
    """`BTCUSDT-trades-2025-01-01.zip` -> what it says.

    Raises
    ------
    ConfigError
        Not the name of an archive file, or one of klines that are not stored.
    """
    match = _NAME.fullmatch(name)
    if match is None or (period := _period(match["period"])) is None:
        raise ConfigError(f"{name} is not the name of an archive file.", _NAME_HINT)
    if match["content"] not in (*_COLUMNS, *_WIDTHS_MS):
        raise ConfigError(f"{name}: klines of {match['content']} are not stored.", "Import those of 1m or 1s.")
    if "USD_" in match["symbol"]:
        raise ConfigError(
            f"{name} holds COIN-M futures, which are counted in contracts.", "Import spot or USD-M files."
        )
    return ArchiveName(match["symbol"], match["content"], *period)  # type: ignore[arg-type]


def _period(text: str) -> tuple[int, int] | None:
    """`'2025-01-31'` or `'2025-01'` -> when it begins and ends, in ms; None: there is no such day or month."""
    is_day = text.count("-") == 2
    try:
        first = datetime.fromisoformat(text if is_day else f"{text}-01").replace(tzinfo=UTC)
    except ValueError:
        return None
    after = first + timedelta(days=1) if is_day else (first + timedelta(days=31)).replace(day=1)
    return int(first.timestamp()) * 1000, int(after.timestamp()) * 1000


def time_ms(text: str) -> int:
    """A time in s, ms, µs or ns, told apart by the number of digits, in ms.

    Raises
    ------
    ValueError
        Not 10, 13, 16 or 19 digits.
    """
    if text.isascii() and text.isdigit():
        if len(text) in _MS_PER_UNIT:
            return int(text) * _MS_PER_UNIT[len(text)]
        if len(text) in _UNITS_PER_MS:
            return int(text) // _UNITS_PER_MS[len(text)]
    raise ValueError(f"{text[:40]!r} is no time in s, ms, µs or ns")


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names the columns."""
    return not cells[0].isdigit()


def market_of(name: ArchiveName, cells: Sequence[str], has_header: bool) -> Market | None:
    """The market whose files have rows like this first one; None: it cannot be told.

    Raises
    ------
    ValueError
        No such file has so many columns.
    """
    if name.base is None:
        markets = _COLUMNS[name.content].market
        if len(cells) not in markets:
            raise ValueError(f"it has {len(cells)} columns, not {' or '.join(map(str, sorted(markets)))}")
        return markets[len(cells)]
    if len(cells) != _KLINE_COLUMNS:
        raise ValueError(f"it has {len(cells)} columns, not {_KLINE_COLUMNS}")
    if len(cells[0]) == 16:
        return "spot"
    return "usdm" if has_header or name.since_ms >= SPOT_MICROSECONDS_FROM_MS else None


def trade_of(name: ArchiveName, cells: Sequence[str]) -> Trade:
    """A row of a file of trades or aggregate trades.

    Raises
    ------
    ValueError, LookupError
        Not such a row.
    """
    columns = _COLUMNS[name.content]
    if len(cells) not in columns.market:
        raise ValueError(f"it has {len(cells)} columns")
    ts_ms = time_ms(cells[columns.time])
    maker = _TRUTH.get(cells[columns.is_buyer_maker])
    if maker is None:
        raise ValueError(f"{cells[columns.is_buyer_maker][:40]!r} is neither true nor false")
    trade = Trade(name.symbol, int(cells[0]), ts_ms, to_e8(cells[1]), to_e8(cells[2]), maker, ts_ms, ts_ms)
    if not (cells[0].isdigit() and is_sane(trade)):
        raise ValueError("a number in it is out of range")
    return trade


def bar_of(name: ArchiveName, cells: Sequence[str]) -> Bar:
    """A row of a file of klines; a bar with a trade count of 0 is one in which nothing traded.

    Raises
    ------
    ValueError
        Not such a row.
    """
    if len(cells) != _KLINE_COLUMNS:
        raise ValueError(f"it has {len(cells)} columns")
    open_ms = time_ms(cells[0])
    if open_ms % _WIDTHS_MS[name.content]:
        raise ValueError(f"{cells[0]} is no start of a {name.content} bar")
    o, h, low, c = map(to_e8, cells[1:5])
    if not 0 < low <= min(o, c) <= max(o, c) <= h:
        raise ValueError("its prices contradict each other")
    volume, quote_volume, taker_buy_volume = (to_e8(cells[i]) / SCALE for i in (5, 7, 9))
    return Bar(open_ms, o, h, low, c, volume, quote_volume, taker_buy_volume, int(cells[8]))
