"""The desk file beside the database: what the users of one desk ask, set and note; written by the page alone."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from statarb.alerts import DEFAULT_RULES, AlertRule, Target
from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, ForeignDatabaseError
from statarb.market import Instrument
from statarb.pins import Pin
from statarb.store.connect import make_private_file, make_private_folder, plain_errors
from statarb.store.desk_schema import APPLICATION_ID, VERSION, migrate

log = logging.getLogger(__name__)

NOTE_CHARACTERS = 2000


class Request(NamedTuple):
    """Follow an instrument from now on, or no longer."""

    request_id: int
    action: Literal["add", "remove"]
    instrument: Instrument


class Wanted(NamedTuple):
    """Which instruments are to be followed, and how many requests said so: a new one means to try once more."""

    names: tuple[str, ...]
    requests: int


class DeliveryTest(NamedTuple):
    """Send a test message to a target."""

    request_id: int
    made_at_ms: int
    target_id: int


class Mark(NamedTuple):
    """What a user said of an alert: acknowledged when (None: not yet), and a note."""

    acknowledged_at_ms: int | None
    note: str


class DeskFile:
    """One desk's own file; each call opens it, so that page and ingest need not know of each other.

    Only the methods that change something create or upgrade it; the others answer for a file that is not there, or is
    older, as for a new desk: no request, no target, the default rules.

    Parameters
    ----------
    path : Path
        See `settings.desk_path`.

    Raises
    ------
    StoreError
        From any method: the file cannot be read or written, or is not a desk file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    # --- requests to ingest -------------------------------------------------------------------------------------------

    def ask(self, action: Literal["add", "remove"], instrument: Instrument) -> None:
        """Leave a request for ingest, which looks every second."""
        self._write(
            "INSERT INTO requests(made_at_ms, action, instrument) VALUES(?,?,?)",
            (SYSTEM_CLOCK.now_ms(), action, str(instrument)),
        )

    def requests(self, after_id: int = 0) -> list[Request]:
        """The requests to follow instruments after one, oldest first; none where there is no file yet."""
        rows = self._rows(
            "SELECT request_id, action, instrument FROM requests WHERE request_id>? AND action<>'test' "
            "ORDER BY request_id",
            (after_id,),
            since_version=0,
        )
        return [Request(request_id, action, Instrument.parse(text)) for request_id, action, text in rows or ()]

    def wanted(self, first: Sequence[Instrument]) -> Wanted:
        """The instruments to follow now: the first ones, and what was asked for since, in order."""
        names, requests = dict.fromkeys(map(str, first)), self.requests()
        for request in requests:
            if request.action == "add":
                names[str(request.instrument)] = None
            else:
                names.pop(str(request.instrument), None)
        return Wanted(tuple(names), len(requests))

    def ask_test(self, target_id: int) -> int:
        """Ask ingest to send a test message; the request's id, under which the delivery will be found."""
        return self._write(
            "INSERT INTO requests(made_at_ms, action, target_id) VALUES(?,'test',?)",
            (SYSTEM_CLOCK.now_ms(), target_id),
        )

    def test_requests(self, since_ms: int) -> list[DeliveryTest]:
        """Test messages asked for since then, oldest first."""
        rows = self._rows(
            "SELECT request_id, made_at_ms, target_id FROM requests WHERE action='test' AND made_at_ms>=? "
            "ORDER BY request_id",
            (since_ms,),
        )
        return [DeliveryTest(*row) for row in rows or ()]

    # --- alert rules --------------------------------------------------------------------------------------------------

    def rules(self) -> list[AlertRule]:
        """Every rule in order of its id; one that cannot be read is left out and logged."""
        rows = self._rows("SELECT rule_id, saved_at_ms, body FROM alert_rules ORDER BY rule_id")
        if rows is None:
            return list(DEFAULT_RULES)
        found = []
        for rule_id, saved_at_ms, body in rows:
            try:
                found.append(AlertRule.from_json(body, rule_id, saved_at_ms))
            except ConfigError as error:
                log.warning("Alert rule %d: %s", rule_id, error)
        return found

    def save_rule(self, rule: AlertRule) -> AlertRule:
        """Store a rule, new or changed, as of now; the rule as it is stored."""
        now_ms = SYSTEM_CLOCK.now_ms()
        rule_id = self._write(
            "INSERT INTO alert_rules(rule_id, saved_at_ms, body) VALUES(?,?,?) "
            "ON CONFLICT(rule_id) DO UPDATE SET saved_at_ms=excluded.saved_at_ms, body=excluded.body",
            (rule.rule_id, now_ms, rule.to_json()),
        )
        return rule.numbered(rule.rule_id or rule_id, now_ms)

    def delete_rule(self, rule_id: int) -> None:
        self._write("DELETE FROM alert_rules WHERE rule_id=?", (rule_id,))

    # --- targets of delivery ------------------------------------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Every target in order of its id, with its secret address."""
        rows = self._rows("SELECT name, url, enabled, target_id, created_at_ms FROM targets ORDER BY target_id")
        return [Target(name, url, bool(enabled), *rest) for name, url, enabled, *rest in rows or ()]

    def save_target(self, target: Target) -> int:
        """Store a target, new or changed; its id. Only what happens from now on is delivered to a changed address."""
        target_id = self._write(
            "INSERT INTO targets(target_id, created_at_ms, name, url, enabled) VALUES(?,?,?,?,?) "
            "ON CONFLICT(target_id) DO UPDATE SET created_at_ms=excluded.created_at_ms, name=excluded.name, "
            "url=excluded.url, enabled=excluded.enabled",
            (target.target_id, SYSTEM_CLOCK.now_ms(), target.name, target.url, int(target.enabled)),
        )
        return target.target_id or target_id

    def delete_target(self, target_id: int) -> None:
        self._write("DELETE FROM targets WHERE target_id=?", (target_id,))

    # --- marks on alerts ----------------------------------------------------------------------------------------------

    def mark_alert(
        self, event_id: int, at_ms: int, *, acknowledged: bool | None = None, note: str | None = None
    ) -> None:
        """Acknowledge an alert or take that back, or note something on it; what is None stays as it is."""
        self._write("INSERT INTO alert_marks(event_id, at_ms) VALUES(?,?) ON CONFLICT DO NOTHING", (event_id, at_ms))
        if acknowledged is not None:
            self._write(
                "UPDATE alert_marks SET acknowledged_at_ms=? WHERE event_id=? AND at_ms=?",
                (SYSTEM_CLOCK.now_ms() if acknowledged else None, event_id, at_ms),
            )
        if note is not None:
            self._write(
                "UPDATE alert_marks SET note=? WHERE event_id=? AND at_ms=?", (note[:NOTE_CHARACTERS], event_id, at_ms)
            )

    def marks(self) -> dict[tuple[int, int], Mark]:
        """Marks by the alert's id and time: ids alone begin anew with a new database."""
        rows = self._rows("SELECT event_id, at_ms, acknowledged_at_ms, note FROM alert_marks") or ()
        return {(event_id, at_ms): Mark(acknowledged, note) for event_id, at_ms, acknowledged, note in rows}

    # --- pins ---------------------------------------------------------------------------------------------------------

    def pins(self) -> list[Pin]:
        """Every pin, open ones first, then the newest first; one that cannot be read is left out and logged."""
        found = []
        for pin_id, body in self._rows("SELECT pin_id, body FROM pins ORDER BY pin_id DESC") or ():
            try:
                found.append(Pin.from_json(body, pin_id))
            except ConfigError as error:
                log.warning("Pin %d: %s", pin_id, error)
        return sorted(found, key=lambda pin: (not pin.is_open, -pin.entered_at_ms))

    def save_pin(self, pin: Pin) -> Pin:
        """Store a pin, new or changed; the pin as it is stored."""
        pin_id = self._write(
            "INSERT INTO pins(pin_id, made_at_ms, closed_at_ms, body) VALUES(?,?,?,?) "
            "ON CONFLICT(pin_id) DO UPDATE SET closed_at_ms=excluded.closed_at_ms, body=excluded.body",
            (pin.pin_id, SYSTEM_CLOCK.now_ms(), pin.exit and pin.exit.at_ms, pin.to_json()),
        )
        return replace(pin, pin_id=pin.pin_id or pin_id)

    def delete_pin(self, pin_id: int) -> None:
        self._write("DELETE FROM pins WHERE pin_id=?", (pin_id,))

    # --- saved views --------------------------------------------------------------------------------------------------

    def view(self, name: str) -> str | None:
        """A saved text by its name, such as the watchlist; None where there is none."""
        rows = self._rows("SELECT body FROM views WHERE name=?", (name,)) or ()
        return next((body for (body,) in rows), None)

    def save_view(self, name: str, body: str) -> None:
        self._write(
            "INSERT INTO views VALUES(?,?,?) ON CONFLICT(name) DO UPDATE SET saved_at_ms=excluded.saved_at_ms, "
            "body=excluded.body",
            (name, SYSTEM_CLOCK.now_ms(), body),
        )

    # --- the file -----------------------------------------------------------------------------------------------------

    def _write(self, sql: str, values: Sequence[Any]) -> int:
        """Execute in a file that is created or upgraded as needed; the id of the row inserted last."""
        make_private_folder(self._path.parent)
        make_private_file(self._path)
        with self._opened("rw") as (connection, version):
            if version < VERSION:
                migrate(connection)
            return connection.execute(sql, values).lastrowid or 0

    def _rows(self, sql: str, values: Sequence[Any] = (), since_version: int = 2) -> list[Any] | None:
        """The answer; None where there is no file, or one older than the table."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return None
        with self._opened("ro") as (connection, version):
            if version < since_version:
                return None
            return connection.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _opened(self, mode: Literal["ro", "rw"]) -> Iterator[tuple[sqlite3.Connection, int]]:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        with (
            plain_errors(self._path),
            contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5)) as connection,
        ):
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and application_id != APPLICATION_ID:
                raise ForeignDatabaseError(f"{self._path} is not a desk file.", "Move it aside.")
            if version > VERSION:
                raise ForeignDatabaseError(f"{self._path} was written by a newer statarb.", "Update statarb.")
            yield connection, version
