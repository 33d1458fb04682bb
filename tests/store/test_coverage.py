"""Coverage is exact to the second where trades are held, and klines stand for what they cover."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.keeping import KeepingRig
from store.rig import BTC, T0_MS, Rig, trade

from statarb.market import Bar, Trade
from statarb.store import Coverage, ExchangeTime, Reader, Seed
from statarb.store.inbox import GapAnswer

T0_S = T0_MS // 1000
SECOND = 1_000


def second_by_second(rig: Rig, base, since_s: int, until_s: int) -> list[bool]:
    reader = Reader(rig.path)
    return [
        reader.coverage("spot:BTCUSDT", base, s * 1000, s * 1000 + 1000) == Coverage(1, 1)
        for s in range(since_s, until_s)
    ]


def record(rig: Rig, *trades: Trade, session: str = "spot-1/1") -> None:
    """Commit trades at the time of the newest one."""
    rig.clock.s = max(rig.clock.s, 1000.0 + (trades[-1].ts_ms - T0_MS) / 1000)
    rig.commit(*trades, session=session)


def close_to(rig: Rig, second: float) -> None:
    """Let the clocks pass this second and the grace, so that what ends by it is closed."""
    rig.clock.s = 1000.0 + second + 1.1
    rig.inbox.put(ExchangeTime("spot", T0_MS, T0_MS, rig.clock.s))
    rig.writer.step(0)


def kline(open_s: int, n: int = 5) -> Bar:
    return Bar(open_s * 1000, 100, 100, 100, 100, 1.0, 1.0, 0.5, n)


def seed(rig: Rig, base, *bars: Bar) -> None:
    rig.inbox.put(Seed(BTC, base, list(bars)))
    rig.writer.step(0)


def test_every_second_between_trades_is_covered_the_first_one_not(tmp_path):
    rig = Rig(tmp_path / "t.db")
    record(rig, trade(1, T0_MS + 500), trade(2, T0_MS + 30_000), trade(3, T0_MS + 50_500))
    close_to(rig, 50)
    covered = second_by_second(rig, "1s", T0_S - 1, T0_S + 52)
    assert covered == [False, False, *[True] * 49, False, False]  # before, begun within, whole, not closed yet


def test_a_gap_takes_the_seconds_it_touches_and_no_other(tmp_path):
    rig = Rig(tmp_path / "t.db")
    record(rig, trade(1, T0_MS), trade(2, T0_MS + 10_400), trade(9, T0_MS + 14_200), trade(10, T0_MS + 20_000))
    close_to(rig, 20)
    covered = second_by_second(rig, "1m", T0_S + 1, T0_S + 20)
    assert [s for s, is_covered in enumerate(covered, 1) if not is_covered] == [10, 11, 12, 13, 14]
    whole = Reader(rig.path).coverage("spot:BTCUSDT", "1m", T0_MS + 1_000, T0_MS + 20_000)
    assert (whole, whole.share) == (Coverage(19, 14), 14 / 19)
    rig.inbox.put(GapAnswer(BTC, 3, 8, "deferred", T0_MS, {"why": "a test"}))
    rig.writer.step(0)
    assert not all(second_by_second(rig, "1m", T0_S + 1, T0_S + 20))
    record(rig, *[trade(i, T0_MS + 12_000) for i in range(3, 9)], session="")
    assert all(second_by_second(rig, "1m", T0_S + 1, T0_S + 20))


def test_a_minute_kline_stands_for_a_number_of_minutes_and_not_for_one_of_seconds(tmp_path):
    rig = Rig(tmp_path / "t.db")
    record(rig, trade(1, T0_MS), trade(2, T0_MS + 70_000), trade(9, T0_MS + 110_000), trade(10, T0_MS + 200_000))
    close_to(rig, 180)
    seed(rig, "1m", kline(T0_S + 60))
    reader = Reader(rig.path)
    span = (T0_MS + 60_000, T0_MS + 180_000)
    assert reader.coverage("spot:BTCUSDT", "1m", *span) == Coverage(120, 120)
    assert reader.coverage("spot:BTCUSDT", "1s", *span) == Coverage(120, 79)
    seed(rig, "1s", *[kline(T0_S + s) for s in range(72, 80)])
    assert reader.coverage("spot:BTCUSDT", "1s", *span) == Coverage(120, 87)


def test_before_the_record_seconds_count_where_they_add_up_to_their_minute(tmp_path):
    """A quiet second has no kline: that all of a minute's trades are there shows that it was quiet."""
    rig = Rig(tmp_path / "t.db")
    record(rig, trade(1, T0_MS + 300_000), trade(2, T0_MS + 301_000))
    close_to(rig, 301)
    seed(rig, "1m", kline(T0_S + 60, 15), kline(T0_S + 120, 15))
    seed(rig, "1s", *[kline(T0_S + 60 + s) for s in (3, 30, 50)], *[kline(T0_S + 120 + s) for s in (3, 30)])
    reader = Reader(rig.path)
    span = (T0_MS + 60_000, T0_MS + 180_000)
    assert reader.coverage("spot:BTCUSDT", "1m", *span) == Coverage(120, 120)
    assert reader.coverage("spot:BTCUSDT", "1s", *span) == Coverage(120, 62)


