"""Bars in the database: aggregate new trades, merge them exactly once, derive minutes, settle what is final."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from operator import mul
from typing import Literal

from statarb.market import SCALE, Bar, Trade

_VALUES = "o,h,l,c,v,quote_v,taker_buy_v,n,first_id,last_id"

# Disjoint sets of trades merge to the same bar in any order: the open belongs to the lower id, the close to the higher.
_MERGE = f"""
INSERT INTO bars_1s(symbol_id,sec,{_VALUES},source,state) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,'trades','provisional')
ON CONFLICT(symbol_id,sec) DO UPDATE SET
  o=CASE WHEN excluded.first_id<first_id THEN excluded.o ELSE o END, h=max(h,excluded.h), l=min(l,excluded.l),
  c=CASE WHEN excluded.last_id>last_id THEN excluded.c ELSE c END, v=v+excluded.v, quote_v=quote_v+excluded.quote_v,
  taker_buy_v=taker_buy_v+excluded.taker_buy_v, n=n+excluded.n, first_id=min(first_id,excluded.first_id),
  last_id=max(last_id,excluded.last_id), revisions=revisions+(state='final'), state='provisional'
WHERE source='trades'"""

_MINUTE = f"""
INSERT INTO bars_1m(symbol_id,sec,{_VALUES},source,state)
SELECT ?1, ?2, (SELECT o FROM bars_1s WHERE symbol_id=?1 AND sec BETWEEN ?2 AND ?2+59 ORDER BY sec LIMIT 1),
  max(h), min(l), (SELECT c FROM bars_1s WHERE symbol_id=?1 AND sec BETWEEN ?2 AND ?2+59 ORDER BY sec DESC LIMIT 1),
  sum(v), sum(quote_v), sum(taker_buy_v), sum(n), CASE WHEN count(first_id)=count(*) THEN min(first_id) END,
  CASE WHEN count(last_id)=count(*) THEN max(last_id) END, 'trades', 'provisional'
FROM bars_1s WHERE symbol_id=?1 AND sec BETWEEN ?2 AND ?2+59 HAVING count(*)>0
ON CONFLICT(symbol_id,sec) DO UPDATE SET o=excluded.o, h=excluded.h, l=excluded.l, c=excluded.c, v=excluded.v,
  quote_v=excluded.quote_v, taker_buy_v=excluded.taker_buy_v, n=excluded.n, first_id=excluded.first_id,
  last_id=excluded.last_id, revisions=revisions+(state='final'), state='provisional'
WHERE source='trades'"""

# A kline is the exchange's own account: it replaces what we cannot vouch for, and nothing else.
_SEED = """
INSERT INTO {table}(symbol_id,sec,o,h,l,c,v,quote_v,taker_buy_v,n,source,state)
VALUES(?,?,?,?,?,?,?,?,?,?,'kline','final')
ON CONFLICT(symbol_id,sec) DO UPDATE SET o=excluded.o, h=excluded.h, l=excluded.l, c=excluded.c, v=excluded.v,
  quote_v=excluded.quote_v, taker_buy_v=excluded.taker_buy_v, n=excluded.n, first_id=NULL, last_id=NULL,
  source='kline', state='final'
