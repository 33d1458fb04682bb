"""Closed days go to Parquet before they are pruned; nothing is lost wherever it is stopped, and all is read as one."""

import gzip
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store.keeping import DAY_MS, KEEP_S, MIDNIGHT_MS, KeepingRig, assert_true, three_days
from store.rig import BTC, T0_MS, trade
from support import PROJECT, shared_file

from statarb.errors import DamagedDatabaseError, ForeignDatabaseError, StoreError
from statarb.market import to_e8
from statarb.store import Archiver, Reader, archive, check_archive, dayfile, read_trades
from statarb.store import archiver as archiving
from statarb.store import retention as keeping
from statarb.store.dayfile import Sums, as_table, read_file, write_file
from statarb.store.inbox import GapAnswer
from statarb.store.manifest import Manifest, Series

END_MS = MIDNIGHT_MS + 2 * DAY_MS + 12 * 3_600_000
"""By now two midnights have passed and a third day is half over."""
NAME = "spot:BTCUSDT"


def archiving_rig(tmp_path, trades=None) -> KeepingRig:
    rig = KeepingRig(tmp_path / "t.db", KEEP_S, KEEP_S, tmp_path / "cold")
    if trades is not None:
        rig.commit(*trades)
    return rig


def everything(path, folder) -> pd.DataFrame:
    return read_trades(Reader(path), folder, NAME, 0, 4_102_444_800_000)


def by_hand(trades) -> pd.DataFrame:
    """The second route: the frame that these trades must be read as."""
    ordered = sorted(trades, key=lambda t: t.trade_id)
    ts = pd.DatetimeIndex(pd.to_datetime([t.ts_ms for t in ordered], unit="ms", utc=True), name="ts").as_unit("ms")
    rows = [(0, t.trade_id, t.price_e8, t.qty_e8, bool(t.is_buyer_maker)) for t in ordered]
    return pd.DataFrame(rows, columns=["id_epoch", "trade_id", "price_e8", "qty_e8", "is_buyer_maker"], index=ts)


def assert_nothing_lost(path, folder, trades) -> None:
    pd.testing.assert_frame_equal(everything(path, folder), by_hand(trades))
    assert all(finding.is_right for finding in check_archive(folder))


