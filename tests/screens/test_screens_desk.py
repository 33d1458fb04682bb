"""The desk: incremental reading equals reading all, studies are shared, and a database may come, go and change."""

import contextlib
import math
import sqlite3
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from desk_database import DeskDatabase

from statarb.clock import utc_text
from statarb.errors import (
    ConfigError,
    DamagedDatabaseError,
    ForeignDatabaseError,
    LockedDatabaseError,
    MissingDatabaseError,
    StoreError,
)
from statarb.params import PairParams
from statarb.quant import NotEnough, StudyStream
from statarb.quant.spread import live_z
from statarb.screens.desk import Desk
from statarb.screens.headline import headline_of
from statarb.store import Reader

PARAMS = PairParams()


@pytest.fixture
def database(tmp_path):
    made = DeskDatabase(tmp_path / "t.db", minutes=400)
    yield made
    made.close()


@pytest.fixture
def desk(database):
    made = Desk(database.path)
    yield made
    made.close()


def assert_same_study(one, other):
    assert one.as_of_ms == other.as_of_ms
    pd.testing.assert_frame_equal(one.prices, other.prices)
    pd.testing.assert_series_equal(one.z, other.z)
    assert one.moments == other.moments


def counting(monkeypatch):
    """Counts how many bars each read of the store returns."""
    reads = []
    real = Reader.bars

    def bars(self, instrument, base, since_ms, until_ms):
        frame = real(self, instrument, base, since_ms, until_ms)
        reads.append(len(frame))
        return frame

    monkeypatch.setattr(Reader, "bars", bars)
    return reads


def test_bars_that_come_one_by_one_give_the_same_study_as_all_at_once(database, desk):
    for _ in range(6):
        database.add_minute()
        incremental = desk.refresh(PARAMS).study
    assert_same_study(incremental, Desk(database.path).refresh(PARAMS).study)


def test_only_what_is_newer_is_read(database, desk, monkeypatch):
    reads = counting(monkeypatch)
    desk.refresh(PARAMS)
    assert reads == [400, 400]
    database.add_minute()
    desk.refresh(PARAMS)
    assert reads == [400, 400, 1, 1]


def test_when_nothing_closed_no_bar_is_read_and_the_study_is_the_same_object(database, desk, monkeypatch):
    first = desk.refresh(PARAMS)
    reads = counting(monkeypatch)
    database.fresh_trades()
    second = desk.refresh(PARAMS)
    assert second.study is first.study
    assert reads == []
    assert second.y_last.ts_ms > first.y_last.ts_ms


def test_a_revised_bar_is_read_again(database, desk):
    before = desk.refresh(PARAMS).study
    database.revise("ETHUSDT", minutes_ago=30, factor=1.01)
    after = desk.refresh(PARAMS).study
    changed = np.flatnonzero(before.prices["y"].to_numpy() != after.prices["y"].to_numpy())
    assert changed.tolist() == [len(before.prices) - 30]
    assert_same_study(after, Desk(database.path).refresh(PARAMS).study)


def test_a_longer_window_reads_further_back(tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=900)
    desk = Desk(database.path)
    short = replace(PARAMS, window=60, test_window=100, corr_window=20)
    longer = replace(PARAMS, window=240, test_window=600)
    assert len(desk.refresh(short).study.prices) == short.lookback_bars
    assert len(desk.refresh(longer).study.prices) == longer.lookback_bars
    assert_same_study(desk.refresh(short).study, Desk(database.path).refresh(short).study)
    database.close()


