"""A rule fires once an episode, arms again by its hysteresis, and keeps its dwell, cooldown and cap."""

import itertools
import math
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statarb.alerts import AlertRule, Condition
from statarb.jobs.rule_watch import BLIND_DWELL_MS, DAY_MS, DIGEST_MS, RuleWatch, Sighting
from statarb.quant import episodes
from statarb.store import AlertEvent

MINUTE = 60_000
REVERTS = "mean-reverting"
Z_RULE = AlertRule("z", (Condition("abs_z", "above", 2.0),), cooldown_s=0, daily_cap=1000)
BEYOND = st.floats(-4, 4, allow_nan=False).filter(lambda z: abs(z) not in (1.0, 2.0))


def of_z(at_ms: int, z: float, **more) -> Sighting:
    return Sighting(at_ms, {"z": z, "abs_z": abs(z), "net_edge_bps": 5.0} | more.pop("values", {}), **more)


def kinds(watch: RuleWatch, values, every_ms: int = MINUTE, start_ms: int = 0, **how) -> list[tuple[int, str]]:
    """(index of the sighting, kind) of all that was said."""
    return [
        (i, signal.kind) for i, z in enumerate(values) for signal in watch.see(of_z(start_ms + i * every_ms, z), **how)
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(BEYOND, min_size=1, max_size=80))
def test_on_z_alone_a_rule_fires_exactly_where_an_episode_begins(values):
    series = pd.Series(values, index=pd.date_range("2026-01-01", periods=len(values), freq="1min", tz="UTC"))
    first_close_ms = int(series.index[0].timestamp() * 1000) + MINUTE
    begun = [(one.since_ms - first_close_ms) // MINUTE for one in episodes(series, MINUTE, 2.0)]
    assert [i for i, kind in kinds(RuleWatch(Z_RULE), values) if kind == "fired"] == begun


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(BEYOND, st.floats(-20, 20)), min_size=1, max_size=80),
    st.floats(0, 0.9),
    st.sampled_from([0, 90, 300]),
    st.sampled_from([0, 240]),
)
def test_between_two_alerts_there_is_an_end_and_the_cooldown_and_before_each_the_dwell(steps, hysteresis, cool, dwell):
    conditions = (Condition("abs_z", "above", 2.0), Condition("net_edge_bps", "above", 0.0))
    rule = replace(Z_RULE, conditions=conditions, hysteresis=hysteresis, cooldown_s=cool, dwell_s=dwell)
    watch, said = RuleWatch(rule), []
    for i, (z, net) in enumerate(steps):
        said += [(i, one.kind) for one in watch.see(of_z(i * MINUTE, z, values={"net_edge_bps": net}))]
    order = [kind for _, kind in said]
    assert all(a != b for a, b in itertools.pairwise(order)), "fired and ended take turns"
    fired = [i for i, kind in said if kind == "fired"]
    assert all((b - a) * 60 >= cool for a, b in itertools.pairwise(fired))
    for i in fired:
        assert i * 60 >= dwell
        assert all(abs(z) > 2 and net > 0 for z, net in steps[i - math.ceil(dwell / 60) : i + 1])