def files(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_each_closed_day_becomes_a_file_and_then_its_trades_go(tmp_path):
    sent = three_days()
    rig = archiving_rig(tmp_path, sent)
    rig.archive_and_prune(END_MS)
    first, second, third = ("2023-11-13", "2023-11-14", "2023-11-15")
    assert files(tmp_path / "cold") == ["manifest.jsonl"] + [
        f"symbol=spot_BTCUSDT/date={day}/part.parquet" for day in (first, second, third)
    ]
    assert rig.query("SELECT min(ts_ms) >= ? FROM trades".replace("?", str(MIDNIGHT_MS + 2 * DAY_MS))) == [(1,)]
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
    assert_true(rig)
    assert rig.retention.stats()["archive"]["days"] == 3


def test_a_file_has_the_exact_rows_in_the_promised_encodings(tmp_path):
    sent = three_days()
    archiving_rig(tmp_path, sent).archive_and_prune(END_MS)
    path = tmp_path / "cold" / "symbol=spot_BTCUSDT" / "date=2023-11-14" / "part.parquet"
    day = [t for t in sent if MIDNIGHT_MS <= t.ts_ms < MIDNIGHT_MS + DAY_MS]
    rows = [(t.trade_id, t.ts_ms, t.price_e8, t.qty_e8, bool(t.is_buyer_maker)) for t in day]
    assert list(zip(*pq.read_table(path).to_pydict().values(), strict=True)) == rows
    columns = [pq.ParquetFile(path).metadata.row_group(0).column(i) for i in range(5)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert [column.encodings[-1] for column in columns[:4]] == ["DELTA_BINARY_PACKED"] * 3 + ["BYTE_STREAM_SPLIT"]
    if sys.platform != "win32":
        assert {os.stat(tmp_path / "cold" / name).st_mode & 0o077 for name in files(tmp_path / "cold")} == {0}


def test_the_manifest_says_what_the_file_holds(tmp_path):
    sent = [t for t in three_days() if not 100 <= t.trade_id <= 104]
    rig = archiving_rig(tmp_path, sent)
    rig.writer._connection.execute("UPDATE gaps SET state='unfillable'")
    rig.archive_and_prune(END_MS)
    lines = [json.loads(line) for line in (tmp_path / "cold" / "manifest.jsonl").read_text().splitlines()]
    day = next(line for line in lines if line["date"] == "2023-11-14")
    inside = [t for t in sent if MIDNIGHT_MS <= t.ts_ms < MIDNIGHT_MS + DAY_MS]
    assert (day["rows"], day["first_id"], day["last_id"]) == (len(inside), inside[0].trade_id, inside[-1].trade_id)
    assert day["sum_price_e8"] == sum(t.price_e8 for t in inside)
    assert day["sum_qty_e8"] == sum(t.qty_e8 for t in inside)
    assert day["absent"] == [[100, 104]]
    assert (day["source"], day["instrument"], day["id_kind"], day["id_epoch"]) == ("simulated", NAME, "trade", 0)
    assert day["sha256"] == dayfile.file_sha256(tmp_path / "cold" / day["path"])
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)


def test_a_day_waits_until_it_is_closed_and_until_its_gap_is(tmp_path):
    sent = three_days()
    lost = [t for t in sent if 300 <= t.trade_id < 310]
    rig = archiving_rig(tmp_path, [t for t in sent if t not in lost])
    rig.pass_to(MIDNIGHT_MS - 1000 - T0_MS)
    rig.writer._connection.execute("UPDATE symbols SET closed_until_ms=?", (MIDNIGHT_MS - 1000,))
    assert not rig.archiver.step()
    rig.archive_and_prune(END_MS)
    assert [day.date for day in Manifest(tmp_path / "cold").days()] == ["2023-11-13"], "only the day before the gap"
    assert rig.retention.stats()["archive"]["error"] == "", "to wait for a gap is no failure"
    assert rig.query("SELECT min(trade_id) < 300 FROM trades") == [(1,)]
    rig.commit(*lost, session="")
    rig.archive_and_prune(END_MS + 61_000)
    assert [day.date for day in Manifest(tmp_path / "cold").days()] == ["2023-11-13", "2023-11-14", "2023-11-15"]
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)


def test_days_around_a_deferred_gap_are_archived_with_the_gap_in_the_manifest(tmp_path):
    """A gap of more than a day, which only an import can close; it is closed later, while a part is still stored."""
    sent = three_days()
    lost = [t for t in sent if MIDNIGHT_MS - 600_000 < t.ts_ms < MIDNIGHT_MS + DAY_MS + 3_600_000]
    lo, hi = lost[0].trade_id, lost[-1].trade_id
    rig = KeepingRig(tmp_path / "t.db", 10 * 86_400.0, KEEP_S, tmp_path / "cold")
    rig.commit(*[t for t in sent if t not in lost])
    rig.inbox.put(GapAnswer(BTC, lo, hi, "deferred", T0_MS, {"why": "a test"}))
    rig.archive_and_prune(END_MS)
    days = Manifest(tmp_path / "cold").days()
    assert [day.date for day in days] == ["2023-11-13", "2023-11-15"]
    assert [day.deferred for day in days] == [((lo, hi),), ()]
    assert_nothing_lost(rig.path, tmp_path / "cold", [t for t in sent if t not in lost])
    assert_true(rig)
    rig.commit(*lost, session="")
    rig.archive_and_prune(END_MS + 200_000)
    days = Manifest(tmp_path / "cold").days()
    assert [(day.deferred, day.absent) for day in days] == [((), ()), ((), ())]
    rig.retention._keep_trades_ms = int(KEEP_S * 1000)
    rig.archive_and_prune(END_MS + 400_000)
    assert rig.query("SELECT min(trade_id) FROM trades")[0][0] > hi
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
    for since in (MIDNIGHT_MS + 7_200_000, MIDNIGHT_MS + DAY_MS + 1_800_000):
        read = read_trades(Reader(rig.path), tmp_path / "cold", NAME, since, since + 600_000)
        assert read["trade_id"].tolist() == [t.trade_id for t in sent if since <= t.ts_ms < since + 600_000]


