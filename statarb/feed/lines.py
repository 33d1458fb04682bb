"""Trades written one a line: recorded frames, and NDJSON of anybody's making."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from statarb.errors import ConfigError
from statarb.feed import binance_spot, binance_usdm
from statarb.feed.archives import Market, time_ms
from statarb.feed.protocol import BadFrame, Notice, is_sane
from statarb.market import IdKind, Instrument, Print, Trade, to_e8

LINES_VENUE = "import"
"""Instruments of NDJSON files are not those of an exchange."""
_LARGEST_EXPONENT = 18
_KEYS = ("symbol", "ts", "price", "size")


def recorded_print(line: bytes) -> Print | None:
    """`<receive ns> <combined frame>` -> the print in it; None: the frame is none.

    Raises
    ------
    ValueError
        Not such a line.
    """
    recv_ns, _, frame = line.partition(b" ")
    if not recv_ns.isdigit():
        raise ValueError("it does not begin with the time of receipt in ns")
    parse: Callable[[bytes, int], Print | Notice]
    match recorded_stream(frame):
        case _, "aggTrade":
            parse = binance_usdm.parse_aggregate_frame
        case "usdm", _:
            parse = binance_usdm.parse_trade_frame
        case _:
            parse = binance_spot.parse_frame
    try:
        message = parse(frame, int(recv_ns) // 1_000_000)
    except BadFrame as bad:
        raise ValueError(bad.reason) from None
    return None if isinstance(message, Notice) else message


def recorded_stream(line: bytes) -> tuple[Market | None, IdKind]:
    """Which stream a recorded frame is of: its market, None where it cannot be told, and whose ids it has."""
    if b'"e":"aggTrade"' in line:
        return None if b'"M":' in line else "usdm", "aggTrade"
    return "usdm" if b'"X":"' in line else None, "trade"


def line_trade(line: bytes, trade_id: int) -> Trade:
    """`{"symbol","ts","price","size"}` -> a trade under that id; times in s, ms, µs or ns by their digits.

    Numbers keep the decimals they are written with. The side is not told, so nothing counts as bought by takers.

    Raises
    ------
    ValueError
        Not such a line.
    """
    try:
        row: Any = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in _KEYS):
        raise ValueError('it is not {"symbol": ..., "ts": ..., "price": ..., "size": ...}')
    ts_ms = time_ms(row["ts"])
    trade = Trade(_symbol(row["symbol"]), trade_id, ts_ms, _e8(row["price"]), _e8(row["size"]), True, ts_ms, ts_ms)
    if not is_sane(trade):
        raise ValueError("a number in it is out of range")
    return trade


def _symbol(text: str) -> str:
    try:
        instrument = Instrument.parse(text, LINES_VENUE)
    except ConfigError as error:
        raise ValueError(error.message.rstrip(".")) from None
    if instrument.venue != LINES_VENUE:
        raise ValueError(f"{text[:40]!r} is an instrument of another venue; write the symbol alone")
    return instrument.symbol


def _e8(text: str) -> int:
    """Decimals as people and programs write them, `1e-05` too."""
    if "e" in text or "E" in text:
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"{text[:40]!r} is not a number") from None
        if abs(number.adjusted()) > _LARGEST_EXPONENT:
            raise ValueError(f"{text[:40]!r} is out of range")
        text = format(number, "f")
    return to_e8(text)
