"""From nothing to the first full analytics on the 1m frame of a pair, against the exchange in a box."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.result import Result
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import NotEnough
from statarb.screens.desk import Desk

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
LIMIT_S = 60.0
WATCHLIST = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,BNBUSDT,DOGEUSDT,ADAUSDT,LINKUSDT,usdm:BTCUSDT"
PAIRS = {
    "cold_start_s": PairParams(),
    "cold_start_perp_s": PairParams(y="usdm:BTCUSDT", x="spot:BTCUSDT"),
}


@contextlib.contextmanager
def process(*args: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *args], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def is_full(desk: Desk, params: PairParams) -> bool:
    """Every number of a pair's view is there: hedge, z, correlation, tests and verdict."""
    try:
        view = desk.refresh(params)
    except StatarbError:
        return False
    study = view.study
    parts = (study.hedge, study.moments, study.correlation, study.ols_summary, study.adf, study.engle_granger)
    return view.live is not None and not any(isinstance(part, NotEnough) for part in parts)


def cold_start_s(params: PairParams) -> float:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        process("-m", "statarb.exchange", "--port", "0") as exchange,
    ):
        assert exchange.stdout
        url = exchange.stdout.readline().split()[-1]
        db = Path(folder) / "t.db"
        began = time.perf_counter()
        options = ("--db", str(db), "--rest-url", url, "--ws-url", url.replace("http://", "ws://"))
        with process("ingest.py", *options, "--symbols", WATCHLIST):
            desk = Desk(db)
            while not is_full(desk, params):
                assert time.perf_counter() - began < LIMIT_S, f"no full analytics within {LIMIT_S:.0f} s"
                time.sleep(0.05)
            elapsed_s = time.perf_counter() - began
            desk.close()
    return elapsed_s


def run() -> list[Result]:
    results = []
    for name, params in PAIRS.items():
        times_s = [cold_start_s(params) for _ in range(ROUNDS)]
        results.append(
            Result(
                name,
                median(times_s),
                "s",
                "ingest.py started on no database, nine instruments, exchange in a box already serving",
                f"{params.pair}, median of {ROUNDS}: " + ", ".join(f"{one:.1f}" for one in times_s),
            )
        )
    return results
