"""What the record says of its own quality is what it holds."""

import math

import pytest
from store.rig import T0_MS, Rig, trade

from statarb.store import Disk, Reader, Reject, TradeBatch, conflicts, disk, hour_rate, rejects


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*[trade(i, T0_MS + i * 500) for i in range(0, 600)])  # five minutes
    return rig


def test_rejects_are_told_by_reason_with_a_sample(rig):
    for i in range(5):
        rig.inbox.put(Reject(1000 + i, "not JSON", f"<{i}>"))
    rig.inbox.put(Reject(9, "binary frame", "b'x'"))
    rig.writer.step(0)
    table = rejects(Reader(rig.path))
    assert table.reason.tolist() == ["not JSON", "binary frame"]
    assert table.iloc[0][["count", "last_seen_ms", "sample"]].tolist() == [5, 1004, "<4>"]


def test_conflicts_name_the_instrument(rig):
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", [trade(5, T0_MS + 2500, price_e8=1)]))
    rig.writer.step(0)
    assert conflicts(Reader(rig.path))[["instrument", "trade_id"]].to_numpy().tolist() == [["spot:BTCUSDT", 5]]
    assert rejects(Reader(rig.path)).empty


def test_the_disk_is_the_file_with_its_log(rig):
    used = disk(rig.path)
    assert used.used >= rig.path.stat().st_size > 0
    assert used.free > 0


def test_days_left_follow_from_the_free_space_and_the_rate():
    assert Disk(0, 40 * 86_400 * 100).days_left(10.0) == 10.0
    assert Disk(0, 1).days_left(0.0) == math.inf


def test_a_rate_is_told_once_the_record_is_an_hour_long(rig):
    reader = Reader(rig.path)
    assert hour_rate(reader, T0_MS + 300_000) is None
    rig.commit(*[trade(600 + i, T0_MS + 300_000 + i * 5_000) for i in range(660)])  # 55 minutes more
    assert hour_rate(reader, T0_MS + 3_600_000) == pytest.approx(1260 / 3600)
