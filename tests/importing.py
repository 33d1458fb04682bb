"""What the tests of the import share: made-up trades, files as the archive writes them, a look into the database."""

from __future__ import annotations

import itertools
import json
import signal
import sqlite3
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from support import shared_file

import ingest
from statarb.market import Instrument, InstrumentRules, Trade
from statarb.store import ExchangeTime, FeedReport, Inbox, Listing, TradeBatch, Writer

DAY_MS = 1_704_067_200_000
"""2024-01-01."""
DAYS = ["2024-01-01", "2024-01-02"]


def import_into(db: Path, *paths: Path) -> None:
    """Import as the command does, and leave the signals as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ingest.import_files(db, paths, "spot")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def query(db: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(sql).fetchall()


def stored(db: Path) -> list[tuple]:
    return query(
        db,
        "SELECT venue || ':' || name, trade_id, ts_ms, price, qty, maker FROM trades JOIN symbols USING(symbol_id) "
        "ORDER BY 1, 2",
    )


def assert_sound(db: Path) -> None:
    """Invariants 1 and 2 of the design: every id accounted for; bars of seconds equal the sum of their trades."""
    sql = """SELECT count(*) + (SELECT coalesce(sum(hi-lo+1), 0) FROM gaps g WHERE g.symbol_id=t.symbol_id
             AND state IN ('open','deferred','unfillable')), max(trade_id) - min(trade_id) + 1
             FROM trades t GROUP BY symbol_id"""
    assert all(accounted == span for accounted, span in query(db, sql))
    from_trades = query(
        db, "SELECT symbol_id, ts_ms/1000, count(*), min(price), max(price) FROM trades GROUP BY 1, 2 ORDER BY 1, 2"
    )
    bars = query(db, "SELECT symbol_id, sec, n, l, h FROM bars_1s WHERE source='trades' ORDER BY 1, 2")
    assert bars == from_trades
    assert query(db, "PRAGMA quick_check") == [("ok",)]


Row = tuple[int, int, str, str, bool]
"""Id, time in ms, price, quantity, whether the buyer was the maker."""


def made_up(first_id: int, count: int, since_ms: int = DAY_MS, step_ms: int = 400) -> list[Row]:
    return [
        (
            first_id + i,
            since_ms + i * step_ms,
            f"{42_000 + i % 97}.{i % 100:02d}000000",
            f"0.{1 + i % 9}0000000",
            i % 3 == 0,
        )
        for i in range(count)
    ]


def expected(rows: Sequence[Row], instrument: str = "spot:BTCUSDT") -> list[tuple]:
    return [
        (instrument, i, ts, int(Decimal(price) * 10**8), int(Decimal(qty) * 10**8), int(maker))
        for i, ts, price, qty, maker in rows
    ]


def zipped(path: Path, lines: Sequence[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", "\n".join(lines) + "\n")
    return path


def spot_zip(folder: Path, rows: Sequence[Row], day: str = DAYS[0], symbol: str = "BTCUSDT", zeros: str = "") -> Path:
    lines = [f"{i},{p},{q},1.0,{ts}{zeros},{maker},True" for i, ts, p, q, maker in rows]
    return zipped(folder / f"{symbol}-trades-{day}.zip", lines)


def futures_zip(folder: Path, rows: Sequence[Row], header: bool, content: str = "trades") -> Path:
    extra = ["1.0"] if content == "trades" else ["1", "2"]
    names = {"trades": "id,price,qty,quote_qty,time,is_buyer_maker"}.get(
        content, "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    )
    lines = [",".join([str(i), p, q, *extra, str(ts), str(maker).lower()]) for i, ts, p, q, maker in rows]
    return zipped(folder / f"BTCUSDT-{content}-{DAYS[0]}.zip", [names, *lines] if header else lines)


def official_zips() -> list[Path]:
    return [shared_file(f"klines/BTCUSDT-1m-2020-01-0{day}.zip") for day in (1, 2, 3)]


def live_database(path: Path, rows: Sequence[Row], *, without: range, source: str = "binance") -> None:
    """As ingest leaves it: live trades with a gap in them, rules known, bars closed."""
    btc = Instrument("spot", "BTCUSDT")
    trades = [Trade("BTCUSDT", i, ts, p, q, bool(m), ts, ts) for _, i, ts, p, q, m in expected(rows)]
    inbox = Inbox()
    writer = Writer(path, source, inbox)
    inbox.put(Listing([InstrumentRules(btc, "BREAK", 1_000_000, 10_000)]))
    inbox.put(FeedReport("spot-1", "live", [btc], {}))
    parts = ([t for t in trades if t.trade_id < without.start], [t for t in trades if t.trade_id >= without.stop])
    for part in filter(None, parts):
        assert inbox.put_trades(TradeBatch("spot", "spot-1/1", part))
        writer.step(0)
    inbox.put(ExchangeTime("spot", trades[-1].ts_ms + 10_000, 0, 1e9))
    writer.close()


def ndjson(path: Path, rows: Sequence[Row], symbols: Sequence[str] = ("GOLD",)) -> Path:
    names = itertools.cycle(symbols)
    lines = [json.dumps({"symbol": next(names), "ts": ts, "price": p, "size": q}) for _, ts, p, q, _ in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
