"""Data: what the desk shows and holds as files, the feature table by minute, and files of one's own to analyse."""

from __future__ import annotations

import streamlit as st

from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk
from statarb.screens.export_tab import show_export
from statarb.screens.features_tab import show_features
from statarb.screens.frame import follow_instruments
from statarb.screens.start_page import NEEDED
from statarb.screens.upload_tab import show_upload

TABS = ("Export", "Feature table", "Upload")
_MINUTE = "data_minute"
"""The closed minute that the page shows."""


def show_data_page(desk: Desk, params: PairParams | None) -> None:
    """Three tabs, of which only the open one does any work; without a pair to analyse there is only the upload."""
    if params is None:
        st.title("Data", anchor=False)
        _wait_for_a_pair(desk)
        show_upload(desk)
        return
    st.session_state[_MINUTE] = None
    _head(desk, params)
    export, features, upload = st.tabs(list(TABS), key="data_tab", bind="query-params")
    if export.open:
        with export:
            show_export(desk, params)
    if features.open:
        with features:
            show_features(desk, params)
    if upload.open:
        with upload:
            show_upload(desk)


@st.fragment(run_every="2s")
def _wait_for_a_pair(desk: Desk) -> None:
    """Until the market's database has two instruments there is nothing to export; then the page goes on by itself."""
    try:
        has_pair = len(desk.instruments()) >= NEEDED
    except StatarbError:
        has_pair = False
    if has_pair:
        st.rerun()
    st.caption("The market's database holds no pair yet, so there is nothing to export; files can be uploaded.")


@st.fragment(run_every="2s")
def _head(desk: Desk, params: PairParams) -> None:
    """Title and badge; once a minute the page below is made anew. Oftener, and a button would be replaced as it is
    clicked, with the file it stands for."""
    try:
        view = desk.refresh(params)
    except StatarbError as error:
        show_problem(error)
        st.session_state[_MINUTE] = 0  # the page below is made anew once this is over
        return
    follow_instruments(view)
    show_title(view)
    minute = min(view.instruments[leg].closed_until_ms or 0 for leg in (params.y, params.x)) // 60_000
    if st.session_state[_MINUTE] not in (None, minute) and st.session_state.get("data_tab") != TABS[2]:
        st.rerun()
    st.session_state[_MINUTE] = minute
