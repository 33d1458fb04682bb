"""A database as ingest leaves it, filled by plain INSERTs, that a test can continue bar by bar."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import numpy as np

from statarb.store import IngestLock, create_database

SCALE = 100_000_000
LOG_BETA = 0.9
SLOWEST_MS = 60_000
"""How long a slow machine may take from a heartbeat to the page that must find it fresh; the desk allows 5 s."""


def aligned_now_ms() -> int:
    """The last whole minute."""
    return int(time.time()) // 60 * 60_000


class DeskDatabase:
    """ETHUSDT on BTCUSDT (and whatever else is named): minute bars of a reverting pair, a trade and a heartbeat."""

    def __init__(
        self,
        path: Path,
        minutes: int = 1800,
        names: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"),
        source: str | None = "simulated",
        end_ms: int | None = None,
    ) -> None:
        self.path = path
        create_database(path, source)
        self._ingest = IngestLock(path).__enter__()  # a page believes a heartbeat only while ingest lives
        self.names = names
        self.end_ms = aligned_now_ms() if end_ms is None else end_ms
        self._random = np.random.default_rng(7)
        self._log_x, self._residual = np.log(60_000.0), 0.0
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        self.execute("PRAGMA synchronous=OFF")
        for symbol_id, name in enumerate(names, 1):
            self.execute(
                "INSERT INTO symbols(symbol_id,venue,name,id_kind,status,tick,lot_step,can_short) "
                "VALUES(?,'spot',?,'trade','TRADING',1000000,1000,0)",
                symbol_id,
                name,
            )
        self.end_ms -= minutes * 60_000
        self.execute("BEGIN")
        for _ in range(minutes):
            self._minute(0.0)
        self.execute("COMMIT")
        self.heartbeat()

    def execute(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    def close(self) -> None:
        self._connection.close()
        self._ingest.__exit__()

    def add_minute(self, shift: float = 0.0) -> None:
        """One more closed minute of every instrument; `shift` moves ETHUSDT off its hedge, in log units."""
        self.execute("BEGIN")
        self._minute(shift)
        self.execute("COMMIT")

    def _minute(self, shift: float) -> None:
        self._log_x += self._random.normal(0, 4e-4)
        self._residual = 0.97 * self._residual + self._random.normal(0, 2e-4)
        for symbol_id, name in enumerate(self.names, 1):
            log_price = self._log_x if name == "BTCUSDT" else LOG_BETA * self._log_x - 2 + self._residual + shift
            self._bar(symbol_id, self.end_ms, float(np.exp(log_price)))
        self.end_ms += 60_000
        self.execute("UPDATE symbols SET closed_until_ms=?", self.end_ms)

    def _bar(self, symbol_id: int, open_ms: int, close: float) -> None:
        price = round(close * 100) * (SCALE // 100)
        self._connection.execute(
            "INSERT INTO bars_1m VALUES(?,?,?,?,?,?,?,?,?,?,?,?,'trades','final',0)",
            (symbol_id, open_ms // 1000, price, price, price, price, 5.0, 5.0 * close, 2.0, 9, open_ms, open_ms + 8),
        )
        self.trade(symbol_id, open_ms // 1000, open_ms + 59_000, price)

    def trade(self, symbol_id: int, trade_id: int, ts_ms: int, price_e8: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO trades VALUES(?,?,?,?,?,1)", (symbol_id, trade_id, ts_ms, price_e8, SCALE)
        )

    def fresh_trades(self, now_ms: int | None = None) -> None:
        """A trade of every instrument at this moment, at its last price."""
        now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        for symbol_id in range(1, len(self.names) + 1):
            (price,) = self._connection.execute(
                "SELECT price FROM trades WHERE symbol_id=? ORDER BY trade_id DESC LIMIT 1", (symbol_id,)
            ).fetchone()
            self.trade(symbol_id, now_ms, now_ms, price)

    def heartbeat(self, state: str = "live", now_ms: int | None = None, **stats: object) -> None:
        """What ingest says of itself; by default so that it counts as new, and so do fresh trades, for SLOWEST_MS."""
        seldom = {f"spot:{name}": {"trades_per_s": 10_000 / SLOWEST_MS} for name in self.names}
        usual = {"trades_per_s": 12.0, "queue_depth": 0, "lag_p50_ms": 40, "open_gaps": 0, "seeding": None}
        said = usual | {"instruments": seldom} | stats
        now_ms = time.time_ns() // 1_000_000 + SLOWEST_MS if now_ms is None else now_ms
        self.execute("INSERT OR REPLACE INTO feeds VALUES('ingest',?,?,?)", state, now_ms, json.dumps(said))

    def revise(self, symbol: str, minutes_ago: int, factor: float) -> None:
        """A late trade moves an old bar's close, and says so by the version."""
        symbol_id = self.names.index(symbol) + 1
        second = self.end_ms // 1000 - 60 * minutes_ago
        self.execute("UPDATE bars_1m SET c=CAST(c*? AS INTEGER) WHERE symbol_id=? AND sec=?", factor, symbol_id, second)
        self.execute("UPDATE symbols SET bars_version=bars_version+1 WHERE symbol_id=?", symbol_id)
