"""The frame around every page: its style, and the instruments that there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from statarb.errors import StoreError
from statarb.screens.desk import Desk
from statarb.screens.start_page import NEEDED
from statarb.screens.views import DeskView
from statarb.settings import PROJECT
from statarb.store import StoredInstrument

_STYLE = Path(__file__).with_name("desk.css")
# A file of ours: a Material or emoji icon for the tab would be fetched from another host.
_ICON = PROJECT / "static" / "icon.svg"
_KNOWN = "known_instruments"


def show_frame() -> None:
    """The browser tab, the wide layout and our few style rules; static text, nothing of the data goes into them."""
    st.set_page_config(page_title="statarb", page_icon=str(_ICON), layout="wide")
    st.html(_STYLE)


def read_instruments(desk: Desk) -> dict[str, StoredInstrument]:
    """What can be chosen; empty while that is less than a pair, whatever the reason."""
    try:
        instruments = desk.instruments()
    except StoreError:
        return {}
    st.session_state[_KNOWN] = tuple(instruments)
    return instruments if len(instruments) >= NEEDED else {}


def follow_instruments(view: DeskView) -> None:
    """Run the whole app again when the database holds other instruments than the sidebar offers."""
    if tuple(view.instruments) != st.session_state.get(_KNOWN):
        st.rerun()
