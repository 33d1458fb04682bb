"""The request weight an address has used this minute, and the ban of one that does not stop."""

from __future__ import annotations

from dataclasses import dataclass

from statarb.clock import Clock

_BAN_S = 120.0
_REFUSALS_BEFORE_BAN = 10


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered: 429 too fast, 418 banned."""

    status: int
    retry_after_s: int
    text: str


class WeightMeter:
    """Counts weights by the minute; a client that goes on after 429 is banned for two minutes."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.used = 0
        self._limit, self._clock = limit, clock
        self._minute = 0
        self._refusals = 0
        self._banned_until_s = float("-inf")

    def charge(self, weight: int) -> Refusal | None:
        """Count a request; a Refusal if it must not be answered."""
        now_s = self._clock.monotonic_s()
        if now_s // 60 != self._minute:
            self._minute, self.used, self._refusals = int(now_s // 60), 0, 0
        if now_s < self._banned_until_s:
            return self._banned(now_s)
        self.used += weight
        if self.used <= self._limit:
            return None
        self._refusals += 1
        if self._refusals > _REFUSALS_BEFORE_BAN:
            self._banned_until_s = now_s + _BAN_S
            return self._banned(now_s)
        text = (
            f"Too much request weight used; current limit is {self._limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return Refusal(429, 60 - int(now_s % 60), text)

    def _banned(self, now_s: float) -> Refusal:
        left_s = int(self._banned_until_s - now_s) + 1
        until_ms = self._clock.now_ms() + left_s * 1000
        text = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return Refusal(418, left_s, text)
