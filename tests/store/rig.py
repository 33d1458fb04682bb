"""What store tests share: a manual clock, made-up trades, a writer on a temporary file."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pandas as pd

from statarb.market import Instrument, InstrumentRules, Trade
from statarb.store import FeedReport, Inbox, Listing, TradeBatch, Writer

T0_MS = 1_700_000_000_000 // 60_000 * 60_000
BTC = Instrument("spot", "BTCUSDT")


class ManualClock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.s = 1000.0

    def now_ms(self) -> int:
        return T0_MS + int(self.s * 1000) - 1_000_000

    def monotonic_s(self) -> float:
        return self.s

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.s += seconds
        return stop.is_set()


def trade(trade_id: int, ts_ms: int, price_e8: int = 6_000_000_000_000, qty_e8: int = 100_000_000) -> Trade:
    return Trade("BTCUSDT", trade_id, ts_ms, price_e8 + trade_id * 1_000_000, qty_e8, bool(trade_id % 2), ts_ms + 1, 0)


class Rig:
    """A writer whose steps the test calls."""

    def __init__(self, path: Path, source: str = "simulated") -> None:
        self.path = path
        self.clock = ManualClock()
        self.inbox = Inbox()
        self.writer = Writer(path, source, self.inbox, self.clock)
        self.inbox.put(Listing([InstrumentRules(BTC, tick_e8=1_000_000)]))
        self.inbox.put(FeedReport("spot-1", "live", [BTC], {"reconnects": 0}))
        self.writer.step(0)

    def commit(self, *trades: Trade, session: str = "spot-1/1") -> None:
        assert self.inbox.put_trades(TradeBatch("spot", session, trades))
        while not self.writer.step(0):
            pass

    def query(self, sql: str) -> list[tuple]:
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            return connection.execute(sql).fetchall()

    def bars(self, table: str = "bars_1s") -> pd.DataFrame:
        columns = ["sec", "o", "h", "l", "c", "v", "quote_v", "taker_buy_v", "n", "first_id", "last_id"]
        rows = self.query(f"SELECT {', '.join(columns)}, source, state, revisions FROM {table} ORDER BY sec")
        return pd.DataFrame(rows, columns=[*columns, "source", "state", "revisions"]).set_index("sec")


def bars_by_pandas(trades: list[Trade], width_s: int = 1) -> pd.DataFrame:
    """The second route: pandas' own groupby over the trades in order of id."""
    frame = pd.DataFrame(sorted(set(trades), key=lambda t: t.trade_id))
    frame["quote"] = frame.price_e8.astype(float) * frame.qty_e8 / 1e16
    frame["buy"] = frame.qty_e8.where(~frame.is_buyer_maker.astype(bool), 0)
    by = frame.groupby(frame.ts_ms // 1000 // width_s * width_s)
    price = by.price_e8.agg(["first", "max", "min", "last"])
    price.columns = list("ohlc")
    return price.assign(
        v=by.qty_e8.sum() / 1e8,
        quote_v=by.quote.sum(),
        taker_buy_v=by.buy.sum() / 1e8,
        n=by.size(),
        first_id=by.trade_id.min(),
        last_id=by.trade_id.max(),
    ).rename_axis("sec")
