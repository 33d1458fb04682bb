"""From the exchange's stamp of a trade to its commit, at 2,000 trades a second with a dashboard polling."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.coldstart import process
from bench.result import Result
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.desk import Desk
from statarb.store import Reader

SYMBOLS = "BTCUSDT,ETHUSDT"
RATE_A_SYMBOL = 1000
WARM_UP_S, MEASURED_S = 10.0, 60.0
"""History is fetched at the start, beside the live trades; the measure begins so long after that has ended."""
POLL_S = 0.5


def run() -> list[Result]:
    """The heartbeat's own figures: each second the 99th percentile of the newest thousand sampled trades.

    The worst of these seconds bounds the percentile of all trades from above.
    """
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
            seeded = time.perf_counter()
            beats: dict[int, dict[str, float]] = {}
            while time.perf_counter() - seeded < WARM_UP_S + MEASURED_S:
                time.sleep(POLL_S)
                try:
                    ingest = desk.refresh(PairParams()).feeds["ingest"]
                except (StatarbError, KeyError):
                    seeded = time.perf_counter()
                    continue
                if ingest.stats.get("seeding"):
                    seeded = time.perf_counter()
                elif time.perf_counter() - seeded > WARM_UP_S and ingest.stats["lag_p99_ms"] is not None:
                    beats[ingest.updated_at_ms] = ingest.stats
            with closing(Reader(db)) as reader:
                ((stored,),) = reader.table("SELECT count(*) AS n FROM trades").to_numpy()
    p99s = [beat["lag_p99_ms"] for beat in beats.values()]
    rate = median(beat["trades_per_s"] for beat in beats.values())
    return [
        Result(
            "commit_lag_p99_ms",
            max(p99s),
            "ms",
            "at most 500 ms at 2,000 trades a second",
            f"the worst of {len(p99s)} seconds, at the median {median(p99s):.0f} ms, median lag "
            f"{median(beat['lag_p50_ms'] for beat in beats.values()):.0f} ms; {rate:,.0f} trades/s, {stored:,} stored, "
            f"a dashboard's refresh each {POLL_S} s",
        )
    ]
