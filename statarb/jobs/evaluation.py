"""Judges every rule and pin once a second: rules on closed bars at each close, live ones by the newest prices."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from statarb.alerts import AlertRule
from statarb.clock import Clock
from statarb.errors import StatarbError
from statarb.jobs.alert_text import pin_event, rule_event
from statarb.jobs.outcomes import Outcomes
from statarb.jobs.rule_watch import RuleWatch, Signal
from statarb.jobs.scene import LIVE_STALE_S, PairSight, Scene
from statarb.params import PairParams
from statarb.pins import Pin
from statarb.quant import FrozenMoments, pin_events, pin_state
from statarb.quant.headline import Circumstances
from statarb.store import AlertEnd, AlertItem, DeskFile, Reader

log = logging.getLogger(__name__)

FRESH_MS = 30_000
"""A bar that closed this long ago, or two bars ago, is still news; an older one is history."""

Put = Callable[[AlertItem], None]


class Evaluation:
    """Reads rules and pins from the desk file and says what happened to them as items for the writer.

    Parameters
    ----------
    db : Path
        The database, read only.
    desk : DeskFile
    put : callable
        Takes items for the writer.
    desk_url : str
        Where the dashboard is, for links.
    """

    def __init__(self, db: Path, desk: DeskFile, put: Put, clock: Clock, desk_url: str) -> None:
        self._desk, self._put, self._clock, self._desk_url = desk, put, clock, desk_url
        self._reader = Reader(db)
        self._scene = Scene(self._reader, clock)
        self._outcomes = Outcomes(self._reader, put, clock)
        self._watches: dict[AlertRule, RuleWatch] = {}
        self._judged_ms: dict[AlertRule, int] = {}
        self._told_pins: dict[str, bool] = {}

    def close(self) -> None:
        self._reader.close()

    def step(self) -> dict[str, Any]:
        """Judge all once; what went on, for the heartbeat.

        Raises
        ------
        StoreError
            A file cannot be read.
        """
        rules = [rule for rule in self._desk.rules() if rule.enabled]
        pins = [pin for pin in self._desk.pins() if pin.is_open]
        self._scene.refresh()
        self._watches = {rule: self._watches[rule] for rule in rules if rule in self._watches}
        self._judged_ms = {rule: at_ms for rule, at_ms in self._judged_ms.items() if rule in self._watches}
        waiting = self._scene.is_seeding
        ready = [rule for rule in rules if not (waiting and rule.needs_prices)]
        tasks = [(f"rule:{rule.rule_id}", partial(self._judge, rule)) for rule in ready]
        tasks += [(f"pin:{pin.pin_id}", partial(self._judge_pin, pin)) for pin in pins if not waiting]
        problems = self._run(tasks)
        self._outcomes.step()
        return {"rules": len(rules), "pins": len(pins), "problems": problems, "waiting": waiting}

    def _run(self, tasks: Iterable[tuple[str, Callable[[], None]]]) -> dict[str, str]:
        """Do each; one that fails is said by its name and does not keep the others from their turn."""
        problems = {}
        for name, task in tasks:
            try:
                task()
            except StatarbError as error:
                problems[name] = str(error)
            except Exception:
                log.exception("%s could not be judged; going on.", name)
                problems[name] = "It could not be judged; ingest's log says why."
        return problems

    def _judge(self, rule: AlertRule) -> None:
        watch = self._watches.get(rule)
        if watch is None:
            told = self._reader.alerts_of(f"rule:{rule.rule_id}", rule.saved_at_ms)
            watch = self._watches[rule] = RuleWatch(rule, told)
            # Of an alert that lasts, the rule remembers all; else it lives through the bars that are there.
            lasts = [event.at_ms for event in told if event.state in ("fired", "held") and event.ended_at_ms is None]
            self._judged_ms[rule] = max([rule.saved_at_ms, *lasts])
        if rule.basis == "live":
            self._tell(rule, watch, self._scene.live(rule.params), may_fire=True)
            return
        bar_ms = rule.params.bar_s * 1000
        fresh_ms = self._scene.now_ms - max(2 * bar_ms, FRESH_MS)
        sight = None
        for sight in self._scene.closed(rule.params, self._judged_ms[rule]):
            is_fresh = sight.at_ms >= fresh_ms
            # What was seen then is judged, whatever the feed is like now.
            self._tell(rule, watch, sight if is_fresh else sight.blinded(""), may_fire=is_fresh)
            self._judged_ms[rule] = sight.at_ms
        if sight is None:
            self._notice_blindness(rule, watch)

    def _notice_blindness(self, rule: AlertRule, watch: RuleWatch) -> None:
        """No bar has closed; if that is because none can, the rule says so."""
        blind = self._scene.blindness(rule.params)
        if blind:
            self._tell(rule, watch, self._scene.live(rule.params).blinded(blind), may_fire=True)

    def _tell(self, rule: AlertRule, watch: RuleWatch, sight: PairSight, may_fire: bool) -> None:
        for signal in watch.see(sight.sighting, may_fire):
            self._put(self._item(rule, signal, sight))

    def _item(self, rule: AlertRule, signal: Signal, sight: PairSight) -> AlertItem:
        if signal.kind in ("ended", "seeing"):
            return AlertEnd(f"rule:{rule.rule_id}", signal.at_ms, signal.kind == "seeing")
        circumstances = self._circumstances(rule.params)
        if signal.kind in ("fired", "held"):  # not before: the tests of a standing verdict load libraries
            circumstances = replace(circumstances, doubts=sight.study.doubts)
        event = rule_event(rule, signal, sight, circumstances, self._desk_url, self._clock.now_ms())
        log.info("Alert %s, %s, %s: %s.", event.origin, rule.params.pair, event.state, event.reason)
        return event

    def _circumstances(self, params: PairParams) -> Circumstances:
        y, x = self._scene.instrument(params.y), self._scene.instrument(params.x)
        return Circumstances(y.can_short, x.can_short, self._scene.source)

    def _judge_pin(self, pin: Pin) -> None:
        sight = self._scene.live(pin.params)
        if self._scene.age_s(pin.params) > LIVE_STALE_S:
            return
        moments = sight.study.moments
        beta_now = moments.beta if isinstance(moments, FrozenMoments) else None
        state = pin_state(pin, sight.y_price, sight.x_price, sight.costs, self._clock.now_ms(), beta_now)
        for event in pin_events(pin, state):
            origin = f"pin:{pin.pin_id}:{event.kind}"
            if origin not in self._told_pins:
                self._told_pins[origin] = bool(self._reader.alerts_of(origin, pin.entered_at_ms))
            if not self._told_pins[origin]:
                self._told_pins[origin] = True
                self._put(
                    pin_event(origin, event.text, sight, self._scene.source, self._desk_url, self._clock.now_ms())
                )
