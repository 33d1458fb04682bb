"""What the venue says of the instruments that are followed, asked again now and then: halts and delistings show."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink
from statarb.market import InstrumentRules

log = logging.getLogger(__name__)

EVERY_S = 900.0
DELISTED = "DELISTED"


class Listings(Repeating):
    """One thread a venue that keeps status, tick and lot step of its symbols up to date.

    Parameters
    ----------
    followed : callable
        The symbols followed now.
    rest : RestClient
    sink : Sink
    """

    def __init__(
        self, followed: Callable[[], Sequence[str]], rest: RestClient, sink: Sink, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        super().__init__("listings", EVERY_S, clock)
        self._followed = followed
        self._rest = rest
        self._sink = sink
        self._known: dict[str, InstrumentRules] = {}

    def deliver(self, rules: Sequence[InstrumentRules]) -> None:
        """Make instruments known to the store, with a word where the status of one changed."""
        for rule in rules:
            before = self._known.get(rule.instrument.symbol, rule)
            if before.status != rule.status:
                log.warning("%s is %s at the exchange now; it was %s.", rule.instrument, rule.status, before.status)
        self._known = self._known | {rule.instrument.symbol: rule for rule in rules}
        self._sink.listing(rules)

    def listed(self) -> list[str]:
        """The symbols followed that the exchange has not delisted."""
        return [name for name in self._followed() if name not in self._known or self._known[name].status != DELISTED]

    def step(self) -> None:
        """Ask once; what the exchange no longer lists is delisted.

        Raises
        ------
        FeedError
            The exchange did not answer.
        """
        symbols = [symbol for symbol in self._followed() if symbol in self._known]
        if symbols:
            found = self._rest.listed(symbols)
            self.deliver([found.get(symbol) or replace(self._known[symbol], status=DELISTED) for symbol in symbols])
