"""What the process holds once for all its sessions."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import streamlit as st

from statarb.clock import SYSTEM_CLOCK
from statarb.quant import ols_summary
from statarb.screens.desk import Desk
from statarb.settings import database_from_environment

_FIRST_PAINT_S = 4.0


def shared_desk(path: Path | None = None) -> Desk:
    """The desk on a database, or on the one that STATARB_DB names; the same for all sessions."""
    _start_warm_up()
    return _desk(path or database_from_environment())


@st.cache_resource(show_spinner=False)
def _desk(path: Path) -> Desk:
    return Desk(path)


@st.cache_resource(show_spinner=False)
def _start_warm_up() -> None:
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def _warm_up() -> None:
    """Leave what is loaded out of every later collection, then load what the first regression summary waits for.

    Streamlit collects garbage after every run; over the hundred thousands of objects of pandas and statsmodels that
    would cost each tick of each session about a tenth of a second. The first page comes first: what a
    summary is made with takes seconds to load.
    """
    _freeze()
    SYSTEM_CLOCK.wait(threading.Event(), _FIRST_PAINT_S)
    steps = np.arange(40.0)
    ols_summary(steps + np.sin(steps), steps)
    _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()
