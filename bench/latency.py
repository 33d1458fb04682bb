"""From a trade on the exchange to its commit, at 2,000 trades a second with a dashboard polling."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.coldstart import process
from bench.result import Result
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.desk import Desk

SYMBOLS = "BTCUSDT,ETHUSDT"
RATE_A_SYMBOL = 1000
SEEDING_LIMIT_S = 120.0
WARM_UP_S, MEASURED_S = 10.0, 60.0
"""History is fetched at the start, beside the live trades; the measure begins so long after that has ended."""
POLL_S, LOOK_S = 0.5, 0.02


def run() -> list[Result]:
    """Every trade of a minute, seen from outside: a second process looks which trades are committed."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        process(
            "-m", "statarb.exchange", "--port", "0", "--rate", str(RATE_A_SYMBOL), "--symbols", SYMBOLS
        ) as exchange,
    ):
        assert exchange.stdout
        url = exchange.stdout.readline().split()[-1]
        db = Path(folder) / "t.db"
        options = ("--db", str(db), "--rest-url", url, "--ws-url", url.replace("http://", "ws://"))
        with process("ingest.py", *options, "--symbols", SYMBOLS), closing(Desk(db)) as desk:
            wait_until_seeded(desk)
            poll(desk, WARM_UP_S)
            with ThreadPoolExecutor(1) as pool:
                lags = pool.submit(commit_lags, db, MEASURED_S)
                poll(desk, MEASURED_S)
                ts_ms, lag_ms = lags.result()
    seconds = ts_ms // 1000
    worst_ms = max(np.percentile(lag_ms[seconds == second], 99) for second in np.unique(seconds))
    return [
        Result(
            "commit_lag_p99_ms",
            float(np.percentile(lag_ms, 99)),
            "ms",
            "at most 500 ms at 2,000 trades a second",
            f"of all {lag_ms.size:,} trades of {MEASURED_S:.0f} s, {lag_ms.size / MEASURED_S:,.0f} a second, from the "
            f"trade's time until another process saw it, looking each {LOOK_S * 1000:.0f} ms; median "
            f"{np.median(lag_ms):.0f} ms, in the worst second {worst_ms:.0f} ms, the slowest trade {lag_ms.max():.0f} "
            f"ms; a dashboard's refresh each {POLL_S} s",
        )
    ]


def wait_until_seeded(desk: Desk) -> None:
    """Return when history has been fetched and the analysis is full."""
    began, loaded = time.perf_counter(), False
    while not loaded:
        if time.perf_counter() - began > SEEDING_LIMIT_S:
            raise SystemExit(f"The history was not loaded after {SEEDING_LIMIT_S:.0f} s.")
        time.sleep(POLL_S)
        try:
            view = desk.refresh(PairParams())
        except StatarbError:
            continue
        stats = view.feeds["ingest"].stats if "ingest" in view.feeds else {}
        loaded = view.live is not None and view.study.n_bars > PairParams().window and not stats.get("seeding")


def poll(desk: Desk, for_s: float) -> None:
    """A dashboard for so long."""
    ends = time.perf_counter() + for_s
    while time.perf_counter() < ends:
        time.sleep(POLL_S)
        desk.refresh(PairParams())


def commit_lags(db: Path, for_s: float) -> tuple[np.ndarray, np.ndarray]:
    """The time of every trade that was committed meanwhile, and how long after it the trade was first seen."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as reader:
        symbols = [symbol for (symbol,) in reader.execute("SELECT DISTINCT symbol_id FROM trades")]
        newest = "SELECT max(trade_id) FROM trades WHERE symbol_id = ?"
        sightings: list[list[int]] = []
        ends = time.perf_counter() + for_s
        while time.perf_counter() < ends:
            time.sleep(LOOK_S)
            ids = [reader.execute(newest, (symbol,)).fetchone()[0] for symbol in symbols]
            sightings.append([*ids, time.time_ns() // 1_000_000])
        *seen_ids, seen_ms = np.array(sightings).T
        parts = []
        for symbol, ids in zip(symbols, seen_ids, strict=True):
            between = "SELECT trade_id, ts_ms FROM trades WHERE symbol_id = ? AND trade_id > ? AND trade_id <= ?"
            trade_ids, ts_ms = np.array(reader.execute(between, (symbol, int(ids[0]), int(ids[-1]))).fetchall()).T
            assert trade_ids.size == ids[-1] - ids[0], "Trades are missing: the lag of those is not known."
            parts.append((ts_ms, seen_ms[np.searchsorted(ids, trade_ids)] - ts_ms))
    ts_ms, lag_ms = np.concatenate(parts, axis=1)
    return ts_ms, lag_ms
