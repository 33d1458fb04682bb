"""The clock offset is what the answers prove, however long they take."""

import pytest

from statarb.feed.timekeeper import Timekeeper


class Exchange:
    """A clock of ours, and an exchange `ahead_ms` of it that stamps each answer after `before_ms` of `took_ms`."""

    def __init__(self, ahead_ms: int) -> None:
        self.ahead_ms, self.local_ms = ahead_ms, 1_700_000_000_000
        self.before_ms, self.took_ms = 0, 0
        self.told: list[int] = []

    def now_ms(self) -> int:
        return self.local_ms

    def monotonic_s(self) -> float:
        return self.local_ms / 1000

    def time_ms(self) -> int:
        stamp_ms = self.local_ms + self.before_ms + self.ahead_ms
        self.local_ms += self.took_ms
        return stamp_ms

    def exchange_time(self, exchange_ms: int, local_ms: int, monotonic_s: float) -> None:
        self.told.append(exchange_ms - local_ms)

    def asked(self, keeper: Timekeeper, before_ms: int, took_ms: int) -> int:
        """The offset that one answer leads to."""
        self.before_ms, self.took_ms = before_ms, took_ms
        keeper.step()
        return self.told[-1]


def keeper_of(exchange: Exchange) -> Timekeeper:
    return Timekeeper(exchange, exchange, exchange)  # type: ignore[arg-type]


@pytest.mark.parametrize("ahead_ms", [-3_000, -40, 0, 40, 3_000])
def test_quick_answers_tell_the_offset_within_the_time_they_took(ahead_ms):
    exchange = Exchange(ahead_ms)
    keeper = keeper_of(exchange)
    for before_ms in (0, 15, 30):
        assert exchange.asked(keeper, before_ms, 30) == pytest.approx(ahead_ms, abs=30)


@pytest.mark.parametrize("before_ms", [0, 3_300, 6_600])
def test_an_answer_that_took_seconds_does_not_move_what_quick_ones_told(before_ms):
    exchange = Exchange(250)
    keeper = keeper_of(exchange)
    known_ms = exchange.asked(keeper, 10, 20)
    assert exchange.asked(keeper, before_ms, 6_600) == pytest.approx(known_ms, abs=20)


def test_a_slow_first_answer_leaves_clocks_that_agree_as_they_are():
    exchange = Exchange(0)
    assert exchange.asked(keeper_of(exchange), 6_600, 6_600) == 0


def test_a_clock_that_was_set_is_followed_at_the_next_quick_answer():
    exchange = Exchange(0)
    keeper = keeper_of(exchange)
    exchange.asked(keeper, 10, 20)
    exchange.ahead_ms = 5_000
    assert exchange.asked(keeper, 10, 20) == pytest.approx(5_000, abs=20)
