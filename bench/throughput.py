"""Socket to committed rows, against websocket-client's bare receive loop on the same flood."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import websocket

from bench.flood import SYMBOLS, flooding
from bench.result import Result
from statarb.clock import SYSTEM_CLOCK
from statarb.feed import ConnectBudget, TradeStream, venue
from statarb.market import Instrument, InstrumentRules
from statarb.store import Inbox, InboxSink, Writer

TRADES = 300_000
ROUNDS = 3


def bare(url: str) -> float:
    """Trades a second of a loop that only receives: the library's fastest way, UTF-8 check off."""
    connection = websocket.create_connection(url + "/stream", skip_utf8_validation=True)
    connection.recv_data_frame(True)
    began = time.perf_counter()
    for _ in range(TRADES - 1):
        connection.recv_data_frame(True)
    elapsed_s = time.perf_counter() - began
    connection.close()
    return TRADES / elapsed_s


def committed(url: str) -> float:
    """Trades a second from the socket to the last commit: stream, queue and writer, as ingest wires them."""
    instruments = [Instrument("spot", symbol) for symbol in SYMBOLS]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        db = Path(folder) / "t.db"
        inbox = Inbox()
        writer = Writer(db, "simulated", inbox)
        sink = InboxSink(inbox, "spot")
        sink.listing([InstrumentRules(instrument) for instrument in instruments])
        place = venue("spot", url, url.replace("ws://", "http://"))
        stream = TradeStream("spot-1", place, instruments, sink, ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0))
        writer.start()
        began = time.perf_counter()
        stream.start()
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as reader:
            while True:
                time.sleep(0.02)
                elapsed_s = time.perf_counter() - began
                ((newest,),) = reader.execute(
                    "SELECT coalesce(max(trade_id), 0) FROM trades WHERE symbol_id=2"
                ).fetchall()
                if newest == 3_735_683_259 + TRADES // 2 - 1 or elapsed_s > 120:
                    break
        stream.stop()
        writer.stop()
        with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as reader:
            ((stored,),) = reader.execute("SELECT count(*) FROM trades").fetchall()
        assert stored == TRADES, f"{stored} of {TRADES} trades were stored"
    return TRADES / elapsed_s


def run() -> list[Result]:
    """Both sides in turn, each in a fresh process; the median of the ratios."""
    with flooding(TRADES) as url:
        ratios, rates = [], []
        for _ in range(ROUNDS):
            theirs, ours = (
                float(subprocess.check_output([sys.executable, "-m", "bench.throughput", side, url], text=True))
                for side in ("bare", "committed")
            )
            ratios.append(ours / theirs)
            rates.append(f"{ours:,.0f} / {theirs:,.0f} trades/s")
    return [
        Result(
            "ingest_vs_recv",
            median(ratios),
            "ratio",
            "websocket-client's bare recv_data_frame loop, UTF-8 check off, on the same frames",
            f"{TRADES:,} frames, {ROUNDS} rounds, fresh processes: " + "; ".join(rates),
        )
    ]


if __name__ == "__main__":
    print({"bare": bare, "committed": committed}[sys.argv[1]](sys.argv[2]))
