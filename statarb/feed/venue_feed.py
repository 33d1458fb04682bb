"""Everything that brings the trades of one venue: its rules, its connections, its clock and its warm start."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from pathlib import Path

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError, FeedError
from statarb.feed.backfill import Backfill
from statarb.feed.backoff import ConnectBudget
from statarb.feed.lookout import Lookout
from statarb.feed.recording import Recorder
from statarb.feed.rest import RestClient
from statarb.feed.sink import Sink, Stored
from statarb.feed.stream import TradeStream
from statarb.feed.timekeeper import Timekeeper
from statarb.feed.venues import Venue
from statarb.feed.warmstart import WarmStart
from statarb.market import Instrument, InstrumentRules

log = logging.getLogger(__name__)

SYMBOLS_A_CONNECTION = 50
RETRY_S = 5.0

Part = TradeStream | Timekeeper | WarmStart | Backfill | Lookout | Recorder


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
        record: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._history_s = history_s
        self._sink = sink
        self._stored = stored
        self._clock = clock
        self._recorder = Recorder(record, venue.market, sink, clock) if record else None
        self._rest = RestClient(venue, clock)
        self._parts: list[Part] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{venue.name} feed", daemon=True)
        self.refusal: ConfigError | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        log.info("Trades of %s from %s.", ", ".join(self._symbols), self._venue.ws_url)
        self._thread.start()

    def stop(self) -> None:
        """Hang up; what was received has been handed over."""
        self._stop.set()
        self._rest.close()
        if self._thread.is_alive():
            self._thread.join()
        for part in self._parts:
            part.stop()

    def _run(self) -> None:
        try:
            rules = self._ask_rules()
        except ConfigError as refusal:
            self.refusal = refusal
            self.ended.set()
            return
        if rules and not self._stop.is_set():
            self._sink.listing(rules)
            self._parts = self._wire([rule.instrument for rule in rules])
            for part in self._parts:
                part.start()

    def _ask_rules(self) -> list[InstrumentRules]:
        while not self._stop.is_set():
            try:
                return self._rest.rules(self._symbols)
            except FeedError as error:
                log.error("%s Trying again every %.0f s.", error, RETRY_S)
                self._clock.wait(self._stop, RETRY_S)
        return []

    def _wire(self, instruments: Sequence[Instrument]) -> list[Part]:
        """One connection for each SYMBOLS_A_CONNECTION instruments, in their order."""
        budget = ConnectBudget(self._clock.monotonic_s, random.random)
        shards = [instruments[i : i + SYMBOLS_A_CONNECTION] for i in range(0, len(instruments), SYMBOLS_A_CONNECTION)]
        keep = self._recorder.keep if self._recorder else None
        streams = [
            TradeStream(f"{self._venue.market}-{number}", self._venue, shard, self._sink, budget, self._clock, keep)
            for number, shard in enumerate(shards, 1)
        ]
        return [
            *streams,
            Lookout(streams, self._rest.newest_id, self._stored.newest_ids, self._clock),
            Timekeeper(self._rest, self._sink, self._clock),
            WarmStart(instruments, self._history_s, self._rest, self._sink, self._clock),
            Backfill(self._stored.missing, self._rest, self._sink, self._clock),
            *([self._recorder] if self._recorder else []),  # the last to be stopped
        ]
