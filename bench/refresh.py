"""One dashboard refresh: flat in the number of stored trades, and against the plain way."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.tsa.stattools import adfuller

from bench.market import LEGS, FilledDatabase
from bench.result import Result
from statarb.params import PairParams
from statarb.screens.desk import Desk

SMALL, MEDIUM, LARGE = 50_000, 2_000_000, 5_000_000
ROUNDS = 30
PARAMS = PairParams(y=str(LEGS[0]), x=str(LEGS[1]))


def elapsed_s(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def plain_way(path: Path) -> None:
    """What a dashboard does that is written in an afternoon: everything, from the trades, every time."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        trades = pd.read_sql("SELECT symbol_id, ts_ms, price FROM trades", connection)
    trades["ts"] = pd.to_datetime(trades.ts_ms, unit="ms", utc=True)
    y, x = (
        np.log(trades[trades.symbol_id == symbol].set_index("ts").price.resample("1min").last() / 1e8)
        for symbol in (1, 2)
    )
    both = pd.concat([y, x], axis=1, keys=["y", "x"]).dropna()
    fit = sm.OLS(both.y, sm.add_constant(both.x)).fit()
    spread = both.y - fit.params["const"] - fit.params["x"] * both.x
    zscore = (spread - spread.rolling(240).mean()) / spread.rolling(240).std()
    adfuller(spread, result_object=True)
    fit.summary()
    assert np.isfinite(zscore.iloc[-1])


def fresh_bar_ms(database: FilledDatabase, desk: Desk) -> tuple[float, float]:
    """A refresh right after a bar closed, which makes the study anew, and the next one, which does not."""
    before = desk.refresh(PARAMS).study.as_of_ms
    database.add_minute()
    fresh_s = elapsed_s(lambda: desk.refresh(PARAMS))
    assert desk.refresh(PARAMS).study.as_of_ms > before, "no bar closed"
    return fresh_s * 1000, elapsed_s(lambda: desk.refresh(PARAMS)) * 1000


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        databases = {size: FilledDatabase(Path(folder) / f"{size}.db", size) for size in (SMALL, MEDIUM, LARGE)}
        desks = {size: Desk(database.path) for size, database in databases.items()}
        fresh: dict[int, list[float]] = {size: [] for size in databases}
        idle: dict[int, list[float]] = {size: [] for size in databases}
        for size, desk in desks.items():
            fresh_bar_ms(databases[size], desk)  # the first one reads and imports
        for _ in range(ROUNDS):
            for size, desk in desks.items():  # in turn, so that the machine's mood hits all alike
                fresh_ms, idle_ms = fresh_bar_ms(databases[size], desk)
                fresh[size].append(fresh_ms)
                idle[size].append(idle_ms)
        plain_ms = median(elapsed_s(lambda: plain_way(databases[MEDIUM].path)) * 1000 for _ in range(3))
        for size, database in databases.items():
            desks[size].close()
            database.close()
    at = {size: median(fresh[size]) for size in databases}
    return [
        Result(
            "refresh_flatness",
            at[LARGE] / at[SMALL],
            "ratio",
            f"one refresh at {SMALL:,} stored trades",
            f"at {LARGE:,}; medians of {ROUNDS}, each right after a 1m bar closed: "
            f"{at[LARGE]:.1f} / {at[SMALL]:.1f} ms; "
            f"with nothing new {median(idle[LARGE]):.2f} / {median(idle[SMALL]):.2f} ms",
        ),
        Result(
            "refresh_vs_plain",
            plain_ms / at[MEDIUM],
            "ratio",
            "reads the whole table with pandas, resamples, OLS, z, ADF",
            f"at {MEDIUM:,} trades; plain {plain_ms:,.0f} ms over ours {at[MEDIUM]:.1f} ms right after a bar closed "
            f"(with nothing new {median(idle[MEDIUM]):.2f} ms)",
        ),
    ]
