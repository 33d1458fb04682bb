"""Reading the database: one read-only connection that answers in nouns, never in rows."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import DamagedDatabaseError, StatarbError
from statarb.market import SCALE, Instrument, Timeframe, timeframe
from statarb.store.alert_log import (
    AlertEvent,
    Delivery,
    StoredOutcome,
    read_deliveries,
    read_events,
    read_outcomes,
    read_unjudged,
)
from statarb.store.connect import open_reader, plain_errors
from statarb.store.costs import SELECT_FUNDING, SELECT_QUOTES, StoredFunding, StoredQuote, funding_of, quotes_of
from statarb.store.coverage import Coverage, coverage_of_bars, read_coverage
from statarb.store.trades import first_id_at, read_span, trade_frame
from statarb.store.uploads import UPLOAD, Upload, upload_key, upload_of

_DAY_MS = 86_400_000
_PRICES = ["open", "high", "low", "close"]
_TABLES = ("bars_1s", "bars_1m")
_VOLUMES = ["volume", "quote_volume", "taker_buy_volume"]


@dataclass(frozen=True)
class StoredInstrument:
    """An instrument as stored.

    `closed_until_ms`: every bar that ends at or before it is closed; None before the first.
    `bars_version` moves when a bar that was already closed changed; a cache of bars must then be reloaded.
    `bar_s`: length of its stored bars; 1 but for a file's. `file_bars`: how many the file had; 0 where it is no file.
    """

    symbol_id: int
    instrument: Instrument
    status: str
    tick: float | None
    lot_step: float | None
    can_short: bool
    closed_until_ms: int | None
    bars_version: int
    quote_volume_24h: float
    bar_s: int = 1
    file_bars: int = 0


def shortest_timeframe(y: StoredInstrument, x: StoredInstrument) -> Timeframe:
    """The shortest that is made of whole stored bars of both: 1s but of files with longer bars.

    Such a bar lies where it opens, so anything shorter would know its close before it is made.
    """
    return timeframe(f"{math.lcm(y.bar_s, x.bar_s)}s")


@dataclass(frozen=True)
class LastTrade:
    """The newest stored trade of an instrument."""

    trade_id: int
    ts_ms: int
    price: float
    qty: float


@dataclass(frozen=True)
class FeedState:
    """A heartbeat of ingest ('ingest') or of one of its connections."""

    name: str
    state: str
    updated_at_ms: int
    stats: dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """What the newest commit says of every instrument and every feed.

    `instruments` are those whose text is an instrument's own: what a foreign hand wrote into the database is not
    offered.
    """

    source: str
    instruments: dict[str, StoredInstrument]
    last_trades: dict[str, LastTrade]
    feeds: dict[str, FeedState]


class Reader:
    """One read-only connection with a deadline, shared by the threads of a process.

    Parameters
    ----------
    path : Path
        The database that ingest writes.
    deadline_s : float
        A query that takes longer is given up with a StoreError.
    """

    def __init__(self, path: Path, deadline_s: float = 5.0) -> None:
        self._path = path
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._give_up_at = 0.0
        self._volumes: dict[int, tuple[int, float]] = {}
        self._symbol_ids: dict[str, int] = {}
        self._snapshot: tuple[int, Snapshot] | None = None
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = open_reader(self._path)
        connection.set_progress_handler(lambda: SYSTEM_CLOCK.monotonic_s() > self._give_up_at, 10_000)
        self._inode = self._path.stat().st_ino
        return connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, plain_errors(self._path):
            self._reopen_if_replaced()
            self._give_up_at = SYSTEM_CLOCK.monotonic_s() + self._deadline_s
            return self._connection.execute(sql, values).fetchall()

    def _reopen_if_replaced(self) -> None:
        # A database that was deleted and made anew would otherwise be read as it was, for ever.
        try:
            same = self._path.stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            self._connection.close()
            self._symbol_ids, self._volumes, self._snapshot = {}, {}, None
            self._connection = self._open()

    def snapshot(self) -> Snapshot:
        """What the newest commit says: the same object for everybody until there is another commit."""
        ((version,),) = self._query("PRAGMA data_version")
        held = self._snapshot
        if held is None or held[0] != version:
            instruments = self.instruments()
            proper = {name: row for name, row in instruments.items() if _is_proper(name, row)}
            found = Snapshot(self.source(), proper, self._last_trades(instruments), self.feeds())
            held = self._snapshot = (version, found)
        return held[1]

    def source(self) -> str:
        """Where the trades come from: a venue's name, 'simulated' or 'import'; '' before the first ingest."""
        rows = self._query("SELECT value FROM meta WHERE key='source'")
        return str(rows[0][0]) if rows else ""

    def instruments(self) -> dict[str, StoredInstrument]:
        """Every instrument, by its text `venue:SYMBOL`."""
        rows = self._query(
            "SELECT symbol_id, venue, name, status, tick, lot_step, can_short, closed_until_ms, bars_version "
            "FROM symbols ORDER BY symbol_id"
        )
        found = {}
        for symbol_id, venue, name, status, tick, lot_step, can_short, closed_until_ms, version in rows:
            instrument = Instrument(venue, name)
            upload = self._upload(str(instrument))
            found[str(instrument)] = StoredInstrument(
                symbol_id,
                instrument,
                status,
                tick / SCALE if tick else None,
                lot_step / SCALE if lot_step else None,
                bool(can_short),
                closed_until_ms,
                version,
                self._quote_volume_24h(symbol_id, closed_until_ms or 0, version),
                upload.bar_s if upload else 1,
                upload.bars if upload else 0,
            )
        # An uploaded instrument that was deleted and uploaded again has another number.
        self._symbol_ids |= {name: row.symbol_id for name, row in found.items()}
        return found

    def _quote_volume_24h(self, symbol_id: int, closed_until_ms: int, version: int) -> float:
        key = closed_until_ms // 60_000 * 1_000_000 + version
        cached = self._volumes.get(symbol_id)
        if cached is None or cached[0] != key:
            since = (closed_until_ms - _DAY_MS) // 1000
            rows = self._query(
                "SELECT coalesce(sum(quote_v), 0) FROM bars_1m WHERE symbol_id=? AND sec>=?", (symbol_id, since)
            )
            cached = self._volumes[symbol_id] = (key, float(rows[0][0]))
        return cached[1]

    def _symbol_id(self, instrument: str) -> int | None:
        if instrument not in self._symbol_ids:
            rows = self._query("SELECT venue || ':' || name, symbol_id FROM symbols ORDER BY id_epoch")
            self._symbol_ids = dict(rows)
        return self._symbol_ids.get(instrument)

    def bars(self, instrument: str, base: Literal["1s", "1m"], since_ms: int, until_ms: int) -> pd.DataFrame:
        """Stored bars that open in [since_ms, until_ms), oldest first; seconds without a bar are not filled.

        Returns
        -------
        DataFrame
            Index `ts`: opening time, UTC, datetime64[ms]. Columns open, high, low, close, volume, quote_volume,
            taker_buy_volume (float64; NaN where a file does not tell it), trade_count (int64), provisional (bool: not
            covered by consecutive trades or a kline), seeded (bool: from an exchange kline). An unknown instrument
            has no bars.
        """
        table = {"1s": "bars_1s", "1m": "bars_1m"}[base]
        rows = self._query(
            "SELECT sec, o, h, l, c, v, quote_v, taker_buy_v, n, state='provisional', source='kline' "
            f"FROM {table} WHERE symbol_id=? AND sec>=? AND sec<? ORDER BY sec",
            (self._symbol_id(instrument), -(-since_ms // 1000), -(-until_ms // 1000)),
        )
        seconds, *values = np.array(rows, dtype=np.float64).reshape(-1, 11).T
        prices = {name: column / SCALE for name, column in zip(_PRICES, values[:4], strict=True)}
        volumes = dict(zip(_VOLUMES, values[4:7], strict=True))
        upload = self._upload(instrument)
        if upload and not upload.tells_buyers:
            volumes["taker_buy_volume"] = np.full(len(rows), np.nan)
        marks = {"trade_count": values[7].astype(np.int64), "provisional": values[8] > 0, "seeded": values[9] > 0}
        ts = pd.DatetimeIndex((seconds * 1000).astype("datetime64[ms]"), tz="UTC", name="ts")
        return pd.DataFrame({**prices, **volumes, **marks}, index=ts)

    def late_s(self, instrument: str) -> int:
        """Seconds from where a bar of `bars` lies to the base bar in which it closes: 0 but for long bars of a file."""
        upload = self._upload(instrument)
        return upload.bar_s - (1 if upload.bar_s % 60 else 60) if upload else 0

    def _upload(self, instrument: str) -> Upload | None:
        if not instrument.startswith(f"{UPLOAD}:"):
            return None
        rows = self._query("SELECT value FROM meta WHERE key=?", (upload_key(instrument),))
        return upload_of(rows[0][0]) if rows else None

    def coverage(self, instrument: str, base: Literal["1s", "1m"], since_ms: int, until_ms: int) -> Coverage:
        """Of the seconds in [since_ms, until_ms) how many the record vouches for; see `read_coverage`.

        Of an unknown instrument none is covered.
        """
        symbol_id, upload = self._symbol_id(instrument) or 0, self._upload(instrument)
        if upload:
            return coverage_of_bars(self._query, symbol_id, upload.bar_s, since_ms, until_ms)
        return read_coverage(self._query, symbol_id, base, since_ms, until_ms)

    def trades(self, instrument: str, since_ms: int, until_ms: int) -> pd.DataFrame:
        """Trades stored in the database whose time is in [since_ms, until_ms); see `read_trades` for the archive too.

        Returns
        -------
        DataFrame
            Index `ts`: time of the trade, UTC, datetime64[ms]. Columns id_epoch, trade_id, price_e8, qty_e8 (int64,
            exact decimals times 10^8), is_buyer_maker (bool). In order of id_epoch and trade_id.
        """
        rows = self._query(
            "SELECT id_epoch, symbol_id FROM symbols WHERE venue || ':' || name = ? ORDER BY id_epoch", (instrument,)
        )
        parts = [
            (epoch, part) for epoch, symbol_id in rows for part in read_span(self._query, symbol_id, since_ms, until_ms)
        ]
        return trade_frame(parts)

    def id_count(self, instrument: str, since_ms: int, until_ms: int) -> int:
        """How many trade ids, stored or missing, the database has in [since_ms, until_ms): its trades, or more."""
        count = 0
        for (symbol_id,) in self._query("SELECT symbol_id FROM symbols WHERE venue || ':' || name = ?", (instrument,)):
            ((last,),) = self._query("SELECT max(trade_id) FROM trades WHERE symbol_id=?", (symbol_id,))
            ends = [first_id_at(self._query, symbol_id, ts_ms) for ts_ms in (since_ms, until_ms)]
            first, end = (1 + (last or -1) if found is None else found for found in ends)
            count += max(0, end - first)
        return count

    def first_trade_ms(self, instrument: str) -> int | None:
        """When the oldest trade was that the database holds; None without one."""
        numbers = self._query("SELECT symbol_id FROM symbols WHERE venue || ':' || name = ?", (instrument,))
        oldest = "SELECT ts_ms FROM trades WHERE symbol_id=? ORDER BY trade_id LIMIT 1"
        return min((int(ts_ms) for number in numbers for (ts_ms,) in self._query(oldest, number)), default=None)

    def first_bar_ms(self, instrument: str) -> int | None:
        """When the oldest stored bar opens; None without one."""
        symbol_id = self._symbol_id(instrument)
        rows = [self._query(f"SELECT min(sec) FROM {table} WHERE symbol_id=?", (symbol_id,)) for table in _TABLES]
        found = [sec for ((sec,),) in rows if sec is not None]
        return min(found) * 1000 if found else None

    def shared_bars(self, y: str, x: str, frame: Timeframe, until_ms: int) -> int:
        """Stored bars of a timeframe, opening before `until_ms`, in which both instruments traded."""
        one = f"SELECT sec / ? FROM bars_{frame.base} WHERE symbol_id=? AND sec<?"
        values = [value for name in (y, x) for value in (frame.seconds, self._symbol_id(name), -(-until_ms // 1000))]
        ((count,),) = self._query(f"SELECT count(*) FROM ({one} INTERSECT {one})", tuple(values))
        return int(count)

    def last_trades(self) -> dict[str, LastTrade]:
        """The newest stored trade of each instrument that has one; of an upload, which has none, its last close."""
        return self._last_trades(self.instruments())

    def _last_trades(self, instruments: dict[str, StoredInstrument]) -> dict[str, LastTrade]:
        found = {}
        for instrument, row in instruments.items():
            rows = self._query(
                "SELECT trade_id, ts_ms, price, qty FROM trades WHERE symbol_id=? ORDER BY trade_id DESC LIMIT 1",
                (row.symbol_id,),
            )
            if row.instrument.venue == UPLOAD:
                rows = self._query(
                    "SELECT 0, ?, c, 0 FROM bars_1m WHERE symbol_id=? ORDER BY sec DESC LIMIT 1",
                    (row.closed_until_ms, row.symbol_id),
                )
            for trade_id, ts_ms, price, qty in rows:
                found[instrument] = LastTrade(trade_id, ts_ms, price / SCALE, qty / SCALE)
        return found

    def quotes(self) -> dict[str, StoredQuote]:
        """The newest best bid and ask of each instrument that has them."""
        return quotes_of(self._query(SELECT_QUOTES))

    def funding(self) -> dict[str, StoredFunding]:
        """The newest funding of each perpetual."""
        return funding_of(self._query(SELECT_FUNDING))

    def alert_events(self, after_id: int = 0, limit: int = 500, made_since_ms: int = 0) -> list[AlertEvent]:
        """The newest alert events after an id and since a time, newest first."""
        return read_events(self._query, "event_id>? AND made_at_ms>=?", (after_id, made_since_ms), limit)

    def alerts_of(self, origin: str, since_ms: int, limit: int = 500) -> list[AlertEvent]:
        """The events of one rule or pin since then, newest first."""
        return read_events(self._query, "origin=? AND at_ms>=?", (origin, since_ms), limit)

    def alerts_without_outcome(self, since_ms: int, horizons: int) -> list[AlertEvent]:
        """Alerts with legs since then that have fewer than so many outcomes, oldest first."""
        return read_unjudged(self._query, since_ms, horizons)

    def deliveries(self, since_ms: int = 0) -> list[Delivery]:
        """How far messages got since then, newest first."""
        return read_deliveries(self._query, since_ms)

    def outcomes(self, from_id: int = 0) -> list[StoredOutcome]:
        """What came after each alert from an id on, oldest first."""
        return read_outcomes(self._query, from_id)

    def feeds(self) -> dict[str, FeedState]:
        """The heartbeats, by name."""
        rows = self._query("SELECT name, state, updated_at_ms, stats FROM feeds")
        try:
            return {name: FeedState(name, state, updated, json.loads(stats)) for name, state, updated, stats in rows}
        except ValueError as error:
            raise DamagedDatabaseError(f"A heartbeat in {self._path} is unreadable.", "Restart ingest.") from error

    def table(self, sql: str) -> pd.DataFrame:
        """The answer to one of the store's own questions as a frame, columns named as in the question."""
        rows = self._query(sql)
        with self._lock:
            columns = [column[0] for column in self._connection.execute(f"SELECT * FROM ({sql}) LIMIT 0").description]
        return pd.DataFrame(rows, columns=columns)

    def gaps(self) -> pd.DataFrame:
        """Every range of trade ids that was or is missing; columns instrument, lo, hi, state, reason, found_at_ms,
        closed_at_ms (missing while it is open)."""
        rows = self._query(
            "SELECT venue || ':' || name, lo, hi, state, reason, found_at_ms, closed_at_ms "
            "FROM gaps JOIN symbols USING(symbol_id) ORDER BY found_at_ms, lo"
        )
        columns = ["instrument", "lo", "hi", "state", "reason", "found_at_ms", "closed_at_ms"]
        return pd.DataFrame(rows, columns=columns).astype({"closed_at_ms": "Int64"})


def _is_proper(name: str, stored: StoredInstrument) -> bool:
    try:
        return Instrument.parse(name) == stored.instrument
    except StatarbError:
        return False
