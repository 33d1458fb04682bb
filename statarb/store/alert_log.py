"""What became of alerts, in the database: events, their deliveries and outcomes; written by the writer alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import pandas as pd

from statarb.alerts import Basis, State

Query = Callable[[str, Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class AlertEvent:
    """One thing that happened to a rule or a pin.

    `origin` is 'rule:3', or 'pin:2:stop'; with `at_ms` (the close of the bar, or the moment of live prices) and
    `state` it is unique, so that a restart cannot store it twice. `reason` is the rule in words, or why it cannot
    judge; `text` the whole message. None stands where a figure did not exist. Units are signed, bought above zero;
    notionals are theirs. `round_trip_bps` and the edges are in basis points of the y notional; `coverage` is the share
    of the window's bars that are final. `ended_at_ms` is when the conditions ceased to hold.
    """

    origin: str
    name: str
    state: State
    at_ms: int
    made_at_ms: int
    y: str
    x: str
    timeframe: str
    basis: Basis
    reason: str
    text: str
    link: str
    z: float | None = None
    edge_bps: float | None = None
    round_trip_bps: float | None = None
    net_bps: float | None = None
    verdict: str | None = None
    verdict_since_ms: int | None = None
    y_price: float | None = None
    x_price: float | None = None
    y_units: float | None = None
    x_units: float | None = None
    y_notional: float | None = None
    x_notional: float | None = None
    coverage: float | None = None
    event_id: int | None = None
    ended_at_ms: int | None = None


@dataclass(frozen=True)
class AlertEnd:
    """The conditions of an origin's last alert ceased to hold; or, `of_blindness`, what suppressed it is over."""

    origin: str
    at_ms: int
    of_blindness: bool = False


@dataclass(frozen=True)
class Delivery:
    """How far a message got to one target: `ref_id` is an event's id, or that of a request for a test message."""

    kind: Literal["event", "test"]
    ref_id: int
    target_id: int
    target: str
    state: Literal["sent", "retrying", "failed"]
    tries: int
    error: str
    at_ms: int


@dataclass(frozen=True)
class StoredOutcome:
    """What the two legs of an alert earned `horizon_bars` later, and what random entries did, in bp of the y notional.

    None where no price was there to judge by; `n_random` is how many entries the random figures are the mean of.
    """

    event_id: int
    horizon_bars: int
    gross_bps: float | None
    net_bps: float | None
    random_gross_bps: float | None
    random_net_bps: float | None
    n_random: int


@dataclass(frozen=True)
class AlertHealth:
    """What the alerts' thread says of itself, for the heartbeat."""

    stats: dict[str, Any]


AlertItem = AlertEvent | AlertEnd | Delivery | StoredOutcome | AlertHealth

_EVENT_FIELDS = [one.name for one in fields(AlertEvent)]
_DELIVERY_FIELDS = [one.name for one in fields(Delivery)]
_OUTCOME_FIELDS = [one.name for one in fields(StoredOutcome)]

EVENTS_TABLE = """CREATE TABLE alert_events(
  event_id INTEGER PRIMARY KEY, origin TEXT NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN('fired','held','digest','suppressed')),
  at_ms INTEGER NOT NULL, made_at_ms INTEGER NOT NULL, ended_at_ms INTEGER,
  y TEXT NOT NULL, x TEXT NOT NULL, timeframe TEXT NOT NULL, basis TEXT NOT NULL CHECK(basis IN('closed','live')),
  reason TEXT NOT NULL, text TEXT NOT NULL, link TEXT NOT NULL,
  z REAL, edge_bps REAL, round_trip_bps REAL, net_bps REAL, verdict TEXT, verdict_since_ms INTEGER,
  y_price REAL, x_price REAL, y_units REAL, x_units REAL, y_notional REAL, x_notional REAL, coverage REAL,
  UNIQUE(origin, at_ms, state)) STRICT"""
DELIVERIES_TABLE = """CREATE TABLE deliveries(
  kind TEXT NOT NULL CHECK(kind IN('event','test')), ref_id INTEGER NOT NULL, target_id INTEGER NOT NULL,
  target TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN('sent','retrying','failed')), tries INTEGER NOT NULL,
  error TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY(kind, ref_id, target_id)) STRICT, WITHOUT ROWID"""
