"""A check of what is stored: the file itself, the ids of every instrument, and bars against their trades."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from statarb.market import SCALE
from statarb.store.connect import open_reader, plain_errors
from statarb.store.dayfile import file_sha256
from statarb.store.manifest import Manifest
from statarb.store.trades import Query, read_ids

SAMPLE_TRADES = 200_000
"""Of each instrument, so many of the newest trades are aggregated again; about a second each."""
_EXACT = ["o", "h", "l", "c", "n", "first_id", "last_id"]
_FLOAT = ["v", "quote_v", "taker_buy_v"]
_SHOWN = 3


class Finding(NamedTuple):
    """One thing that was looked at, and whether it is as it should be."""

    is_right: bool
    text: str


def check_database(path: Path, sample_trades: int | None = SAMPLE_TRADES) -> Iterator[Finding]:
    """Look at everything a database promises, in one snapshot of it, while ingest may go on writing.

    Parameters
    ----------
    sample_trades : int or None
        So many of an instrument's newest trades are aggregated again and compared with its bars; None: all.

    Raises
    ------
    StoreError
        It cannot be opened or read.
    """
    with plain_errors(path), contextlib.closing(open_reader(path)) as connection:
        connection.execute("BEGIN")

        def query(sql: str, values: Sequence[Any] = ()) -> list[Any]:
            return connection.execute(sql, values).fetchall()

        yield _check_file(connection)
        symbols = query(
            "SELECT symbol_id, venue || ':' || name || iif(id_epoch, ' (numbering ' || id_epoch || ')', ''), "
            "kept_from_id, kept_from_ms FROM symbols ORDER BY symbol_id"
        )
        for symbol_id, name, kept_from_id, kept_from_ms in symbols:
            yield _check_ids(query, symbol_id, name, kept_from_id)
            yield _check_bars(query, symbol_id, name, kept_from_ms, sample_trades)


def _check_file(connection: sqlite3.Connection) -> Finding:
    try:
        answers = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:  # so damaged that SQLite cannot even say where
        answers = [str(error)]
    return Finding(answers == ["ok"], "the file: " + ("whole" if answers == ["ok"] else "; ".join(answers)))


def _check_ids(query: Query, symbol_id: int, name: str, kept_from_id: int) -> Finding:
    """Every id between the first and the last is stored once, or lies in a gap that says so."""
    ((count, first, last),) = query("SELECT count(*), min(id), max(id) FROM (SELECT trade_id AS id FROM trades "
        "WHERE symbol_id=?1 UNION ALL SELECT trade_id FROM nontrades WHERE symbol_id=?1)", (symbol_id,))  # fmt: skip
    if not count:
        return Finding(True, f"{name}: no trades yet")
    missing = dict(query("SELECT state, sum(hi-lo+1) FROM gaps WHERE symbol_id=? GROUP BY state", (symbol_id,)))
    filled = missing.pop("filled", 0)
    inside = query(
        "SELECT t.trade_id FROM gaps g JOIN trades t ON t.symbol_id=g.symbol_id AND t.trade_id BETWEEN g.lo AND g.hi "
        "WHERE g.symbol_id=? AND g.state<>'filled' LIMIT 1",
        (symbol_id,),
    )
    said = ", ".join(f"{ids:,} {state}" for state, ids in sorted(missing.items())) or "none missing"
    text = f"{name}: ids {first:,} to {last:,}: {count:,} stored, {said}" + (f", {filled:,} filled" if filled else "")
    lost = last - first + 1 - count - sum(missing.values())
    wrong = [f"{lost:,} unaccounted for"] if lost else []
    wrong += [f"id {inside[0][0]} is stored and in a gap"] if inside else []
    wrong += [f"id {first} is below the first kept, {kept_from_id}"] if first < kept_from_id else []
    return Finding(not wrong, "; ".join([text, *wrong]))


def _check_bars(query: Query, symbol_id: int, name: str, kept_from_ms: int, sample_trades: int | None) -> Finding:
    """Bars of seconds that come from trades equal these trades aggregated anew, by another route than the writer's."""
    ((first, last),) = query("SELECT min(trade_id), max(trade_id) FROM trades WHERE symbol_id=?", (symbol_id,))
    if first is None:
        return Finding(True, f"{name}: no bars of trades yet")
    lo = first if sample_trades is None else max(first, last - sample_trades + 1)
    theirs = _from_trades(query, symbol_id, lo, last)
    from_s = kept_from_ms // 1000
    if lo > first:
        from_s = max(from_s, int(theirs.index[0]) + 60)  # the sample begins in the middle of a second
    theirs = theirs[theirs.index >= from_s]
    since_s = from_s if lo > first or kept_from_ms else 0
    ours = _stored(query, symbol_id, since_s, int(theirs.index[-1]) if len(theirs) else 0)
    kline = ours.index[ours["source"] == "kline"]
    ours = ours[ours["source"] == "trades"]
    theirs = theirs[~theirs.index.isin(kline)]
    differing = _differing(ours, theirs)
    text = f"{name}: {len(theirs):,} one-second bars compared with {int(theirs['n'].sum()):,} trades"
    if differing:
        shown = ", ".join(str(pd.Timestamp(second, unit="s")) for second in differing[:_SHOWN])
        text += f"; {len(differing):,} differ, the first at {shown} UTC"
    return Finding(not differing, text)


