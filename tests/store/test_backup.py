"""A backup is whole and private, a check finds what is wrong, and both work beside a running writer."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest
from store.rig import T0_MS, Rig, trade
from support import PROJECT

import db_setup
from statarb.errors import MissingDatabaseError, StoreError
from statarb.store import Reader, TradeBatch, back_up, check_database


def steady(lo: int, hi: int):
    """Four trades a second from T0 on, ids lo..hi."""
    return [trade(i, T0_MS + i * 250) for i in range(lo, hi + 1)]


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path / "t.db")
    made.commit(*steady(0, 399))
    made.commit(*steady(420, 799))
    return made


def wrong(path, **options) -> list[str]:
    return [finding.text for finding in check_database(path, **options) if not finding.is_right]


def spoil(path, sql: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql)


def damage(path, table: str) -> None:
    """Overwrite the first page of a table, as a failing disk would."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name=?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + 1)
        file.write(b"\xff" * 200)


def test_a_backup_is_the_database_and_goes_on_as_one(rig, tmp_path):
    copy = tmp_path / "copies" / "b.db"
    assert back_up(rig.path, copy) == copy.stat().st_size
    assert wrong(copy) == []
    assert (
        Reader(copy).trades("spot:BTCUSDT", 0, T0_MS * 2).equals(Reader(rig.path).trades("spot:BTCUSDT", 0, T0_MS * 2))
    )
    assert sorted(os.listdir(copy.parent)) == ["b.db"], "no side files: it can be moved as it is"
    again = Rig(copy)
    again.commit(*steady(800, 820))
    assert again.query("SELECT lo, hi, state FROM gaps") == [(400, 419, "open")]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_backup_is_for_its_owner_alone(rig, tmp_path):
    back_up(rig.path, tmp_path / "copies" / "b.db")
    assert stat.S_IMODE((tmp_path / "copies" / "b.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "copies").stat().st_mode) == 0o700


def test_a_backup_overwrites_nothing_and_leaves_nothing_behind(rig, tmp_path):
    there = tmp_path / "there.db"
    there.write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        back_up(rig.path, there)
    with pytest.raises(StoreError, match="exists already"):
        back_up(rig.path, rig.path)
    assert there.read_text() == "mine"
    with pytest.raises(MissingDatabaseError):
        back_up(tmp_path / "none.db", tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def test_a_damaged_database_makes_no_backup(rig, tmp_path):
    damage(rig.path, "bars_1s")
    with pytest.raises(StoreError):
        back_up(rig.path, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def test_a_backup_taken_while_the_writer_writes_holds_whole_commits(tmp_path):
    rig = Rig(tmp_path / "t.db")
    stop = threading.Event()

    def write() -> None:
        position = 0
        while not stop.is_set():
            rig.inbox.put_trades(TradeBatch("spot", "s", steady(position, position + 199)))
            position += 200
            rig.writer.step(0)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            back_up(rig.path, tmp_path / f"b{number}.db")
            assert wrong(tmp_path / f"b{number}.db", sample_trades=None) == []
            assert wrong(rig.path) == [], "a check beside the writer sees one moment"
    finally:
        stop.set()
        writing.join()


def test_a_true_database_passes_whole_and_in_a_sample(rig):
    assert wrong(rig.path, sample_trades=None) == []
    assert wrong(rig.path, sample_trades=100) == []
    texts = [finding.text for finding in check_database(rig.path)]
    assert texts[1] == "spot:BTCUSDT: ids 0 to 799: 780 stored, 20 open"
    assert "780 trades" in texts[2]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM trades WHERE trade_id=100", "1 unaccounted for"),
        ("DELETE FROM gaps", "20 unaccounted for"),
        ("UPDATE gaps SET lo=399", "id 399 is stored and in a gap"),
        ("UPDATE symbols SET kept_from_id=5", "id 0 is below the first kept, 5"),
        ("UPDATE trades SET price=price+1 WHERE trade_id=100", "1 differ"),
        ("UPDATE trades SET qty=qty*2 WHERE trade_id IN(101, 700)", "2 differ"),
        ("UPDATE trades SET maker=1-maker WHERE trade_id=50", "1 differ"),
        ("UPDATE bars_1s SET n=n+1 WHERE sec%7=0", "differ"),
        ("UPDATE bars_1s SET o=o+1 WHERE source='trades'", "differ"),
        ("DELETE FROM bars_1s WHERE first_id=400 OR first_id=500", "1 differ"),
        ("UPDATE bars_1s SET sec=sec+3 WHERE first_id=396", "2 differ"),
    ],
)  # fmt: skip
def test_a_check_finds(rig, sql, said):
    rig.writer.close()
    spoil(rig.path, sql)
    assert any(said in text for text in wrong(rig.path, sample_trades=None)), wrong(rig.path)


def test_a_bar_from_a_kline_is_the_exchanges_word_and_not_compared(rig):
    rig.writer.close()
    spoil(rig.path, "UPDATE bars_1s SET n=n+1, source='kline', first_id=NULL, last_id=NULL WHERE first_id=500")
    assert wrong(rig.path) == []


def test_a_check_finds_a_damaged_page_that_nothing_has_read_yet(rig):
    damage(rig.path, "conflicts")
    assert any(text.startswith("the file: ") for text in wrong(rig.path))


def test_the_command_backs_up_checks_and_says_so_in_words(rig, tmp_path, capsys):
    assert db_setup.main(["--db", str(rig.path), "--backup", str(tmp_path / "b.db")]) == 0
    assert "bytes, checked." in capsys.readouterr().out
    assert db_setup.main(["--db", str(rig.path), "--backup", str(tmp_path / "b.db")]) == 1
    assert capsys.readouterr().err.startswith("db_setup: ")
    assert db_setup.main(["--db", str(tmp_path / "b.db"), "--check"]) == 0
    assert "All is as it should be." in capsys.readouterr().out
    spoil(tmp_path / "b.db", "DELETE FROM trades WHERE trade_id=100")
    assert db_setup.main(["--db", str(tmp_path / "b.db"), "--check", "all"]) == 1
    out = capsys.readouterr().out
    assert "WRONG spot:BTCUSDT: ids 0 to 799" in out
    assert "2 wrong" in out


def test_a_check_in_a_process_of_its_own_ends_with_its_verdict(rig):
    """Run as a user runs it, while the writer has the database open."""
    command = [sys.executable, "db_setup.py", "--db", str(rig.path), "--check"]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.count("ok   ") == 3
