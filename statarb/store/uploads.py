"""Uploaded bars: the file as it came, named by its hash, and its bars in a database of their own beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, LockedDatabaseError, MissingDatabaseError, StoreError
from statarb.market import SCALE, Bar, Instrument, InstrumentRules
from statarb.store import bars as stored_bars
from statarb.store.book import open_book, store_rules
from statarb.store.connect import (
    IngestLock,
    claim_source,
    make_private_folder,
    open_reader,
    open_writer,
    plain_errors,
)
from statarb.store.ohlcv import Ohlcv

UPLOAD = "upload"
"""The source of a database of uploads, and the venue of its instruments."""
NAME_CHARACTERS = 30
_ENDINGS = ((b"PK\x03\x04", ".zip"), (b"\x1f\x8b", ".csv.gz"))
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Upload:
    """One uploaded file: the instrument that it became, and what was read of it."""

    instrument: str
    file_name: str
    stored_as: str
    sha256: str
    bar_s: int
    bars: int
    refused: int
    zone: str
    since_ms: int
    until_ms: int
    uploaded_at_ms: int
    notes: tuple[str, ...]
    missing: int = 0
    doubled: int = 0
    tells_buyers: bool = True


def upload_instrument(name: str) -> Instrument:
    """The instrument that an upload under this name becomes: `btc` -> `upload:BTC`.

    Raises
    ------
    ConfigError
        A name with characters that no symbol has, or too long.
    """
    text = name.strip().removeprefix(f"{UPLOAD}:")
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{NAME_CHARACTERS}}}", text):
        raise ConfigError(
            f"{text[:40]!r} cannot be the name of an upload.",
            f"Use letters, digits, dot, dash and underscore, {NAME_CHARACTERS} at most.",
        )
    return Instrument.parse(text, UPLOAD)


def save_upload(db: Path, name: str, file_name: str, zone: str, data: bytes, read: Ohlcv) -> Upload:
    """Keep an uploaded file and its bars; all of it in one transaction, or nothing.

    Parameters
    ----------
    db : Path
        The database of uploads; the file goes beside it. See `settings.uploads_path`.
    name : str
        What the instrument is to be called.
    file_name, zone : str
        As the user had them; kept to be shown.
    data : bytes
        The file.
    read : Ohlcv
        The bars in it.

    Raises
    ------
    ConfigError
        The name cannot be used, or is taken.
    StoreError
        The folder cannot be written.
    """
    instrument, digest = upload_instrument(name), hashlib.sha256(data).hexdigest()
    ending = next((ending for magic, ending in _ENDINGS if data.startswith(magic)), ".csv")
    opens_ms = read.bars.index.as_unit("ms").asi8  # type: ignore[attr-defined]
    upload = Upload(
        instrument=str(instrument),
        file_name=file_name[:200],
        stored_as=digest + ending,
        sha256=digest,
        bar_s=read.bar_s,
        bars=len(read.bars),
        refused=read.refused.count,
        zone=zone,
        since_ms=int(opens_ms[0]),
        until_ms=read.until_ms,
        uploaded_at_ms=SYSTEM_CLOCK.now_ms(),
        notes=read.notes,
        missing=read.missing,
        doubled=read.doubled,
        tells_buyers=bool(read.bars["taker_buy_volume"].notna().all()),
    )
    make_private_folder(db.parent, "Check that you may write to it.")
    with _writing(db) as connection:
        if connection.execute("SELECT 1 FROM symbols WHERE name=?", (instrument.symbol,)).fetchone():
            raise ConfigError(f"{instrument} is there already.", "Delete it first, or choose another name.")
        _write_file(db.parent / upload.stored_as, data)
        rules = InstrumentRules(instrument, "UPLOADED", id_kind="line")
        store_rules(connection, rules)
        symbol_id = open_book(connection, rules).symbol_id
        _store_bars(connection, symbol_id, read)
        connection.execute(
            "UPDATE symbols SET closed_until_ms=?, bars_version=? WHERE symbol_id=?",
            (read.until_ms, upload.uploaded_at_ms, symbol_id),
        )
        connection.execute("INSERT INTO meta VALUES(?,?)", (upload_key(str(instrument)), json.dumps(asdict(upload))))
    return upload


def read_uploads(db: Path) -> list[Upload]:
    """What was uploaded, the newest first; nothing before the first upload."""
    try:
        connection = open_reader(db)
    except MissingDatabaseError:
        return []
    with contextlib.closing(connection), plain_errors(db):
        rows = connection.execute("SELECT value FROM meta WHERE key LIKE ? || '%'", (upload_key(""),)).fetchall()
    uploads = [upload_of(value) for (value,) in rows]
    return sorted(uploads, key=lambda upload: -upload.uploaded_at_ms)


def upload_of(text: str) -> Upload:
    """An upload as the database describes it."""
    row = json.loads(text)
    return Upload(**{**row, "notes": tuple(row["notes"])})


def delete_upload(db: Path, instrument: str) -> None:
    """Delete the bars of an upload, and its file unless another upload is of the same; nothing when it is gone.

    Raises
    ------
    StoreError
        The database of uploads cannot be written.
    """
    held = {upload.instrument: upload for upload in read_uploads(db)}
    upload = held.pop(instrument, None)
    if upload is None:
        return
    symbol = Instrument.parse(instrument, UPLOAD).symbol
    with _writing(db) as connection:
        for (symbol_id,) in connection.execute("SELECT symbol_id FROM symbols WHERE name=?", (symbol,)).fetchall():
            for table in ("bars_1s", "bars_1m", "symbols"):
                connection.execute(f"DELETE FROM {table} WHERE symbol_id=?", (symbol_id,))
        connection.execute("DELETE FROM meta WHERE key=?", (upload_key(instrument),))
    if upload.stored_as not in {other.stored_as for other in held.values()}:
        (db.parent / Path(upload.stored_as).name).unlink(missing_ok=True)


def upload_key(instrument: str) -> str:
    """Under which name the database describes an upload."""
    return f"upload {instrument}"


@contextlib.contextmanager
def _writing(db: Path) -> Iterator[sqlite3.Connection]:
    """The database of uploads, created as needed, in one transaction of the only writer."""
    try:
        with _ONE_AT_A_TIME, IngestLock(db):
            connection, _ = open_writer(db)
            with contextlib.closing(connection), plain_errors(db):
                connection.execute("BEGIN IMMEDIATE")
                try:
                    claim_source(connection, db, UPLOAD)
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
    except LockedDatabaseError as error:
        raise StoreError("Another process is writing uploads.", "Try again in a moment.") from error


def _write_file(path: Path, data: bytes) -> None:
    """For the owner alone; the same file uploaded before is left as it is."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}).", "Check the disk and its rights.") from error


