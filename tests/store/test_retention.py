"""Old trades and seconds go, in small pieces, and what stays is as true as before."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.keeping import KeepingRig, assert_oracle, assert_true
from store.rig import BTC, T0_MS, trade

from statarb.market import Bar, Instrument, InstrumentRules
from statarb.store import Listing, Seed, TradeBatch
from statarb.store import retention as keeping
from statarb.store.inbox import GapAnswer


def every_second(lo: int, hi: int):
    """One trade a second from T0 on, ids lo..hi."""
    return [trade(i, T0_MS + i * 1000) for i in range(lo, hi + 1)]


def test_trades_and_seconds_go_at_their_age_and_minutes_stay(tmp_path):
    rig = KeepingRig(tmp_path / "t.db", keep_trades_s=600, keep_bars_s=1200)
    rig.commit(*every_second(0, 3599))
    rig.pass_to(3_600_000)
    now_ms = T0_MS + 3_600_000
    ((first_ms,),) = rig.query("SELECT min(ts_ms) FROM trades")
    assert first_ms == now_ms - 600_000
    ((first_sec,),) = rig.query("SELECT min(sec) FROM bars_1s")
    assert first_sec * 1000 == now_ms - 1_200_000
    assert rig.query("SELECT count(*) FROM bars_1m") == [(60,)]
    assert rig.writer._books["spot:BTCUSDT"].kept_from_id == rig.ledger().first
    rig.clock.s += 2
    rig.writer.step(0)
    assert rig.writer.stats()["retention"]["pruned_trades"] == 3600 - rig.query("SELECT count(*) FROM trades")[0][0]
    assert_true(rig)


def test_what_is_kept_for_ever_is_kept(tmp_path):
    rig = KeepingRig(tmp_path / "t.db", keep_trades_s=0, keep_bars_s=60)
    rig.commit(*every_second(0, 3599))
    rig.pass_to(30 * 86_400_000)
    assert rig.query("SELECT count(*) FROM trades") == [(3600,)]
    assert rig.query("SELECT count(*) FROM bars_1s") == [(3600,)], "seconds stay at least as long as their trades"


def test_the_last_trade_stays_however_old(tmp_path):
    """Without it a restart could not tell what it missed."""
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 99))
    rig.pass_to(86_400_000)
    assert rig.query("SELECT max(trade_id), count(*) FROM trades") == [(99, 40)]  # and its minute
    assert rig.ledger() == rig.reopened_ledger()


def test_nothing_is_pruned_across_an_open_gap_until_it_closes(tmp_path):
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 299))
    rig.commit(*every_second(400, 3599), session="spot-1/2")
    rig.pass_to(3_600_000)
    assert rig.query("SELECT min(trade_id), max(trade_id) FROM trades") == [(240, 3599)]
    assert rig.query("SELECT lo, hi, state FROM gaps") == [(300, 399, "open")]
    assert rig.retention.stats()["held"] == ["spot:BTCUSDT"]
    assert rig.ledger() == rig.reopened_ledger()
    assert_true(rig)
    rig.commit(*every_second(300, 399), session="")
    assert set(rig.bars().state.loc[T0_MS // 1000 + 240 : T0_MS // 1000 + 500]) == {"final"}
    rig.pass_to(3_700_000)
    assert rig.query("SELECT min(ts_ms) FROM trades")[0][0] > T0_MS + 2_900_000
    assert rig.query("SELECT count(*) FROM gaps") == [(0,)]
    assert rig.retention.stats()["held"] == []
    assert_true(rig)


def test_the_trade_below_a_gap_stays_even_if_the_gaps_times_are_wrong(tmp_path):
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 299), *every_second(400, 3599))
    book = rig.writer._books["spot:BTCUSDT"]
    wrong = replace(book.ledger.holes[0], from_ms=T0_MS + 3_500_000)
    rig.writer._books = {"spot:BTCUSDT": replace(book, ledger=replace(book.ledger, holes=(wrong,)))}
    rig.pass_to(3_600_000)
    assert rig.query("SELECT min(trade_id) FROM trades") == [(299,)]
    assert_oracle(rig)


def test_a_gap_that_will_never_close_goes_with_the_trades_around_it(tmp_path):
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 299), *every_second(400, 3599))
    rig.writer._connection.execute("UPDATE gaps SET state='unfillable'")
    rig.writer.close()
    rig = KeepingRig(rig.path)
    assert rig.ledger().missing == 100
    rig.pass_to(3_600_000)
    assert rig.query("SELECT count(*) FROM gaps") == [(0,)]
    assert rig.ledger() == rig.reopened_ledger()
    assert_true(rig)


def test_a_deferred_gap_holds_what_is_below_it_until_all_of_it_is_old_and_then_goes(tmp_path):
    """Only an import can close it, so it is waited for as long as trades are kept, and no longer."""
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 299))
    rig.commit(*every_second(1500, 3599), session="spot-1/2")
    rig.inbox.put(GapAnswer(BTC, 300, 1499, "deferred", T0_MS, {"why": "a test"}))
    rig.writer.step(0)
    for old_s, oldest in ((1_230, 240), (1_490, 240), (1_590, 1_560)):
        rig.retention._look_at_s = 0
        rig.retention._keep_trades_ms = 3_600_000 - old_s * 1000
        rig.pass_to(3_600_000)
        assert rig.query("SELECT min(trade_id), max(trade_id) FROM trades") == [(oldest, 3599)]
        assert rig.retention.stats()["held"] == (["spot:BTCUSDT"] if oldest == 240 else [])
        assert rig.ledger() == rig.reopened_ledger()
        assert_true(rig)
    assert rig.query("SELECT count(*) FROM gaps") == [(0,)]
    rig.commit(*every_second(400, 410), session="")  # imported too late: what is older than the record is no news
    assert rig.query("SELECT min(trade_id) FROM trades") == [(1_560,)]


def test_a_pruned_trade_that_comes_again_is_a_duplicate(tmp_path):
    """Otherwise it would open a gap, and count twice in a bar that outlived it."""
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 3599))
    rig.pass_to(3_600_000)
    before = rig.bars(), rig.bars("bars_1m"), rig.ledger()
    for again in (rig, KeepingRig(rig.path)):
        again.clock.s = rig.clock.s
        again.commit(*every_second(0, 9), *every_second(2500, 2509), session="")
        assert again.bars().equals(before[0])
        assert again.bars("bars_1m").equals(before[1])
        assert again.ledger() == before[2]
        assert again.query("SELECT count(*) FROM gaps") == [(0,)]
        if again is rig:
            rig.writer.close()


def test_bars_keep_their_judgement_when_their_trades_go(tmp_path):
    """Neither pruning nor a later close, seed or restart makes a final bar provisional or a provisional one final."""
    rig = KeepingRig(tmp_path / "t.db", keep_trades_s=600, keep_bars_s=3600)
    rig.commit(*every_second(30, 3599))
    before = rig.bars().state, rig.bars("bars_1m").state
    assert before[0].iloc[0] == before[1].iloc[0] == "provisional"  # the record begins in the middle of them
    rig.pass_to(3_600_000)
    rig.writer.close()
    rig = KeepingRig(rig.path, keep_trades_s=600, keep_bars_s=3600)
    rig.clock.s = 4600.0
    kline = Bar(T0_MS - 60_000, 5, 6, 4, 5, 1.0, 1.0, 1.0, 1)
    rig.inbox.put(Seed(BTC, "1m", [kline]))
    rig.writer.step(0)
    rig.commit(*every_second(3600, 3660))
    now = rig.bars().state, rig.bars("bars_1m").state.iloc[1:]
    closed_s = T0_MS // 1000 + 3597
    assert now[0].loc[:closed_s].equals(before[0].loc[:closed_s])
    assert now[1].iloc[:59].equals(before[1].iloc[:59])


def test_the_clock_that_is_behind_decides_what_is_old(tmp_path):
    """A replay of an old recording is not pruned as it arrives, and no wrong stamp of the exchange ages everything."""
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 3599))
    rig.pass_to(-1000)  # our clock: before the first trade; the exchange's: an hour later
    assert rig.query("SELECT count(*) FROM trades") == [(3600,)]
    rig.writer._connection.execute("UPDATE symbols SET closed_until_ms=?", (T0_MS,))
    rig.clock.s = 1e9
    rig.retention.step(rig.writer._connection, rig.writer._transact, rig.writer._books, rig.clock)
    assert rig.query("SELECT count(*) FROM trades") == [(3600,)]


def test_an_instrument_that_is_no_longer_followed_is_pruned_too(tmp_path):
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 1199))
    rig.writer.close()
    rig = KeepingRig(rig.path)
    rig.writer._books = {}
    rig.writer._connection.execute(
        "INSERT INTO symbols(venue,name,id_kind,status,can_short,closed_until_ms) VALUES('spot','NEW','trade','',0,?)",
        (T0_MS + 86_400_000,),
    )
    rig.pass_to(86_400_000)
    assert rig.query("SELECT count(*), min(trade_id), max(trade_id) FROM trades") == [(60, 1140, 1199)]


def test_pieces_are_small_and_a_kill_between_any_two_leaves_a_true_database(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "CHUNK_ROWS", 100)
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 1999), *every_second(2005, 3599))
    rig.writer._connection.execute("UPDATE gaps SET state='unfillable'")
    rig.writer.close()
    rig = KeepingRig(rig.path)
    counts = [rig.query("SELECT count(*) FROM trades")[0][0]]
    while True:
        rig.pass_to(3_600_000, all_pieces=False)
        assert_true(rig)
        assert rig.ledger() == rig.reopened_ledger()
        counts.append(rig.query("SELECT count(*) FROM trades")[0][0])
        if counts[-1] == counts[-2]:
            break
        rig.kill()
        rig = KeepingRig(rig.path)
    assert len(counts) > 8
    assert max(a - b for a, b in itertools.pairwise(counts)) <= 500


def test_a_piece_that_fails_leaves_disk_and_memory_as_they_were(tmp_path, monkeypatch):
    rig = KeepingRig(tmp_path / "t.db")
    rig.commit(*every_second(0, 3599))
    books = rig.writer._books
    monkeypatch.setattr(keeping, "prune_seconds", lambda *_: (_ for _ in ()).throw(RuntimeError("boom")))
    with pytest.raises(RuntimeError, match="boom"):
        rig.pass_to(3_600_000)
    assert rig.writer._books["spot:BTCUSDT"].ledger == books["spot:BTCUSDT"].ledger
    assert rig.query("SELECT count(*) FROM trades") == [(3600,)]


def test_live_trades_are_stored_before_each_piece_and_wait_for_none(tmp_path):
    """A piece is at most 10,000 rows (10 to 40 ms, measured), after what came in, and not while more is waiting."""
    rig = KeepingRig(tmp_path / "t.db")
    for start in range(0, 60_000, 5_000):
        rig.commit(*[trade(i, T0_MS + i * 20) for i in range(start, start + 5_000)])
    rig.clock.s = 1000.0 + 4 * 3600
    rig.writer._commit([], True)
    newest, counts = 60_000, []
    while rig.retention.stats()["pruned_trades"] < 29_000:
        for _ in range(2):  # more than the writer takes at once, so the first step leaves a backlog
            fresh = [trade(i, T0_MS + 4 * 3_600_000 + i) for i in range(newest, newest + 3_000)]
            rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", fresh))
            newest += 3_000
        rig.inbox.put_trades(TradeBatch("spot", "spot-1/1", [trade(newest, T0_MS + 4 * 3_600_000 + newest)]))
        newest += 1
        pruned = rig.retention.stats()["pruned_trades"]
        assert not rig.writer.step(0)
        assert rig.retention.stats()["pruned_trades"] == pruned
        assert rig.writer.step(0)
        assert rig.query("SELECT max(trade_id) FROM trades") == [(newest - 1,)]
        counts.append(rig.retention.stats()["pruned_trades"] - pruned)
    assert max(counts) == keeping.CHUNK_ROWS


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_was_lost_reordered_and_pruned_the_record_stays_true(tmp_path_factory, data):
    """Arrivals with holes in disorder of time, holes answered or not, passes of pruning and restarts, in any order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "CHUNK_ROWS", data.draw(st.integers(5, 60), label="chunk"))
        path = tmp_path_factory.mktemp("k") / "t.db"
        rig = KeepingRig(path, keep_trades_s=120, keep_bars_s=data.draw(st.sampled_from([120, 240]), label="bars"))
        universe = [trade(i, T0_MS + i * 2500 + data.draw(st.integers(-4000, 4000))) for i in range(1, 150)]
        sent, position = set(), 0
        while position < len(universe):
            step = data.draw(st.integers(1, 60), label="arrive")
            lost = data.draw(st.sets(st.integers(position, position + step), max_size=4), label="lost")
            batch = [universe[i] for i in range(position, min(position + step, len(universe))) if i not in lost]
            position += step
            if batch:
                rig.commit(*batch)
                sent |= set(batch)
            action = data.draw(st.sampled_from(["prune", "fill", "never", "restart", "again"]), label="action")
            holes = rig.ledger().holes if rig.ledger() else ()
            if action == "fill" and holes:
                hole = data.draw(st.sampled_from(holes))
                rig.commit(*universe[hole.lo - 1 : hole.hi], session="")
                sent |= set(universe[hole.lo - 1 : hole.hi])
            elif action == "again" and sent:
                rig.commit(*data.draw(st.lists(st.sampled_from(sorted(sent)), min_size=1, max_size=20)), session="")
            elif action in ("never", "restart"):
                rig.writer.close()
                rig = KeepingRig(path, keep_trades_s=120, keep_bars_s=240)
                if action == "never" and holes:
                    rig.writer._connection.execute("UPDATE gaps SET state='unfillable' WHERE state='open'")
                    rig.writer.close()
                    rig = KeepingRig(path, keep_trades_s=120, keep_bars_s=240)
            rig.pass_to(min(position, len(universe)) * 2500 + 5000)
            if sent:
                assert_oracle(rig)
                assert rig.ledger() == rig.reopened_ledger() or action == "fill"
        assert_true(rig)
        minutes = {row[0]: row[1] for row in rig.query("SELECT sec, n FROM bars_1m")}
        expected = {}
        for one in sent:
            minute = one.ts_ms // 60_000 * 60
            expected[minute] = expected.get(minute, 0) + 1
        assert minutes == expected, "every minute still counts every trade that was ever stored, once"
        rig.writer.close()


def test_another_instrument_is_not_touched(tmp_path):
    rig = KeepingRig(tmp_path / "t.db")
    eth = Instrument("spot", "ETHUSDT")
    rig.inbox.put(Listing([InstrumentRules(eth)]))
    rig.writer.step(0)
    rig.commit(*every_second(0, 3599))
    rig.commit(*[one._replace(symbol="ETHUSDT") for one in every_second(3500, 3599)])
    rig.pass_to(3_600_000)
    ((symbol_id,),) = rig.query("SELECT symbol_id FROM symbols WHERE name='ETHUSDT'")
    assert rig.query(f"SELECT count(*) FROM trades WHERE symbol_id={symbol_id}") == [(100,)]
