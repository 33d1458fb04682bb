"""Asks for what trading costs: best bid and ask every few seconds, funding every minute."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import FeedError
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink

log = logging.getLogger(__name__)

QUOTES_EVERY_S = 5.0
FUNDING_EVERY_S = 60.0


class Costs:
    """One thread a venue that delivers quotes and funding; what cannot be asked for now is left out.

    Parameters
    ----------
    symbols : callable
        What is followed now.
    rest : RestClient
    sink : Sink
    """

    def __init__(
        self, symbols: Callable[[], Sequence[str]], rest: RestClient, sink: Sink, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._symbols = symbols
        self._rest = rest
        self._sink = sink
        self._clock = clock
        self._funding_at_s = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        # Bars come first: quotes are of no use before there is something to trade.
        while not self._clock.wait(self._stop, QUOTES_EVERY_S):
            try:
                self.step()
            except FeedError as error:
                log.debug("No quotes: %s", error)
            except Exception:
                log.exception("Quotes: unexpected; going on.")

    def step(self) -> None:
        """Ask for quotes, and for funding if a minute has passed.

        Raises
        ------
        FeedError
            The exchange did not answer.
        """
        symbols = self._symbols()
        if not symbols:
            return
        self._sink.quotes(self._rest.quotes(symbols))
        now_s = self._clock.monotonic_s()
        if now_s - self._funding_at_s >= FUNDING_EVERY_S:
            self._sink.funding(self._rest.funding(symbols))
            self._funding_at_s = now_s
