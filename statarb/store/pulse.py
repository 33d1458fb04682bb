"""What ingest says of itself: rates, lag, queue and gaps, for the heartbeat and the log."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from statarb.market import from_e8
from statarb.store.book import Book
from statarb.store.inbox import FeedReport, TradeBatch
from statarb.store.ledger import Ledger

ODD = ("backfilled", "nontrades", "duplicates", "rejects", "conflicts", "seed_mismatches")
_BEATS = 10
_LAGS = 500
_LAGS_A_BATCH = 20


class Pulse:
    """Counts what was committed; belongs to the writer thread."""

    def __init__(self, now_s: float) -> None:
        self._trades: Counter[str] = Counter()
        self._odd: Counter[str] = Counter(dict.fromkeys(ODD, 0))
        self._lags_ms: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=_LAGS))
        self._marks: deque[tuple[float, Counter[str]]] = deque([(now_s, Counter())], maxlen=_BEATS)

    def count(self, stored: Mapping[str, int], odd: Mapping[str, int]) -> None:
        """A batch was committed: trades stored by instrument, and what was odd about it by kind."""
        self._trades.update(stored)
        self._odd.update(odd)

    def time(self, batches: Sequence[TradeBatch], exchange_now_ms: int) -> None:
        """Keep a sample of how long the trades took from the exchange to the disk."""
        for batch in batches:
            step = max(1, len(batch.trades) // _LAGS_A_BATCH)
            for trade in batch.trades[::step]:
                self._lags_ms[f"{batch.venue}:{trade.symbol}"].append(exchange_now_ms - trade.event_ms)

    def beat(
        self, now_s: float, books: Mapping[str, Book], reports: Mapping[str, FeedReport], queue_depth: int
    ) -> dict[str, Any]:
        """The figures of this moment."""
        since_s, before = self._marks[0]
        elapsed_s = max(now_s - since_s, 1.0)
        rates = {name: round((self._trades[name] - before[name]) / elapsed_s, 2) for name in books}
        self._marks.append((now_s, Counter(self._trades)))
        everything = [lag for lags in self._lags_ms.values() for lag in lags]
        ledgers = {name: (book.ledger, book.last_price_e8) for name, book in books.items() if book.ledger}
        return {
            "trades": self._trades.total(),
            "trades_per_s": round(sum(rates.values()), 2),
            **_lag(everything),
            "queue_depth": queue_depth,
            "reconnects": sum(int(report.stats.get("reconnects", 0)) for report in reports.values()),
            **self._odd,
            **_gaps([ledger for ledger, _ in ledgers.values()]),
            "seeding": _seeding(reports.values()),
            "instruments": {
                name: {
                    "trades_per_s": rates[name],
                    "last_id": ledger.last,
                    "last_ts_ms": ledger.last_ms,
                    "last_price": from_e8(last_price_e8),
                    **_lag(self._lags_ms[name]),
                }
                for name, (ledger, last_price_e8) in ledgers.items()
            },
        }


def _seeding(reports: Iterable[FeedReport]) -> dict[str, int] | None:
    """How many pages of history are loaded, of how many, over all venues; None while none is being loaded."""
    parts = [report.stats["progress"] for report in reports if "progress" in report.stats]
    done, total = sum(part["done"] for part in parts), sum(part["total"] for part in parts)
    return {"done": done, "total": total} if done < total else None


def _lag(lags_ms: Iterable[int]) -> dict[str, int | None]:
    """Median and 99th percentile of the time from the exchange's stamp to the commit."""
    lags = sorted(lags_ms)
    return {
        "lag_p50_ms": lags[len(lags) // 2] if lags else None,
        "lag_p99_ms": lags[len(lags) * 99 // 100] if lags else None,
    }


def _gaps(ledgers: Sequence[Ledger]) -> dict[str, int]:
    """How many gaps are open and deferred, and how many trades they miss."""
    holes = [hole for ledger in ledgers for hole in ledger.holes]
    count = Counter(hole.state for hole in holes)
    missing: Counter[str] = Counter()
    for hole in holes:
        missing[hole.state] += hole.hi - hole.lo + 1
    return {
        "open_gaps": count["open"],
        "missing_ids": missing["open"],
        "deferred_gaps": count["deferred"],
        "deferred_ids": missing["deferred"],
        "unfillable_ids": missing["unfillable"],
    }


def status_line(stats: Mapping[str, Any]) -> str:
    """A heartbeat as one line for the log."""
    rates = ", ".join(
        f"{name.removeprefix('spot:')} {one['trades_per_s']:.1f}" for name, one in stats["instruments"].items()
    )
    lag = "" if stats["lag_p50_ms"] is None else f" | lag p50 {stats['lag_p50_ms']} ms p99 {stats['lag_p99_ms']} ms"
    gaps = f"{stats['open_gaps']} open ({stats['missing_ids']} ids)" if stats["open_gaps"] else "none open"
    return f"{stats['trades_per_s']:.1f} trades/s ({rates}){lag} | queue {stats['queue_depth']} | gaps {gaps}"
