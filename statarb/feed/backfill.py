"""Closes gaps over REST: newest first, by id, within the budget, behind the live trades."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.errors import BlockedError, FeedError
from statarb.feed.rest import KLINES_A_PAGE, TRADES_A_PAGE, RestClient
from statarb.feed.sink import Sink
from statarb.market import MissingIds, Trade

log = logging.getLogger(__name__)

POLL_S = 0.2
ASK_AGAIN_MS = 300_000
"""Ids that the exchange skipped are asked for again after so long; three answers spread over ten minutes settle it."""
LAG_RETRY_S = 2.0
STORED_WITHIN_S = 5.0
LONGEST_PAUSE_S = 60.0
BARS_FIRST_MS = 2_000
"""A gap that spans more time than that is first bridged by klines, so that bars are whole before their trades are."""
SECONDS_SPAN_MS = 3_600_000


class Backfill(Repeating):
    """Asks for the newest missing trades, one page at a time, until nothing is missing; one thread a venue.

    Parameters
    ----------
    missing : callable
        What is missing now, as of the newest commit.
    rest : RestClient
    sink : Sink
    """

    def __init__(
        self,
        missing: Callable[[], Sequence[MissingIds]],
        rest: RestClient,
        sink: Sink,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__("backfill", POLL_S, clock)
        self._missing = missing
        self._rest = rest
        self._sink = sink
        self._bridged: set[tuple[str, int]] = set()
        self._not_before_s: dict[str, float] = {}
        self._failures = 0

    def step(self) -> None:
        """Ask page by page until nothing is missing that may be asked for now; after a failure, pause."""
        try:
            while not self._stop.is_set() and self.ask():
                self._failures = 0
        except FeedError as error:
            self._pause(error)

    def _pause(self, error: FeedError) -> None:
        """Wait as long as the exchange said, or twice as long after each failure in a row."""
        self._failures += 1
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(self._failures - 1, 10))
        if isinstance(error, BlockedError):
            pause_s = max(pause_s, error.retry_after_s)
        log.warning("Backfill: %s The gap stays open; asking again in %.0f s.", error, pause_s)
        self._clock.wait(self._stop, pause_s)

    def ask(self) -> bool:
        """Ask for one page of the newest gap that may be asked for now; False when there is none.

        Raises
        ------
        FeedError
            The exchange did not answer; the gap stays open.
        """
        gap = self._choose()
        if gap is None:
            return False
        if self._rest.venue.no_history:
            self._answer(gap, gap.lo, gap.hi, "deferred", {"why": self._rest.venue.no_history})
            return True
        self._bridge(gap)
        lo = max(gap.lo, gap.hi - TRADES_A_PAGE + 1)
        trades = self._rest.trades_from(gap.instrument.symbol, lo)
        if self._is_out_of_reach(gap, trades):
            hi = min(gap.hi, trades[0].trade_id - 1) if trades else gap.hi
            self._answer(gap, gap.lo, hi, "deferred", {"why": "they are older than the exchange lists trades by id"})
            return True
        found = [trade for trade in trades if trade.trade_id <= gap.hi]
        if found:
            self._deliver(gap, found)
        self._judge_rest(gap, lo, trades)
        return True

    def _choose(self) -> MissingIds | None:
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        due = [
            gap
            for gap in self._missing()
            if now_s >= self._not_before_s.get(str(gap.instrument), 0.0)
            and (not gap.tries or now_ms - gap.asked_at_ms >= ASK_AGAIN_MS)
        ]
        return max(due, key=lambda gap: (gap.until_ms, gap.hi), default=None)

    def _is_out_of_reach(self, gap: MissingIds, trades: Sequence[Trade]) -> bool:
        """Whether the exchange passed over the oldest of a gap because it lists only the recent past."""
        reach_ms = self._rest.venue.dialect.reach_ms
        if reach_ms is None or gap.from_ms >= self._rest.time_ms() - reach_ms:
            return False
        return not trades or trades[0].trade_id > max(gap.lo, gap.hi - TRADES_A_PAGE + 1)

    def _bridge(self, gap: MissingIds) -> None:
        """Klines over the time of a gap, once, before its trades."""
        key = (str(gap.instrument), gap.found_at_ms)
        span_ms = gap.until_ms - gap.from_ms
        if key in self._bridged or span_ms < BARS_FIRST_MS:
            return
        self._bridged.add(key)
        self._seed(gap, "1m", 60_000)
        if span_ms <= SECONDS_SPAN_MS and "1s" in self._rest.venue.dialect.intervals:
            self._seed(gap, "1s", 1_000)

    def _seed(self, gap: MissingIds, interval: Literal["1s", "1m"], width_ms: int) -> None:
        """The closed bars of one width that touch the gap, newest page first."""
        first_ms = gap.from_ms // width_ms * width_ms
        last_ms = min(gap.until_ms, self._rest.time_ms() - width_ms - 1_000) // width_ms * width_ms
        while last_ms >= first_ms:
            limit = min(KLINES_A_PAGE, (last_ms - first_ms) // width_ms + 1)
            bars = self._rest.klines(gap.instrument.symbol, interval, last_ms, limit)
            self._sink.seed(gap.instrument, interval, [bar for bar in bars if first_ms <= bar.open_ms <= last_ms])
            last_ms -= limit * width_ms

    def _deliver(self, gap: MissingIds, found: Sequence[Trade]) -> None:
        """Hand over a page and wait until it is stored, so that the next question is about what is then missing."""
        if not self._sink.backfill(found):
            return
        newest = found[-1].trade_id
        deadline_s = self._clock.monotonic_s() + STORED_WITHIN_S
        while self._clock.monotonic_s() < deadline_s and not self._stop.is_set():
            if not any(g.instrument == gap.instrument and g.lo <= newest <= g.hi for g in self._missing()):
                return
            self._clock.wait(self._stop, 0.02)

    def _judge_rest(self, gap: MissingIds, lo: int, trades: Sequence[Trade]) -> None:
        """Ids of the page that the answer passed over are skipped; without a later id the exchange just lags behind."""
        newest = trades[-1].trade_id if trades else 0
        if newest < gap.hi and len(trades) < TRADES_A_PAGE:
            self._not_before_s[str(gap.instrument)] = self._clock.monotonic_s() + LAG_RETRY_S
        before = lo - 1
        for trade in trades:
            if trade.trade_id > before + 1:
                hi = min(gap.hi, trade.trade_id - 1)
                self._answer(gap, before + 1, hi, "skipped", {"from_id": lo, "next_id": trade.trade_id})
            before = trade.trade_id
            if before >= gap.hi:
                break

    def _answer(
        self, gap: MissingIds, lo: int, hi: int, answer: Literal["skipped", "deferred"], proof: dict[str, object]
    ) -> None:
        self._sink.gap_answer(gap, lo, hi, answer, self._clock.now_ms(), proof)
        if answer == "deferred":
            log.warning("%s: %d missed trades stay missing: %s.", gap.instrument, hi - lo + 1, proof["why"])
        deadline_s = self._clock.monotonic_s() + STORED_WITHIN_S
        while self._clock.monotonic_s() < deadline_s and not self._stop.is_set():
            known = [g for g in self._missing() if g.instrument == gap.instrument and g.lo <= lo <= g.hi]
            if not any(g.tries == gap.tries for g in known):
                return
            self._clock.wait(self._stop, 0.02)
