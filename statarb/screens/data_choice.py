"""Which database the pages look at: the market's, or that of uploaded files; part of the page's address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from statarb.errors import StatarbError
from statarb.screens.start_page import NEEDED
from statarb.settings import database_from_environment, uploads_path
from statarb.store.uploads import read_uploads

MARKET, UPLOADS = "market", "uploads"


def chosen_database() -> Path:
    """The market's database; once there are uploads enough for a pair, the sidebar and the address choose."""
    market = database_from_environment()
    uploads = uploads_path(market)
    if not _has_pair(uploads):
        return market
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


def _has_pair(uploads: Path) -> bool:
    try:
        return len(read_uploads(uploads)) >= NEEDED
    except StatarbError:
        return False
