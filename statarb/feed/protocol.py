"""What streams of all markets share: numbers in range, and frames that are no trades."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple

import msgspec

from statarb.market import Trade

OLDEST_MS, NEWEST_MS = 1_400_000_000_000, 4_102_444_800_000
"""Times outside are in another unit than milliseconds, or nonsense."""
MAX_INT64 = 2**63 - 1
_SAMPLE_BYTES = 200

TradeId = Annotated[int, msgspec.Meta(ge=0, le=9_007_199_254_740_992)]
TimeMs = Annotated[int, msgspec.Meta(ge=OLDEST_MS, le=NEWEST_MS)]


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
    return 0 < trade.price_e8 <= MAX_INT64 and 0 < trade.qty_e8 <= MAX_INT64 and OLDEST_MS <= trade.ts_ms <= NEWEST_MS


def notice_of(payload: bytes, error: Exception, event: str) -> Notice:
    """What a frame is that could not be read as an `event`; one that claims to be that event is broken.

    Raises
    ------
    BadFrame
        Not JSON, not an object, or a broken event of that kind.
    """
    try:
        message: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise BadFrame("not JSON", payload) from None
    if not isinstance(message, dict):
        raise BadFrame("not an object", payload)
    data = message.get("data", message)
    found = data.get("e") if isinstance(data, dict) else None
    if found == "serverShutdown":
        return Notice("shutdown", "the server is about to close this connection")
    if "error" in message or ("code" in message and "msg" in message):
        return Notice("error", json.dumps(message.get("error", message))[:_SAMPLE_BYTES])
    if "result" in message and "id" in message:
        return Notice("reply", str(message["id"])[:40])
    if isinstance(found, str) and found != event:
        return Notice("other", found[:40])
    raise BadFrame(str(error)[:120] or f"not a {event}", payload)
