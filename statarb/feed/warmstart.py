"""Warm start: recent bars from exchange klines, newest first, while live trades already flow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from statarb.clock import SYSTEM_CLOCK, Clock, Worker
from statarb.errors import FeedError
from statarb.feed.dialect import Interval
from statarb.feed.rest import KLINES_A_PAGE, RestClient
from statarb.feed.sink import Sink
from statarb.market import Instrument

log = logging.getLogger(__name__)

MINUTE_PAGES = 2
"""Two full pages of 1-minute klines are 33 hours: a day, and what three tests in a row look back to."""
_WIDTH_MS = {"1s": 1_000, "1m": 60_000}
_GRACE_MS = 1_000
_PARALLEL = 4
_TRIES = 5


@dataclass(frozen=True)
class Page:
    """One request: the klines of an instrument that end `back_pages` full pages before the newest."""

    instrument: Instrument
    interval: Interval
    back_pages: int = 0
    limit: int = KLINES_A_PAGE


def plan(instruments: Sequence[Instrument], history_s: float, intervals: Collection[Interval]) -> list[Page]:
    """Minutes of all instruments before seconds of any, newest first: what unlocks most comes first."""
    history_s = history_s if "1s" in intervals else 0.0
    seconds = [min(KLINES_A_PAGE, int(history_s) - start) for start in range(0, int(history_s), KLINES_A_PAGE)]
    return [Page(one, "1m", back) for back in range(MINUTE_PAGES) for one in instruments] + [
        Page(one, "1s", back, limit) for back, limit in enumerate(seconds) for one in instruments
    ]


class WarmStart(Worker):
    """Seeds bars once, then the minute in which it began as soon as that is over, then ends.

    Parameters
    ----------
    instruments : sequence of Instrument
    history_s : float
        How far back seconds are fetched; minutes always are.
    rest : RestClient
    sink : Sink
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        history_s: float,
        rest: RestClient,
        sink: Sink,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = f"{rest.venue.market} warm start"
        super().__init__(self.name, clock)
        self._instruments = tuple(instruments)
        self._history_s = history_s
        self._rest = rest
        self._sink = sink

    def _run(self) -> None:
        try:
            self.seed()
            self._seal_first_minute()
        except Exception:
            log.exception("The warm start failed; bars now come from trades alone.")

    def seed(self) -> int:
        """Fetch and hand over everything planned; how many bars."""
        pages = plan(self._instruments, self._history_s, self._rest.venue.dialect.intervals)
        # Trades of the second in which the connection opened are incomplete; a kline of it exists once it is over.
        self._clock.wait(self._stop, _GRACE_MS / 1000)
        total = 0
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="klines") as pool:
            for done, count in enumerate(pool.map(self._fetch, pages), 1):
                total += count
                self._report(done, len(pages))
        if not self._stop.is_set():
            log.info("Warm start: %d bars of %d instruments.", total, len(self._instruments))
        return total

    def _seal_first_minute(self) -> None:
        """The minute in which we began is whole neither in the klines nor in our trades: fetch it when it is over."""
        now_ms = self._retry(self._rest.time_ms)
        if now_ms is None or self._clock.wait(self._stop, (60_000 - now_ms % 60_000 + 2 * _GRACE_MS) / 1000):
            return
        for instrument in self._instruments:
            if self._history_s and "1s" in self._rest.venue.dialect.intervals:
                self._fetch(Page(instrument, "1s", limit=150))
            self._fetch(Page(instrument, "1m", limit=3))

    def _fetch(self, page: Page) -> int:
        """Fetch one page and hand over its closed bars; how many. A page that fails for good is left out, and said."""
        width_ms = _WIDTH_MS[page.interval]

        def closed_bars() -> int:
            now_ms = self._rest.time_ms() - _GRACE_MS
            end_ms = now_ms // width_ms * width_ms - 1 - page.back_pages * KLINES_A_PAGE * width_ms
            bars = self._rest.klines(page.instrument.symbol, page.interval, end_ms, page.limit)
            bars = [bar for bar in bars if bar.open_ms + width_ms <= now_ms]
            if bars:
                self._sink.seed(page.instrument, page.interval, bars)
            return len(bars)

        return self._retry(closed_bars) or 0

    def _retry(self, ask: Callable[[], int]) -> int | None:
        for attempt in range(_TRIES):
            if self._stop.is_set():
                return None
            try:
                return ask()
            except FeedError as error:
                log.warning("Warm start: %s", error)
                self._clock.wait(self._stop, 2.0**attempt)
        return None

    def _report(self, done: int, pages: int) -> None:
        self._sink.report(
            self.name, "live" if done == pages else "connecting", (), {"progress": {"done": done, "total": pages}}
        )