@settings(max_examples=60, deadline=None)
@given(st.lists(BEYOND, min_size=2, max_size=60), st.data())
def test_a_restart_anywhere_changes_nothing(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    whole = kinds(RuleWatch(Z_RULE), values)
    first, told = RuleWatch(Z_RULE), []
    for i, z in enumerate(values[:cut]):
        for signal in first.see(of_z(i * MINUTE, z)):
            if signal.kind == "ended":
                told[0] = replace(told[0], ended_at_ms=signal.at_ms)
            else:
                told.insert(0, event(signal.kind, signal.at_ms, z))
    second = RuleWatch(Z_RULE, told)
    rest = [(cut + i, kind) for i, kind in kinds(second, values[cut:], start_ms=cut * MINUTE)]
    assert rest == [one for one in whole if one[0] >= cut]


def event(state: str, at_ms: int, z: float = 0.0, **more) -> AlertEvent:
    return AlertEvent("rule:1", "z", state, at_ms, at_ms, "", "", "1m", "closed", "", "", "", z=z, **more)


def test_an_alert_of_before_a_restart_that_lasts_is_not_told_again():
    watch = RuleWatch(Z_RULE, [event("fired", 0, z=2.5)])
    assert kinds(watch, [2.4, 2.2, 0.5, 2.6]) == [(2, "ended"), (3, "fired")]


def test_history_is_lived_through_without_a_word():
    watch = RuleWatch(Z_RULE)
    assert kinds(watch, [0.0, 2.5, 2.6], may_fire=False) == []
    assert kinds(watch, [2.7, 0.3, 2.4], start_ms=3 * MINUTE) == [(1, "ended"), (2, "fired")]


def test_an_episode_that_begins_in_the_cooldown_is_told_after_it_if_it_lasts():
    watch = RuleWatch(replace(Z_RULE, cooldown_s=300))
    said = kinds(watch, [2.5, 0, 2.5, 2.5, 2.5, 2.5, 2.5])
    assert said == [(0, "fired"), (1, "ended"), (5, "fired")]


def test_beyond_the_cap_alerts_are_held_and_summed_up_each_hour_and_a_new_day_begins_anew():
    watch = RuleWatch(replace(Z_RULE, daily_cap=2))
    said = kinds(watch, [2.5, 0] * 4)
    assert [kind for _, kind in said if kind != "ended"] == ["fired", "fired", "held", "held"]
    assert watch.see(of_z(4 * MINUTE + DIGEST_MS - 1, 0)) == []
    (digest,) = watch.see(of_z(4 * MINUTE + DIGEST_MS, 0))
    assert (digest.kind, digest.alerts) == ("digest", 2)
    assert [one.kind for one in watch.see(of_z(DAY_MS, 3.0))] == ["fired"]


def test_alerts_held_before_a_restart_come_in_the_next_digest():
    told = [event("held", 5 * MINUTE, ended_at_ms=6 * MINUTE), event("digest", 3 * MINUTE), event("held", MINUTE)]
    watch = RuleWatch(replace(Z_RULE, daily_cap=1), told)
    (digest,) = watch.see(of_z(5 * MINUTE + DIGEST_MS, 0))
    assert digest.alerts == 1


def test_blindness_is_said_once_when_it_lasts_and_an_episode_goes_on_behind_it():
    watch = RuleWatch(Z_RULE)
    assert kinds(watch, [2.5]) == [(0, "fired")]
    blind = [Sighting(MINUTE + ms, blind="ETHUSDT is silent") for ms in range(0, 3 * BLIND_DWELL_MS, 10_000)]
    said = [signal for one in blind for signal in watch.see(one)]
    assert [(one.kind, one.reason) for one in said] == [("suppressed", "ETHUSDT is silent")]
    assert said[0].at_ms == MINUTE + BLIND_DWELL_MS
    assert kinds(watch, [2.5, 0.1], start_ms=10 * MINUTE) == [(0, "seeing"), (1, "ended")]


def test_a_short_blindness_is_no_news_and_a_second_one_within_the_cooldown_neither():
    watch = RuleWatch(replace(Z_RULE, cooldown_s=900))
    blind = [Sighting(ms, blind="hole") for ms in (0, BLIND_DWELL_MS)]
    assert [signal.kind for one in blind for signal in watch.see(one)] == ["suppressed"]
    watch.see(of_z(2 * BLIND_DWELL_MS, 0.0))
    again = [Sighting(ms, blind="hole") for ms in range(3 * BLIND_DWELL_MS, 20 * MINUTE, MINUTE)]
    said = [signal.at_ms for one in again for signal in watch.see(one)]
    assert said == [BLIND_DWELL_MS + 15 * MINUTE]


def test_a_rule_about_the_feed_alone_is_never_blind():
    watch = RuleWatch(AlertRule("quiet", (Condition("stale_s", "above", 30),), basis="live", cooldown_s=0))
    silent = [Sighting(s * 1000, {"stale_s": float(s)}, blind="ETHUSDT is silent") for s in range(60)]
    assert [signal.at_ms for one in silent for signal in watch.see(one)] == [31_000]


def test_without_a_hedge_what_lasts_is_over_and_nothing_begins():
    watch = RuleWatch(Z_RULE)
    assert kinds(watch, [2.5]) == [(0, "fired")]
    assert [one.kind for one in watch.see(of_z(MINUTE, 3.0, has_hedge=False))] == ["ended"]
    assert watch.see(of_z(2 * MINUTE, 3.0, has_hedge=False)) == []


@pytest.mark.parametrize(
    ("values", "fired"),
    [([-1, 0.2, 0.1, -0.1, 0.3, 1, -0.2], [1, 6]), ([1, 2, 3], []), ([1, 0, -1, -2], [2]), ([math.nan, 1, -1], [2])],
)
def test_a_crossing_is_told_once_and_again_only_after_the_value_has_left_the_level(values, fired):
    rule = AlertRule("cross", (Condition("z", "crosses", 0.0),), cooldown_s=0)
    assert [i for i, kind in kinds(RuleWatch(rule), values) if kind == "fired"] == fired


def test_a_crossing_with_a_dwell_is_told_when_it_has_lasted():
    rule = AlertRule("cross", (Condition("z", "crosses", 0.0),), cooldown_s=0, dwell_s=90)
    assert kinds(RuleWatch(rule), [-1, 0.2, 0.2, 0.2, 0.2]) == [(3, "fired")]
    assert kinds(RuleWatch(rule), [-1, 0.2, -0.2, 0.2, -0.2]) == []


@pytest.mark.parametrize(
    ("condition", "values", "fired"),
    [
        (Condition("verdict", "is", REVERTS), ["no evidence", REVERTS, REVERTS, "", "no hedge", REVERTS], [1, 5]),
        (Condition("verdict", "is not", REVERTS), [REVERTS, "no evidence", "no hedge"], [1]),
        (Condition("correlation", "below", 0.8), [0.9, 0.7, 0.85, 0.7, 0.95, 0.7], [1, 5]),
        (Condition("gap_trades", "above", 0), [0, 10, 5, 0, 3], [1, 4]),
        (Condition("net_edge_bps", "above", 0), [-9, 1, -4, 1, -6, 1], [1, 5]),
        (Condition("z", "below", -2), [-1, -2.5, -1.5, -2.5, -0.5, -3], [1, 5]),
    ],
)  # fmt: skip
def test_every_metric_arms_again_at_its_own_distance(condition, values, fired):
    watch = RuleWatch(AlertRule("one", (condition,), basis="live", cooldown_s=0))
    said = [
        i
        for i, value in enumerate(values)
        for signal in watch.see(Sighting(i * MINUTE, {condition.metric: value}))
        if signal.kind == "fired"
    ]
    assert said == fired
