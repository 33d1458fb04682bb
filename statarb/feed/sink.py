"""Where a feed delivers: the only thing it knows of the rest of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from statarb.market import Bar, Funding, Instrument, InstrumentRules, MissingIds, Print, Quote


class Sink(Protocol):
    """Takes what producer threads have; every method may be called from any thread."""

    def trades(self, session: str, trades: Sequence[Print]) -> bool:
        """Trades in order of delivery; False when there is no room for seconds, and then nothing is taken."""
        ...

    def backfill(self, trades: Sequence[Print]) -> bool:
        """Trades that were missing, by id; False when there is no room."""
        ...

    def gap_answer(
        self,
        missing: MissingIds,
        lo: int,
        hi: int,
        answer: Literal["skipped", "deferred"],
        asked_at_ms: int,
        proof: Mapping[str, Any],
    ) -> None:
        """The exchange skips the ids lo..hi of what is missing, or cannot be asked for them; with what it said."""
        ...

    def reject(self, seen_at_ms: int, reason: str, sample: str) -> None:
        """A frame that could not be used."""
        ...

    def report(
        self,
        name: str,
        state: Literal["connecting", "live", "stale", "stopped"],
        instruments: Sequence[Instrument],
        stats: Mapping[str, Any],
    ) -> None:
        """What a connection says of itself."""
        ...

    def listing(self, rules: Sequence[InstrumentRules]) -> None:
        """What the venue says of instruments; goes before their trades."""
        ...

    def seed(self, instrument: Instrument, base: Literal["1s", "1m"], bars: Sequence[Bar]) -> None:
        """Closed bars from exchange klines."""
        ...

    def quotes(self, quotes: Sequence[Quote]) -> None:
        """Best bids and asks, for costs."""
        ...

    def funding(self, funding: Sequence[Funding]) -> None:
        """What perpetuals pay."""
        ...

    def complete(self, instrument: Instrument, until_ms: int) -> None:
        """All there is of an instrument before that time has been delivered, as at the end of a file."""
        ...

    def exchange_time(self, exchange_ms: int, local_ms: int, monotonic_s: float) -> None:
        """The exchange's answer to what time it is, with both local clocks at that moment."""
        ...


class Stored(Protocol):
    """What a feed may ask of the store; may be called from any thread."""

    def missing(self) -> Sequence[MissingIds]:
        """The trades that are to be fetched, as of the newest commit."""
        ...

    def newest_ids(self) -> Mapping[str, int]:
        """The newest stored trade id of each instrument."""
        ...

    def records(self) -> Mapping[str, int]:
        """Which record the trades of each instrument go to; another one since its ids began anew."""
        ...
