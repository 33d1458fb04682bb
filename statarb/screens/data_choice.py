"""Which database the pages look at: the market's, or that of uploaded files; part of the page's address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from statarb.errors import StatarbError
from statarb.market import timeframe
from statarb.params import default_windows
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


def look_at_uploads(y: str, x: str, frame: str, bars: int) -> None:
    """Let every page show these two uploads, of so many bars, from the next run on."""
    window, test_window = default_windows(timeframe(frame).seconds, bars)
    chosen = {"data": UPLOADS, "y": y, "x": x, "timeframe": frame}
    st.session_state[_WANTED] = chosen | {"window": float(window), "test_window": float(test_window)}


def _has_pair(uploads: Path) -> bool:
    try:
        return len(read_uploads(uploads)) >= NEEDED
    except StatarbError:
        return False
