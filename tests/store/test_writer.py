"""The writer stores every trade once, knows every gap, and its bars equal their trades."""

import sqlite3
import threading

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store.rig import BTC, T0_MS, Rig, bars_by_pandas, trade

from statarb.errors import ForeignDatabaseError, LockedDatabaseError, StoreError
from statarb.market import Bar, InstrumentRules
from statarb.store import (
    ExchangeTime,
    FeedReport,
    Inbox,
    IngestLock,
    Listing,
    Reader,
    Reject,
    Seed,
    TradeBatch,
    Writer,
)
from statarb.store.inbox import BACKFILL
from statarb.store.writer import KEPT_REJECTS


def steady(lo: int, hi: int, step_ms: int = 250):
    """Four trades a second from T0 on, ids lo..hi."""
    return [trade(i, T0_MS + i * step_ms) for i in range(lo, hi + 1)]


def assert_oracle(rig: Rig) -> None:
    """Invariant 1: what is stored, and what is known to be missing, are all the ids between the first and the last."""
    ((count, low, high),) = rig.query("SELECT count(*), min(trade_id), max(trade_id) FROM trades")
    ((missing,),) = rig.query(
        "SELECT coalesce(sum(hi-lo+1),0) FROM gaps WHERE state IN('open','deferred','unfillable')"
    )
    assert count + missing == high - low + 1


