"""The dashboard's door: streamlit run app.py."""

from __future__ import annotations

import streamlit as st

from statarb.params import PairParams
from statarb.screens.alerts_page import show_alerts_page
from statarb.screens.backtest_page import show_backtest_page
from statarb.screens.data_choice import chosen_database
from statarb.screens.data_page import show_data_page
from statarb.screens.frame import read_instruments, show_frame
from statarb.screens.glossary_page import show_glossary_page
from statarb.screens.live_page import show_live_page
from statarb.screens.memory import keep_memory_small
from statarb.screens.notices import show_notices
from statarb.screens.pair_page import show_pair_page
from statarb.screens.pins_page import show_pins_page
from statarb.screens.quality_page import show_quality_page
from statarb.screens.resources import shared_desk
from statarb.screens.sidebar import show_sidebar
from statarb.screens.start_page import show_start_page
from statarb.screens.zone import show_zone_switch


def show_app() -> None:
    """One run of the page for one session."""
    show_frame()
    desk = shared_desk(chosen_database())
    params: PairParams
    page = st.navigation(
        [
            st.Page(lambda: show_live_page(desk, params), title="Live View", url_path="live", default=True),
            st.Page(lambda: show_pair_page(desk, params), title="Pair analytics", url_path="pair"),
            st.Page(lambda: show_backtest_page(desk, params), title="Backtest", url_path="backtest"),
            st.Page(lambda: show_pins_page(shared_desk()), title="Pins", url_path="pins"),
            st.Page(lambda: show_alerts_page(shared_desk(), params), title="Alerts", url_path="alerts"),
            st.Page(lambda: show_quality_page(desk, params), title="Data quality", url_path="quality"),
            st.Page(lambda: show_data_page(desk, params), title="Data", url_path="export"),
            st.Page(show_glossary_page, title="Glossary", url_path="glossary"),
        ],
        position="top",
    )
    instruments = read_instruments(desk)
    if instruments:
        params = show_sidebar(instruments)
        show_zone_switch()
        show_notices(shared_desk())
        page.run()
    elif page.url_path == "export":
        show_data_page(desk, None)
    else:
        show_start_page(desk)


if __name__ == "__main__":
    show_app()
else:
    # `streamlit run` imports this module when the server starts, so that no visitor waits for pandas and the rest.
    keep_memory_small()
    app = st.App(__file__)
