"""clock: one place tells the time, in UTC; waiting ends early when asked; the exchange's clock is never ahead."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from statarb.clock import SYSTEM_CLOCK, UTC_ZONE, ExchangeClock, Repeating, utc_stamp, utc_text, zone_at
from statarb.errors import FeedError

EPOCHS_MS = st.integers(0, 4_102_444_800_000)


def test_now_is_the_machines_time_in_milliseconds():
    before = int(time.time() * 1000)
    assert before <= SYSTEM_CLOCK.now_ms() <= int(time.time() * 1000) + 1


def test_monotonic_time_never_goes_back():
    readings = [SYSTEM_CLOCK.monotonic_s() for _ in range(1000)]
    assert readings == sorted(readings)


def test_waiting_ends_at_once_when_stopped_and_says_so():
    stop = threading.Event()
    assert SYSTEM_CLOCK.wait(stop, 0.01) is False
    stop.set()
    assert SYSTEM_CLOCK.wait(stop, 3600) is True  # the whole hour would end this test


@given(EPOCHS_MS)
def test_text_reads_back_as_the_same_millisecond(ts_ms):
    moment = datetime.strptime(utc_text(ts_ms, milliseconds=True), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    assert round(moment.timestamp() * 1000) == ts_ms


@given(EPOCHS_MS)
def test_text_and_stamp_cut_to_the_second_and_never_round_up(ts_ms):
    text = datetime.strptime(utc_text(ts_ms), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    stamp = datetime.strptime(utc_stamp(ts_ms), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert int(text.timestamp()) == int(stamp.timestamp()) == ts_ms // 1000


def test_a_stamp_is_safe_in_a_file_name():
    assert utc_stamp(1_769_860_800_000) == "20260131T120000Z"


def test_the_exchanges_clock_is_unknown_before_its_first_word():
    assert ExchangeClock().now_ms(1.0) is None


@given(
    st.integers(1_500_000_000_000, 1_900_000_000_000),
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 60_000)), min_size=1, max_size=50),
)
def test_the_exchanges_clock_is_never_ahead_never_goes_back_and_trails_by_the_fastest_delivery(start_ms, words):
    clock, elapsed_ms, before_ms = ExchangeClock(), 0, 0
    for pause_ms, delay_ms in words:
        elapsed_ms += pause_ms
        clock.hear(start_ms + elapsed_ms - delay_ms, elapsed_ms / 1000)
        now_ms = clock.now_ms(elapsed_ms / 1000)
        assert before_ms <= now_ms <= start_ms + elapsed_ms
        before_ms = now_ms
    fastest_ms = min(delay_ms for _, delay_ms in words)
    assert abs(start_ms + elapsed_ms - fastest_ms - before_ms) <= 1


def test_a_repeating_step_goes_on_whatever_goes_wrong_with_one():
    class Counter(Repeating):
        steps = 0

        def step(self):
            self.steps += 1
            if self.steps == 1:
                raise FeedError("not now")
            if self.steps == 2:
                raise RuntimeError("a bug")
            self._stop.set()

    counter = Counter("counter", 0.01, SYSTEM_CLOCK)
    counter.start()
    counter._thread.join(60)
    assert counter.steps == 3
    counter.stop()


def test_a_repeating_thread_stops_at_once_and_before_it_began():
    class Never(Repeating):
        def step(self):
            raise AssertionError("not within an hour")

    never = Never("never", 3600.0, SYSTEM_CLOCK)
    never.stop()
    never = Never("never", 3600.0, SYSTEM_CLOCK)
    never.start()
    never.stop(60)
    assert not never.is_running


def test_a_zone_is_the_distance_from_utc_that_a_place_has_at_that_moment():
    summer, winter = (int(datetime(2026, month, 1, tzinfo=UTC).timestamp() * 1000) for month in (7, 1))
    assert zone_at("Europe/Berlin", summer).label == "UTC+02:00"
    assert zone_at("Europe/Berlin", winter).label == "UTC+01:00"
    assert zone_at("Asia/Kolkata", winter).text(winter) == "2026-01-01 05:30:00"
    assert zone_at("America/New_York", winter).label == "UTC\u221205:00"


def test_a_place_that_nobody_knows_is_utc():
    for name in (None, "", "UTC", "Nowhere/Land", "../../etc/passwd", "Europe"):
        assert zone_at(name, 0) == UTC_ZONE