def _from_trades(query: Query, symbol_id: int, lo: int, hi: int) -> pd.DataFrame:
    pieces = [_aggregate(rows) for rows in read_ids(query, symbol_id, lo, hi)]
    return _joined(pd.concat(pieces))


def _aggregate(rows: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["id", "ts_ms", "price", "qty", "maker"])
    qty = frame["qty"] / SCALE
    parts = pd.DataFrame(
        {"sec": frame["ts_ms"] // 1000, "first_id": frame["id"], "last_id": frame["id"], "n": 1,
         "o": frame["price"], "h": frame["price"], "l": frame["price"], "c": frame["price"],
         "v": qty, "quote_v": qty * frame["price"] / SCALE, "taker_buy_v": qty.where(frame["maker"] == 0, 0.0)}
    )  # fmt: skip
    return _joined(parts.set_index("sec"))


def _joined(parts: pd.DataFrame) -> pd.DataFrame:
    """Parts of bars in order of id, one bar a second."""
    how = {"first_id": "min", "last_id": "max", "n": "sum", "o": "first", "h": "max", "l": "min", "c": "last",
           "v": "sum", "quote_v": "sum", "taker_buy_v": "sum"}  # fmt: skip
    return parts.groupby(level="sec").agg(how)


def _stored(query: Query, symbol_id: int, since_s: int, last_s: int) -> pd.DataFrame:
    columns = ["sec", *_EXACT, *_FLOAT, "source"]
    rows = query(
        f"SELECT {','.join(columns)} FROM bars_1s WHERE symbol_id=? AND sec BETWEEN ? AND ? ORDER BY sec",
        (symbol_id, since_s, last_s),
    )
    return pd.DataFrame(rows, columns=columns).set_index("sec")


def _differing(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[int]:
    """Seconds in which the two accounts differ, or that only one of them has."""
    both = ours.index.intersection(theirs.index)
    a, b = ours.loc[both], theirs.loc[both]
    exact = (a[_EXACT].astype("int64") == b[_EXACT].astype("int64")).all(axis=1)
    near = np.isclose(a[_FLOAT].astype(float), b[_FLOAT].astype(float), rtol=1e-9, atol=1e-9).all(axis=1)
    return sorted({*both[~(exact.to_numpy() & near)], *ours.index.symmetric_difference(theirs.index)})


def check_archive(folder: Path) -> Iterator[Finding]:
    """Whether each file of an archive is as its manifest says.

    Raises
    ------
    StoreError
        The manifest cannot be read.
    """
    days = Manifest(folder).days()
    wrong = []
    for day in days:
        try:
            if file_sha256(folder / day.path) != day.sha256:
                wrong.append(f"{day.path} is not what was archived")
        except OSError as error:
            wrong.append(f"{day.path} cannot be read ({error.strerror})")
    yield from (Finding(False, f"the archive: {text}") for text in wrong)
    if not wrong:
        rows, size = sum(day.rows for day in days), sum(day.bytes for day in days)
        yield Finding(True, f"the archive: {len(days):,} files, {rows:,} trades, {size:,} bytes, all as listed")
