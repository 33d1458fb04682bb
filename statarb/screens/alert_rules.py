"""The alert rules: each in words with a switch, and the editor in place of the one that is being changed."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from statarb.alerts import AlertRule
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.desk import Desk
from statarb.screens.rule_editor import is_edited, open_editor, show_editor
from statarb.screens.wording import duration_text, escape, share_text
from statarb.settings import desk_path
from statarb.store import DeskFile

_NEW = ("New rule", ":material/add:")


def show_rules(desk: Desk, params: PairParams) -> None:
    """Every rule of the desk, and a new one on the pair of the sidebar."""
    file = DeskFile(desk_path(desk.path))
    try:
        rules, names = file.rules(), list(desk.instruments())
        problems = rule_problems(desk)
    except StatarbError as error:
        st.warning(f"**{escape(error.message)}** {escape(error.hint)}", icon=":material/error:")
        return
    st.caption(
        "A rule speaks once when all its conditions begin to hold, and again only after they have ceased to. Ingest "
        "judges them, so they speak with no browser open."
    )
    for rule in rules:
        with st.container(border=True, key=f"rule-{rule.rule_id}"):
            if is_edited(rule):
                show_editor(file, names)
            else:
                _show_rule(file, rule, problems.get(f"rule:{rule.rule_id}", ""))
    if is_edited(None):
        with st.container(border=True, key="rule-new"):
            show_editor(file, names)
    else:
        label, icon = _NEW
        st.button(label, icon=icon, on_click=open_editor, args=(None, params), key="rule-add")
    if not rules:
        st.markdown("There is no rule, so only pins speak.")


def rule_problems(desk: Desk) -> dict[str, str]:
    """Why rules cannot be judged, as ingest says, by `rule:3`."""
    feeds = desk.alert_log(limit=1).feeds
    stats = feeds["ingest"].stats.get("alerts") if "ingest" in feeds else None
    problems = stats.get("problems") if isinstance(stats, dict) else None
    return {str(origin): str(text) for origin, text in problems.items()} if isinstance(problems, dict) else {}


def _show_rule(file: DeskFile, rule: AlertRule, problem: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{escape(rule.name)}**" + ("" if rule.enabled else ", switched off"))
            st.markdown(escape(rule.text))
            st.caption(escape(terms_text(rule)))
        on = st.toggle("On", rule.enabled, key=f"rule-on-{rule.rule_id}-{rule.saved_at_ms}")
        if on != rule.enabled:
            _save(file, replace(rule, enabled=on))
        st.button(
            "Edit",
            icon=":material/edit:",
            on_click=open_editor,
            args=(rule, rule.params),
            key=f"rule-edit-{rule.rule_id}",
        )
        with st.popover("Delete", icon=":material/delete:", key=f"rule-delete-{rule.rule_id}"):
            st.markdown("The rule will be gone; what it has said stays in the history.")
            if st.button("Delete the rule", key=f"rule-delete-really-{rule.rule_id}"):
                _delete(file, rule)
    if problem and rule.enabled:
        st.warning(escape(problem), icon=":material/error:")


def terms_text(rule: AlertRule) -> str:
    """When it speaks, and when again: `at once; armed again 50 % away from its threshold; ...`."""
    dwell = f"after holding for {duration_text(rule.dwell_s)}" if rule.dwell_s else "at once"
    return (
        f"Speaks {dwell}; armed again {share_text(rule.hysteresis)} back from its threshold; quiet for "
        f"{duration_text(rule.cooldown_s)} after an alert; at most {rule.daily_cap:,} a day, then hourly digests."
        + (f" Window {rule.params.window:,} bars." if rule.needs_prices else "")
    )


def _save(file: DeskFile, rule: AlertRule) -> None:
    try:
        file.save_rule(rule)
    except StatarbError as error:
        st.toast(escape(str(error)), icon=":material/error:", duration="long")
        return
    st.rerun()


def _delete(file: DeskFile, rule: AlertRule) -> None:
    try:
        file.delete_rule(rule.rule_id or 0)
    except StatarbError as error:
        st.toast(escape(str(error)), icon=":material/error:", duration="long")
        return
    st.rerun()
