"""Alerts on every page: a bell with their number, a card until each is acknowledged, a toast, sound, desktop notice."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from statarb.clock import SYSTEM_CLOCK, Zone
from statarb.errors import StatarbError
from statarb.screens.component import chart_component
from statarb.screens.desk import Desk
from statarb.screens.wording import escape, number_text
from statarb.screens.zone import current_zone
from statarb.settings import desk_path
from statarb.store import AlertEvent, DeskFile
from statarb.store.desk_file import Mark

TICK = "3s"
CARDS = 2
_CARD_MS = 3_600_000
_SAID = ("fired", "digest")
_OWN_LINK = re.compile(r"\./\?[\w=&%.:+-]*")
_BELL = chart_component("statarb.notices", "notices.js")


@st.fragment(run_every=TICK)
def show_notices(desk: Desk) -> None:
    """New alerts, and the feed's badge for pages without a pair; where the database cannot be read there are none."""
    health = None
    try:
        events = [event for event in desk.alerts_of_the_day() if event.state in _SAID]
        marks, health = DeskFile(desk_path(desk.path)).marks(), desk.health()
        past = st.session_state.setdefault("alerts_past", frozenset(e.event_id for e in events if e.ended_at_ms))
    except StatarbError:
        events, marks, past = [], {}, frozenset()
    waiting = [event for event in events if not is_seen(event, marks)]
    _toast(events)
    data = bell(waiting, past, current_zone(), SYSTEM_CLOCK.now_ms())
    if health is not None:
        data |= {"feed": {"state": health.state, "text": health.text, "detail": health.detail}}
        data["simulated"] = health.simulated
    answer = _BELL(key="notices", data=data, on_seen_change=lambda: None, height=1)
    if answer.seen:
        _acknowledge(desk, waiting, str(answer.seen))


def is_seen(event: AlertEvent, marks: Mapping[tuple[int, int], Mark]) -> bool:
    """Whether somebody has acknowledged it."""
    mark = marks.get((event.event_id or 0, event.at_ms))
    return mark is not None and mark.acknowledged_at_ms is not None


def bell(waiting: list[AlertEvent], past: Collection[int | None], zone: Zone, now_ms: int) -> dict[str, Any]:
    """What the browser shows: how many wait, the newest of the last hour as cards, and which one is the newest.

    `past` holds the ids of those that were over when the page was opened: news to nobody, they get no card.
    """
    fresh = [event for event in waiting if now_ms - event.made_at_ms <= _CARD_MS and event.event_id not in past]
    return {
        "count": len(waiting),
        "newest": max((event.event_id or 0 for event in waiting), default=0),
        "more": max(0, len(fresh) - CARDS),
        "cards": [
            {
                "id": name_of(event),
                "head": head_text(event),
                "text": event.reason,
                "when": f"{zone.text(event.at_ms)[11:]} {zone.label}{'' if event.ended_at_ms is None else ', over'}",
                "link": event.link if is_own_link(event.link) else "",
            }
            for event in fresh[:CARDS]
        ],
    }


def name_of(event: AlertEvent) -> str:
    """What links and browsers call an alert: by its time too, for another database begins to number anew."""
    return f"{event.event_id or 0}-{event.at_ms}"


def is_own_link(link: str) -> bool:
    """Whether a link leads to a view of this desk: what is stored with an alert may have been written by anybody."""
    return bool(_OWN_LINK.fullmatch(link))


def head_text(event: AlertEvent) -> str:
    """The alert in one line: its name, its pair, z and what is left after costs."""
    parts = [event.name]
    pair = " on ".join(leg.removeprefix("spot:") for leg in (event.y, event.x) if leg)
    if pair not in event.name:
        parts.append(pair)
    if event.z is not None:
        parts.append(f"z {number_text(event.z, 2, signed=True)}")
    if event.net_bps is not None:
        parts.append(f"net {number_text(event.net_bps, 1, signed=True)} bp")
    return " · ".join(parts)


def _toast(events: list[AlertEvent]) -> None:
    """Once for what came while this page was open, not for what was there before."""
    newest = max((event.event_id or 0 for event in events), default=0)
    known = st.session_state.get("noticed")
    st.session_state["noticed"] = max(newest, known or 0)
    fresh = [event for event in events if known is not None and (event.event_id or 0) > known]
    if len(fresh) > CARDS:
        st.toast(f"{len(fresh)} new alerts", icon=":material/notification_important:", duration="long")
        return
    for event in reversed(fresh):
        st.toast(escape(head_text(event)), icon=":material/notification_important:", duration="long")


def _acknowledge(desk: Desk, waiting: list[AlertEvent], asked: str) -> None:
    """One of them by its number, or all."""
    file = DeskFile(desk_path(desk.path))
    try:
        for event in waiting:
            if asked in ("all", name_of(event)):
                file.mark_alert(event.event_id or 0, event.at_ms, acknowledged=True)
    except StatarbError as error:
        st.toast(escape(str(error)), icon=":material/error:", duration="long")
        return
    st.rerun(scope="fragment")
