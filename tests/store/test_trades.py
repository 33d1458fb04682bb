"""Stored trades are found by time as a plain search through all of them would find them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from store.rig import T0_MS, Rig, trade

from statarb.store import Reader
from statarb.store import trades as stored
from statarb.store.trades import first_id_at


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_span_of_time_is_what_a_plain_search_finds(tmp_path_factory, data):
    """With holes in the ids, the exchange's disorder in time, and pieces smaller than the span."""
    ids = sorted(data.draw(st.sets(st.integers(1, 5000), min_size=1, max_size=80), label="ids"))
    sent = [trade(i, T0_MS + i * 1000 + data.draw(st.integers(-5000, 5000))) for i in ids]
    rig = Rig(tmp_path_factory.mktemp("s") / "t.db")
    rig.commit(*sent)
    reader, pieces = Reader(rig.path), stored._ROWS_A_READ
    try:
        stored._ROWS_A_READ = data.draw(st.sampled_from([1, 7, 100]), label="piece")
        for _ in range(4):
            since, until = (T0_MS + data.draw(st.integers(-10_000, 5_010_000)) for _ in range(2))
            found = reader.trades("spot:BTCUSDT", since, until)["trade_id"].tolist()
            assert found == [t.trade_id for t in sent if since <= t.ts_ms < until]
    finally:
        stored._ROWS_A_READ = pieces
        reader.close()


def test_the_first_trade_at_a_time_is_found_by_few_look_ups(tmp_path):
    rig = Rig(tmp_path / "t.db")
    sent = [trade(i, T0_MS + i * 10) for i in range(1000, 9000) if i % 100]
    rig.commit(*sent)
    asked = []

    def query(sql, values):
        asked.append(sql)
        return rig.writer._connection.execute(sql, values).fetchall()

    for ts_ms in (0, T0_MS + 10_010, T0_MS + 15_000, T0_MS + 15_001, T0_MS + 89_990):
        asked.clear()
        assert first_id_at(query, 1, ts_ms) == next(t.trade_id for t in sent if t.ts_ms >= ts_ms)
        assert len(asked) <= 16
    assert first_id_at(query, 1, T0_MS + 89_991) is None
    assert first_id_at(query, 2, 0) is None
