"""Which instruments ingest follows, changed from the page: a request in the desk file, which ingest answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from statarb.errors import StatarbError
from statarb.market import Instrument
from statarb.screens.change import show_refusal
from statarb.screens.desk import Desk
from statarb.screens.wording import escape
from statarb.settings import desk_path
from statarb.store import DeskFile


def show_following(desk: Desk, followed: Sequence[str]) -> None:
    """Ask ingest to follow another instrument, or one no longer."""
    with st.container(horizontal=True, key="requests"):
        with _field_and_button():
            st.text_input("Follow another instrument", placeholder="LTCUSDT", key="add_name", width=190)
            st.button("Add", key="add", icon=":material/add:", on_click=_ask, args=(desk, "add", followed))
        with _field_and_button():
            st.selectbox(
                "Stop following", [*followed, *_waiting(desk, followed)], index=None, key="remove_name", width=190
            )
            st.button("Remove", key="remove", icon=":material/remove:", on_click=_ask, args=(desk, "remove", followed))


def show_answers(desk: Desk, followed: Sequence[str]) -> None:
    """What was asked for and has no trade yet, and what was asked for in vain."""
    waiting = _waiting(desk, followed)
    try:
        refusals = desk.refusals()
    except StatarbError:
        refusals = []
    if waiting:
        names = ", ".join(Instrument.parse(name).label for name in waiting)
        st.caption(f"Asked for, and no trade of it yet: {escape(names)}. Remove takes the wish back.")
    for refusal in refusals:
        st.caption(escape(refusal))


def _waiting(desk: Desk, followed: Sequence[str]) -> list[str]:
    try:
        return [name for name in DeskFile(desk_path(desk.path)).wanted(()).names if name not in followed]
    except StatarbError:
        return []


def _field_and_button() -> DeltaGenerator:
    """Both in one row, wherever the line breaks."""
    return st.container(horizontal=True, vertical_alignment="bottom", gap="small", width="content")


def _ask(desk: Desk, action: Literal["add", "remove"], followed: Sequence[str]) -> None:
    """Before the page is drawn anew, so that it shows what is asked for from now on."""
    text = str(st.session_state[f"{action}_name"] or "")
    if not text.strip():
        st.toast("Type a symbol first, such as LTCUSDT." if action == "add" else "Choose an instrument first.")
        return
    try:
        instrument = Instrument.parse(text)
        if action == "add" and str(instrument) in followed:
            st.toast(f"{escape(instrument.label)} is followed already.")
            return
        DeskFile(desk_path(desk.path)).ask(action, instrument)
    except StatarbError as error:
        show_refusal(error)
        return
    added = "will be followed within seconds, if the exchange lists it"
    removed = "will no longer be followed; what is stored stays"
    st.toast(f"{escape(instrument.label)} {added if action == 'add' else removed}.")