def test_trades_around_a_deferred_gap_are_pruned_once_archived_and_old(tmp_path):
    sent = three_days()
    lost = [t for t in sent if 300 <= t.trade_id < 310]
    kept = [t for t in sent if t not in lost]
    rig = archiving_rig(tmp_path, kept)
    rig.inbox.put(GapAnswer(BTC, 300, 309, "deferred", T0_MS, {"why": "a test"}))
    rig.archive_and_prune(END_MS)
    assert rig.query("SELECT min(trade_id) > 1500 FROM trades") == [(1,)]
    assert rig.query("SELECT count(*) FROM gaps") == [(0,)]
    assert [day.deferred for day in Manifest(tmp_path / "cold").days()] == [(), ((300, 309),), ()]
    assert_nothing_lost(rig.path, tmp_path / "cold", kept)
    assert_true(rig)


def test_over_midnight_a_day_is_archived_at_the_first_look_after_its_last_bar_closed_and_pruned_by_its_age(tmp_path):
    """Live trades all the way, clocks that move on by seconds, a look of the archiver each minute."""
    rig, sent, archived_at, midnight_ms = archiving_rig(tmp_path), [], [], MIDNIGHT_MS + DAY_MS
    for second in range(-600, 600, 5):
        now_ms = midnight_ms + second * 1000
        sent.append(trade(1_000 + second // 5, now_ms))
        rig.clock.s = 1000.0 + (now_ms - T0_MS) / 1000
        rig.commit(sent[-1])
        if second % 60 == 0:
            while rig.archiver.step():
                pass
            archived_at += [second] if Manifest(tmp_path / "cold").days() and not archived_at else []
            assert rig.query("SELECT count(*) FROM trades") == [(len(sent),)]
    assert archived_at == [60], "at midnight the last bar is not closed yet, nor is a trade of the next day stored"
    (day,) = Manifest(tmp_path / "cold").days()
    before, after = ([t for t in sent if (t.ts_ms < midnight_ms) is is_before] for is_before in (True, False))
    assert (day.date, day.lo, day.hi, day.rows) == ("2023-11-14", before[0].trade_id, before[-1].trade_id, len(before))
    rig.pass_to(midnight_ms + int(KEEP_S * 1000) + 61_000 - T0_MS)
    assert rig.query("SELECT min(trade_id) FROM trades") == [(after[0].trade_id,)]
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
    assert_true(rig)
    minutes = rig.bars("bars_1m").state
    assert set(minutes.iloc[1:-1]) == {"final"}
    assert len(minutes) == 20


def test_nothing_is_pruned_that_is_not_archived(tmp_path):
    rig = archiving_rig(tmp_path, three_days())
    rig.pass_to(END_MS - T0_MS)
    assert rig.query("SELECT min(trade_id) FROM trades") == [(1,)]


def test_a_trade_of_yesterday_under_an_id_of_today_is_found_by_its_time(tmp_path):
    sent = three_days()
    at = next(i for i, t in enumerate(sent) if t.ts_ms >= MIDNIGHT_MS)
    sent[at + 1] = sent[at + 1]._replace(ts_ms=MIDNIGHT_MS - 5)
    rig = archiving_rig(tmp_path, sent)
    rig.archive_and_prune(END_MS)
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
    before = read_trades(Reader(rig.path), tmp_path / "cold", NAME, MIDNIGHT_MS - 10, MIDNIGHT_MS)
    assert before["trade_id"].tolist() == [sent[at + 1].trade_id]


def test_a_span_is_read_from_archive_and_database_as_one(tmp_path):
    sent = three_days()
    rig = archiving_rig(tmp_path, sent)
    rig.archive_and_prune(END_MS)
    ((kept_ms,),) = rig.query("SELECT min(ts_ms) FROM trades")
    for since, until in ((kept_ms - 7_200_000, kept_ms + 7_200_000), (kept_ms, kept_ms + 1), (0, kept_ms), (5, 5)):
        read = read_trades(Reader(rig.path), tmp_path / "cold", NAME, since, until)
        pd.testing.assert_frame_equal(read, by_hand([t for t in sent if since <= t.ts_ms < until]), check_dtype=False)
    assert read_trades(Reader(rig.path), tmp_path / "cold", "spot:NONE", 0, END_MS).empty
    assert len(read_trades(Reader(rig.path), None, NAME, 0, END_MS)) < len(sent)


def test_a_hole_filled_after_its_day_was_archived_is_archived_too(tmp_path):
    sent = three_days()
    lost = [t for t in sent if 300 <= t.trade_id < 310]
    rig = KeepingRig(tmp_path / "t.db", 10 * 86_400.0, KEEP_S, tmp_path / "cold")
    rig.commit(*[t for t in sent if t not in lost])
    rig.writer._connection.execute("UPDATE gaps SET state='unfillable'")
    rig.writer.close()
    rig = KeepingRig(rig.path, 10 * 86_400.0, KEEP_S, tmp_path / "cold")
    rig.archive_and_prune(END_MS)
    assert overlap_of(tmp_path / "cold") == 10
    rig.retention._keep_trades_ms = END_MS - sent[200].ts_ms
    rig.pass_to(END_MS - T0_MS + 200_000)
    ((first,),) = rig.query("SELECT min(trade_id) FROM trades")
    assert 100 < first < 300, "a part of that day is in the archive alone"
    rig.commit(*lost, session="")
    rig.retention._keep_trades_ms = int(KEEP_S * 1000)
    rig.pass_to(END_MS - T0_MS + 300_000)
    assert rig.query("SELECT min(trade_id) < 300 FROM trades") == [(1,)], "pruning stops before what is not archived"
    rig.archive_and_prune(END_MS + 400_000)
    assert overlap_of(tmp_path / "cold") == 0
    assert rig.query("SELECT min(trade_id) > 1500 FROM trades") == [(1,)]
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)


def overlap_of(folder) -> int:
    return sum(hi - lo + 1 for day in Manifest(folder).days() for lo, hi in day.absent)


def test_a_new_database_goes_on_with_an_old_archive(tmp_path):
    """The day in which the old database ended and the new one began is one file with the trades of both."""
    sent = three_days()
    old = archiving_rig(tmp_path, sent[:1200])
    old.archive_and_prune(MIDNIGHT_MS + DAY_MS + 3_600_000)
    old.kill()
    new = KeepingRig(tmp_path / "new.db", KEEP_S, KEEP_S, tmp_path / "cold")
    new.commit(*sent[600:])
    new.archive_and_prune(END_MS)
    archived = new.query("SELECT min(trade_id) FROM trades")[0][0]
    assert archived > 1500
    assert_nothing_lost(new.path, tmp_path / "cold", sent)
    days = [day.date for day in Manifest(tmp_path / "cold").days()]
    assert len(days) == len(set(days)) == 3


def test_ids_numbered_anew_and_ids_of_aggregates_lie_apart():
    assert Series("spot:BTCUSDT").folder == "symbol=spot_BTCUSDT"
    assert Series("usdm:BTCUSDT", "aggTrade").folder == "symbol=usdm_BTCUSDT.aggTrade"
    assert Series("spot:BTCUSDT", "trade", 2).folder == "symbol=spot_BTCUSDT.2"
    assert "/" not in Series("spot:../../X").folder


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
from store.test_archive import SEAMS, END_MS, archiving_rig, keeping, three_days
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


def test_the_thread_archives_beside_the_writer_and_stops_at_once(tmp_path):
    sent = three_days(400_000)
    rig = archiving_rig(tmp_path, sent)
    rig.pass_to(END_MS - T0_MS)
    looked = threading.Event()
    rig.clock.wait = lambda stop, seconds: looked.set() or stop.wait(seconds) if seconds > 1 else stop.is_set()
    rig.retention.start()
    assert looked.wait(20)
    rig.retention.stop()
    rig.retention.stop()
    assert not any(thread.name == "archiver" for thread in threading.enumerate())
    rig.archive_and_prune(END_MS)
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)


