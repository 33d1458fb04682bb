"""Databases of a given size, filled by the product's own writer: two cointegrated walks over the last 28 hours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from statarb.clock import SYSTEM_CLOCK
from statarb.market import Instrument, InstrumentRules, Trade
from statarb.store import FeedReport, Inbox, Listing, TradeBatch, Writer

LEGS = (Instrument("spot", "ETHUSDT"), Instrument("spot", "BTCUSDT"))
SPAN_S = 28 * 3600
"""What the reversion tests of the 1m frame look back to, so that every size holds the same bars."""
FIRST_IDS = (1_520_538_925, 3_735_683_259)
"""Of the real recording: an id's size on disk is part of what is measured."""
_CHUNK = 5_000


class MarketClock:
    """A clock that stands where the newest trade is, so that years of data can be written in seconds."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


class FilledDatabase:
    """A database with about `trades` trades over `span_s`, and the writer that can add a minute more."""

    def __init__(self, path: Path, trades: int, span_s: int = SPAN_S, seed: int = 7) -> None:
        self.path = path
        self._inbox = Inbox()
        self._clock = MarketClock(SYSTEM_CLOCK.now_ms() // 60_000 * 60_000 - span_s * 1000)
        self._writer = Writer(path, "simulated", self._inbox, self._clock)
        self._random = np.random.default_rng(seed)
        self._inbox.put(Listing([InstrumentRules(leg, tick_e8=1_000_000) for leg in LEGS]))
        self._inbox.put(FeedReport("spot-1", "live", LEGS, {}))
        self._made = 0
        self._log_x = np.log(60_000.0)
        self._spread = 0.0
        self._per_minute = max(1, trades // 2 // (span_s // 60))
        for _ in range(span_s // 60):
            self.add_minute()

    def add_minute(self) -> None:
        """Trades of one more minute, committed, and the minute before it closed."""
        batch = []
        for trade in self._minute():
            batch.append(trade)
            if len(batch) >= _CHUNK:
                self._commit(batch)
                batch = []
        self._commit(batch)

    def close(self) -> None:
        self._writer.close()

    def _commit(self, batch: list[Trade]) -> None:
        if batch:
            self._inbox.put_trades(TradeBatch("spot", "bench/1", batch))
        while not self._writer.step(0.0):
            pass

    def _minute(self) -> Iterator[Trade]:
        count = self._per_minute
        steps = self._random.normal(0, 4e-4 / np.sqrt(count), count)
        times = self._clock.ms + np.arange(count) * 60_000 // count
        quantities = self._random.integers(1_000, 90_000, (count, 2)) * 1_000
        self._spread = 0.95 * self._spread + self._random.normal(0, 4e-4)
        for i in range(count):
            self._log_x += steps[i]
            prices = (np.exp(0.9 * self._log_x - 2.0 + self._spread), np.exp(self._log_x))
            for leg, first_id, price, quantity in zip(LEGS, FIRST_IDS, prices, quantities[i], strict=True):
                ts_ms = int(times[i])
                price_e8 = int(price * 100) * 1_000_000
                trade_id = first_id + self._made
                yield Trade(leg.symbol, trade_id, ts_ms, price_e8, int(quantity), bool(i % 2), ts_ms, ts_ms)
            self._made += 1
        self._clock.ms += 60_000
