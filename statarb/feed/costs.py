"""Asks for what trading costs: best bid and ask every few seconds, funding every minute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink

QUOTES_EVERY_S = 5.0
FUNDING_EVERY_S = 60.0


class Costs(Repeating):
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
        super().__init__("costs", QUOTES_EVERY_S, clock)
        self._symbols = symbols
        self._rest = rest
        self._sink = sink
        self._funding_at_s = float("-inf")

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