def test_sums_are_exact_where_64_bits_are_not_enough():
    big = 9_000_000_000_000_000_000
    rows = np.array([[i, 1, big, big - i, 0] for i in (3, 4, 9)], dtype=np.int64)
    sums = Sums()
    sums.add(as_table(rows[:1]))
    sums.add(as_table(rows[1:]))
    assert (sums.rows, sums.first_id, sums.last_id, sums.absent) == (3, 3, 9, [(5, 8)])
    assert (sums.price_e8, sums.qty_e8) == (3 * big, 3 * big - 16)


def test_no_single_changed_byte_of_a_file_goes_unnoticed_or_ends_in_a_traceback(tmp_path):
    """Each either fails the check or left the rows as they were."""
    rows = np.array([[i, MIDNIGHT_MS + i * 7, 10**12 + i * 100, 10**8 + i % 97, i % 2] for i in range(500)])
    path = tmp_path / "part.parquet"
    written = write_file(path, [as_table(rows)])
    good = path.read_bytes()
    seen = 0
    for position in range(0, len(good), 7):
        raw = bytearray(good)
        raw[position] ^= 0x10
        path.write_bytes(raw)
        try:
            dayfile.verify_file(path, written)
        except DamagedDatabaseError:
            seen += 1
        else:
            assert np.array_equal(dayfile.as_rows(read_file(path)), rows)
    assert seen > len(good) // 14