def assert_bars_equal(rig: Rig, trades) -> None:
    for table, width_s in (("bars_1s", 1), ("bars_1m", 60)):
        ours, theirs = rig.bars(table), bars_by_pandas(trades, width_s)
        exact = ["o", "h", "l", "c", "n", "first_id", "last_id"]
        pd.testing.assert_frame_equal(ours[exact], theirs[exact], check_dtype=False)
        floats = ["v", "quote_v", "taker_buy_v"]
        pd.testing.assert_frame_equal(ours[floats], theirs[floats], rtol=1e-12, check_dtype=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_duplicates_reordering_and_loss_leave_the_store_true(tmp_path_factory, data):
    """Whatever subset arrives, in whatever order and however often: exactly once, gaps exact, bars equal pandas'."""
    universe = [
        trade(i, T0_MS + i * 137 + data.draw(st.integers(-40, 40)), price_e8=6_000_000_000_000 + (i * 7919) % 97)
        for i in range(1, 120)
    ]
    rig = Rig(tmp_path_factory.mktemp("w") / "t.db")
    sent = set()
    for _ in range(data.draw(st.integers(1, 6))):
        batch = data.draw(st.lists(st.sampled_from(universe), min_size=1, max_size=40))
        rig.commit(*batch)
        sent |= set(batch)
        assert_oracle(rig)
    stored = rig.query("SELECT trade_id, ts_ms, price, qty, maker FROM trades ORDER BY trade_id")
    assert stored == [
        (t.trade_id, t.ts_ms, t.price_e8, t.qty_e8, t.is_buyer_maker) for t in sorted(sent, key=lambda t: t.trade_id)
    ]
    assert_bars_equal(rig, list(sent))
    reopened = Rig.__new__(Rig)
    rig.writer.close()
    reopened.__init__(rig.path)
    assert reopened.writer._books["spot:BTCUSDT"].ledger == rig.writer._books["spot:BTCUSDT"].ledger
    reopened.writer.close()


def test_a_closed_second_covered_by_consecutive_trades_is_final_and_the_first_one_never(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    states = rig.bars().state.tolist()
    assert states == ["provisional"] + ["final"] * 7 + ["provisional"] * 2  # closed up to 1 s before the newest trade
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 8_000


def test_a_gap_makes_the_seconds_it_spans_provisional_until_it_is_filled(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    rig.commit(*steady(60, 99), session="spot-1/2")
    assert rig.query("SELECT lo, hi, state, reason FROM gaps") == [(40, 59, "open", "reconnect")]
    assert set(rig.bars().state.loc[T0_MS // 1000 + 9 : T0_MS // 1000 + 15]) == {"provisional"}
    version = Reader(rig.path).instruments()["spot:BTCUSDT"].bars_version
    rig.commit(*steady(40, 49))
    assert rig.query("SELECT lo, hi, state FROM gaps") == [(40, 49, "filled"), (50, 59, "open")]
    rig.commit(*steady(50, 59))
    assert rig.query("SELECT lo, hi, state FROM gaps") == [(40, 59, "filled")]
    assert set(rig.bars().state.loc[T0_MS // 1000 + 9 : T0_MS // 1000 + 22]) == {"final"}
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].bars_version > version
    assert_bars_equal(rig, steady(0, 99))


def test_after_a_restart_the_first_live_trade_opens_the_gap_to_the_last_stored_one(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 9))
    rig.writer.close()
    again = Rig(tmp_path / "t.db")
    again.commit(*steady(20, 29))
    assert again.query("SELECT lo, hi, state, reason FROM gaps") == [(10, 19, "open", "start")]


def test_a_late_trade_revises_a_final_bar_and_is_counted(tmp_path):
    rig = Rig(tmp_path / "t.db")
    late = trade(5, T0_MS + 1_250)
    rig.commit(*(t for t in steady(0, 39) if t != late))
    rig.commit(late)
    bar = rig.bars().loc[T0_MS // 1000 + 1]
    assert (bar.n, bar.state) == (4, "final")
    assert_bars_equal(rig, steady(0, 39))


def test_duplicates_are_absorbed_and_counted(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 9))
    rig.commit(*steady(0, 9), *steady(5, 12))
    rig.clock.s += 2
    rig.writer.step(0)
    assert rig.writer.stats()["duplicates"] == 15
    assert rig.query("SELECT count(*) FROM trades") == [(13,)]


def test_trades_that_were_fetched_are_counted_apart_from_live_ones(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 9))
    rig.commit(*steady(20, 29), session="spot-1/2")
    rig.commit(*steady(8, 21), session=BACKFILL)
    rig.clock.s += 2
    rig.writer.step(0)
    stats = rig.writer.stats()
    assert (stats["trades"], stats["backfilled"], stats["duplicates"]) == (20, 10, 4)
    assert rig.query("SELECT state, reason FROM gaps") == [("filled", "reconnect")]


def test_a_bar_closes_when_the_exchange_clock_passes_its_end_though_nothing_trades(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 3))
    rig.clock.s += 30
    rig.writer.step(0)
    closed = Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms
    assert closed == T0_MS + 29_000  # the newest event, 0.751 s, and 30 s later, less the grace


def test_nothing_closes_while_the_connection_is_down(tmp_path):
    """A second in which we heard nothing because we were cut off is not an empty second."""
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    rig.inbox.put(FeedReport("spot-1", "connecting", [BTC], {}))
    rig.clock.s += 60
    rig.writer.step(0)
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 8_000


def test_after_a_reconnect_closing_waits_for_the_first_trade(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    rig.inbox.put(FeedReport("spot-1", "connecting", [BTC], {}))
    rig.writer.step(0)
    rig.clock.s += 20
    rig.inbox.put(FeedReport("spot-1", "live", [BTC], {}))
    rig.writer.step(0)
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 8_000
    rig.commit(*steady(120, 123), session="spot-1/2")
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 29_000


def test_the_exchanges_time_moves_the_clock_only_when_nothing_trades(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    ahead = ExchangeTime("spot", T0_MS + 300_000, rig.clock.now_ms(), rig.clock.monotonic_s())
    rig.inbox.put(ahead)
    rig.writer.step(0)
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 8_000
    rig.clock.s += 5
    rig.inbox.put(ahead._replace(monotonic_s=rig.clock.monotonic_s()))
    rig.writer.step(0)
    assert Reader(rig.path).instruments()["spot:BTCUSDT"].closed_until_ms == T0_MS + 299_000


def kline(open_ms: int, close_e8: int = 5_900_000_000_000) -> Bar:
    return Bar(open_ms, close_e8, close_e8 + 5, close_e8 - 5, close_e8, 2.0, 4.0, 1.0, 7)


def test_a_kline_replaces_a_provisional_bar_and_never_a_final_one(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 39))
    rig.inbox.put(Seed(BTC, "1s", [kline(T0_MS - 1_000), kline(T0_MS), kline(T0_MS + 1_000)]))
    rig.writer.step(0)
    bars = rig.bars().head(3)
    assert bars.source.tolist() == ["kline", "kline", "trades"]
    assert bars.state.tolist() == ["final", "final", "final"]
    rig.commit(trade(0, T0_MS), session="spot-1/1")  # a trade of a seeded second does not change its bar
    assert rig.bars().loc[T0_MS // 1000].n == 7


def test_a_minute_begun_by_klines_and_ended_by_trades_is_one_whole_minute(tmp_path):
    rig = Rig(tmp_path / "t.db")
    live = [trade(i, T0_MS + 30_000 + i * 500) for i in range(0, 80)]
    rig.commit(*live)
    rig.inbox.put(Seed(BTC, "1s", [kline(T0_MS + s * 1000) for s in range(0, 31)]))
    rig.writer.step(0)
    minute = rig.bars("bars_1m").loc[T0_MS // 1000]
    assert minute.o == kline(T0_MS).open_e8
    assert minute.n == 31 * 7 + sum(T0_MS + 31_000 <= t.ts_ms < T0_MS + 60_000 for t in live)
    assert minute.state == "final"


def test_a_minute_without_its_beginning_stays_provisional_and_a_kline_replaces_it(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*[trade(i, T0_MS + 30_000 + i * 500) for i in range(0, 80)])
    assert rig.bars("bars_1m").loc[T0_MS // 1000].state == "provisional"
    rig.inbox.put(Seed(BTC, "1m", [kline(T0_MS)]))
    rig.writer.step(0)
    assert rig.bars("bars_1m").loc[T0_MS // 1000, ["source", "state"]].tolist() == ["kline", "final"]


def test_half_a_minute_of_seeded_seconds_makes_no_minute(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.inbox.put(Seed(BTC, "1s", [kline(T0_MS + s * 1000) for s in range(30, 90)]))
    rig.writer.step(0)
    assert rig.bars("bars_1m").index.tolist() == [T0_MS // 1000 + 60]


def test_rejects_are_kept_up_to_a_bound(tmp_path):
    rig = Rig(tmp_path / "t.db")
    for i in range(KEPT_REJECTS + 50):
        rig.inbox.put(Reject(i, "not JSON", "x"))
    rig.writer.step(0)
    assert rig.query("SELECT count(*), min(seen_at_ms) FROM rejects") == [(KEPT_REJECTS, 50)]


def test_a_full_queue_without_room_takes_nothing_and_says_so():
    inbox = Inbox(capacity_trades=10, patience_s=0.2)
    assert inbox.put_trades(TradeBatch("spot", "s", steady(0, 7)))
    assert not inbox.put_trades(TradeBatch("spot", "s", steady(8, 12)))
    assert inbox.depth == 8


def test_a_full_queue_takes_a_batch_as_soon_as_there_is_room():
    inbox = Inbox(capacity_trades=10, patience_s=60.0)
    assert inbox.put_trades(TradeBatch("spot", "s", steady(0, 7)))
    threading.Timer(0.05, inbox.take, (5, 0.0)).start()
    assert inbox.put_trades(TradeBatch("spot", "s", steady(8, 12)))


def test_stop_writes_what_is_queued(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.writer.start()
    for i in range(0, 20_000, 500):
        assert rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", steady(i, i + 499)))
    rig.writer.stop()
    rig.writer.stop()
    assert rig.writer.error is None
    assert rig.query("SELECT count(*) FROM trades") == [(20_000,)]
    assert Reader(rig.path).feeds()["ingest"].state == "stopped"


def test_a_failing_commit_leaves_neither_disk_nor_memory_changed(tmp_path, monkeypatch):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*steady(0, 9))
    before = rig.writer._books
    monkeypatch.setattr("statarb.store.writer.close_bars", lambda *_: (_ for _ in ()).throw(RuntimeError("boom")))
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", steady(10, 19)))
    with pytest.raises(RuntimeError, match="boom"):
        rig.writer.step(0)
    assert rig.writer._books is before
    assert rig.query("SELECT count(*) FROM trades") == [(10,)]


def test_an_error_in_the_writer_thread_ends_it_visibly(tmp_path, monkeypatch):
    rig = Rig(tmp_path / "t.db")
    monkeypatch.setattr("statarb.store.writer.store_trades", lambda *_: (_ for _ in ()).throw(RuntimeError("boom")))
    rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", steady(0, 9)))
    rig.writer.start()
    assert rig.writer.stopped.wait(60)
    assert "boom" in str(rig.writer.error)


def test_a_full_disk_is_waited_out_and_nothing_is_lost(tmp_path):
    rig = Rig(tmp_path / "t.db")
    (pages,) = rig.writer._connection.execute("PRAGMA page_count").fetchone()
    rig.writer._connection.execute(f"PRAGMA max_page_count={pages}")
    waits = []

    def free_the_disk(stop, seconds):
        waits.append(seconds)
        rig.writer._connection.execute("PRAGMA max_page_count=1000000")
        return False

    rig.clock.wait = free_the_disk
    rig.commit(*steady(0, 4_999))
    assert waits
    assert rig.query("SELECT count(*) FROM trades") == [(5_000,)]


def test_a_database_deleted_under_the_writer_is_noticed(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.path.unlink()
    rig.inbox.put_trades(TradeBatch("spot", "s", steady(0, 9)))
    with pytest.raises(StoreError, match="deleted or replaced"):
        rig.writer.step(0)


def test_a_database_of_another_source_is_refused(tmp_path):
    Rig(tmp_path / "t.db").writer.close()
    with pytest.raises(ForeignDatabaseError, match=r"'simulated'.*'binance'"):
        Writer(tmp_path / "t.db", "binance", Inbox())


def test_the_second_ingest_is_refused_and_the_lock_dies_with_its_holder(tmp_path):
    with IngestLock(tmp_path / "t.db"), pytest.raises(LockedDatabaseError, match="Another ingest"):
        IngestLock(tmp_path / "t.db").__enter__()
    with IngestLock(tmp_path / "t.db"):
        pass


def test_exactly_one_connection_writes(tmp_path):
    """The reader's connection cannot write even if it is asked to."""
    rig = Rig(tmp_path / "t.db")
    reader = Reader(rig.path)
    with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only|query_only"):
        reader._connection.execute("DELETE FROM trades")


def test_the_heartbeat_adds_up_the_history_being_loaded_over_venues(tmp_path):
    rig = Rig(tmp_path / "t.db")

    def heartbeat(**progress):
        for name, (done, total) in progress.items():
            rig.inbox.put(FeedReport(f"{name} warm start", "live", (), {"progress": {"done": done, "total": total}}))
        rig.clock.s += 1.1
        rig.writer.step(0)
        rig.clock.s += 1.1
        rig.writer.step(0)
        return rig.writer.stats()["seeding"]

    assert heartbeat() is None
    assert heartbeat(spot=(2, 20), usdm=(1, 4)) == {"done": 3, "total": 24}
    assert heartbeat(usdm=(4, 4)) == {"done": 6, "total": 24}
    assert heartbeat(spot=(20, 20)) is None


def test_rules_that_change_leave_the_book_as_it_is_and_reach_every_numbering(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(trade(5_000_000_000, T0_MS))
    rig.commit(trade(1, T0_MS + 20_000), trade(2, T0_MS + 21_000))
    book = rig.writer._books["spot:BTCUSDT"]
    rig.inbox.put(Listing([InstrumentRules(BTC, status="BREAK", tick_e8=2_000_000)]))
    rig.writer.step(0)
    assert rig.writer._books["spot:BTCUSDT"] == book
    assert rig.query("SELECT id_epoch, status, tick FROM symbols") == [(0, "BREAK", 2_000_000), (1, "BREAK", 2_000_000)]
    assert rig.writer.records() == {"spot:BTCUSDT": book.symbol_id}
