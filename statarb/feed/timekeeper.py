"""Asks the exchange what time it is: the clock offset, and the clock of a market in which nothing trades."""

from __future__ import annotations

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink

EVERY_S = 2.0


class Timekeeper(Repeating):
    """One thread that delivers the exchange's time every few seconds."""

    def __init__(self, rest: RestClient, sink: Sink, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__("timekeeper", EVERY_S, clock)
        self._rest = rest
        self._sink = sink
        self._offset_ms = 0

    def step(self) -> None:
        """Ask once.

        The stamp was made somewhere within the request, so the offset that is known is moved only as far as that
        demands: an answer that took seconds says little, and the middle of it would be seconds wrong.
        """
        asked_ms = self._clock.now_ms()
        exchange_ms = self._rest.time_ms()
        stamped_ms = min(max(exchange_ms - self._offset_ms, asked_ms), self._clock.now_ms())
        self._offset_ms = exchange_ms - stamped_ms
        self._sink.exchange_time(exchange_ms, stamped_ms, self._clock.monotonic_s())
