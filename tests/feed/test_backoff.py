"""Connecting is quick at first, never a storm, and never given up."""

from hypothesis import given
from hypothesis import strategies as st

from statarb.feed.backoff import QUICK_TRIES, ConnectBudget


class Simulation:
    def __init__(self, jitter: float = 0.5) -> None:
        self.now_s = 0.0
        self.budget = ConnectBudget(lambda: self.now_s, lambda: jitter)
        self.connects: list[float] = []

    def connect(self, tokens: float = 1.0) -> None:
        self.now_s += self.budget.reserve(tokens)
        self.connects.append(self.now_s)


@given(st.lists(st.floats(0, 40), min_size=200, max_size=400), st.floats(0, 0.999))
def test_never_more_than_60_connects_in_any_5_minutes(held_s, jitter):
    """However long each connection holds."""
    simulation = Simulation(jitter)
    for held in held_s:
        simulation.connect()
        simulation.now_s += held
    times = simulation.connects
    assert all(times[i + 60] - times[i] > 300 for i in range(len(times) - 60))


def test_the_first_tries_are_quick_and_further_ones_about_five_seconds_apart():
    simulation = Simulation()
    for _ in range(QUICK_TRIES + 20):
        simulation.connect()
    gaps = [b - a for a, b in zip(simulation.connects, simulation.connects[1:], strict=False)]
    assert max(gaps[: QUICK_TRIES - 1]) <= 0.3
    assert max(gaps) < 6
    assert min(gaps[QUICK_TRIES:]) > 5


def test_being_told_to_slow_down_makes_the_next_try_later():
    simulation = Simulation()
    for _ in range(QUICK_TRIES):
        simulation.connect()
    simulation.budget.reserve(2.0)
    assert simulation.budget.reserve() > 15