@pytest.mark.parametrize("column", range(5))
def test_two_cells_that_change_places_are_seen_in_any_column(column):
    """The sums of a column would not see it."""
    rows = np.array([[i, i * 7, i * 100, i * 3, i % 2] for i in range(10)], dtype=np.int64)
    other = rows.copy()
    other[[4, 5], column] = other[[5, 4], column]
    one, two = Sums(), Sums()
    one.add(as_table(rows))
    two.add(as_table(other))
    assert one != two


def recorded_rows() -> np.ndarray:
    """The BTCUSDT trades of the shared recording."""
    path = shared_file("recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz")
    with gzip.open(path, "rt") as lines:
        found = [json.loads(line.split(" ", 1)[1])["data"] for line in lines]
    rows = [(d["t"], d["T"], to_e8(d["p"]), to_e8(d["q"]), d["m"]) for d in found if d["s"] == "BTCUSDT"]
    return np.array(rows, dtype=np.int64)


def test_a_real_trade_takes_at_most_eight_bytes(tmp_path):
    """Recorded trades twenty times over, each time elsewhere in price and with quantities shuffled. Measured: 5.1."""
    rows, random = recorded_rows(), np.random.default_rng(1)
    tick = 1_000_000
    repeats = []
    for number in range(20):
        again = rows.copy()
        again[:, 0] += number * len(rows)
        again[:, 1] += number * (rows[-1, 1] - rows[0, 1] + 1)
        again[:, 2] += tick * (int(random.integers(-50_000, 50_000)) + random.integers(-1, 2, len(rows)).cumsum())
        again[:, 3] = random.permutation(again[:, 3])
        repeats.append(as_table(again))
    sums = write_file(tmp_path / "part.parquet", repeats)
    size = (tmp_path / "part.parquet").stat().st_size / sums.rows
    print(f"{size:.2f} bytes a trade of {sums.rows:,}")
    assert size <= 8
    assert read_file(tmp_path / "part.parquet").equals(pa.concat_tables(repeats))
