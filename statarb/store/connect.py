"""Opening the database: create, migrate, lock, and SQLite's errors in plain words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from statarb import __version__
from statarb.clock import SYSTEM_CLOCK, utc_stamp
from statarb.errors import (
    DamagedDatabaseError,
    ForeignDatabaseError,
    LockedDatabaseError,
    MissingDatabaseError,
    StoreError,
)
from statarb.store.schema import APPLICATION_ID, MIGRATIONS, VERSION, Migration

# FULL because a power cut then loses nothing that was acknowledged; NORMAL loses its tail.
_WRITER_PRAGMAS = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA cache_size=-65536;
PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864; PRAGMA mmap_size=0;
PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;
"""
_OLDEST_SQLITE = (3, 37, 0)
_LOOKED_AT_S = 0.5
"""Who takes the lock waits so long: a look at whether it is held takes it for a moment."""


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as StoreError, each with what to do next."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LockedDatabaseError(
                f"{path} is locked by another process.", "Stop the other program that has it open, then start again."
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedDatabaseError(
                f"{path} is not a readable SQLite database ({error}).",
                "Move it aside, for example to a name that ends in .corrupt, and start again.",
            ) from error
        if code == sqlite3.SQLITE_FULL:
            raise StoreError(
                f"The disk that holds {path} is full.", "Free some space; nothing stored is lost."
            ) from error
        if code == sqlite3.SQLITE_INTERRUPT:
            raise StoreError(f"Reading {path} took too long and was given up.", "Try again in a moment.") from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            raise StoreError(
                f"{path} cannot be opened ({error}).", "Check that the folder exists and that you may write to it."
            ) from error
        raise StoreError(f"{path}: SQLite says {error}.", "See the log; nothing committed is lost.") from error


def make_private_folder(folder: Path, hint: str = "Choose another --db.") -> None:
    """Create `folder` for the owner alone; a folder that is there already is left as it is."""
    if not folder.exists():
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"The folder {folder} cannot be made ({error.strerror}).", hint) from error


def make_private_file(path: Path) -> None:
    """An empty file with mode 0600, so that no moment exists in which others could read it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"{path} cannot be opened ({error.strerror}).", "Choose another file with --db.") from error


def _connect(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old.", "Use a Python that brings SQLite 3.37 or newer."
        )
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)


def check_identity(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of a database that is ours.

    Raises
    ------
    ForeignDatabaseError
        Another program's file, or one written by a newer version of this program.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (tables or version or application_id):
        raise ForeignDatabaseError(f"{path} belongs to another program.", "Choose another file with --db.")
    if version > VERSION:
        raise ForeignDatabaseError(
            f"{path} was written by a newer statarb (schema {version}, this one knows {VERSION}).",
            "Update statarb, or choose another file with --db.",
        )
    return int(version)


def _copy_before(connection: sqlite3.Connection, path: Path, migration: str) -> Path:
    copy = path.with_name(f"{path.name}.before-{migration}-{utc_stamp(SYSTEM_CLOCK.now_ms())}")
    make_private_file(copy)
    with contextlib.closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
    return copy


def migrate(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Bring a database up to VERSION, one named step a transaction, a copy made before each; what was done.

    A new one is made in one transaction, so that no reader meets a part of it.
    """
    done = []
    version = check_identity(connection, path)
    steps = list(enumerate(MIGRATIONS, 1))[version:]
    for batch in [[step] for step in steps] if version else [steps]:
        copy = _copy_before(connection, path, batch[0][1].name) if version else None
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number, migration in batch:
                _apply(connection, number, migration)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        said = f" (copy before it: {copy.name})" if copy else ""
        done += [f"applied {number:04d} {migration.name}{said}" for number, migration in batch]
    return done


def _apply(connection: sqlite3.Connection, number: int, migration: Migration) -> None:
    for statement in migration.statements:
        connection.execute(statement)
    if number == 1:
        rows = [("created_at_ms", str(SYSTEM_CLOCK.now_ms())), ("created_by", f"statarb {__version__}")]
        connection.executemany("INSERT INTO meta VALUES(?,?)", rows)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={number}")


def open_writer(path: Path) -> tuple[sqlite3.Connection, list[str]]:
    """The one connection that writes, on a database created or upgraded as needed, and what was done to it.

    Raises
    ------
    StoreError
        Foreign, newer, locked, damaged or not writable.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder.", "Give a file name with --db.")
    make_private_folder(path.parent)
    make_private_file(path)
    with plain_errors(path):
        connection = _connect(path)
        try:
            check_identity(connection, path)
            connection.executescript(_WRITER_PRAGMAS)
            return connection, migrate(connection, path)
        except BaseException:
            connection.close()
            raise


def claim_source(connection: sqlite3.Connection, path: Path, source: str) -> None:
    """Write where the trades come from, once; refuse a database that holds another source."""
    row = connection.execute("SELECT value FROM meta WHERE key='source'").fetchone()
    if row is None:
        connection.execute("INSERT INTO meta VALUES('source', ?)", (source,))
    elif row[0] != source:
        raise ForeignDatabaseError(
            f"{path} holds trades from {row[0]!r}, and this feed is {source!r}.",
            "Sources are never mixed: choose another file with --db.",
        )


def create_database(path: Path, source: str | None = None) -> list[str]:
    """Create or upgrade the database at `path`; what was done, one line each.

    Takes ingest's lock, so it never runs beside a writer.
    """
    make_private_folder(path.parent)
    with IngestLock(path):
        connection, done = open_writer(path)
        with contextlib.closing(connection), plain_errors(path):
            if source is not None:
                claim_source(connection, path, source)
        return done


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection to a database that is up to date.

    Raises
    ------
    MissingDatabaseError
        No file there, or one without tables yet.
    StoreError
        Foreign, newer, older or damaged.
    """
    missing = MissingDatabaseError(f"There is no database at {path} yet.", "Start `python ingest.py` or `make demo`.")
    if not path.is_file() or not path.stat().st_size:
        raise missing
    with plain_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=2
        )
        try:
            connection.executescript("PRAGMA query_only=1; PRAGMA trusted_schema=OFF; PRAGMA cache_size=-16384;")
            version = check_identity(connection, path)
            if not version:  # ingest is about to make it
                raise missing
            if version < VERSION:
                raise StoreError(f"{path} has an older schema.", "Run `python db_setup.py` to upgrade it.")
        except BaseException:
            connection.close()
            raise
        return connection


class IngestLock:
    """Held by the one process that may write; the kernel lets go of it even on kill -9.

    A lock on a small SQLite file of its own, because that works alike on Linux, macOS and Windows.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.with_name(path.name + ".lock")
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> IngestLock:
        make_private_folder(self._file.parent)
        make_private_file(self._file)
        connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False, timeout=_LOOKED_AT_S)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            connection.close()
            raise LockedDatabaseError(
                f"Another ingest is already writing {self._path}.", "Stop it first, or choose another file with --db."
            ) from error
        self._connection = connection
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def is_held(self) -> bool:
        """Whether a living process has it; where that cannot be told, as in a copied folder, it counts as held."""
        try:
            with contextlib.closing(
                sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
            ) as connection:
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.Error:
            return True
        return False
