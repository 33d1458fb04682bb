"""Archiving that is stopped anywhere, or whose files are damaged, loses no trade and says what is wrong."""

import subprocess
import sys

import pytest
from store.archiving import END_MS, archiving_rig, assert_nothing_lost, everything
from store.keeping import DAY_MS, MIDNIGHT_MS, assert_true, three_days
from store.rig import T0_MS
from support import PROJECT

from statarb.errors import DamagedDatabaseError, ForeignDatabaseError, StoreError
from statarb.store import Archiver, archive, check_archive
from statarb.store import archiver as archiving
from statarb.store import retention as keeping
from statarb.store.dayfile import write_file
from statarb.store.manifest import Manifest

SEAMS = [
    (archive, "write_file"),
    (archive, "sync_file"),
    (archive, "verify_file"),
    (archive.os, "replace"),
    (archive, "sync_folder"),
    (Manifest, "append"),
    (archiving, "archive_day"),
    (keeping, "prune_trades"),
    (keeping, "prune_seconds"),
]


class Killed(BaseException):
    """What nothing catches."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), SEAMS, ids=[name for _, name in SEAMS])
def test_stopped_between_any_two_steps_nothing_is_lost_and_the_next_start_ends_the_same(
    tmp_path, monkeypatch, owner, name, moment
):
    sent = three_days(200_000)
    monkeypatch.setattr(keeping, "CHUNK_ROWS", 100)
    rig = archiving_rig(tmp_path, sent)
    real, calls = getattr(owner, name), []

    def stopping(*args):
        calls.append(name)
        done = real(*args) if moment == "after" else None
        if len(calls) == 2:
            raise Killed
        return real(*args) if moment == "before" else done

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, stopping)
        with pytest.raises(Killed):
            rig.archive_and_prune(END_MS)
    rig.kill()
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
    again = archiving_rig(tmp_path)
    assert_true(again)
    again.archive_and_prune(END_MS)
    assert len(Manifest(tmp_path / "cold").days()) == 3
    assert again.query("SELECT min(ts_ms) FROM trades")[0][0] >= MIDNIGHT_MS + 2 * DAY_MS
    assert_nothing_lost(again.path, tmp_path / "cold", sent)
    assert_true(again)


KILLED_PROCESS = """
import os, sys
sys.path[:0] = [".", "tests"]
from pathlib import Path
from store.archiving import END_MS, archiving_rig
from store.test_archive_faults import SEAMS, keeping, three_days
folder, seam = Path(sys.argv[1]), int(sys.argv[2])
keeping.CHUNK_ROWS = 100
owner, name = SEAMS[seam]
real, calls = getattr(owner, name), []
def killing(*args):
    done = real(*args)
    calls.append(name)
    if len(calls) == 2:
        os._exit(9)
    return done
setattr(owner, name, killing)
archiving_rig(folder, three_days(200_000)).archive_and_prune(END_MS)
"""


def test_processes_that_die_after_a_step_leave_every_trade(tmp_path):
    """The same with real processes that end at once, each after another step."""
    seams = [2, 5, 7]
    folders = [tmp_path / str(seam) for seam in seams]
    for folder in folders:
        folder.mkdir()
    dying = [
        subprocess.Popen([sys.executable, "-c", KILLED_PROCESS, str(folder), str(seam)], cwd=PROJECT)
        for folder, seam in zip(folders, seams, strict=True)
    ]
    try:
        assert [process.wait(60) for process in dying] == [9] * len(seams)
    finally:
        for process in dying:
            process.kill()
    for folder in folders:
        assert_nothing_lost(folder / "t.db", folder / "cold", three_days(200_000))
        again = archiving_rig(folder)
        again.archive_and_prune(END_MS)
        assert len(Manifest(folder / "cold").days()) == 3
        assert_nothing_lost(folder / "t.db", folder / "cold", three_days(200_000))
        assert_true(again)


def test_a_line_of_the_manifest_that_a_crash_cut_off_does_not_count(tmp_path):
    sent = three_days()
    rig = archiving_rig(tmp_path, sent)
    rig.pass_to(END_MS - T0_MS)
    assert rig.archiver.step()
    manifest = tmp_path / "cold" / "manifest.jsonl"
    whole = manifest.read_bytes()
    assert rig.archiver.step()
    cut = manifest.read_bytes()[: len(whole) + 40]
    manifest.write_bytes(cut)
    assert len(Manifest(tmp_path / "cold").days()) == 1
    rig.kill()
    again = archiving_rig(tmp_path)
    again.archive_and_prune(END_MS)
    assert len(Manifest(tmp_path / "cold").days()) == 3
    assert_nothing_lost(again.path, tmp_path / "cold", sent)


def test_a_file_that_does_not_hold_what_was_written_is_never_listed(tmp_path, monkeypatch, caplog):
    """The disk lies: one byte of the draft changes between writing and reading again."""
    rig = archiving_rig(tmp_path, three_days())

    def lying(path, parts):
        sums = write_file(path, parts)
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 3] ^= 1
        path.write_bytes(raw)
        return sums

    monkeypatch.setattr(archive, "write_file", lying)
    rig.archive_and_prune(END_MS)
    assert "does not hold what was written" in caplog.text
    assert "does not hold" in rig.retention.stats()["archive"]["error"]
    assert Manifest(tmp_path / "cold").days() == []
    assert rig.query("SELECT min(trade_id) FROM trades") == [(1,)]


def test_a_day_with_unexplained_ids_is_not_archived(tmp_path, caplog):
    rig = archiving_rig(tmp_path, three_days())
    rig.pass_to(END_MS - T0_MS)
    rig.writer._connection.execute("DELETE FROM trades WHERE trade_id=500")
    assert rig.archiver.step()
    assert not rig.archiver.step()
    assert "lacks 1 trades that no gap accounts for" in caplog.text


def test_a_damaged_archive_is_said_not_skipped(tmp_path):
    rig = archiving_rig(tmp_path, three_days())
    rig.archive_and_prune(END_MS)
    path = tmp_path / "cold" / "symbol=spot_BTCUSDT" / "date=2023-11-14" / "part.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedDatabaseError, match="cannot be read"):
        everything(rig.path, tmp_path / "cold")
    assert [f.text for f in check_archive(tmp_path / "cold") if not f.is_right] == [
        "the archive: symbol=spot_BTCUSDT/date=2023-11-14/part.parquet is not what was archived"
    ]
    path.unlink()
    assert ["cannot be read" in f.text for f in check_archive(tmp_path / "cold")] == [True]
    with (tmp_path / "cold" / "manifest.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(DamagedDatabaseError, match="Line 4 of"):
        Archiver(rig.path, tmp_path / "cold", "simulated")


def test_an_archive_of_another_source_is_refused(tmp_path):
    rig = archiving_rig(tmp_path, three_days())
    rig.archive_and_prune(END_MS)
    with pytest.raises(ForeignDatabaseError, match=r"'simulated'.*'binance'"):
        Archiver(rig.path, tmp_path / "cold", "binance")


def test_a_folder_that_cannot_be_made_is_refused_with_a_hint(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--archive"):
        Archiver(tmp_path / "t.db", tmp_path / "file" / "cold", "simulated")
