"""Quotes and funding in the database: the newest of each instrument."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from statarb.market import SCALE, Funding, Quote
from statarb.store.book import Book

_QUOTE = "INSERT OR REPLACE INTO quotes VALUES(?,?,?,?,?,?)"
_FUNDING = "INSERT OR REPLACE INTO funding VALUES(?,?,?,?,?,?,?)"
SELECT_QUOTES = "SELECT venue || ':' || name, q.* FROM quotes q JOIN symbols USING(symbol_id) ORDER BY id_epoch"
SELECT_FUNDING = "SELECT venue || ':' || name, f.* FROM funding f JOIN symbols USING(symbol_id) ORDER BY id_epoch"


@dataclass(frozen=True)
class StoredQuote:
    """The best bid and ask as REST told them at `ts_ms`, by our clock."""

    ts_ms: int
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float

    @property
    def mid(self) -> float:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def spread_bps(self) -> float:
        """Ask less bid, in basis points of the middle."""
        return (self.ask - self.bid) / (self.ask + self.bid) * 2e4


@dataclass(frozen=True)
class StoredFunding:
    """What a perpetual pays: `rate` of the notional, longs to shorts, at `next_ms` and then every `interval_hours`."""

    ts_ms: int
    mark: float
    index: float
    rate: float
    next_ms: int
    interval_hours: int


def store_quotes(connection: sqlite3.Connection, books: Mapping[str, Book], quotes: Iterable[Quote]) -> None:
    """Keep the newest quote of each known instrument."""
    known = [(books[str(one.instrument)].symbol_id, *one[1:]) for one in quotes if str(one.instrument) in books]
    connection.executemany(_QUOTE, known)


def store_funding(connection: sqlite3.Connection, books: Mapping[str, Book], funding: Iterable[Funding]) -> None:
    """Keep the newest funding of each known instrument."""
    known = [(books[str(one.instrument)].symbol_id, *one[1:]) for one in funding if str(one.instrument) in books]
    connection.executemany(_FUNDING, known)


def quotes_of(rows: Iterable[tuple[str, int, int, int, int, int, int]]) -> dict[str, StoredQuote]:
    """Rows of SELECT_QUOTES by instrument."""
    return {name: StoredQuote(ts_ms, *(value / SCALE for value in values)) for name, _, ts_ms, *values in rows}


def funding_of(rows: Iterable[tuple[str, int, int, int, int, int, int, int]]) -> dict[str, StoredFunding]:
    """Rows of SELECT_FUNDING by instrument."""
    return {
        name: StoredFunding(ts_ms, mark / SCALE, index / SCALE, rate / SCALE, next_ms, hours)
        for name, _, ts_ms, mark, index, rate, next_ms, hours in rows
    }
