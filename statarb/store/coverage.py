"""Coverage: of the seconds of a span, how many the record vouches for, by its trades or by an exchange kline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from statarb.store.gaps import NEAREST
from statarb.store.trades import Query

# The trades on both sides of a gap; a gap at an edge, where there is none, reaches to the end of time.
_DOUBTFUL = (
    f"SELECT coalesce((SELECT ts_ms FROM ({NEAREST.format('AND trade_id<g.lo', order='DESC')})), 0), "
    f"coalesce((SELECT ts_ms FROM ({NEAREST.format('AND trade_id>g.hi', order='ASC')})), 4102444800000) "
    "FROM gaps g WHERE symbol_id=?1 AND state IN ('open','deferred')"
)
_WHOLE_MINUTES = "SELECT sec FROM bars_1m m WHERE symbol_id=? AND sec>=? AND sec<? AND state='final'"
_OF_THEIR_SECONDS = (
    " AND n=(SELECT sum(n) FROM bars_1s s WHERE s.symbol_id=m.symbol_id AND s.sec BETWEEN m.sec AND m.sec+59 "
    "AND s.state='final')"
)
_SEEDED = "SELECT sec FROM bars_1s WHERE symbol_id=? AND sec>=? AND sec<? AND source='kline' AND state='final'"


@dataclass(frozen=True)
class Coverage:
    """Of the seconds of a span: how many there are, and how many are covered."""

    seconds: int
    covered: int

    @property
    def share(self) -> float:
        """Covered seconds over all; NaN of an empty span."""
        return self.covered / self.seconds if self.seconds else float("nan")


def read_coverage(query: Query, symbol_id: int, base: Literal["1s", "1m"], since_ms: int, until_ms: int) -> Coverage:
    """How much of [since_ms, until_ms) is covered, to the second.

    A second is covered when it is closed, lies within the record of trades and touches no gap that is open or
    deferred. Where trades are missing, or gone by their age, it is covered when a bar stands for it that an exchange
    kline seeded, or that was whole while its trades were here: its own, or that of its minute. For `base` '1s' a
    minute stands for its seconds only if their bars add up to it.

    Parameters
    ----------
    base : '1s' or '1m'
        The bars that a number over the span is made of.
    """
    since_s, until_s = -(-since_ms // 1000), until_ms // 1000
    covered = np.zeros(max(0, until_s - since_s), dtype=bool)
    recorded = _recorded(query, symbol_id)
    if recorded:
        covered[_within(recorded[0] - since_s, recorded[1] - since_s)] = True
        for from_ms, to_ms in query(_DOUBTFUL, (symbol_id,)):
            covered[_within(from_ms // 1000 - since_s, to_ms // 1000 + 1 - since_s)] = False
    minutes = _WHOLE_MINUTES + (_OF_THEIR_SECONDS if base == "1s" else "")
    for sql, width_s in ((minutes, 60), (_SEEDED, 1)):
        doubtful = np.flatnonzero(~covered)
        if not doubtful.size:  # as nearly always: no row of the seconds is read
            break
        first_s, end_s = since_s + int(doubtful[0]) - width_s + 1, since_s + int(doubtful[-1]) + 1
        starts = np.array(query(sql, (symbol_id, first_s, end_s)), dtype=np.int64).reshape(-1, 1)
        seconds = (starts - since_s + np.arange(width_s)).ravel()
        covered[seconds[(seconds >= 0) & (seconds < covered.size)]] = True
    return Coverage(int(covered.size), int(covered.sum()))


def coverage_of_bars(query: Query, symbol_id: int, bar_s: int, since_ms: int, until_ms: int) -> Coverage:
    """The same of bars that were uploaded, which are `bar_s` long and rest on no trades."""
    since_s, until_s = -(-since_ms // 1000), until_ms // 1000
    table = "bars_1s" if bar_s % 60 else "bars_1m"
    first_s = since_s // bar_s * bar_s
    starts = [sec for (sec,) in query(f"SELECT sec FROM {table} WHERE symbol_id=? AND sec>=? AND sec<?",
                                      (symbol_id, first_s, until_s))]  # fmt: skip
    covered = sum(min(start + bar_s, until_s) - max(start, since_s) for start in starts)
    return Coverage(max(0, until_s - since_s), covered)


def _recorded(query: Query, symbol_id: int) -> tuple[int, int] | None:
    """From which second on, and up to which, all trades were taken down but for those in gaps; None before any."""
    first = query(NEAREST.format("", order="ASC"), (symbol_id,))
    if not first:
        return None
    ((kept_from_id, kept_from_ms, closed_until_ms),) = query(
        "SELECT kept_from_id, kept_from_ms, coalesce(closed_until_ms, 0) FROM symbols WHERE symbol_id=?", (symbol_id,)
    )
    # What was pruned was whole minutes; a record that was never pruned begins within its first second.
    first_s = kept_from_ms // 1000 if kept_from_id else first[0][1] // 1000 + 1
    return first_s, closed_until_ms // 1000


def _within(first: int, end: int) -> slice:
    return slice(max(0, first), max(0, end))
