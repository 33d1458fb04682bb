"""Where alerts are delivered: targets by name, their addresses never shown again, a test, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from statarb.alerts import NAME_CHARACTERS, Target
from statarb.errors import StatarbError
from statarb.screens.cards import show_problem
from statarb.screens.change import make_change
from statarb.screens.desk import Desk
from statarb.screens.views import AlertLog
from statarb.screens.wording import escape, with_commands
from statarb.screens.zone import current_zone
from statarb.settings import desk_path
from statarb.store import Delivery, DeskFile
from statarb.store.desk_file import DeliveryTest

TICK = "2s"
_DAY_MS = 86_400_000
_VERSION = "target_form_version"
_STATES = {
    "sent": ("green", ":material/check_circle:", "SENT"),
    "retrying": ("orange", ":material/schedule_send:", "RETRYING"),
    "failed": ("red", ":material/error:", "FAILED"),
}


def show_targets(desk: Desk) -> None:
    """The targets, and a form for a new one."""
    st.caption(
        "Alerts leave this machine by Apprise: mail, Telegram, Slack, Discord, a webhook and many more. An address is "
        "a secret: it is kept in the desk file alone, for your user, and never shown again."
    )
    _show_targets(desk)
    _show_new(DeskFile(desk_path(desk.path)))


@st.fragment(run_every=TICK)
def _show_targets(desk: Desk) -> None:
    file = DeskFile(desk_path(desk.path))
    try:
        targets, log = file.targets(), desk.alert_log()
        tests = file.test_requests(log.now_ms - _DAY_MS)
    except StatarbError as error:
        show_problem(error)
        return
    if not _delivers(log):
        st.info(
            with_commands(
                "The market is simulated, so nothing is delivered outside. Start ingest with `--deliver-simulated yes` "
                "to have it all the same."
            ),
            icon=":material/science:",
        )
    if not targets:
        st.markdown("There is no target: alerts are shown here and nowhere else.")
    for target in targets:
        with st.container(border=True, key=f"target-{target.target_id}"):
            _show_target(file, target, tests, log)


def _delivers(log: AlertLog) -> bool:
    """Whether ingest would deliver; True while it has not said."""
    stats = log.feeds["ingest"].stats.get("alerts") if "ingest" in log.feeds else None
    return not isinstance(stats, dict) or stats.get("deliver") is not False


def _show_target(file: DeskFile, target: Target, tests: Sequence[DeliveryTest], log: AlertLog) -> None:
    version = f"{target.target_id}-{target.created_at_ms}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        off = "" if target.enabled else ", switched off"
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{escape(target.name)}**{off}")
            st.caption(escape(target.redacted))
        on = st.toggle("On", target.enabled, key=f"target-on-{version}")
        if on != target.enabled:
            make_change(lambda: file.save_target(replace(target, enabled=on)))
        if st.button("Send a test", icon=":material/send:", key=f"target-test-{version}"):
            make_change(lambda: file.ask_test(target.target_id or 0))
        with st.popover("Delete", icon=":material/delete:", key=f"target-delete-{version}"):
            st.markdown("The target and its address will be gone.")
            if st.button("Delete the target", key=f"target-delete-really-{version}"):
                make_change(lambda: file.delete_target(target.target_id or 0))
    _show_last(target, tests, log)


def _show_last(target: Target, tests: Sequence[DeliveryTest], log: AlertLog) -> None:
    """How the last test and the last alert got there."""
    mine = [one for one in log.deliveries if one.target_id == target.target_id]
    asked = [one for one in tests if one.target_id == target.target_id and one.made_at_ms >= target.created_at_ms]
    if asked:
        result = next((one for one in mine if one.kind == "test" and one.ref_id == asked[-1].request_id), None)
        if result is None:
            st.caption("A test was asked for: ingest sends it within seconds while it runs.")
        else:
            _show_delivery("Last test", result)
    alert = next((one for one in mine if one.kind == "event"), None)
    if alert is not None:
        _show_delivery("Last alert", alert)


def _show_delivery(what: str, delivery: Delivery) -> None:
    color, icon, word = _STATES[delivery.state]
    zone = current_zone()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(word, color=color, icon=icon)  # type: ignore[arg-type]
        tries = f", {delivery.tries} tries" if delivery.tries > 1 else ""
        error = f": {escape(delivery.error)}" if delivery.error else ""
        st.caption(f"{what}, {zone.text(delivery.at_ms)} {zone.label}{tries}{error}", width="content")


def _show_new(file: DeskFile) -> None:
    version = st.session_state.setdefault(_VERSION, 0)  # other fields after each target that was saved: empty ones
    with (
        st.expander("New target", icon=":material/add:", key="target-new"),
        st.form("target-form", border=False),
    ):
        name = st.text_input(
            "Name", max_chars=NAME_CHARACTERS, placeholder="Desk mail", autocomplete="off", key=f"target-name-{version}"
        )
        url = st.text_input(
            "Apprise address",
            type="password",
            autocomplete="new-password",
            placeholder="scheme://…",
            help="Such as `mailtos://user:password@example.com`, `tgram://bottoken/chatid`, `slack://…`, "
            "`discord://…`, or `json://host:port/path` for a webhook. See the Apprise documentation for yours.",
            key=f"target-url-{version}",
        )
        if st.form_submit_button("Save the target"):
            make_change(
                lambda: file.save_target(Target(name, url)),
                lambda: st.session_state.update({_VERSION: version + 1}),
            )
