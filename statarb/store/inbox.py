"""The bounded queue between the producers and the writer thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from statarb.market import Bar, Funding, Instrument, InstrumentRules, MissingIds, Print, Quote
from statarb.store.alert_log import AlertItem

CAPACITY_TRADES = 200_000
"""About ten seconds of a market at its wildest."""
PATIENCE_S = 5.0
"""How long a producer waits for room before it must hang up, which leaves a visible gap. Meanwhile the exchange's own
buffers hold what it sends; pings are answered late, but within the minute that the exchange allows."""


class TradeBatch(NamedTuple):
    """Trades in the order in which one connection delivered them; `session` names that connection and attempt."""

    venue: str
    session: str
    trades: Sequence[Print]


BACKFILL = ""
"""The session of trades that were fetched because they were missing: they close gaps and open none."""


class GapAnswer(NamedTuple):
    """The exchange was asked for missing ids: 'skipped' (it lists none of them) or 'deferred' (it cannot be asked)."""

    instrument: Instrument
    lo: int
    hi: int
    answer: Literal["skipped", "deferred"]
    asked_at_ms: int
    proof: Mapping[str, Any]


class Listing(NamedTuple):
    """Instruments to be known from now on, with what the venue says of them; goes before their first trade."""

    rules: Sequence[InstrumentRules]


class Reject(NamedTuple):
    """A frame that could not be used."""

    seen_at_ms: int
    reason: str
    sample: str


class Seed(NamedTuple):
    """Closed bars of an instrument from exchange klines."""

    instrument: Instrument
    base: Literal["1s", "1m"]
    bars: Sequence[Bar]


class Costs(NamedTuple):
    """What trading costs now: best bids and asks, and what perpetuals pay."""

    quotes: Sequence[Quote] = ()
    funding: Sequence[Funding] = ()


class Complete(NamedTuple):
    """All of an instrument before `until_ms` has been delivered: its bars close without waiting for a clock."""

    instrument: Instrument
    until_ms: int


class FeedReport(NamedTuple):
    """What a connection says of itself; `instruments` are those it delivers while it is live."""

    name: str
    state: Literal["connecting", "live", "stale", "stopped"]
    instruments: Sequence[Instrument]
    stats: Mapping[str, Any]


class ExchangeTime(NamedTuple):
    """The exchange's own answer to what time it is, and the two local clocks at that moment."""

    venue: str
    exchange_ms: int
    local_ms: int
    monotonic_s: float


Rarer = GapAnswer | Listing | Reject | Seed | Costs | Complete | FeedReport | ExchangeTime | AlertItem
Item = TradeBatch | Rarer


class Inbox:
    """A first-in first-out queue that counts trades and wakes the writer by the clock."""

    def __init__(self, capacity_trades: int = CAPACITY_TRADES, patience_s: float = PATIENCE_S) -> None:
        self._capacity = capacity_trades
        self._patience_s = patience_s
        self._items: deque[Item] = deque()
        self._depth = 0
        self._wanted = 0
        lock = threading.Lock()
        self._ready, self._room = threading.Condition(lock), threading.Condition(lock)

    def put_trades(self, batch: TradeBatch) -> bool:
        """Take a batch, waiting for room if need be; False, and nothing taken, when the queue stays full."""
        with self._ready:
            if not self._room.wait_for(lambda: self._depth + len(batch.trades) <= self._capacity, self._patience_s):
                return False
            self._items.append(batch)
            self._depth += len(batch.trades)
            if self._depth >= self._wanted:
                self._ready.notify()
            return True

    def put(self, item: Rarer) -> None:
        """Take anything rarer than trades."""
        with self._ready:
            self._items.append(item)

    def wake(self) -> None:
        """Let a waiting `take` return at once."""
        with self._ready:
            self._wanted = 0
            self._ready.notify_all()

    def take(self, max_trades: int, wait_s: float) -> tuple[list[Item], bool]:
        """Wait until `max_trades` are there or `wait_s` is over; then the oldest items and whether that was all."""
        taken: list[Item] = []
        with self._ready:
            self._wanted = max_trades
            if self._depth < max_trades:
                self._ready.wait(wait_s)
            self._wanted = max_trades
            count = 0
            while self._items and count < max_trades:
                item = self._items.popleft()
                count += len(item.trades) if isinstance(item, TradeBatch) else 0
                taken.append(item)
            self._depth -= count
            self._room.notify_all()
            return taken, not self._items

    @property
    def depth(self) -> int:
        """Trades waiting."""
        return self._depth


class InboxSink:
    """The inbox as one venue's feed sees it: plain values in, items with the venue's name on them."""

    def __init__(self, inbox: Inbox, market: str) -> None:
        self._inbox, self._market = inbox, market

    def trades(self, session: str, trades: Sequence[Print]) -> bool:
        return self._inbox.put_trades(TradeBatch(self._market, session, trades))

    def backfill(self, trades: Sequence[Print]) -> bool:
        return self._inbox.put_trades(TradeBatch(self._market, BACKFILL, trades))

    def gap_answer(
        self,
        missing: MissingIds,
        lo: int,
        hi: int,
        answer: Literal["skipped", "deferred"],
        asked_at_ms: int,
        proof: Mapping[str, Any],
    ) -> None:
        self._inbox.put(GapAnswer(missing.instrument, lo, hi, answer, asked_at_ms, proof))

    def reject(self, seen_at_ms: int, reason: str, sample: str) -> None:
        self._inbox.put(Reject(seen_at_ms, reason, sample))

    def report(
        self,
        name: str,
        state: Literal["connecting", "live", "stale", "stopped"],
        instruments: Sequence[Instrument],
        stats: Mapping[str, Any],
    ) -> None:
        self._inbox.put(FeedReport(name, state, instruments, stats))

    def listing(self, rules: Sequence[InstrumentRules]) -> None:
        self._inbox.put(Listing(rules))

    def seed(self, instrument: Instrument, base: Literal["1s", "1m"], bars: Sequence[Bar]) -> None:
        self._inbox.put(Seed(instrument, base, bars))

    def quotes(self, quotes: Sequence[Quote]) -> None:
        self._inbox.put(Costs(quotes=quotes))

    def funding(self, funding: Sequence[Funding]) -> None:
        self._inbox.put(Costs(funding=funding))

    def complete(self, instrument: Instrument, until_ms: int) -> None:
        self._inbox.put(Complete(instrument, until_ms))

    def exchange_time(self, exchange_ms: int, local_ms: int, monotonic_s: float) -> None:
        self._inbox.put(ExchangeTime(self._market, exchange_ms, local_ms, monotonic_s))
