"""The database's shape: tables with their purpose, and the ordered, named migrations that lead to it."""

from __future__ import annotations

from typing import NamedTuple

from statarb.store.alert_log import DELIVERIES_TABLE, EVENTS_TABLE, OUTCOMES_TABLE

APPLICATION_ID = 0x50414952
"""'PAIR' in SQLite's file header: what tells our database from another."""

PURPOSE = {
    "meta": "what this database is: source of its trades, when and by which version it was made",
    "symbols": "each instrument with its rules and how far its bars are closed",
    "trades": "every trade once, exact: price and quantity are decimals times 10^8",
    "nontrades": "ids that are no market trade (futures): count for continuity, never for prices",
    "bars_1s": "one-second bars, from trades or seeded from exchange klines",
    "bars_1m": "one-minute bars, from the seconds or seeded from exchange klines",
    "gaps": "ranges of trade ids not stored: open, filled, unfillable or deferred",
    "feeds": "heartbeat of ingest and of each connection",
    "rejects": "frames that could not be used, with a sample (the newest 10,000)",
    "quotes": "the newest best bid and ask of each instrument, by REST",
    "funding": "the newest mark price, index price and funding rate of each perpetual",
    "alert_events": "alerts that fired, were held back or suppressed, with all that was known then",
    "deliveries": "how far each message got to each target",
    "outcomes": "what the legs of an alert earned afterwards, beside random entries",
    "conflicts": "trades that came again with other content; the first is kept",
}

_BARS = """(
  symbol_id INTEGER NOT NULL, {key} INTEGER NOT NULL,
  o INTEGER NOT NULL, h INTEGER NOT NULL, l INTEGER NOT NULL, c INTEGER NOT NULL,
  v REAL NOT NULL, quote_v REAL NOT NULL, taker_buy_v REAL NOT NULL, n INTEGER NOT NULL,
  first_id INTEGER, last_id INTEGER,
  source TEXT NOT NULL CHECK(source IN('trades','kline')),
  state TEXT NOT NULL CHECK(state IN('provisional','final')),
  revisions INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(symbol_id, {key})) STRICT, WITHOUT ROWID"""


class Migration(NamedTuple):
    """One step of the schema; the number of a step is its place in MIGRATIONS, counted from 1."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        "trades-bars-gaps-feeds",
        (
            "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
            """CREATE TABLE symbols(
              symbol_id INTEGER PRIMARY KEY, venue TEXT NOT NULL, name TEXT NOT NULL,
              id_kind TEXT NOT NULL CHECK(id_kind IN('trade','aggTrade','line')),
              id_epoch INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL,
              tick INTEGER, lot_step INTEGER, can_short INTEGER NOT NULL,
              closed_until_ms INTEGER, bars_version INTEGER NOT NULL DEFAULT 0,
              UNIQUE(venue, name, id_kind, id_epoch)) STRICT""",
            """CREATE TABLE trades(
              symbol_id INTEGER NOT NULL, trade_id INTEGER NOT NULL CHECK(trade_id >= 0),
              ts_ms INTEGER NOT NULL CHECK(ts_ms BETWEEN 1400000000000 AND 4102444800000),
              price INTEGER NOT NULL CHECK(price > 0), qty INTEGER NOT NULL CHECK(qty > 0),
              maker INTEGER NOT NULL CHECK(maker IN(0,1)),
              PRIMARY KEY(symbol_id, trade_id)) STRICT, WITHOUT ROWID""",
            """CREATE TABLE nontrades(
              symbol_id INTEGER NOT NULL, trade_id INTEGER NOT NULL, ts_ms INTEGER NOT NULL, kind TEXT NOT NULL,
              PRIMARY KEY(symbol_id, trade_id)) STRICT, WITHOUT ROWID""",
            "CREATE TABLE bars_1s" + _BARS.format(key="sec"),
            "CREATE TABLE bars_1m" + _BARS.format(key="sec"),
            """CREATE TABLE gaps(
              symbol_id INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,
              state TEXT NOT NULL CHECK(state IN('open','filled','unfillable','deferred')),
              reason TEXT NOT NULL, found_at_ms INTEGER NOT NULL, closed_at_ms INTEGER,
              tries INTEGER NOT NULL DEFAULT 0, proof TEXT,
              PRIMARY KEY(symbol_id, lo)) STRICT, WITHOUT ROWID""",
            """CREATE TABLE feeds(
              name TEXT PRIMARY KEY, state TEXT NOT NULL, updated_at_ms INTEGER NOT NULL,
              stats TEXT NOT NULL) STRICT""",
            "CREATE TABLE rejects(seen_at_ms INTEGER NOT NULL, reason TEXT NOT NULL, sample TEXT NOT NULL) STRICT",
            """CREATE TABLE conflicts(
              symbol_id INTEGER NOT NULL, trade_id INTEGER NOT NULL, seen_at_ms INTEGER NOT NULL,
              payload TEXT NOT NULL) STRICT""",
        ),
    ),
    Migration(
        "kept-from",
        (
            # What lies below was pruned: such an id is no news, and the bars before that time are not judged again.
            "ALTER TABLE symbols ADD COLUMN kept_from_id INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE symbols ADD COLUMN kept_from_ms INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        "quotes-funding",
        (
            """CREATE TABLE quotes(
              symbol_id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL,
              bid INTEGER NOT NULL CHECK(bid > 0), bid_qty INTEGER NOT NULL,
              ask INTEGER NOT NULL CHECK(ask > 0), ask_qty INTEGER NOT NULL) STRICT""",
            """CREATE TABLE funding(
              symbol_id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, mark INTEGER NOT NULL,
              index_price INTEGER NOT NULL, rate INTEGER NOT NULL, next_ms INTEGER NOT NULL,
              interval_hours INTEGER NOT NULL) STRICT""",
        ),
    ),
    Migration("alerts", (EVENTS_TABLE, DELIVERIES_TABLE, OUTCOMES_TABLE)),
)

VERSION = len(MIGRATIONS)
"""PRAGMA user_version of a database that is up to date."""