OUTCOMES_TABLE = """CREATE TABLE outcomes(
  event_id INTEGER NOT NULL, horizon_bars INTEGER NOT NULL, gross_bps REAL, net_bps REAL,
  random_gross_bps REAL, random_net_bps REAL, n_random INTEGER NOT NULL,
  PRIMARY KEY(event_id, horizon_bars)) STRICT, WITHOUT ROWID"""


def store_alerts(connection: sqlite3.Connection, items: Iterable[object]) -> None:
    """Store what there is of alerts among `items`, in their order; what is stored already changes nothing."""
    for item in items:
        if isinstance(item, AlertEvent):
            _insert(connection, "alert_events", _EVENT_FIELDS, item, "ON CONFLICT(origin, at_ms, state) DO NOTHING")
        elif isinstance(item, AlertEnd):
            connection.execute(
                "UPDATE alert_events SET ended_at_ms=? "
                "WHERE origin=? AND ended_at_ms IS NULL AND (state='suppressed')=?",
                (item.at_ms, item.origin, item.of_blindness),
            )
        elif isinstance(item, Delivery):
            _insert(
                connection,
                "deliveries",
                _DELIVERY_FIELDS,
                item,
                "ON CONFLICT(kind, ref_id, target_id) DO UPDATE SET state=excluded.state, tries=excluded.tries, "
                "error=excluded.error, at_ms=excluded.at_ms",
            )
        elif isinstance(item, StoredOutcome):
            _insert(connection, "outcomes", _OUTCOME_FIELDS, item, "ON CONFLICT(event_id, horizon_bars) DO NOTHING")


def _insert(connection: sqlite3.Connection, table: str, names: Sequence[str], item: object, conflict: str) -> None:
    marks = ", ".join("?" * len(names))
    connection.execute(
        f"INSERT INTO {table}({', '.join(names)}) VALUES({marks}) {conflict}", [getattr(item, name) for name in names]
    )


def read_events(query: Query, where: str, values: Sequence[Any], limit: int) -> list[AlertEvent]:
    """Events that meet a condition, newest first."""
    rows = query(
        f"SELECT {', '.join(_EVENT_FIELDS)} FROM alert_events WHERE {where} ORDER BY event_id DESC LIMIT ?",
        (*values, limit),
    )
    return [AlertEvent(*row) for row in rows]


def read_unjudged(query: Query, since_ms: int, horizons: int) -> list[AlertEvent]:
    """Alerts with legs since then that have fewer than so many outcomes, oldest first."""
    where = "y_units IS NOT NULL AND at_ms>=? AND (SELECT count(*) FROM outcomes o WHERE o.event_id=e.event_id)<?"
    rows = query(
        f"SELECT {', '.join(_EVENT_FIELDS)} FROM alert_events e WHERE {where} ORDER BY event_id", (since_ms, horizons)
    )
    return [AlertEvent(*row) for row in rows]


def read_deliveries(query: Query, since_ms: int) -> list[Delivery]:
    """Deliveries since then, newest first."""
    rows = query(
        f"SELECT {', '.join(_DELIVERY_FIELDS)} FROM deliveries WHERE at_ms>=? ORDER BY at_ms DESC", (since_ms,)
    )
    return [Delivery(*row) for row in rows]


def read_outcomes(query: Query, from_id: int) -> list[StoredOutcome]:
    """The outcomes of alerts from an id on, oldest alert first."""
    rows = query(
        f"SELECT {', '.join(_OUTCOME_FIELDS)} FROM outcomes WHERE event_id>=? ORDER BY event_id, horizon_bars",
        (from_id,),
    )
    return [StoredOutcome(*row) for row in rows]


def frame_of(items: Sequence[AlertEvent] | Sequence[Delivery] | Sequence[StoredOutcome], kind: type) -> pd.DataFrame:
    """The same as a frame, a column a field."""
    names = [one.name for one in fields(kind)]
    return pd.DataFrame([[getattr(item, name) for name in names] for item in items], columns=names)
