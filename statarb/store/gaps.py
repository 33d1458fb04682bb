"""The ledger in the database: gap rows read, written, answered, within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

from statarb.store.inbox import GapAnswer
from statarb.store.ledger import Hole, Ledger, Placement, mark

ASKS = 3
ASKS_SPREAD_MS = 600_000
"""Ids that the exchange skips in three answers spread over ten minutes do not exist: its archives lag by less."""

_INSERT = (
    "INSERT INTO gaps(symbol_id,lo,hi,state,reason,found_at_ms,closed_at_ms,tries,proof) VALUES(?,?,?,?,?,?,?,?,?)"
)

# The print nearest to an id: each table's index is asked once, and what is merged are two rows.
NEAREST = """
SELECT trade_id, ts_ms FROM (
  SELECT * FROM (SELECT trade_id, ts_ms FROM trades WHERE symbol_id=?1 {0} ORDER BY trade_id {order} LIMIT 1)
  UNION ALL SELECT * FROM
    (SELECT trade_id, ts_ms FROM nontrades WHERE symbol_id=?1 {0} ORDER BY trade_id {order} LIMIT 1)
) ORDER BY trade_id {order} LIMIT 1"""


def read_ledger(connection: sqlite3.Connection, symbol_id: int) -> Ledger | None:
    """What is stored of an instrument and what is missing; None before its first trade."""
    ends = [connection.execute(NEAREST.format("", order=order), (symbol_id,)).fetchone() for order in ("ASC", "DESC")]
    if ends[0] is None:
        return None
    rows = connection.execute(
        "SELECT lo, hi, "
        f"(SELECT ts_ms FROM ({NEAREST.format('AND trade_id<g.lo', order='DESC')})), "
        f"(SELECT ts_ms FROM ({NEAREST.format('AND trade_id>g.hi', order='ASC')})), "
        "reason, found_at_ms, state, tries, proof "
        "FROM gaps g WHERE symbol_id=?1 AND state<>'filled' ORDER BY lo",
        (symbol_id,),
    ).fetchall()
    holes = tuple(
        Hole(lo, hi, from_ms, until_ms, reason, found_at_ms, state, tries, _last_asked_ms(proof), proof or "")
        for lo, hi, from_ms, until_ms, reason, found_at_ms, state, tries, proof in rows
    )
    return Ledger(ends[0][0], ends[1][0], ends[0][1], ends[1][1], holes)


def _last_asked_ms(proof: str | None) -> int:
    return int(json.loads(proof)[-1]["asked_at_ms"]) if proof else 0


def write_placement(connection: sqlite3.Connection, symbol_id: int, placed: Placement, now_ms: int) -> None:
    """Bring the gap rows to what a placement made of the ledger."""
    for hole in placed.gone:
        connection.execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, hole.lo))
    for hole in placed.opened:
        closed_at_ms = now_ms if hole.state == "unfillable" else None
        connection.execute(
            _INSERT,
            (symbol_id, hole.lo, hole.hi, hole.state, hole.reason, hole.found_at_ms, closed_at_ms, hole.tries,
             hole.proof or None),
        )  # fmt: skip
    for hole in placed.filled:
        lo, hi = _join_filled(connection, symbol_id, hole)
        connection.execute(
            _INSERT, (symbol_id, lo, hi, "filled", hole.reason, hole.found_at_ms, now_ms, hole.tries, None)
        )


def _join_filled(connection: sqlite3.Connection, symbol_id: int, hole: Hole) -> tuple[int, int]:
    """Parts of one gap that were filled one after the other become one row again; the range of the whole."""
    lo, hi = hole.lo, hole.hi
    for neighbour in ("lo<? ORDER BY lo DESC", "lo>? ORDER BY lo"):
        row = connection.execute(
            f"SELECT lo, hi, state, found_at_ms FROM gaps WHERE symbol_id=? AND {neighbour} LIMIT 1", (symbol_id, lo)
        ).fetchone()
        if row and row[2:] == ("filled", hole.found_at_ms) and (row[1] == lo - 1 or row[0] == hi + 1):
            connection.execute("DELETE FROM gaps WHERE symbol_id=? AND lo=?", (symbol_id, row[0]))
            lo, hi = min(lo, row[0]), max(hi, row[1])
    return lo, hi


def answered(ledger: Ledger, answer: GapAnswer) -> Placement:
    """The ledger after the exchange's answer: one more try on record, or the word that it cannot be asked."""

    def change(hole: Hole) -> Hole:
        if hole.state == "unfillable":
            return hole
        history = [*(json.loads(hole.proof) if hole.proof else []), {"asked_at_ms": answer.asked_at_ms, **answer.proof}]
        asked = replace(hole, proof=json.dumps(history), asked_at_ms=answer.asked_at_ms)
        if answer.answer == "deferred":
            return replace(asked, state="deferred")
        tries = hole.tries + 1
        spread_ms = answer.asked_at_ms - int(history[0]["asked_at_ms"])
        for_good = tries >= ASKS and spread_ms >= ASKS_SPREAD_MS
        return replace(asked, tries=tries, state="unfillable" if for_good else hole.state)

    return mark(ledger, answer.lo, answer.hi, change)