def test_a_study_carried_over_many_closes_is_the_one_a_new_page_makes(database, desk):
    desk.refresh(PARAMS)
    for _ in range(30):
        database.add_minute()
        carried = desk.refresh(PARAMS).study
    newcomer = Desk(database.path)
    anew = newcomer.refresh(PARAMS).study
    newcomer.close()
    assert carried.as_of_ms == anew.as_of_ms == database.end_ms
    np.testing.assert_allclose(carried.z, anew.z, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(carried.correlation, anew.correlation, rtol=1e-9, atol=1e-9)
    assert (carried.verdict, carried.hedge, carried.caveats) == (anew.verdict, anew.hedge, anew.caveats)
    assert len(carried.episodes) == len(anew.episodes)


def test_sessions_share_one_study(database, desk, monkeypatch):
    """Twelve sessions at once wait for one computation and get one object."""
    computed = []
    real = StudyStream.study
    monkeypatch.setattr(StudyStream, "study", lambda *a: computed.append(1) or real(*a))
    start, views = threading.Barrier(12), []

    def session():
        start.wait()
        views.append(desk.refresh(PARAMS))

    threads = [threading.Thread(target=session) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
    assert len({id(view.study) for view in views}) == 1


def test_live_z_is_the_newest_prices_judged_by_the_moments_of_the_last_close(database, desk):
    view = desk.refresh(PARAMS)
    moments = view.study.moments
    spread = math.log(view.y_last.price) - moments.alpha - moments.beta * math.log(view.x_last.price)
    assert view.live.spread == pytest.approx(spread, abs=1e-12)
    assert view.live.z == pytest.approx((spread - moments.mean) / moments.sd)
    assert view.live.edge.edge_bps == pytest.approx(abs(spread - moments.mean) * 1e4)
    assert view.live.edge.round_trip_bps == pytest.approx(2 * (1 + abs(moments.beta)) * 6)


def silence(database, minutes):
    """BTCUSDT's newest trade is so many minutes older than ETHUSDT's."""
    database.fresh_trades(database.end_ms)
    database.execute("DELETE FROM trades WHERE symbol_id=1 AND ts_ms>?", database.end_ms - minutes * 60_000)


def test_prices_of_two_times_are_no_live_reading_and_the_view_says_why(database, desk):
    silence(database, minutes=30)
    view = desk.refresh(PARAMS)
    assert view.live is None
    x, y = (utc_text(last.ts_ms) for last in (view.x_last, view.y_last))
    said = headline_of(view)
    assert said.state == (
        f"BTC's last price is of {x} UTC, ETH's of {y} UTC: the legs' last prices are not of one time."
    )
    assert (said.edge, said.legs) == ("", "")
    (glance,) = desk.glances([PARAMS])
    assert glance.live is None


def test_prices_at_most_a_bar_apart_are_of_one_time(database, desk):
    short = replace(PARAMS, window=20, test_window=100, corr_window=10)
    silence(database, minutes=4)
    assert desk.refresh(short).live is None
    assert desk.refresh(replace(short, timeframe="5m")).live is not None


def test_the_feed_as_a_whole_is_as_live_as_its_newest_trade(database, desk):
    database.fresh_trades()
    database.heartbeat(now_ms=0)
    assert desk.health().state == "DISCONNECTED"
    database.heartbeat()
    assert (desk.health().state, desk.health().simulated) == ("LIVE", True)
    database.execute("UPDATE trades SET ts_ms=ts_ms-600000 WHERE symbol_id=1")
    assert desk.health().state == "LIVE", "one silent instrument is not a silent feed"
    database.execute("UPDATE trades SET ts_ms=ts_ms-600000")
    assert desk.health().state == "STALE"


@pytest.mark.parametrize("source", ["import", "upload"])
def test_files_that_end_apart_are_read_at_the_last_close_that_both_have(tmp_path, source):
    database = DeskDatabase(tmp_path / "t.db", minutes=400, source=source, end_ms=1_700_000_040_000)
    expected = Desk(database.path).refresh(PARAMS)
    end_ms = database.end_ms
    for _ in range(200):
        database.add_minute(shift=0.1)
    database.execute("DELETE FROM bars_1m WHERE symbol_id=1 AND sec>=?", end_ms // 1000)
    database.execute("DELETE FROM trades WHERE symbol_id=1 AND ts_ms>=?", end_ms)
    database.execute("UPDATE symbols SET closed_until_ms=? WHERE symbol_id=1", end_ms)
    desk = Desk(database.path)
    view = desk.refresh(PARAMS)
    closes = view.study.prices.iloc[-1]
    assert view.study.as_of_ms == end_ms
    assert (view.y_last.price, view.x_last.price) == (closes["y"], closes["x"])
    assert view.y_last.ts_ms == view.x_last.ts_ms == end_ms
    assert view.live == expected.live
    assert view.live.z == pytest.approx(live_z(view.study.moments, closes["y"], closes["x"])[1])
    assert headline_of(view).state.startswith("By the last close that both files have: ETH ")
    (glance,) = desk.glances([PARAMS])
    assert glance.live == view.live
    database.close()


def test_few_bars_say_how_many_are_missing(tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=43)
    view = Desk(database.path).refresh(PARAMS)
    assert isinstance(view.study.moments, NotEnough)
    assert (view.study.moments.have, view.study.moments.need) == (43, 240)
    assert view.live is None
    database.close()


def test_no_bar_at_all_is_a_view_too(tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=0)
    view = Desk(database.path).refresh(PARAMS)
    assert view.study.n_bars == 0
    assert view.live is None
    assert view.y_last is None
    database.close()


def test_an_instrument_that_is_not_stored_is_refused_in_a_sentence(desk):
    with pytest.raises(ConfigError, match="DOGEUSDT is not stored here"):
        desk.refresh(replace(PARAMS, y="spot:DOGEUSDT"))


def test_names_that_no_exchange_gives_are_not_offered(tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=3, names=("BTCUSDT", "ETHUSDT", "<b>X</b>", "=1+1:A"))
    assert list(Desk(database.path).instruments()) == ["spot:BTCUSDT", "spot:ETHUSDT"]
    database.close()


def spoil_foreign(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs(x)")
        connection.commit()


def spoil_newer(path):
    database = DeskDatabase(path, minutes=1)
    database.execute("PRAGMA user_version=99")
    database.close()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda path: None, MissingDatabaseError, "no database"),
        (lambda path: path.touch(), MissingDatabaseError, "no database"),
        (lambda path: path.write_bytes(b"not a database at all" * 500), DamagedDatabaseError, "not a readable"),
        (spoil_foreign, ForeignDatabaseError, "another program"),
        (spoil_newer, ForeignDatabaseError, "newer statarb"),
    ],
    ids=["missing", "empty", "corrupt", "foreign", "newer"],
)
def test_a_database_that_cannot_be_used_is_said_in_a_sentence_and_used_once_it_is_mended(tmp_path, spoil, error, words):
    path = tmp_path / "t.db"
    spoil(path)
    desk = Desk(path)
    with pytest.raises(error, match=words) as raised:
        desk.refresh(PARAMS)
    assert raised.value.hint
    path.unlink(missing_ok=True)
    for rest in tmp_path.glob("t.db-*"):
        rest.unlink()
    database = DeskDatabase(path, minutes=300)
    assert desk.refresh(PARAMS).study.n_bars == 300
    desk.close()
    database.close()


def test_a_locked_database_is_said_and_answers_when_it_is_free_again(tmp_path):
    path = tmp_path / "t.db"
    DeskDatabase(path, minutes=300).close()
    desk = Desk(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LockedDatabaseError, match="locked by another process"):
            desk.refresh(PARAMS)
    assert desk.refresh(PARAMS).study.n_bars == 300
    desk.close()


def test_a_busy_database_is_said_on_the_badge_while_the_last_view_stands(database, monkeypatch):
    class Clock:
        ms = 1_800_000_000_000

        def now_ms(self):
            return self.ms

    clock = Clock()
    desk = Desk(database.path, clock)
    before = desk.refresh(PARAMS)

    def busy(self, sql, values=()):
        raise StoreError("Reading took too long and was given up.", "Try again in a moment.")

    with monkeypatch.context() as while_busy:
        while_busy.setattr(Reader, "_query", busy)
        clock.ms += 3_000
        held = desk.refresh(PARAMS)
        assert held.study is before.study
        assert held.health.text == "NOT READ 3 s"
        assert not held.health.has_live_prices
        clock.ms += 8_000
        with pytest.raises(StoreError, match="took too long"):
            desk.refresh(PARAMS)
        with pytest.raises(StoreError):
            desk.refresh(replace(PARAMS, window=60))
    assert desk.refresh(PARAMS).study is before.study


def test_a_database_that_is_deleted_and_made_anew_is_not_read_as_it_was(tmp_path):
    path = tmp_path / "t.db"
    old = DeskDatabase(path, minutes=300)
    desk = Desk(path)
    assert desk.refresh(PARAMS).study.n_bars == 300
    old.close()
    for file in tmp_path.glob("t.db*"):
        file.unlink()
    with pytest.raises(StoreError):
        desk.refresh(PARAMS)
    new = DeskDatabase(path, minutes=250, end_ms=old.end_ms)
    assert desk.refresh(PARAMS).study.n_bars == 250
    new.close()


def test_the_desk_never_writes(database, desk):
    before = database.path.read_bytes()
    desk.refresh(PARAMS)
    assert database.path.read_bytes() == before
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        desk._current_reader()._connection.execute("DELETE FROM trades")


def quote(database, symbol_id, bid, ask, age_ms=0):
    values = (symbol_id, time.time_ns() // 1_000_000 - age_ms, round(bid * 1e8), 10**8, round(ask * 1e8), 10**8)
    database.execute("INSERT OR REPLACE INTO quotes VALUES(?,?,?,?,?,?)", *values)


def test_a_measured_spread_is_in_the_costs_while_its_quote_is_fresh(database):
    quote(database, 2, 2999.0, 3001.0)  # ETHUSDT: 6.67 bp wide
    quote(database, 1, 59_000.0, 61_000.0, age_ms=60_000)
    desk = Desk(database.path)
    view = desk.refresh(PARAMS)
    assert view.costs.y.side_bps == pytest.approx(5 + 2 / 3000 * 1e4 / 2)
    assert view.costs.x.side_bps == 6
    beta = view.study.moments.beta
    assert view.live.edge.round_trip_bps == pytest.approx(2 * (view.costs.y.side_bps + beta * 6))
    desk.close()


def test_the_live_price_is_the_middle_where_the_analysis_asks_and_both_quotes_are_fresh(database):
    y, x = 3100.0, 60_000.0
    quote(database, 2, y - 1, y + 1)
    quote(database, 1, x - 1, x + 1, age_ms=60_000)
    desk = Desk(database.path)
    params = replace(PARAMS, price="mid")
    last = desk.refresh(PARAMS).live.z
    assert desk.refresh(params).live.z == last
    quote(database, 1, x - 1, x + 1)
    desk.close()
    moments = desk.refresh(params).study.moments
    expected = (math.log(y) - moments.alpha - moments.beta * math.log(x) - moments.mean) / moments.sd
    assert desk.refresh(params).live.z == pytest.approx(expected)
    assert desk.refresh(PARAMS).live.z == last
    desk.close()
