"""What the process holds once for all its sessions."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st

from statarb.clock import SYSTEM_CLOCK
from statarb.quant import warm_up
from statarb.screens.desk import Desk
from statarb.screens.memory import collect, freeze, young_collections
from statarb.settings import database_from_environment

_FIRST_PAINT_S = 4.0
_LOOK_S, _COLLECT_S = 1.0, 10.0
_BUSY = 10
"""A viewer makes Python collect young objects about once a second; after so many, a crowd's garbage cannot wait."""


def shared_desk(path: Path | None = None) -> Desk:
    """The desk on a database, or on the one that STATARB_DB names; the same for all sessions."""
    _start_warm_up()
    return _desk(path or database_from_environment())


@st.cache_resource(show_spinner=False)
def _desk(path: Path) -> Desk:
    return Desk(path)


@st.cache_resource(show_spinner=False)
def _start_warm_up() -> None:
    threading.Thread(target=_keep_house, name="housekeeping", daemon=True).start()


def _keep_house() -> None:
    """Load what the first regression summary waits for, and tidy up for all sessions at once.

    Streamlit would do so after every run of every session (`runner.postScriptGC`, which is off); without it the runs
    of a crowd leave memory that never shrinks again. What is loaded is frozen: over the hundred thousands of objects
    of pandas and statsmodels a collection takes a tenth of a second. The first page comes first: what a summary is
    made with takes seconds to load.
    """
    never = threading.Event()
    freeze()
    SYSTEM_CLOCK.wait(never, _FIRST_PAINT_S)
    warm_up()
    freeze()
    seen, waited_s = young_collections(), 0.0
    while not SYSTEM_CLOCK.wait(never, _LOOK_S):
        waited_s += _LOOK_S
        if waited_s >= _COLLECT_S or young_collections() - seen >= _BUSY:
            collect()
            seen, waited_s = young_collections(), 0.0