WHERE source='trades' AND state='provisional'"""

Table = Literal["bars_1s", "bars_1m"]
WIDTH_S: dict[Table, int] = {"bars_1s": 1, "bars_1m": 60}


def aggregate(trades: Sequence[Trade]) -> list[Bar]:
    """Trades in order of id -> one-second bars; a second that is left and entered again yields two parts.

    Volumes are summed as exact integers before they become floats.
    """
    if not trades:
        return []
    _, ids, times_ms, prices, quantities, makers, _, _ = zip(*trades, strict=True)
    bars, start, count = [], 0, len(ids)
    while start < count:
        second = times_ms[start] // 1000
        next_ms = second * 1000 + 1000
        stop = start + 1
        while stop < count and next_ms - 1000 <= times_ms[stop] < next_ms:
            stop += 1
        part_p, part_q = prices[start:stop], quantities[start:stop]
        bought = sum(q for q, maker in zip(part_q, makers[start:stop], strict=True) if not maker)
        bars.append(
            Bar(
                second * 1000,
                part_p[0],
                max(part_p),
                min(part_p),
                part_p[-1],
                sum(part_q) / SCALE,
                sum(map(mul, part_p, part_q)) / SCALE / SCALE,
                bought / SCALE,
                stop - start,
                ids[start],
                ids[stop - 1],
            )
        )
        start = stop
    return bars


def merge_seconds(connection: sqlite3.Connection, symbol_id: int, parts: Iterable[Bar]) -> set[int]:
    """Add bars of trades that were not stored before; the seconds touched."""
    rows = [(symbol_id, bar.open_ms // 1000, *bar[1:]) for bar in parts]
    connection.executemany(_MERGE, rows)
    return {row[1] for row in rows}


def derive_minutes(connection: sqlite3.Connection, symbol_id: int, seconds: Iterable[int]) -> None:
    """Make the minutes that hold these seconds anew from their seconds, but for those that a kline seeded."""
    connection.executemany(_MINUTE, [(symbol_id, minute) for minute in sorted({s - s % 60 for s in seconds})])


def seed(connection: sqlite3.Connection, symbol_id: int, table: Table, bars: Iterable[Bar]) -> None:
    """Store bars from exchange klines where no final bar is."""
    rows = [(symbol_id, bar.open_ms // 1000, *bar[1:9]) for bar in bars]
    connection.executemany(_SEED.format(table=table), rows)


_CONFIRM = """
UPDATE bars_1s SET source='trades', first_id=?, last_id=?, v=?, quote_v=?, taker_buy_v=?
WHERE symbol_id=? AND sec=? AND source='kline' AND o=? AND h=? AND l=? AND c=? AND n=?"""


def confirm_seeds(connection: sqlite3.Connection, symbol_id: int, parts: Sequence[Bar]) -> tuple[set[int], int]:
    """Compare seeded seconds with the trades that now cover them wholly; the confirmed ones, and how many differ.

    `parts` are of trades in order, so all but the first and the last second of a run of ids are whole. A seed that
    its trades confirm becomes a bar of trades; one that they contradict stays and is counted.
    """
    confirmed, differing = set(), 0
    for before, bar, after in zip(parts, parts[1:], parts[2:], strict=False):
        second = bar.open_ms // 1000
        key = (symbol_id, second)
        seeded = "SELECT 1 FROM bars_1s WHERE symbol_id=? AND sec=? AND source='kline'"
        if _adjoin(before, bar, after) and connection.execute(seeded, key).fetchone():
            values = (bar.first_id, bar.last_id, *bar[5:8], *key, *bar[1:5], bar.trade_count)
            if connection.execute(_CONFIRM, values).rowcount:
                confirmed.add(second)
            else:
                differing += 1
    return confirmed, differing


def _adjoin(before: Bar, bar: Bar, after: Bar) -> bool:
    """Whether the ids of three bars follow each other without a hole."""
    ids = (before.last_id, bar.first_id, bar.last_id, after.first_id)
    if None in ids or bar.trade_count != (bar.last_id or 0) - (bar.first_id or 0) + 1:
        return False
    return bar.first_id == (before.last_id or 0) + 1 and after.first_id == (bar.last_id or 0) + 1


def settle(
    connection: sqlite3.Connection,
    symbol_id: int,
    from_ms: int,
    until_ms: int,
    doubtful_ms: Iterable[tuple[int, int]],
) -> None:
    """Mark the closed bars in [from_ms, until_ms) final, but for those that touch a doubtful span of time."""
    spans = list(doubtful_ms)
    for table, width_s in WIDTH_S.items():
        first_s, end_s = _floor(from_ms, width_s), _floor(until_ms, width_s)
        _mark(connection, table, symbol_id, "final", first_s, end_s)
        for span_from_ms, span_until_ms in spans:
            lo_s, hi_s = max(first_s, _floor(span_from_ms, width_s)), _floor(span_until_ms, width_s) + width_s
            if lo_s < min(hi_s, end_s):
                _mark(connection, table, symbol_id, "provisional", lo_s, min(hi_s, end_s))


def _mark(connection: sqlite3.Connection, table: Table, symbol_id: int, state: str, first_s: int, end_s: int) -> None:
    connection.execute(
        f"UPDATE {table} SET state=? WHERE symbol_id=? AND sec>=? AND sec<? AND source='trades' AND state<>?",
        (state, symbol_id, first_s, end_s, state),
    )


def _floor(ts_ms: int, width_s: int) -> int:
    return ts_ms // 1000 // width_s * width_s
