"""What the process holds once for all its sessions."""

from __future__ import annotations

import gc
import threading

import streamlit as st

from statarb.screens.desk import Desk
from statarb.settings import database_from_environment


@st.cache_resource(show_spinner=False)
def shared_desk() -> Desk:
    """The desk on the database that STATARB_DB names."""
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    return Desk(database_from_environment())


def _warm_up() -> None:
    """Load what the first study would wait for, then leave all of it out of every later collection.

    Streamlit collects garbage after every run; over the hundred thousands of objects of pandas and statsmodels that
    would cost each tick of each session about a tenth of a second.
    """
    import statsmodels.api  # noqa: F401

    gc.collect()
    gc.freeze()
