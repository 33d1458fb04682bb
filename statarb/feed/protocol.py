"""Binance's stream protocol: bytes in, values out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from statarb.market import Trade, to_e8

OLDEST_MS, NEWEST_MS = 1_400_000_000_000, 4_102_444_800_000
"""Times outside are in another unit than milliseconds, or nonsense."""
_MAX_INT64 = 2**63 - 1
_SAMPLE_BYTES = 200

_Id = Annotated[int, msgspec.Meta(ge=0, le=9_007_199_254_740_992)]
_Time = Annotated[int, msgspec.Meta(ge=OLDEST_MS, le=NEWEST_MS)]


class _TradeData(msgspec.Struct, gc=False):
    """`@trade` as it comes; Binance's letters stay in this file."""

    e: str
    E: _Time
    s: str
    t: _Id
    p: str
    q: str
    T: _Time
    m: bool


class _Envelope(msgspec.Struct, gc=False):
    data: _TradeData


_decode_trade = msgspec.json.Decoder(_Envelope).decode
_new_tuple = tuple.__new__


class Notice(NamedTuple):
    """A frame that is no trade: `kind` is 'reply', 'error', 'shutdown' or 'other'."""

    kind: str
    text: str


class BadFrame(Exception):  # noqa: N818
    """A frame that is no message of this protocol, with a sample of it."""

    def __init__(self, reason: str, payload: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sample = payload[:_SAMPLE_BYTES].decode("utf-8", "backslashreplace")


def is_sane(trade: Trade) -> bool:
    """Whether a trade can be stored: its numbers in range, its time in milliseconds."""
    return 0 < trade.price_e8 <= _MAX_INT64 and 0 < trade.qty_e8 <= _MAX_INT64 and OLDEST_MS <= trade.ts_ms <= NEWEST_MS


def stream_path(symbols: Sequence[str]) -> str:
    """The path of a combined stream of every trade of these symbols."""
    return "/stream?streams=" + "/".join(f"{symbol.lower()}@trade" for symbol in symbols)


def parse_frame(payload: bytes, recv_ms: int) -> Trade | Notice:
    """One text frame of a combined stream -> what it says.

    Parameters
    ----------
    payload : bytes
        The message, UTF-8 JSON.
    recv_ms : int
        When it arrived, by the local clock.

    Raises
    ------
    BadFrame
        Not JSON, or a trade with a field missing, of the wrong type or out of range.
    """
    try:
        data = _decode_trade(payload).data
        price_e8, qty_e8 = to_e8(data.p), to_e8(data.q)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _notice(payload, error)
    if data.e != "trade":
        return Notice("other", data.e[:40])
    if not (0 < price_e8 <= _MAX_INT64 and 0 < qty_e8 <= _MAX_INT64):
        raise BadFrame("price or quantity out of range", payload)
    return _new_tuple(Trade, (data.s, data.t, data.T, price_e8, qty_e8, data.m, data.E, recv_ms))


def _notice(payload: bytes, error: Exception) -> Notice:
    """What a frame is that is no trade; a trade that is broken raises BadFrame."""
    try:
        message: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise BadFrame("not JSON", payload) from None
    if not isinstance(message, dict):
        raise BadFrame("not an object", payload)
    data = message.get("data", message)
    event = data.get("e") if isinstance(data, dict) else None
    if event == "serverShutdown":
        return Notice("shutdown", "the server is about to close this connection")
    if "error" in message or ("code" in message and "msg" in message):
        return Notice("error", json.dumps(message.get("error", message))[:_SAMPLE_BYTES])
    if "result" in message and "id" in message:
        return Notice("reply", str(message["id"])[:40])
    if isinstance(event, str) and event != "trade":
        return Notice("other", event[:40])
    raise BadFrame(str(error)[:120] or "not a trade", payload)
