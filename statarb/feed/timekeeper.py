"""Asks the exchange what time it is: the clock offset, and the clock of a market in which nothing trades."""

from __future__ import annotations

import logging
import threading

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import FeedError
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink

log = logging.getLogger(__name__)

EVERY_S = 5.0


class Timekeeper:
    """One thread that delivers the exchange's time every few seconds."""

    def __init__(self, rest: RestClient, sink: Sink, clock: Clock = SYSTEM_CLOCK) -> None:
        self._rest = rest
        self._sink = sink
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except FeedError as error:
                log.debug("No exchange time: %s", error)
            self._clock.wait(self._stop, EVERY_S)

    def step(self) -> None:
        """Ask once; the exchange's stamp is taken to lie in the middle of the request."""
        asked_ms = self._clock.now_ms()
        exchange_ms = self._rest.time_ms()
        self._sink.exchange_time(exchange_ms, (asked_ms + self._clock.now_ms()) // 2, self._clock.monotonic_s())
