"""What an import has to know of a database before it writes: its source, its instruments, ids for lines of a file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from statarb.errors import MissingDatabaseError
from statarb.market import Instrument, InstrumentRules
from statarb.store.connect import claim_source, open_reader, open_writer, plain_errors


def read_holdings(path: Path) -> tuple[str | None, dict[str, InstrumentRules]]:
    """The source of a database (None: not filled yet, or not there) and the rules of its instruments by their text.

    Raises
    ------
    StoreError
        Foreign, newer, older or damaged.
    """
    try:
        connection = open_reader(path)
    except MissingDatabaseError:
        return None, {}
    with contextlib.closing(connection), plain_errors(path):
        source = connection.execute("SELECT value FROM meta WHERE key='source'").fetchone()
        rows = connection.execute(
            "SELECT venue, name, status, tick, lot_step, id_kind, can_short FROM symbols ORDER BY id_epoch"
        ).fetchall()
    rules = [InstrumentRules(Instrument(venue, name), *rest) for venue, name, *rest in rows]
    return source[0] if source else None, {str(rule.instrument): rule for rule in rules}


def reserve_lines(path: Path, source: str, sha256: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The id of each symbol's first line in a file of lines: the same again for the same file, so that a line is
    stored once however often it is imported; a new file's ids follow those of the files before it.

    Only under ingest's lock, and before a Writer is open.
    """
    connection, _ = open_writer(path)
    with contextlib.closing(connection), plain_errors(path):
        claim_source(connection, path, source)
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute("SELECT key, value FROM meta WHERE key LIKE 'lines %'").fetchall()
        ranges: dict[str, dict[str, list[int]]] = {key.partition(" ")[2]: json.loads(value) for key, value in rows}
        if sha256 not in ranges:
            taken = [(symbol, last) for own in ranges.values() for symbol, (_, last) in own.items()]
            ranges[sha256] = {}
            for symbol, count in counts.items():
                first = 1 + max((last for other, last in taken if other == symbol), default=0)
                ranges[sha256][symbol] = [first, first + count - 1]
            connection.execute("INSERT INTO meta VALUES(?,?)", (f"lines {sha256}", json.dumps(ranges[sha256])))
        connection.execute("COMMIT")
    return {symbol: first for symbol, (first, _) in ranges[sha256].items()}
