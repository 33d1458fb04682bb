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

    def step(self) -> None:
        """Ask once; the exchange's stamp is taken to lie in the middle of the request."""
        asked_ms = self._clock.now_ms()
        exchange_ms = self._rest.time_ms()
        self._sink.exchange_time(exchange_ms, (asked_ms + self._clock.now_ms()) // 2, self._clock.monotonic_s())
