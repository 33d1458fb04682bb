"""Closed days go to Parquet before they are pruned, and all is read as one."""

import json
import os
import sys
import threading

import pandas as pd
import pyarrow.parquet as pq
from store.archiving import END_MS, NAME, archiving_rig, assert_nothing_lost, by_hand
from store.keeping import DAY_MS, KEEP_S, MIDNIGHT_MS, KeepingRig, assert_true, three_days
from store.rig import BTC, T0_MS, trade

from statarb.store import Reader, dayfile, read_trades
from statarb.store.inbox import GapAnswer
from statarb.store.manifest import Manifest, Series


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


def test_the_thread_archives_beside_the_writer_and_stops_at_once(tmp_path):
    sent = three_days(400_000)
    rig = archiving_rig(tmp_path, sent)
    rig.pass_to(END_MS - T0_MS)
    looked = threading.Event()
    rig.clock.wait = lambda stop, seconds: looked.set() or stop.wait(seconds) if seconds > 1 else stop.is_set()
    rig.retention.start()
    assert looked.wait(60)
    rig.retention.stop()
    rig.retention.stop()
    assert not any(thread.name == "archiver" for thread in threading.enumerate())
    rig.archive_and_prune(END_MS)
    assert_nothing_lost(rig.path, tmp_path / "cold", sent)
