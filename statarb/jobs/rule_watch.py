"""One alert rule followed through time: what it sees goes in, what is to be said comes out; no clock, no database."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from statarb.alerts import ABOVE, BELOW, CROSSES, IS, METRICS, AlertRule, Condition
from statarb.store import AlertEvent

DAY_MS = 86_400_000
DIGEST_MS = 3_600_000
BLIND_DWELL_MS = 60_000
"""A rule that cannot judge for so long says so: shorter ones are a reconnect, or ingest starting."""

Value = float | str


@dataclass(frozen=True)
class Sighting:
    """What a rule can look at, at one moment: the close of a bar, or now.

    `values` are by metric; NaN or '' where one does not exist. `has_hedge` is False where beta is not positive: what
    lasted is over then. `blind` is why prices cannot be judged at all, '' where they can.
    """

    at_ms: int
    values: Mapping[str, Value] = field(default_factory=dict)
    has_hedge: bool = True
    blind: str = ""


class Signal(NamedTuple):
    """What is to be said: an alert, one held back beyond the cap, their digest, that a rule is blind; or that the last
    alert or blindness is over. `count` is how many alerts a digest stands for."""

    kind: Literal["fired", "held", "digest", "suppressed", "ended", "seeing"]
    at_ms: int
    reason: str = ""
    alerts: int = 0


class RuleWatch:
    """Says once an episode that a rule's conditions hold.

    An episode begins when all conditions hold and have held for `dwell_s`; it ends when a value has left its threshold
    by the hysteresis, |z| has changed sides, or the hedge is gone. After an alert there is none for `cooldown_s`; an
    episode that began meanwhile is told then, if it lasts.

    Parameters
    ----------
    rule : AlertRule
    told : sequence of AlertEvent
        What it said before a restart, newest first.
    """

    def __init__(self, rule: AlertRule, told: Sequence[AlertEvent] = ()) -> None:
        self.rule = rule
        self._crossings = {i: _Crossing() for i, one in enumerate(rule.conditions) if one.op == CROSSES}
        self._held_since_ms: int | None = None
        self._blind_since_ms: int | None = None
        alerts = [event for event in told if event.state in ("fired", "held")]
        blind = [event for event in told if event.state == "suppressed"]
        digests = [event.at_ms for event in told if event.state == "digest"]
        self._last_ms = alerts[0].at_ms if alerts else None
        self._is_on = bool(alerts) and alerts[0].ended_at_ms is None
        self._z_side = _side(alerts[0].z or 0.0) if alerts else 0
        self._said_blind = bool(blind) and blind[0].ended_at_ms is None
        self._blind_said_ms = blind[0].at_ms if blind else None
        self._fired_days = [event.at_ms // DAY_MS for event in alerts if event.state == "fired"]
        waiting = [event.at_ms for event in alerts if event.state == "held" and event.at_ms > max(digests, default=-1)]
        self._waiting, self._waiting_since_ms = len(waiting), min(waiting, default=0)

    def see(self, sighting: Sighting, may_fire: bool = True) -> list[Signal]:
        """What is to be said now; with `may_fire` False the sighting is history, of which nothing is said any more."""
        signals = self._digest(sighting.at_ms) if may_fire else []
        if sighting.blind and self.rule.needs_prices:
            return signals + (self._blind(sighting) if may_fire else [])
        return signals + self._seeing(sighting) + self._judge(sighting, may_fire)

    def _blind(self, sighting: Sighting) -> list[Signal]:
        at_ms, self._held_since_ms = sighting.at_ms, None
        if self._blind_since_ms is None:
            self._blind_since_ms = at_ms
        is_quiet = self._blind_said_ms is not None and at_ms - self._blind_said_ms < self._cooldown_ms
        if self._said_blind or is_quiet or at_ms - self._blind_since_ms < BLIND_DWELL_MS:
            return []
        self._said_blind, self._blind_said_ms = True, at_ms
        return [Signal("suppressed", at_ms, sighting.blind)]

    def _seeing(self, sighting: Sighting) -> list[Signal]:
        was_said, self._blind_since_ms, self._said_blind = self._said_blind, None, False
        return [Signal("seeing", sighting.at_ms)] if was_said else []

    def _judge(self, sighting: Sighting, may_fire: bool) -> list[Signal]:
        at_ms = sighting.at_ms
        for i, crossing in self._crossings.items():
            crossing.see(at_ms, _number(sighting, self.rule.conditions[i]) - float(self.rule.conditions[i].value))
            if crossing.crossed_ms == at_ms:
                self._held_since_ms = None
        signals = []
        if self._is_on and self._is_released(sighting):
            self._is_on = False
            signals.append(Signal("ended", at_ms))
        if self._is_on:
            return signals
        if not self._holds(sighting):
            self._held_since_ms = None
            return signals
        if self._held_since_ms is None:
            self._held_since_ms = at_ms
        if at_ms - self._held_since_ms < self.rule.dwell_s * 1000:
            return signals
        if may_fire and self._last_ms is not None and at_ms - self._last_ms < self._cooldown_ms:
            return signals
        self._is_on, self._held_since_ms = True, None
        self._z_side = _side(float(sighting.values.get("z", 0.0)))
        return [*signals, self._fire(at_ms)] if may_fire else signals

    def _fire(self, at_ms: int) -> Signal:
        self._last_ms, day = at_ms, at_ms // DAY_MS
        self._fired_days = [one for one in self._fired_days if one == day]
        if len(self._fired_days) < self.rule.daily_cap:
            self._fired_days.append(day)
            return Signal("fired", at_ms, self.rule.conditions_text)
        self._waiting_since_ms = self._waiting_since_ms if self._waiting else at_ms
        self._waiting += 1
        return Signal("held", at_ms, self.rule.conditions_text)

    def _digest(self, at_ms: int) -> list[Signal]:
        if not self._waiting or at_ms - self._waiting_since_ms < DIGEST_MS:
            return []
        count, self._waiting = self._waiting, 0
        return [Signal("digest", at_ms, self.rule.conditions_text, count)]

    @property
    def _cooldown_ms(self) -> float:
        return self.rule.cooldown_s * 1000

    def _holds(self, sighting: Sighting) -> bool:
        return all(self._one_holds(i, one, sighting) for i, one in enumerate(self.rule.conditions))

    def _one_holds(self, i: int, condition: Condition, sighting: Sighting) -> bool:
        if METRICS[condition.metric].choices:
            word = sighting.values.get(condition.metric, "")
            return bool(word) and (word == condition.value) == (condition.op == IS)
        value = _number(sighting, condition)
        if math.isnan(value) or (condition.metric in _OF_THE_HEDGE and not sighting.has_hedge):
            return False
        if condition.op == CROSSES:
            return self._crossings[i].holds(self.rule.dwell_s * 1000)
        return value > float(condition.value) if condition.op == ABOVE else value < float(condition.value)

    def _is_released(self, sighting: Sighting) -> bool:
        return any(self._one_is_released(one, sighting) for one in self.rule.conditions)

    def _one_is_released(self, condition: Condition, sighting: Sighting) -> bool:
        metric = METRICS[condition.metric]
        if metric.choices:
            word = sighting.values.get(condition.metric, "")
            return bool(word) and (word == condition.value) != (condition.op == IS)
        if condition.metric in _OF_THE_HEDGE and not sighting.has_hedge:
            return True
        value, level = _number(sighting, condition), float(condition.value)
        if math.isnan(value):
            return False
        margin = self.rule.hysteresis * max(abs(level), metric.scale)
        if condition.op == CROSSES:
            return abs(value - level) >= margin
        if condition.op == BELOW:
            return value > _within(level, level + margin, metric.high) or value >= metric.high
        if condition.metric == "abs_z" and _side(float(sighting.values.get("z", 0.0))) * self._z_side < 0:
            return True
        return value < _within(level, level - margin, metric.low) or value <= metric.low


class _Crossing:
    """When a value last changed sides of its level."""

    def __init__(self) -> None:
        self._side = 0
        self.crossed_ms: int | None = None
        self._now_ms = self._before_ms = -1

    def see(self, at_ms: int, distance: float) -> None:
        self._before_ms, self._now_ms = self._now_ms, at_ms
        side = 0 if math.isnan(distance) else _side(distance)
        if side and side != self._side:
            self.crossed_ms = at_ms if self._side else None
            self._side = side

    def holds(self, dwell_ms: float) -> bool:
        """From the crossing until the first sighting at which it has lasted for the dwell."""
        crossed_ms = self.crossed_ms
        return crossed_ms is not None and (self._now_ms == crossed_ms or self._before_ms < crossed_ms + dwell_ms)


_OF_THE_HEDGE = frozenset({"abs_z", "z", "edge_bps", "net_edge_bps"})


def _within(level: float, release: float, bound: float) -> float:
    """Where a value is released; half-way to the bound of its metric where that would be beyond it."""
    is_reachable = release > bound if bound <= level else release < bound
    return release if is_reachable else (level + bound) / 2


def _number(sighting: Sighting, condition: Condition) -> float:
    value = sighting.values.get(condition.metric, math.nan)
    return value if isinstance(value, int | float) else math.nan


def _side(value: float) -> int:
    return (value > 0) - (value < 0)
