"""Which database the pages look at: the market's, or that of uploaded files; part of the page's address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from statarb.errors import StatarbError
from statarb.screens.sidebar import choose_default_windows
from statarb.screens.start_page import NEEDED
from statarb.settings import database_from_environment, uploads_path
from statarb.store.uploads import read_uploads

MARKET, UPLOADS = "market", "uploads"
_WANTED = "uploads_wanted"
"""Which uploads a click asked for; answered before the widgets are made, for only then does the address follow."""


def chosen_database() -> Path:
    """The market's database; once there are uploads enough for a pair, the sidebar and the address choose."""
    market = database_from_environment()
    uploads = uploads_path(market)
    wanted = st.session_state.pop(_WANTED, None)
    if not _has_pair(uploads):
        return market
    if wanted is not None:
        st.session_state.update(wanted)
    with st.sidebar:
        chosen = st.segmented_control(
            "Data of",
            [MARKET, UPLOADS],
            default=MARKET,
            required=True,
            key="data",
            bind="query-params",
            width="stretch",
            help="Uploads are files of bars of your own; they are never mixed with the market's data.",
        )
    return uploads if chosen == UPLOADS else market


def look_at_uploads(y: str, x: str, frame: str) -> None:
    """Let every page show these two uploads, in windows for their length, from the next run on."""
    st.session_state[_WANTED] = {"data": UPLOADS, "y": y, "x": x, "timeframe": frame}
    choose_default_windows()


def _has_pair(uploads: Path) -> bool:
    try:
        return len(read_uploads(uploads)) >= NEEDED
    except StatarbError:
        return False