def _store_bars(connection: sqlite3.Connection, symbol_id: int, read: Ohlcv) -> None:
    """Into the table of minutes where their length is whole minutes; else into that of seconds, with its minutes."""
    is_minutes = read.bar_s % 60 == 0
    stored_bars.seed(connection, symbol_id, "bars_1m" if is_minutes else "bars_1s", _bars(read))
    if not is_minutes:
        seconds = read.bars.index.as_unit("ms").asi8 // 1000  # type: ignore[attr-defined]
        whole = seconds[seconds >= -(-seconds[0] // 60) * 60]  # a minute that the file begins in would look whole
        stored_bars.derive_minutes(connection, symbol_id, whole.tolist())
        stored_bars.settle(connection, symbol_id, int(seconds[0]) * 1000, read.until_ms, ())


def _bars(read: Ohlcv) -> Iterator[Bar]:
    frame = read.bars
    opens_ms = frame.index.as_unit("ms").asi8.tolist()  # type: ignore[attr-defined]
    prices = [
        np.rint(frame[name].to_numpy() * SCALE).astype(np.int64).tolist() for name in ("open", "high", "low", "close")
    ]
    amounts = [
        np.nan_to_num(frame[name]).tolist() for name in ("volume", "quote_volume", "taker_buy_volume", "trade_count")
    ]
    yield from map(Bar, opens_ms, *prices, *amounts)
