"""The reader answers in nouns, from what is stored, within its deadline."""

import sqlite3
import threading

import pytest
from store.rig import T0_MS, Rig, trade

from statarb.errors import StoreError
from statarb.store import Reader


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(*[trade(i, T0_MS + i * 250) for i in range(600)])
    rig.clock.s += 2
    rig.writer.step(0)
    return rig


def test_bars_are_a_utc_frame_in_prices(rig):
    bars = Reader(rig.path).bars("spot:BTCUSDT", "1s", T0_MS, T0_MS + 10_000)
    assert str(bars.index.dtype) == "datetime64[ms, UTC]"
    assert len(bars) == 10
    first = bars.iloc[1]
    assert (first.open, first.close) == (60000.04, 60000.07)
    assert (first.volume, first.trade_count) == (4.0, 4)
    assert first.quote_volume == pytest.approx(sum(60000 + i / 100 for i in range(4, 8)))
    assert bars.provisional.tolist() == [True] + [False] * 9


def test_the_span_is_half_open(rig):
    reader = Reader(rig.path)
    assert len(reader.bars("spot:BTCUSDT", "1s", T0_MS + 1, T0_MS + 2_001)) == 2
    assert len(reader.bars("spot:BTCUSDT", "1m", T0_MS, T0_MS + 60_000)) == 1


def test_an_unknown_instrument_has_no_bars(rig):
    bars = Reader(rig.path).bars("spot:'; DROP TABLE trades; --", "1m", 0, 2**42)
    assert bars.empty
    assert "close" in bars


def test_instruments_last_trades_feeds_and_gaps(rig):
    reader = Reader(rig.path)
    instrument = reader.instruments()["spot:BTCUSDT"]
    assert (instrument.tick, instrument.status, instrument.closed_until_ms) == (0.01, "TRADING", T0_MS + 150_000)
    assert instrument.quote_volume_24h == pytest.approx(sum(60000 + i / 100 for i in range(600)))
    last = reader.last_trades()["spot:BTCUSDT"]
    assert (last.trade_id, last.price, last.qty) == (599, 60005.99, 1.0)
    assert reader.feeds()["ingest"].stats["instruments"]["spot:BTCUSDT"]["last_id"] == 599
    assert reader.gaps().empty
    assert reader.source() == "simulated"


def test_what_the_newest_commit_says_is_read_once_and_shared_until_the_next(rig):
    reader = Reader(rig.path)
    before = reader.snapshot()
    assert before.source == "simulated"
    assert before.instruments == reader.instruments()
    assert before.last_trades == reader.last_trades()
    assert before.feeds == reader.feeds()
    assert reader.snapshot() is before
    rig.commit(trade(600, T0_MS + 150_000))
    after = reader.snapshot()
    assert after.last_trades["spot:BTCUSDT"].trade_id == 600
    assert reader.snapshot() is after


def test_a_name_that_no_exchange_could_have_given_is_not_offered(rig):
    with sqlite3.connect(rig.path) as foreign:
        foreign.execute("UPDATE symbols SET name = '<b>BTC</b>'")
    reader = Reader(rig.path)
    assert list(reader.instruments()) == ["spot:<b>BTC</b>"]
    assert reader.snapshot().instruments == {}


def test_a_reader_follows_a_database_that_was_made_anew(rig, tmp_path):
    reader = Reader(rig.path)
    assert reader.snapshot().last_trades["spot:BTCUSDT"].trade_id == 599
    rig.writer.close()
    for file in tmp_path.glob("t.db*"):
        file.unlink()
    fresh = Rig(tmp_path / "t.db")
    fresh.commit(trade(7, T0_MS))
    assert reader.last_trades()["spot:BTCUSDT"].trade_id == 7
    assert reader.snapshot().last_trades["spot:BTCUSDT"].trade_id == 7


def test_a_query_past_its_deadline_is_given_up_with_a_sentence(rig):
    reader = Reader(rig.path, deadline_s=-1.0)
    with pytest.raises(StoreError, match="took too long"):
        reader._query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n")


def test_a_reader_sees_whole_batches_only(rig):
    """Beside a writer in full swing, trades and the bars made of them always agree."""
    rig.writer.start()
    stop = threading.Event()

    def flood():
        from statarb.store import TradeBatch

        for start in range(600, 30_600, 500):
            rig.inbox.put_trades(
                TradeBatch("spot", "spot-1/1", [trade(i, T0_MS + i * 2 + 200_000) for i in range(start, start + 500)])
            )
            stop.wait(0.005)

    thread = threading.Thread(target=flood)
    thread.start()
    reader = Reader(rig.path)
    for _ in range(100):
        ((in_bars, in_trades),) = reader._query("SELECT (SELECT sum(n) FROM bars_1s), (SELECT count(*) FROM trades)")
        assert in_bars == in_trades
    thread.join()
    rig.writer.stop()
    assert rig.writer.error is None
