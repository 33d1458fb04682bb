"""Everything that brings the trades of one venue: its rules, its connections, its clock and its warm start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError, FeedError
from statarb.feed.backfill import Backfill
from statarb.feed.backoff import ConnectBudget
from statarb.feed.costs import Costs
from statarb.feed.listings import Listings
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
REFUSED_S = 300.0
"""A symbol that the exchange does not list is asked for again after so long: it may be listed meanwhile."""

Part = TradeStream | Timekeeper | WarmStart | Backfill | Lookout | Costs | Listings | Recorder


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
        self._listings = Listings(self._followed, self._rest, sink, clock)
        self._parts: list[Part] = []
        self._streams: list[TradeStream] = []
        self._made = 0
        self._refused: dict[str, str] = {}
        self._ask_again_at_s: dict[str, float] = {}
        self._records: dict[str, int] = {}
        self._returned: SimpleQueue[Instrument] = SimpleQueue()
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
        """Follow these from now on; applied by the feed's own thread, without a pause of the others.

        What was refused is asked for again.
        """
        self._symbols = tuple(symbols)
        self._ask_again_at_s = {}
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
        self._listings.deliver(rules)
        for rule in rules:
            stream = next((one for one in self._streams if len(one.instruments) < SYMBOLS_A_CONNECTION), None)
            if stream is not None:
                stream.follow([*stream.instruments, rule.instrument])
                continue
            self._made += 1
            keep = self._recorder.keep if self._recorder else None
            name = f"{self._venue.market}-{self._made}"
            stream = TradeStream(
                name, self._venue, [rule.instrument], self._sink, self._budget, self._clock, keep, self._note_return
            )
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
            self._warm_start(instruments),
            Backfill(self._missing, self._rest, self._sink, self._clock),
            self._listings,
            Costs(self._listings.listed, self._rest, self._sink, self._clock),
            *([self._recorder] if self._recorder else []),  # the last to be stopped
        ]

    def _apply(self) -> None:
        """Bring what is followed to what is wanted; what cannot be asked for now is tried again at the next look."""
        followed, wanted = set(self._followed()), self._symbols
        for symbol in followed - set(wanted):
            self._drop(symbol)
        self._refuse({symbol: text for symbol, text in self._refused.items() if symbol in wanted})
        now_s, again_at_s = self._clock.monotonic_s(), self._ask_again_at_s
        new = [symbol for symbol in wanted if symbol not in followed and again_at_s.get(symbol, now_s) <= now_s]
        rules = [rule for symbol in new for rule in self._rules_of(symbol)]
        if rules:
            before = len(self._streams)
            self._listen_to(rules)
            self._begin(*self._streams[before:], self._warm_start([rule.instrument for rule in rules]))
            log.info("Following %s too.", ", ".join(rule.instrument.symbol for rule in rules))
        self._seed_anew()

    def _note_return(self, instruments: Sequence[Instrument]) -> None:
        """After an outage or a machine's sleep: bars first, from klines; the trades follow by the gap."""
        for instrument in instruments:
            self._returned.put(instrument)
        self._changed.set()

    def _seed_anew(self) -> None:
        """Klines again for what was away for long, and for an instrument whose ids, and so its record, began anew."""
        before, self._records = self._records, dict(self._stored.records())
        ours = [instrument for stream in list(self._streams) for instrument in stream.instruments]
        anew = {one for one in ours if (name := str(one)) in before and self._records.get(name) != before[name]}
        while not self._returned.empty():
            anew.add(self._returned.get())
        if anew:
            self._begin(self._warm_start(sorted(anew)))

    def _warm_start(self, instruments: Sequence[Instrument]) -> WarmStart:
        return WarmStart(instruments, self._history_s, self._rest, self._sink, self._clock)

    def _begin(self, *parts: Part) -> None:
        for part in parts:
            part.start()
            self._parts.insert(0, part)

    def _rules_of(self, symbol: str) -> list[InstrumentRules]:
        """The rules of one symbol; none, and a word why, where the exchange does not list it or cannot be asked."""
        try:
            rules = self._rest.rules([symbol])
            self._refuse({name: text for name, text in self._refused.items() if name != symbol})
            return rules
        except ConfigError as refusal:
            log.log(logging.DEBUG if symbol in self._refused else logging.WARNING, "%s", refusal)
            self._ask_again_at_s[symbol] = self._clock.monotonic_s() + REFUSED_S
            self._refuse(self._refused | {symbol: str(refusal)})
        except FeedError as error:
            log.warning("%s Asking again in %.0f s.", error, RETRY_S)
        return []

    def _refuse(self, refused: dict[str, str]) -> None:
        """Say in the heartbeat what the exchange does not list, when that changed."""
        if refused != self._refused:
            self._refused = refused
            self._sink.report(f"{self._venue.market} requests", "live", (), {"refused": refused})

    def _drop(self, symbol: str) -> None:
        for stream in [one for one in self._streams if symbol in {i.symbol for i in one.instruments}]:
            left = [instrument for instrument in stream.instruments if instrument.symbol != symbol]
            if left:
                stream.follow(left)
            else:
                self._streams.remove(stream)
                stream.stop()
            log.info("No longer following %s; what is stored stays.", symbol)
