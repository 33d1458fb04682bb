"""The market's words: instrument, trade, bar, timeframe, pair, and exact prices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from statarb.errors import ConfigError

SCALE = 100_000_000
"""Prices and quantities are stored as exact decimals times 10^8."""

IdKind = Literal["trade", "aggTrade", "line"]


def to_e8(text: str) -> int:
    """`'61837.63'` -> 6183763000000, exactly.

    Raises
    ------
    ValueError
        Not a plain decimal, or more than eight decimals that are not zero.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if len(fraction) == 8 and whole and digits.isascii() and digits.isdigit():  # the wire's own spelling
        return int(digits)
    if len(fraction) > 8:
        fraction, rest = fraction[:8], fraction[8:]
        if rest.strip("0"):
            raise ValueError(f"more than eight decimals: {text[:40]!r}")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or (point and not fraction) or not whole:
        raise ValueError(f"not a plain decimal: {text[:40]!r}")
    return int(digits + "0" * (8 - len(fraction)))


def from_e8(value: int) -> str:
    """6183763000000 -> `'61837.63000000'`: Binance's own spelling, exactly."""
    return f"{value // SCALE}.{value % SCALE:08d}"


class Trade(NamedTuple):
    """One print of the exchange, immutable.

    `price_e8` and `qty_e8` are exact decimals times 10^8; `ts_ms` is the trade's time and
    `event_ms` the time the exchange sent it, both by the exchange's clock; `recv_ms` is the
    arrival by ours. `is_buyer_maker` true means that the aggressor sold.
    """

    symbol: str
    trade_id: int
    ts_ms: int
    price_e8: int
    qty_e8: int
    is_buyer_maker: bool
    event_ms: int
    recv_ms: int


class NonTrade(NamedTuple):
    """A print that no two traders made on the market: its id counts for continuity, it has no price and no bar.

    `kind` is the exchange's word for it: NA, INSURANCE_FUND or ADL.
    """

    symbol: str
    trade_id: int
    ts_ms: int
    kind: str
    event_ms: int
    recv_ms: int


Print = Trade | NonTrade
"""What an exchange numbers in one sequence."""


class MissingIds(NamedTuple):
    """Trades of an instrument that are not stored: ids `lo..hi`, which lie in time between `from_ms` and `until_ms`.

    `tries` counts how often the exchange was asked and skipped them, the last time at `asked_at_ms`.
    """

    instrument: Instrument
    lo: int
    hi: int
    from_ms: int
    until_ms: int
    found_at_ms: int
    tries: int = 0
    asked_at_ms: int = 0


class Quote(NamedTuple):
    """The best bid and ask of an instrument as REST told them at `ts_ms`, by our clock; decimals times 10^8."""

    instrument: Instrument
    ts_ms: int
    bid_e8: int
    bid_qty_e8: int
    ask_e8: int
    ask_qty_e8: int


class Funding(NamedTuple):
    """What a perpetual pays: `rate_e8` (signed, times 10^8) is due at `next_ms` and then every `interval_hours`.

    `mark_e8` and `index_e8` are the exchange's mark and index price at `ts_ms`, by its clock.
    """

    instrument: Instrument
    ts_ms: int
    mark_e8: int
    index_e8: int
    rate_e8: int
    next_ms: int
    interval_hours: int


class Bar(NamedTuple):
    """OHLCV over one period; `open_ms` is its start, it is known at `open_ms + period`.

    `first_id` and `last_id` are None where an exchange kline seeded the bar.
    """

    open_ms: int
    open_e8: int
    high_e8: int
    low_e8: int
    close_e8: int
    volume: float
    quote_volume: float
    taker_buy_volume: float
    trade_count: int
    first_id: int | None = None
    last_id: int | None = None


