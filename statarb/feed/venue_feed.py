"""Everything that brings the trades of one venue: its rules, its connections, its clock and its warm start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError, FeedError
from statarb.feed.backfill import Backfill
from statarb.feed.backoff import ConnectBudget
from statarb.feed.costs import Costs
from statarb.feed.lookout import Lookout
from statarb.feed.recording import Recorder
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink, Stored
from statarb.feed.stream import TradeStream
from statarb.feed.timekeeper import Timekeeper
from statarb.feed.venues import Venue
from statarb.feed.warmstart import WarmStart
from statarb.market import Instrument, InstrumentRules, MissingIds

log = logging.getLogger(__name__)

SYMBOLS_A_CONNECTION = 50
RETRY_S = 5.0

Part = TradeStream | Timekeeper | WarmStart | Backfill | Lookout | Costs | Recorder


class VenueFeed:
    """Starts with a question to the exchange, for ever repeated while it cannot be reached; then everything else.

    Parameters
    ----------
    venue : Venue
        Where the trades come from.
    symbols : sequence of str
        What to follow there, by the exchange's own names.
    history_s : float
        How far back seconds are fetched at the start.
    sink : Sink
        Where everything goes.
    stored : Stored
        What is stored and what is missing, as of the newest commit.
    budget : ConnectBudget
        Shared by every stream of the process.
    ended : threading.Event
        Set when the venue refuses the symbols.
    record : Path, optional
        A folder for the frames of its trades.
    """

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        history_s: float,
        sink: Sink,
        stored: Stored,
        budget: ConnectBudget,
        ended: threading.Event,
        record: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._venue = venue
        self._first = self._symbols = tuple(symbols)
        self._history_s = history_s
        self._sink = sink
        self._stored = stored
        self._budget = budget
        self._clock = clock
        self._recorder = Recorder(record, venue.market, sink, clock) if record else None
        self._rest = RestClient(venue, clock)
        self._parts: list[Part] = []
        self._streams: list[TradeStream] = []
        self._made = 0
        self._refused: dict[str, str] = {}
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{venue.name} feed", daemon=True)
        self.refusal: ConfigError | None = None
        self.ended = ended

    def start(self) -> None:
        log.info("Trades of %s from %s.", ", ".join(self._symbols), self._venue.ws_url)
        self._thread.start()

    def stop(self) -> None:
        """Hang up; what was received has been handed over."""
        self._stop.set()
        self._changed.set()
        self._rest.close()
        if self._thread.is_alive():
            self._thread.join()
        for part in self._parts:
            part.stop()

    def follow(self, symbols: Sequence[str]) -> None:
        """Follow these from now on; applied by the feed's own thread, without a pause of the others."""
        self._symbols = tuple(symbols)
        self._changed.set()

    def _run(self) -> None:
        try:
            rules = self._ask_rules()
        except ConfigError as refusal:
            self.refusal = refusal
            self.ended.set()
            return
        if self._stop.is_set():
            return
        self._listen_to(rules)
        self._parts = self._wire([rule.instrument for rule in rules])
        for part in self._parts:
            part.start()
        while not self._stop.is_set():
            self._changed.wait(RETRY_S)
            self._changed.clear()
            self._apply()

    def _ask_rules(self) -> list[InstrumentRules]:
        while not self._stop.is_set():
            try:
                return self._rest.rules(self._first)
            except FeedError as error:
                log.error("%s Trying again every %.0f s.", error, RETRY_S)
                self._clock.wait(self._stop, RETRY_S)
        return []

    def _listen_to(self, rules: Sequence[InstrumentRules]) -> None:
        """Make instruments known to the store and spread them over the connections, each for up to a fixed number."""
        self._sink.listing(rules)
        for rule in rules:
            stream = next((one for one in self._streams if len(one.instruments) < SYMBOLS_A_CONNECTION), None)
            if stream is not None:
                stream.follow([*stream.instruments, rule.instrument])
                continue
            self._made += 1
            keep = self._recorder.keep if self._recorder else None
            name = f"{self._venue.market}-{self._made}"
            stream = TradeStream(name, self._venue, [rule.instrument], self._sink, self._budget, self._clock, keep)
            self._streams.append(stream)

    def _followed(self) -> list[str]:
        return [instrument.symbol for stream in list(self._streams) for instrument in stream.instruments]

    def _missing(self) -> list[MissingIds]:
        return [gap for gap in self._stored.missing() if gap.instrument.venue == self._venue.market]

    def _wire(self, instruments: Sequence[Instrument]) -> list[Part]:
        """All the threads of a start."""
        return [
            *self._streams,
            Lookout(self._streams, self._rest.newest_id, self._stored.newest_ids, self._clock),
            Timekeeper(self._rest, self._sink, self._clock),
            WarmStart(instruments, self._history_s, self._rest, self._sink, self._clock),
            Backfill(self._missing, self._rest, self._sink, self._clock),
            Costs(self._followed, self._rest, self._sink, self._clock),
            *([self._recorder] if self._recorder else []),  # the last to be stopped
        ]

    def _apply(self) -> None:
        """Bring what is followed to what is wanted; what cannot be asked for now is tried again at the next look."""
        followed = set(self._followed())
        for symbol in followed - set(self._symbols):
            self._drop(symbol)
        new = [symbol for symbol in self._symbols if symbol not in followed and symbol not in self._refused]
        rules = [rule for symbol in new for rule in self._rules_of(symbol)]
        if not rules:
            return
        before = len(self._streams)
        self._listen_to(rules)
        warm = WarmStart([rule.instrument for rule in rules], self._history_s, self._rest, self._sink, self._clock)
        added: list[Part] = [*self._streams[before:], warm]
        for part in added:
            part.start()
            self._parts.insert(0, part)
        log.info("Following %s too.", ", ".join(rule.instrument.symbol for rule in rules))

    def _rules_of(self, symbol: str) -> list[InstrumentRules]:
        """The rules of one symbol; none, and a word why, where the exchange does not list it or cannot be asked."""
        try:
            return self._rest.rules([symbol])
        except ConfigError as refusal:
            log.warning("%s", refusal)
            self._refused[symbol] = str(refusal)
            self._sink.report(f"{self._venue.market} requests", "live", (), {"refused": dict(self._refused)})
        except FeedError as error:
            log.warning("%s Asking again in %.0f s.", error, RETRY_S)
        return []

    def _drop(self, symbol: str) -> None:
        for stream in [one for one in self._streams if symbol in {i.symbol for i in one.instruments}]:
            left = [instrument for instrument in stream.instruments if instrument.symbol != symbol]
            if left:
                stream.follow(left)
            else:
                self._streams.remove(stream)
                stream.stop()
            log.info("No longer following %s; what is stored stays.", symbol)
