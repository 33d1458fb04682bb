"""The desk file beside the database: what the page asks of ingest, as rows; written by the page alone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ForeignDatabaseError
from statarb.market import Instrument
from statarb.store.connect import make_private_file, make_private_folder, plain_errors

APPLICATION_ID = 0x4445534B
"""'DESK' in SQLite's file header."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests(
  request_id INTEGER PRIMARY KEY, made_at_ms INTEGER NOT NULL,
  action TEXT NOT NULL CHECK(action IN('add','remove')), instrument TEXT NOT NULL) STRICT
"""


class Request(NamedTuple):
    """Follow an instrument from now on, or no longer."""

    request_id: int
    action: Literal["add", "remove"]
    instrument: Instrument


class DeskFile:
    """One desk's own file; each call opens it, so that page and ingest need not know of each other.

    Parameters
    ----------
    path : Path
        See `settings.desk_path`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, action: Literal["add", "remove"], instrument: Instrument) -> None:
        """Leave a request for ingest, which looks every second.

        Raises
        ------
        StoreError
            The file cannot be written or is not a desk file.
        """
        make_private_folder(self._path.parent)
        make_private_file(self._path)
        with self._opened(f"{self._path.absolute().as_uri()}?mode=rw") as connection:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(
                "INSERT INTO requests(made_at_ms, action, instrument) VALUES(?,?,?)",
                (SYSTEM_CLOCK.now_ms(), action, str(instrument)),
            )

    def requests(self, after_id: int = 0) -> list[Request]:
        """The requests after one, oldest first; none where there is no file yet."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return []
        with self._opened(f"{self._path.absolute().as_uri()}?mode=ro") as connection:
            rows = connection.execute(
                "SELECT request_id, action, instrument FROM requests WHERE request_id>? ORDER BY request_id",
                (after_id,),
            ).fetchall()
        return [Request(request_id, action, Instrument.parse(text)) for request_id, action, text in rows]

    @contextlib.contextmanager
    def _opened(self, uri: str) -> Iterator[sqlite3.Connection]:
        with (
            plain_errors(self._path),
            contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5)) as connection,
        ):
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and application_id != APPLICATION_ID:
                raise ForeignDatabaseError(f"{self._path} is not a desk file.", "Move it aside.")
            yield connection


def wanted(first: tuple[Instrument, ...], requests: list[Request]) -> tuple[Instrument, ...]:
    """The instruments to follow: the first ones, and what was asked for since, in order."""
    names = dict.fromkeys(first)
    for request in requests:
        if request.action == "add":
            names[request.instrument] = None
        else:
            names.pop(request.instrument, None)
    return tuple(names)
