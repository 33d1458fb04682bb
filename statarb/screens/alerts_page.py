"""Alerts: what rules and pins have said and what came of it, the rules themselves, and where they are delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.alert_history import show_history
from statarb.screens.alert_rules import show_rules
from statarb.screens.alert_targets import show_targets
from statarb.screens.cards import show_problem
from statarb.screens.desk import Desk
from statarb.screens.health import HEARTBEAT_LIMIT_S
from statarb.screens.views import AlertLog
from statarb.screens.wording import duration_text, with_commands
from statarb.settings import start_command

TICK = "2s"
_QUIET_S = 10.0
"""Rules are judged once a second; without a word for so long something is wrong."""


def show_alerts_page(desk: Desk, params: PairParams) -> None:
    """Three tabs; only the one that is open is made."""
    st.title("Alerts", anchor=False)
    _show_state(desk)
    history, rules, targets = st.tabs(
        ["History", "Rules", "Delivery"], key="alerts", on_change="rerun", bind="query-params"
    )
    with history:
        if history.open:
            show_history(desk)
    with rules:
        if rules.open:
            show_rules(desk, params)
    with targets:
        if targets.open:
            show_targets(desk)


@st.fragment(run_every=TICK)
def _show_state(desk: Desk) -> None:
    """Whether alerts are evaluated: the line that tells silence from nothing to say."""
    try:
        log = desk.alert_log(limit=1)
    except StatarbError as error:
        show_problem(error)
        return
    is_well, text = evaluation_text(log, start_command(desk.path, log.source))
    icon = ":material/notifications_active:" if is_well else ":material/notifications_off:"
    line = f"{icon} {with_commands(text)}"
    if is_well:
        st.caption(line)
    else:
        st.warning(line)


def evaluation_text(log: AlertLog, command: str) -> tuple[bool, str]:
    """Whether rules are being judged, and a sentence on it."""
    ingest = log.feeds.get("ingest")
    if ingest is None:
        return False, f"Alerts are not evaluated: ingest has not run on this database yet. Start `{command}`."
    age_s = (log.now_ms - ingest.updated_at_ms) / 1000
    if ingest.state == "stopped" or age_s > HEARTBEAT_LIMIT_S:
        return False, (
            f"No alert has been evaluated for {duration_text(age_s)}: ingest is not running. Start `{command}`."
        )
    stats = ingest.stats.get("alerts")
    if not isinstance(stats, Mapping):
        return False, "Alerts are not evaluated yet: ingest is starting, or is of an older version."
    return _alerts_text(stats, log.now_ms)


def _alerts_text(stats: Mapping[str, Any], now_ms: int) -> tuple[bool, str]:
    if stats.get("error"):
        return False, f"Alerts are not evaluated: {stats['error']}"
    if stats.get("waiting"):
        return True, "Alerts begin when history has been loaded."
    evaluated_ms = stats.get("evaluated_at_ms")
    age_s = (now_ms - evaluated_ms) / 1000 if isinstance(evaluated_ms, int) else float("inf")
    if age_s > _QUIET_S:
        return False, f"Alerts were last evaluated {duration_text(age_s)} ago: see ingest's log."
    rules, pins = stats.get("rules") or 0, stats.get("pins") or 0
    what = f"{rules} rule{'s' * (rules != 1)}" + (f" and {pins} pin{'s' * (pins != 1)}" if pins else "")
    last = f"last {duration_text(max(0.0, age_s))} ago"
    return True, f"{what} evaluated by ingest each second, with or without a browser; {last}."
