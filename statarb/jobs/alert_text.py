"""An alert as an event with its message: which pair, when, how far, at what cost, what to trade, and where to look."""

from __future__ import annotations

import math
from urllib.parse import urlencode

from statarb.alerts import AlertRule, State
from statarb.clock import utc_text
from statarb.jobs.rule_watch import Signal
from statarb.jobs.scene import PairSight
from statarb.params import PairParams
from statarb.quant import TwoLegs
from statarb.quant.headline import Circumstances, headline, weakened_text
from statarb.store import AlertEvent

_HEADS = {
    "fired": "",
    "held": "Held back (more than the day's cap): ",
    "digest": "Digest: ",
    "suppressed": "Suppressed: ",
}


def link_of(params: PairParams) -> str:
    """The view that shows the pair so, as a relative address: Live View is at the root, whatever page one is on."""
    return f"./?{urlencode(params.to_query())}"


def rule_event(
    rule: AlertRule,
    signal: Signal,
    sight: PairSight,
    circumstances: Circumstances,
    desk_url: str,
    made_at_ms: int,
) -> AlertEvent:
    """What a rule's signal becomes: the event with all figures of the moment, and the message."""
    state: State = signal.kind if signal.kind in ("fired", "held", "digest", "suppressed") else "fired"
    reason = _reason(signal)
    lines = [
        f"{_HEADS[state]}{rule.params.pair}: {reason}",
        f"{rule.name} · {_venues(rule.params, circumstances.source)} · {_basis(rule, signal.at_ms)}",
    ]
    if state in ("fired", "held"):
        lines += _figures(sight, circumstances)
    return _event(f"rule:{rule.rule_id}", rule.name, state, signal.at_ms, rule.params, rule.basis == "live", reason,
                  lines, sight, desk_url, made_at_ms)  # fmt: skip


def pin_event(origin: str, text: str, sight: PairSight, source: str, desk_url: str, made_at_ms: int) -> AlertEvent:
    """That a pinned trade has reached what it was waiting for."""
    params = sight.study.params
    lines = [
        f"Pin {params.pair}: {text}",
        f"{_venues(params, source)} · live at {utc_text(sight.at_ms)} UTC",
        _prices(sight),
    ]
    return _event(origin, f"Pin {params.pair}", "fired", sight.at_ms, params, True, text, lines, sight, desk_url,
                  made_at_ms, with_legs=False)  # fmt: skip


def _event(
    origin: str, name: str, state: State, at_ms: int, params: PairParams, is_live: bool, reason: str, lines: list[str],
    sight: PairSight, desk_url: str, made_at_ms: int, with_legs: bool = True,
) -> AlertEvent:  # fmt: skip
    link = link_of(params)
    told = state in ("fired", "held")
    # A pin is judged by its own moments, and its text says so: the figures of the pair as it is now would confuse.
    reading = sight.reading if told and with_legs else None
    legs = reading.legs if reading and isinstance(reading.legs, TwoLegs) else None
    verdict = sight.study.verdict
    return AlertEvent(
        origin=origin,
        name=name,
        state=state,
        at_ms=at_ms,
        made_at_ms=made_at_ms,
        y=params.y,
        x=params.x,
        timeframe=params.timeframe,
        basis="live" if is_live else "closed",
        reason=reason,
        text="\n".join([*lines, desk_url.rstrip("/") + link.removeprefix(".")]),
        link=link,
        z=reading.z if reading else None,
        edge_bps=reading.edge.edge_bps if reading else None,
        round_trip_bps=reading.edge.round_trip_bps if reading else None,
        net_bps=reading.edge.net_bps if reading else None,
        verdict=verdict.headline if told else None,
        verdict_since_ms=verdict.since_ms if told else None,
        y_price=_known(sight.y_price),
        x_price=_known(sight.x_price),
        y_units=legs.y_units if legs else None,
        x_units=legs.x_units if legs else None,
        y_notional=legs.y_notional if legs else None,
        x_notional=legs.x_notional if legs else None,
        coverage=_known(sight.coverage),
    )


def _reason(signal: Signal) -> str:
    if signal.kind == "digest":
        alerts = "one more alert" if signal.alerts == 1 else f"{signal.alerts} more alerts"
        return f"{alerts} beyond the day's cap of: {signal.reason}"
    return signal.reason


def _basis(rule: AlertRule, at_ms: int) -> str:
    if rule.basis == "live":
        return f"live at {utc_text(at_ms)} UTC"
    return f"closed {rule.params.timeframe} bar of {utc_text(at_ms)} UTC"


def _venues(params: PairParams, source: str) -> str:
    venues = dict.fromkeys((params.pair.y.venue, params.pair.x.venue))
    return f"{' and '.join(venues)}, {source or 'unknown source'}"


def _figures(sight: PairSight, circumstances: Circumstances) -> list[str]:
    study, reading = sight.study, sight.reading
    words = headline(study, reading, sight.costs, circumstances) if reading else None
    verdict = study.verdict
    age = verdict.age_text(sight.at_ms)
    lines = [
        f"{words.state} {words.edge}".strip() if words else "",
        " ".join([f"Verdict: {verdict.headline}{age and f' {age}'}{_weakened(circumstances)}.", *circumstances.doubts]),
        words.legs if words else "",
        f"{_prices(sight)} {100 * sight.coverage:.1f} % of the {study.params.window:,} bars of z are covered.",
    ]
    return [line for line in lines if line]


def _weakened(circumstances: Circumstances) -> str:
    doubts = len(circumstances.doubts)
    return f", {weakened_text(doubts)}" if doubts else ""


def _prices(sight: PairSight) -> str:
    pair = sight.study.params.pair
    return f"Prices: {pair.y.label} {_price(sight.y_price)}, {pair.x.label} {_price(sight.x_price)}."


def _price(price: float) -> str:
    return "unknown" if math.isnan(price) else f"{price:,.10g}"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
