"""What a trade costs on disk, its bars included."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from bench.market import FilledDatabase
from bench.result import Result

TRADES = 2_000_000
TRADES_A_SECOND = 200
"""BTCUSDT and ETHUSDT together on an average day."""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "t.db"
        database = FilledDatabase(path, TRADES, TRADES // TRADES_A_SECOND // 60 * 60)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM trades").fetchall()
        size = sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
        database.close()
    return [
        Result(
            "bytes_per_trade",
            size / count,
            "bytes",
            "the whole database with its bars and its write-ahead log",
            f"{count:,} trades of two instruments at {TRADES_A_SECOND}/s, {size / 1e6:.1f} MB",
        )
    ]
