"""Opening the database: what is refused is refused in one sentence, and nothing stored is harmed."""

import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from statarb.errors import (
    DamagedDatabaseError,
    ForeignDatabaseError,
    LockedDatabaseError,
    MissingDatabaseError,
    StoreError,
)
from statarb.store import IngestLock, Reader, create_database
from statarb.store import connect as connecting
from statarb.store.schema import APPLICATION_ID, MIGRATIONS, PURPOSE, VERSION, Migration


def test_every_table_has_a_purpose_and_is_strict(tmp_path):
    create_database(tmp_path / "t.db", "simulated")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        tables = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type='table'"))
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert set(tables) == set(PURPOSE)
    assert all("STRICT" in sql for sql in tables.values())
    assert all("WITHOUT ROWID" in tables[name] for name in ("trades", "bars_1s", "bars_1m", "gaps", "nontrades"))


def test_the_writer_commits_with_full_synchronisation(tmp_path):
    connection, _ = connecting.open_writer(tmp_path / "t.db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize(
    "row",
    [
        "(1, -1, 1700000000000, 1, 1, 0)",
        "(1, 1, 1700000000, 1, 1, 0)",
        "(1, 1, 1700000000000, 0, 1, 0)",
        "(1, 1, 1700000000000, 1, 0, 0)",
        "(1, 1, 1700000000000, 1, 1, 2)",
        "(1, 1, 1700000000000, '12.5x', 1, 0)",
        "(1, 1, 1700000000000, 1.5, 1, 0)",
    ],
)
def test_the_schema_itself_refuses_nonsense(tmp_path, row):
    create_database(tmp_path / "t.db")
    connection = sqlite3.connect(tmp_path / "t.db")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"INSERT INTO trades VALUES {row} ON CONFLICT(symbol_id,trade_id) DO NOTHING")
    connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_files_are_for_the_owner_alone(tmp_path):
    create_database(tmp_path / "new" / "t.db")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "t.db").stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_was_there_keeps_its_mode(tmp_path):
    (tmp_path / "mine").mkdir(mode=0o755)
    create_database(tmp_path / "mine" / "t.db")
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o755


def test_a_second_setup_has_nothing_to_do(tmp_path):
    steps = [f"applied {number:04d} {migration.name}" for number, migration in enumerate(MIGRATIONS, 1)]
    assert create_database(tmp_path / "t.db") == steps
    assert create_database(tmp_path / "t.db") == []


def test_an_upgrade_copies_the_database_first_and_keeps_its_rows(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    create_database(path, "simulated")
    steps = (*MIGRATIONS, Migration("add-notes", ("CREATE TABLE notes(text TEXT) STRICT",)))
    monkeypatch.setattr(connecting, "MIGRATIONS", steps)
    monkeypatch.setattr(connecting, "VERSION", len(steps))
    (done,) = create_database(path)
    assert done.startswith(f"applied {len(steps):04d} add-notes (copy before it: t.db.before-add-notes-")
    (copy,) = tmp_path.glob("t.db.before-add-notes-*")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(steps) - 1,)
        assert connection.execute("SELECT value FROM meta WHERE key='source'").fetchone() == ("simulated",)
    assert Reader(path).source() == "simulated"


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    create_database(path)
    broken = Migration("broken", ("CREATE TABLE half(x TEXT) STRICT", "CREATE TABLE nonsense("))
    monkeypatch.setattr(connecting, "MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr(connecting, "VERSION", VERSION + 1)
    with pytest.raises(StoreError):
        create_database(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name='half'").fetchall()


def _foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE someone_elses(x)")


def _newer(path):
    create_database(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")


def _corrupt(path):
    path.write_bytes(b"this is no database at all, only text" * 100)


def _folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_foreign, ForeignDatabaseError, "belongs to another program"),
        (_newer, ForeignDatabaseError, "newer statarb"),
        (_corrupt, DamagedDatabaseError, "not a readable SQLite database"),
        (_folder, StoreError, "is a folder"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path, spoil, error, words):
    path = tmp_path / "t.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(error, match=words):
        create_database(path)
    if before is not None:
        with pytest.raises(error, match=words):
            Reader(path)
        assert path.read_bytes() == before


def test_a_missing_and_an_empty_database_say_how_to_make_one(tmp_path):
    with pytest.raises(MissingDatabaseError, match="make demo"):
        Reader(tmp_path / "t.db")
    (tmp_path / "t.db").touch()
    with pytest.raises(MissingDatabaseError, match=r"ingest\.py"):
        Reader(tmp_path / "t.db")


def test_a_reader_meets_a_new_database_whole_or_not_at_all(tmp_path, monkeypatch):
    path, seen = tmp_path / "t.db", []

    def look(connection, number, migration, apply=connecting._apply):
        with pytest.raises(MissingDatabaseError):
            Reader(path)
        seen.append(number)
        apply(connection, number, migration)

    monkeypatch.setattr(connecting, "_apply", look)
    create_database(path)
    assert seen == list(range(1, VERSION + 1))
    Reader(path).close()


def test_setup_never_runs_beside_ingest(tmp_path):
    with IngestLock(tmp_path / "t.db"), pytest.raises(LockedDatabaseError):
        create_database(tmp_path / "t.db")


def test_a_look_tells_whether_the_process_that_holds_the_lock_still_lives(tmp_path):
    lock = IngestLock(tmp_path / "t.db")
    assert lock.is_held()  # nobody can tell before there is a lock
    hold = "import sys, time; from pathlib import Path; from statarb.store import IngestLock\n"
    hold += "with IngestLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path / "t.db")], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip() == b"held"
        assert lock.is_held()
        other.kill()
        other.wait()
    assert not lock.is_held()


def test_a_look_at_the_lock_never_keeps_an_ingest_from_starting(tmp_path):
    with IngestLock(tmp_path / "t.db"):
        pass
    over = threading.Event()

    def look():
        while not over.is_set():
            IngestLock(tmp_path / "t.db").is_held()

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(100):
            with IngestLock(tmp_path / "t.db"):
                assert IngestLock(tmp_path / "t.db").is_held()
    finally:
        over.set()
        for looker in lookers:
            looker.join()


def test_a_database_locked_by_another_program_is_said_so(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    create_database(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(connecting, "_WRITER_PRAGMAS", connecting._WRITER_PRAGMAS.replace("5000", "50"))
    connection, _ = connecting.open_writer(path)
    with pytest.raises(LockedDatabaseError, match="locked by another process"), connecting.plain_errors(path):
        connection.execute("BEGIN IMMEDIATE")
    connection.close()
    other.close()


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be made|cannot be opened"):
        create_database(tmp_path / "file" / "t.db")
