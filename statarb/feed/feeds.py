"""All venues of one ingest: who is followed where, started and stopped together."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError
from statarb.feed.backoff import ConnectBudget
from statarb.feed.sink import Sink, Stored
from statarb.feed.venue_feed import VenueFeed
from statarb.feed.venues import VENUES, Venue, venue
from statarb.market import Instrument

log = logging.getLogger(__name__)


class Followed(NamedTuple):
    """Symbols of one venue, by the exchange's own names."""

    venue: Venue
    symbols: tuple[str, ...]


def follow(names: Sequence[str], venue_name: str, ws_url: str | None, rest_url: str | None) -> list[Followed]:
    """Which venue brings which of the instruments: a bare symbol, or one of the same market, is of `venue_name`.

    Raises
    ------
    ConfigError
        An instrument of no venue, or venues that are different sources.
    """
    main = VENUES[venue_name]
    of_market = {one.market: one.name for one in reversed(VENUES.values())} | {main.market: main.name}
    symbols: dict[str, dict[str, None]] = {}
    for text in names:
        instrument = Instrument.parse(text, main.market)
        if instrument.venue not in of_market:
            raise ConfigError(f"{text} is of no venue that is known.", f"Known are {', '.join(of_market)}.")
        symbols.setdefault(of_market[instrument.venue], {})[instrument.symbol] = None
    found = [Followed(venue(name, ws_url, rest_url), tuple(some)) for name, some in symbols.items()]
    if len({one.venue.source for one in found}) > 1:
        raise ConfigError(
            f"{' and '.join(one.venue.name for one in found)} are different sources, which are never mixed.",
            "Follow them by an ingest each, with a --db of its own.",
        )
    return found


class Feeds:
    """A VenueFeed for each venue; they share the permission to connect.

    Parameters
    ----------
    followed : sequence of Followed
    find : callable
        Which venue brings which of the instruments named.
    history_s : float
        How far back seconds are fetched at the start.
    sink_of : callable
        The sink of a market.
    stored : Stored
        What is stored and what is missing, as of the newest commit.
    record : Path, optional
        A folder for the frames of the trades.

    Attributes
    ----------
    ended : threading.Event
        Set when a venue refuses what it was asked for.
    """

    def __init__(
        self,
        followed: Sequence[Followed],
        find: Callable[[Sequence[str]], list[Followed]],
        history_s: float,
        sink_of: Callable[[str], Sink],
        stored: Stored,
        record: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.ended = threading.Event()
        budget = ConnectBudget(clock.monotonic_s, random.random)
        self._find = find

        def feed_of(one: Followed) -> VenueFeed:
            sink = sink_of(one.venue.market)
            return VenueFeed(one.venue, one.symbols, history_s, sink, stored, budget, self.ended, record, clock)

        self._feed_of = feed_of
        self._feeds = {one.venue.name: feed_of(one) for one in followed}

    def start(self) -> None:
        for feed in self._feeds.values():
            feed.start()

    def follow(self, names: Sequence[str]) -> None:
        """Follow these instruments from now on, at venues that were not asked before too.

        Raises
        ------
        ConfigError
            An instrument of no venue, or of another source; then nothing changes.
        """
        wanted = {one.venue.name: one for one in self._find(names)}
        for name, feed in self._feeds.items():
            feed.follow(wanted[name].symbols if name in wanted else ())
        for name in wanted.keys() - self._feeds.keys():
            self._feeds[name] = self._feed_of(wanted[name])
            self._feeds[name].start()

    def try_to_follow(self, names: Sequence[str]) -> None:
        """The same, but for those that cannot be followed, which are only logged."""
        possible: list[str] = []
        for name in names:
            try:
                self._find([*possible, name])
                possible.append(name)
            except ConfigError as refusal:
                log.warning("%s", refusal)
        self.follow(possible)

    def stop(self) -> None:
        """Hang up; what was received has been handed over."""
        for feed in self._feeds.values():
            feed.stop()

    @property
    def refusal(self) -> ConfigError | None:
        """Why a venue cannot bring what it was asked for; None while all do."""
        return next((feed.refusal for feed in self._feeds.values() if feed.refusal), None)