@dataclass(frozen=True, order=True)
class Instrument:
    """A symbol at a venue, written `venue:SYMBOL`; a bare `BTCUSDT` means spot."""

    venue: str
    symbol: str

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str, default_venue: str = "spot") -> Instrument:
        """`'spot:BTCUSDT'` or `'btcusdt'` -> Instrument.

        Raises
        ------
        ConfigError
            Empty, or with characters no exchange symbol has.
        """
        venue, colon, symbol = text.strip().rpartition(":")
        symbol = symbol.upper()
        is_symbol = symbol and len(symbol) <= 40 and not any(c.isspace() or c in "/,:&?#'\"<>;\\\0" for c in symbol)
        is_venue = venue.isascii() and re.fullmatch(r"[\w.-]*", venue)
        if not is_symbol or not is_venue:
            raise ConfigError(
                f"{text[:60]!r} is not an instrument.", "Write BTCUSDT or venue:SYMBOL, as in spot:BTCUSDT."
            )
        return cls(venue.lower() if colon and venue else default_venue, symbol)

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @property
    def label(self) -> str:
        """`BTCUSDT` for spot, `venue:SYMBOL` otherwise: as people say it."""
        return self.symbol if self.venue == "spot" else str(self)


@dataclass(frozen=True)
class InstrumentRules:
    """What the venue says of an instrument: its status, price tick, lot step, id kind and if it can be shorted."""

    instrument: Instrument
    status: str = "TRADING"
    tick_e8: int | None = None
    lot_step_e8: int | None = None
    id_kind: IdKind = "trade"
    can_short: bool = False


@dataclass(frozen=True)
class Pair:
    """Two legs: `y` is regressed on `x`."""

    y: Instrument
    x: Instrument

    def __post_init__(self) -> None:
        if self.y == self.x:
            raise ConfigError(f"A pair needs two different instruments, not {self.y} twice.")

    def __str__(self) -> str:
        return f"{self.y.label} on {self.x.label}"

    def swapped(self) -> Pair:
        return Pair(self.x, self.y)


@dataclass(frozen=True)
class Timeframe:
    """A bar length of whole seconds, written `1s 30s 1m 5m 1h`."""

    name: str
    seconds: int

    @property
    def ms(self) -> int:
        return self.seconds * 1000

    @property
    def base(self) -> Literal["1s", "1m"]:
        """Which stored bars it is made of."""
        return "1m" if self.seconds % 60 == 0 else "1s"

    def __str__(self) -> str:
        return self.name


_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAY_S = 86_400


@lru_cache(maxsize=256)
def timeframe(name: str) -> Timeframe:
    """The timeframe of that name: a number of seconds, minutes, hours or one day that divides a day.

    `60s` is `1m`: a length has one name, in the largest unit that divides it.

    Raises
    ------
    ConfigError
        Not such a text, or a length that does not divide a day.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", name, re.ASCII)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not seconds or DAY_S % seconds:
        reason = "is not a timeframe" if not seconds else "is not a timeframe: it does not divide a day"
        raise ConfigError(f"{name[:20]!r} {reason}.", "Choose 1s, 30s, 1m, 5m, or another such as 15s, 2m, 15m, 1h.")
    unit = next(u for u in "dhms" if seconds % _UNIT_S[u] == 0)
    return Timeframe(f"{seconds // _UNIT_S[unit]}{unit}", seconds)


TIMEFRAMES = {name: timeframe(name) for name in ("1s", "30s", "1m", "5m")}
"""Those that the sidebar offers of trades."""

_LONGER = ("15m", "1h", "4h", "1d")


def offered_timeframes(shortest: Timeframe) -> dict[str, Timeframe]:
    """Some timeframes made of whole bars of the shortest one, that one first."""
    frames = {shortest.name: shortest, **TIMEFRAMES, **{name: timeframe(name) for name in _LONGER}}
    whole = (frame for frame in frames.values() if frame.seconds % shortest.seconds == 0)
    return {frame.name: frame for frame in sorted(whole, key=lambda frame: frame.seconds)[: len(TIMEFRAMES)]}
