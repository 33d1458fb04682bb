"""A backup: the database as it is at one moment, copied while ingest runs, checked, for the owner alone."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from statarb.errors import DamagedDatabaseError, StoreError
from statarb.store.connect import make_private_folder, open_reader, plain_errors
from statarb.store.dayfile import sync_file
from statarb.store.manifest import sync_folder


def back_up(path: Path, target: Path) -> int:
    """Copy a database to a new file and check the copy; its size in bytes.

    One read transaction: ingest goes on writing meanwhile, and the copy holds whole commits only.

    Raises
    ------
    StoreError
        There is no such database, `target` exists or cannot be written, or the copy is damaged.
    """
    with contextlib.closing(open_reader(path)) as source:
        make_private_folder(target.parent, "Choose another file for the backup.")
        _reserve(target)
        draft = target.with_name(target.name + ".tmp")
        try:
            _reserve(draft)
            _copy(source, path, draft)
            sync_file(draft)
            os.replace(draft, target)
            sync_folder(target.parent)
        except BaseException:
            for file in (draft, target):
                file.unlink(missing_ok=True)
            raise
    return target.stat().st_size


def _reserve(file: Path) -> None:
    """An empty file with mode 0600; an existing one is never touched."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise StoreError(f"{file} exists already.", "Choose another file for the backup.") from error
    except OSError as error:
        raise StoreError(
            f"{file} cannot be written ({error.strerror}).", "Choose another file for the backup."
        ) from error


def _copy(source: sqlite3.Connection, path: Path, draft: Path) -> None:
    with plain_errors(draft), contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        source.backup(copy)
        # One file that can be opened where nothing may be written beside it; ingest sets its own mode again.
        copy.execute("PRAGMA journal_mode=DELETE")
        (answer,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise DamagedDatabaseError(
            f"{path} is damaged ({answer}), and so is the copy, which was removed.", "Run `python db_setup.py --check`."
        )
