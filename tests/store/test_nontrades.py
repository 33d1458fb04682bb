"""Ids without a trade: they close the sequence, and touch neither prices nor bars."""

import pytest
from store.rig import BTC, T0_MS, Rig, bars_by_pandas, trade

from statarb.errors import StoreError
from statarb.market import InstrumentRules, NonTrade
from statarb.store import Listing, Reader


def nontrade(trade_id: int, ts_ms: int, kind: str = "NA") -> NonTrade:
    return NonTrade("BTCUSDT", trade_id, ts_ms, kind, ts_ms + 1, 0)


def test_an_id_without_a_trade_leaves_no_gap_and_no_mark_on_bars(tmp_path):
    rig = Rig(tmp_path / "t.db")
    trades = [trade(i, T0_MS + i * 250) for i in range(40) if i % 5]
    others = [nontrade(i, T0_MS + i * 250) for i in range(0, 40, 5)]
    rig.commit(*sorted([*trades, *others], key=lambda one: one.trade_id))
    assert rig.query("SELECT count(*) FROM trades") == [(32,)]
    assert rig.query("SELECT trade_id, kind FROM nontrades ORDER BY 1") == [(i, "NA") for i in range(0, 40, 5)]
    assert rig.query("SELECT * FROM gaps") == []
    bars, plain = rig.bars(), bars_by_pandas(trades)
    assert bars[["o", "h", "l", "c", "n"]].to_numpy().tolist() == plain[["o", "h", "l", "c", "n"]].to_numpy().tolist()
    assert rig.writer.stats()["duplicates"] == 0


def test_one_that_comes_alone_or_again_is_counted_once(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(nontrade(7, T0_MS))
    rig.commit(trade(8, T0_MS + 1), nontrade(7, T0_MS), nontrade(9, T0_MS + 2, "ADL"))
    rig.commit(nontrade(9, T0_MS + 2, "ADL"), trade(10, T0_MS + 3))
    assert rig.query("SELECT trade_id, kind FROM nontrades ORDER BY 1") == [(7, "NA"), (9, "ADL")]
    assert rig.query("SELECT trade_id FROM trades ORDER BY 1") == [(8,), (10,)]
    assert rig.query("SELECT * FROM gaps") == []
    assert rig.query("SELECT * FROM conflicts") == []


def test_what_is_missing_between_them_is_a_gap_and_a_restart_knows_it(tmp_path):
    """A record may begin and end with an id that is no trade."""
    rig = Rig(tmp_path / "t.db")
    rig.commit(nontrade(1, T0_MS), trade(2, T0_MS + 10), nontrade(9, T0_MS + 900))
    assert rig.query("SELECT lo, hi, state FROM gaps") == [(3, 8, "open")]
    rig.writer.close()
    again = Rig(rig.path)
    (gap,) = again.writer.missing()
    assert (gap.lo, gap.hi, gap.from_ms, gap.until_ms) == (3, 8, T0_MS + 10, T0_MS + 900)
    again.commit(nontrade(1, T0_MS), nontrade(9, T0_MS + 900), trade(10, T0_MS + 1000), session="spot-1/2")
    assert [(gap.lo, gap.hi) for gap in again.writer.missing()] == [(3, 8)]


def test_an_id_that_was_no_trade_and_comes_as_one_is_a_conflict(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.commit(trade(1, T0_MS), nontrade(2, T0_MS), trade(3, T0_MS))
    rig.commit(trade(2, T0_MS))
    assert rig.query("SELECT count(*) FROM trades WHERE trade_id=2") == [(0,)]
    assert rig.query("SELECT trade_id FROM conflicts") == [(2,)]


def test_ids_of_another_kind_are_refused(tmp_path):
    rig = Rig(tmp_path / "t.db")
    rig.inbox.put(Listing([InstrumentRules(BTC, id_kind="aggTrade")]))
    with pytest.raises(StoreError, match="stored by trade ids"):
        rig.writer.step(0)
    assert list(Reader(rig.path).instruments()) == ["spot:BTCUSDT"]
