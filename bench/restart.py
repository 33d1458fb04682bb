"""From the start of ingest to its first stored live trade, on a database of two gigabytes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.coldstart import process
from bench.result import Result
from statarb.clock import SYSTEM_CLOCK
from statarb.store import create_database

GIGABYTES = 2.0
BYTES_A_TRADE = 38
SYMBOLS = ("BTCUSDT", "ETHUSDT")
SPAN_S = 6 * 86_400
"""Within the week that trades are kept, so that nothing is pruned meanwhile."""
LIMIT_S = 120.0

_TRADES = """
INSERT INTO trades
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
SELECT :symbol, :last_id - :count + 1 + i, :first_ms + i * :span_ms / :count,
  6000000000000 + (i * 7919) % 100003 * 1000000, 1000 + (i * 104729) % 9000000, i & 1 FROM n"""
_BARS = """
INSERT INTO {table}(symbol_id,sec,o,h,l,c,v,quote_v,taker_buy_v,n,first_id,last_id,source,state)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
SELECT :symbol, :first_s + i * :width, 6000000000000, 6000100000000, 5999900000000, 6000000000000,
  1.5, 90000.0, 0.7, 40, 1, 1, 'trades', 'final' FROM n"""


def fill(db: Path, rest_url: str, gigabytes: float) -> int:
    """A database such as a week of ingest leaves, written by SQL alone; how many trades.

    Its newest ids lie a minute before the exchange's, so that a start has a gap to close.
    """
    create_database(db, "simulated")
    count = int(gigabytes * 1e9 / BYTES_A_TRADE / len(SYMBOLS))
    until_ms = SYSTEM_CLOCK.now_ms() // 60_000 * 60_000 - 60_000
    first_ms = until_ms - SPAN_S * 1000
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; PRAGMA cache_size=-200000")
        for symbol_id, name in enumerate(SYMBOLS, 1):
            with urllib.request.urlopen(f"{rest_url}/api/v3/trades?symbol={name}&limit=1") as answer:
                last_id = json.load(answer)[-1]["id"] - 600
            connection.execute("BEGIN")
            connection.execute(
                "INSERT INTO symbols(symbol_id,venue,name,id_kind,status,can_short,closed_until_ms) "
                "VALUES(?,'spot',?,'trade','TRADING',0,?)",
                (symbol_id, name, until_ms),
            )
            values = {"symbol": symbol_id, "last_id": last_id, "first_ms": first_ms, "span_ms": SPAN_S * 1000}
            connection.execute(_TRADES, values | {"count": count})
            for table, width_s in (("bars_1s", 1), ("bars_1m", 60)):
                connection.execute(
                    _BARS.format(table=table),
                    {"symbol": symbol_id, "first_s": first_ms // 1000, "width": width_s, "count": SPAN_S // width_s},
                )
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    return count * len(SYMBOLS)


def forget(db: Path) -> None:
    """Have the system's page cache hold nothing of the database."""
    for file in (db, db.with_name(db.name + "-wal")):
        if file.exists():
            descriptor = os.open(file, os.O_RDWR)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def first_trade_s(db: Path, url: str, end: Callable[[subprocess.Popen[str]], None]) -> float:
    """Start ingest, and end it once a trade is stored that was not there before; how long that took."""
    newest = "SELECT max(trade_id) FROM trades WHERE symbol_id=1"
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as reader:
        ((before,),) = reader.execute(newest).fetchall()
        began = time.perf_counter()
        options = ("--db", str(db), "--rest-url", url, "--ws-url", url.replace("http://", "ws://"))
        with process("ingest.py", *options, "--symbols", ",".join(SYMBOLS)) as ingest:
            while reader.execute(newest).fetchall() == [(before,)]:
                assert time.perf_counter() - began < LIMIT_S, f"no trade within {LIMIT_S:.0f} s"
                time.sleep(0.02)
            elapsed_s = time.perf_counter() - began
            time.sleep(2)
            end(ingest)
            ingest.wait(30)
    return elapsed_s


def run() -> list[Result]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        process("-m", "statarb.exchange", "--port", "0", "--rate", "20") as exchange,
    ):
        assert exchange.stdout
        url = exchange.stdout.readline().split()[-1]
        db = Path(folder) / "t.db"
        began = time.perf_counter()
        trades = fill(db, url, GIGABYTES)
        how = f"{db.stat().st_size / 1e9:.2f} GB, {trades:,} trades, filled in {time.perf_counter() - began:.0f} s"
        warm_s = first_trade_s(db, url, subprocess.Popen.terminate)
        forget(db)
        cold_s = first_trade_s(db, url, subprocess.Popen.kill)
        killed_s = first_trade_s(db, url, subprocess.Popen.terminate)
    baseline = "at most 5 s from the command to the first stored live trade"
    return [
        Result("restart_warm_s", warm_s, "s", baseline, f"{how}; page cache warm"),
        Result("restart_cold_s", cold_s, "s", baseline, f"{how}; page cache empty"),
        Result("restart_after_kill_s", killed_s, "s", baseline, f"{how}; after kill -9"),
    ]
