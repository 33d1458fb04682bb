"""Futures list their aggregates for two days: what is older is deferred, never called a hole of the exchange."""

from __future__ import annotations

import pytest

from statarb.feed import backfill as backfilling
from statarb.feed.backfill import Backfill
from statarb.feed.venues import venue
from statarb.market import Instrument, MissingIds, Trade

PERP = Instrument("usdm", "BTCUSDT")
NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


class Rest:
    """Aggregates of which only those from `first` on are listed still."""

    venue = venue("usdm")

    def __init__(self, first: int) -> None:
        self.first = first
        self.intervals: list[str] = []

    def time_ms(self) -> int:
        return NOW_MS

    def klines(self, symbol, interval, end_ms, limit):
        self.intervals.append(interval)
        return []

    def trades_from(self, symbol, from_id, limit=1000):
        ids = range(max(from_id, self.first), from_id + limit)
        return [Trade(symbol, i, NOW_MS - HOUR_MS, 1, 1, True, NOW_MS, NOW_MS) for i in ids]


class Sink:
    """Applies answers and trades to the list of what is missing, as the store would."""

    def __init__(self, gap: MissingIds) -> None:
        self.missing = [gap]
        self.deferred: list[tuple[int, int, str]] = []
        self.filled: list[int] = []

    def seed(self, instrument, interval, bars):
        pass

    def backfill(self, trades):
        self.filled += [trade.trade_id for trade in trades]
        lo = trades[0].trade_id
        self.missing = [gap._replace(hi=lo - 1) for gap in self.missing if gap.lo < lo]
        return True

    def gap_answer(self, gap, lo, hi, answer, asked_at_ms, proof):
        assert answer == "deferred"
        self.deferred.append((lo, hi, proof["why"]))
        self.missing = [one._replace(lo=hi + 1) for one in self.missing if hi < one.hi]


def filled_in(rest, gap) -> Sink:
    sink = Sink(gap)
    backfill = Backfill(lambda: sink.missing, rest, sink)
    for _ in range(20):
        if not backfill.ask():
            return sink
    raise AssertionError(sink.missing)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(backfilling, "STORED_WITHIN_S", 0.0)


def gap(from_hours: int, until_hours: int) -> MissingIds:
    return MissingIds(PERP, 1, 3_000, NOW_MS - from_hours * HOUR_MS, NOW_MS - until_hours * HOUR_MS, NOW_MS)


def test_a_gap_within_reach_is_filled_newest_first():
    rest = Rest(first=1)
    sink = filled_in(rest, gap(2, 1))
    assert sorted(sink.filled) == list(range(1, 3_001))
    assert sink.filled[0] == 2_001
    assert sink.deferred == []
    assert set(rest.intervals) == {"1m"}  # futures have no klines of a second


def test_the_part_of_a_gap_that_is_no_longer_listed_is_deferred():
    sink = filled_in(Rest(first=1_501), gap(60, 1))
    assert sorted(sink.filled) == list(range(1_501, 3_001))
    assert [(lo, hi) for lo, hi, _ in sink.deferred] == [(1, 1_500)]
    assert "older" in sink.deferred[0][2]


def test_a_gap_that_is_wholly_out_of_reach_is_deferred_in_one_answer():
    sink = filled_in(Rest(first=9_000), gap(80, 60))
    assert (sink.filled, [(lo, hi) for lo, hi, _ in sink.deferred]) == ([], [(1, 3_000)])
