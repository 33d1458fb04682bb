"""The desk file's shape: its tables with their purpose, and the migrations that lead to it."""

from __future__ import annotations

import sqlite3

from statarb.alerts import DEFAULT_RULES

APPLICATION_ID = 0x4445534B
"""'DESK' in SQLite's file header."""

PURPOSE = {
    "requests": "what the page asks of ingest: follow an instrument or no longer, send a test message",
    "alert_rules": "the alert rules, as JSON",
    "targets": "where alerts are delivered: Apprise addresses, which are secrets",
    "alert_marks": "alerts acknowledged, and notes on them",
    "pins": "positions that a user said to hold, as JSON",
    "views": "saved views and the watchlist, as JSON by name",
}

_REQUESTS = """CREATE TABLE IF NOT EXISTS requests(
  request_id INTEGER PRIMARY KEY, made_at_ms INTEGER NOT NULL,
  action TEXT NOT NULL CHECK(action IN('add','remove')), instrument TEXT NOT NULL) STRICT"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (_REQUESTS,),  # files of the first version carry no number: theirs is 0, and this table is there already
    (
        "ALTER TABLE requests RENAME TO first_requests",
        """CREATE TABLE requests(
          request_id INTEGER PRIMARY KEY, made_at_ms INTEGER NOT NULL,
          action TEXT NOT NULL CHECK(action IN('add','remove','test')), instrument TEXT, target_id INTEGER,
          CHECK((action='test') = (target_id IS NOT NULL) AND (action='test') = (instrument IS NULL))) STRICT""",
        "INSERT INTO requests SELECT request_id, made_at_ms, action, instrument, NULL FROM first_requests",
        "DROP TABLE first_requests",
        """CREATE TABLE alert_rules(rule_id INTEGER PRIMARY KEY AUTOINCREMENT, saved_at_ms INTEGER NOT NULL,
          body TEXT NOT NULL) STRICT""",
        """CREATE TABLE targets(target_id INTEGER PRIMARY KEY AUTOINCREMENT, created_at_ms INTEGER NOT NULL,
          name TEXT NOT NULL, url TEXT NOT NULL, enabled INTEGER NOT NULL CHECK(enabled IN(0,1))) STRICT""",
        """CREATE TABLE alert_marks(event_id INTEGER NOT NULL, at_ms INTEGER NOT NULL, acknowledged_at_ms INTEGER,
          note TEXT NOT NULL DEFAULT '', PRIMARY KEY(event_id, at_ms)) STRICT, WITHOUT ROWID""",
        """CREATE TABLE pins(pin_id INTEGER PRIMARY KEY AUTOINCREMENT, made_at_ms INTEGER NOT NULL,
          closed_at_ms INTEGER, body TEXT NOT NULL) STRICT""",
        "CREATE TABLE views(name TEXT PRIMARY KEY, saved_at_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT",
    ),
)

VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a desk file, or an empty file, up to VERSION in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            for statement in statements:
                connection.execute(statement)
            if number == 2:
                rows = [(rule.rule_id, rule.saved_at_ms, rule.to_json()) for rule in DEFAULT_RULES]
                connection.executemany("INSERT INTO alert_rules VALUES(?,?,?)", rows)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
