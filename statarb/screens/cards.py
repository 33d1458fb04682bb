"""The cards that pages are made of: title with badge, and a problem in one sentence."""

from __future__ import annotations

import streamlit as st

from statarb.errors import StatarbError
from statarb.screens.coverage import coverage_text
from statarb.screens.health import Health
from statarb.screens.views import DeskView
from statarb.screens.wording import escape, with_commands
from statarb.screens.zone import current_zone

_BADGE = {
    "LIVE": ("green", ":material/sensors:"),
    "CATCHING UP": ("blue", ":material/hourglass_top:"),
    "STALE": ("orange", ":material/schedule:"),
    "IMPORTED": ("gray", ":material/folder_open:"),
    "DISCONNECTED": ("red", ":material/cloud_off:"),
}


def show_title(view: DeskView) -> None:
    """The pair and its health badge; beside them, as one element to send, its frame and how far the bars reach."""
    params = view.params
    scale = "log prices" if params.price_scale == "log" else "prices"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="title"):
        st.title(escape(str(params.pair)), anchor=False, width="content")
        show_badge(view.health)
        state = with_commands(_state_text(view))
        st.caption(f"{params.timeframe} × {params.window} bars, {scale} · {state}", width="content")


def show_badge(health: Health) -> None:
    color, icon = _BADGE[health.state]
    st.badge(health.text, color=color, icon=icon, help=with_commands(health.detail))  # type: ignore[arg-type]
    if health.simulated:
        st.badge("SIMULATED", color="violet", icon=":material/science:", help="Trades made by the exchange in a box.")


def _state_text(view: DeskView) -> str:
    """How far the closed bars reach; where the prices are not live, what to do about it."""
    if view.stored_bars is not None:
        return f"{view.health.detail} {_analysed_text(len(view.study.prices), view.stored_bars)}"
    if not view.health.has_live_prices:
        return view.health.detail
    as_of = view.study.as_of_ms
    zone = current_zone()
    closed = f"closed bars to {zone.text(as_of)[11:]} {zone.label}" if as_of else "no bar has closed yet"
    if as_of and (holes := coverage_text(view.coverage)):
        closed = f"{closed}; {holes}"
    return closed if view.source in ("simulated", "") else f"{view.source}, {closed}"


def _analysed_text(bars: int, stored: int) -> str:
    """Which bars of files every number on the page is of."""
    if not stored:
        return "They share no bar."
    if bars >= stored:
        return f"All {stored:,} bars that both hold are analysed."
    return f"The newest {bars:,} of {stored:,} bars that both hold are analysed; longer windows take in more."


def show_problem(error: StatarbError) -> None:
    """What is wrong and what to do, in place of a page; the page goes on by itself when it is mended."""
    st.warning(f"**{escape(error.message)}** {with_commands(error.hint)}", icon=":material/error:")
    st.caption("This page tries again by itself every second.")
