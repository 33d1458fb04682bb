"""Heavy results on request: a button computes them of the newest closed bars, and says how old they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from statarb.quant import PairStudy
from statarb.screens.lazy import once
from statarb.screens.zone import current_zone

Made = TypeVar("Made")


def requested(study: PairStudy, key: str, label: str, make: Callable[[], Made]) -> Made | None:
    """What `make` gave when the button was last pressed for these parameters; None before.

    Pressed again it takes the bars that are closed now. All sessions that press at the same bar share one computation.
    """
    held = st.session_state.get(f"{key}_result")
    mine = held if held is not None and held[0] == study.params else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        newer = (study.as_of_ms - mine[1]) // study.legs.bar_ms if mine else 0
        clicked = st.button(
            f"{label} again" if mine else label,
            key=f"{key}_button",
            icon=":material/science:",
            disabled=mine is not None and newer == 0,
        )
        if clicked:
            mine = (study.params, study.as_of_ms, once(study, key, make))
            st.session_state[f"{key}_result"] = mine
            newer = 0
        if mine:
            age = "the newest closed bar" if newer == 0 else f"{newer:,} newer {'bar' if newer == 1 else 'bars'} since"
            zone = current_zone()
            st.caption(f"Made of the bars to {zone.text(mine[1])} {zone.label}; {age}.", width="content")
    return mine[2] if mine else None