def test_what_was_whole_stays_covered_when_its_trades_are_pruned(tmp_path):
    rig = KeepingRig(tmp_path / "t.db", keep_trades_s=600, keep_bars_s=0)
    record(rig, *[trade(i, T0_MS + i * 1_000) for i in range(3_000)])
    span = (T0_MS + 60_000, T0_MS + 2_900_000)
    reader = Reader(rig.path)
    before = [reader.coverage("spot:BTCUSDT", base, *span) for base in ("1s", "1m")]
    rig.pass_to(3_000_000)
    ((oldest_ms,),) = rig.query("SELECT min(ts_ms) FROM trades")
    assert oldest_ms > T0_MS + 2_000_000
    assert [reader.coverage("spot:BTCUSDT", base, *span) for base in ("1s", "1m")] == before
    assert before[0] == Coverage(2_840, 2_840)


def test_an_unknown_instrument_and_an_empty_span_have_none(tmp_path):
    rig = Rig(tmp_path / "t.db")
    reader = Reader(rig.path)
    assert reader.coverage("spot:NONE", "1m", 0, 60_000) == Coverage(60, 0)
    assert reader.coverage("spot:BTCUSDT", "1m", 60_000, 60_000) == Coverage(0, 0)
    assert reader.coverage("spot:BTCUSDT", "1m", 0, 0).share != reader.coverage("spot:BTCUSDT", "1m", 0, 0).share


@settings(max_examples=12, deadline=None)
@given(lost=st.sets(st.integers(1, 59)), times=st.lists(st.integers(0, 2_500), min_size=60, max_size=60))
def test_whatever_was_lost_exactly_the_seconds_around_it_are_not_covered(tmp_path_factory, lost, times):
    """A second route: every second between the trades on both sides of a lost one, by a plain loop."""
    rig = Rig(tmp_path_factory.mktemp("c") / "t.db")
    at = [T0_MS + sum(times[: i + 1]) for i in range(60)]
    kept = [i for i in range(60) if i not in lost]
    record(rig, *[trade(i + 1, at[i]) for i in kept])
    close_to(rig, 200)
    holes = [(at[a] // 1000, at[b] // 1000) for a, b in itertools.pairwise(kept) if b > a + 1]
    first_s = at[0] // 1000
    expected = [
        s > first_s and not any(lo <= s <= hi for lo, hi in holes) for s in range(first_s, at[kept[-1]] // 1000)
    ]
    assert second_by_second(rig, "1s", first_s, at[kept[-1]] // 1000) == expected


@pytest.mark.parametrize("base", ["1s", "1m"])
def test_a_second_epoch_is_covered_by_its_own_record_alone(tmp_path, base):
    rig = Rig(tmp_path / "t.db")
    record(rig, trade(5_000_000_000, T0_MS), trade(5_000_000_001, T0_MS + 5_000))
    record(rig, trade(1, T0_MS + 20_000), trade(2, T0_MS + 40_000))
    close_to(rig, 39)
    covered = second_by_second(rig, base, T0_S, T0_S + 39)
    assert [s for s, is_covered in enumerate(covered) if is_covered] == list(range(21, 39))
