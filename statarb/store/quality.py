"""How good the record is: rejects by reason, conflicts, disk; asked of a Reader."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from statarb.store.reader import Reader

BYTES_A_TRADE = 40
"""A trade on disk with its bars: the benchmark `bytes_per_trade`, rounded up."""

_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Disk:
    """What the database takes, and what is left beside it, in bytes."""

    used: int
    free: int

    def days_left(self, trades_per_s: float) -> float:
        """Until the free space is taken at this rate, the size of a trade with its bars as measured; inf at none."""
        return self.free / (trades_per_s * BYTES_A_TRADE * 86_400) if trades_per_s else float("inf")


def hour_rate(reader: Reader, until_ms: int) -> float | None:
    """Trades a second over the hour before `until_ms`; None where no instrument's trades reach back so far, because a
    rate of minutes says nothing about days."""
    since_ms = until_ms - _HOUR_MS
    oldest = reader.table(
        "SELECT venue || ':' || name AS instrument, (SELECT ts_ms FROM trades WHERE trades.symbol_id = s.symbol_id "
        "ORDER BY trade_id LIMIT 1) AS first_ms FROM symbols s"
    )
    if not (oldest["first_ms"] <= since_ms).any():
        return None
    return sum(reader.id_count(name, since_ms, until_ms) for name in oldest["instrument"]) / 3600


def rejects(reader: Reader) -> pd.DataFrame:
    """Frames that could not be used, by reason: columns reason, count, last_seen_ms, sample (of the newest)."""
    return reader.table(
        "SELECT reason, count(*) AS count, max(seen_at_ms) AS last_seen_ms, substr(sample, 1, 120) AS sample "
        "FROM rejects GROUP BY reason ORDER BY count DESC"
    )


def conflicts(reader: Reader) -> pd.DataFrame:
    """The newest trades that came again with other content: columns instrument, trade_id, seen_at_ms, payload."""
    return reader.table(
        "SELECT venue || ':' || name AS instrument, trade_id, seen_at_ms, payload "
        "FROM conflicts JOIN symbols USING(symbol_id) ORDER BY seen_at_ms DESC LIMIT 100"
    )


def disk(path: Path) -> Disk:
    """Size of the database with its write-ahead log, and the free space of its disk."""
    files = [path, path.with_name(path.name + "-wal")]
    return Disk(sum(file.stat().st_size for file in files if file.exists()), shutil.disk_usage(path.parent).free)
