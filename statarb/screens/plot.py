"""A chart that moves with the bars only: its specification goes to the browser once a revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from statarb.screens.component import chart_component
from statarb.screens.zone import current_zone

_PLOT = chart_component("statarb.plot", "plot.js", "Loading the chart …")


def show_plot(key: str, spec: Mapping[str, Any], *, rev: str, label: str, height: int) -> None:
    """Draw `spec`, or leave the drawing that the browser has acknowledged as it is.

    Parameters
    ----------
    key : str
        Of the chart on its page.
    spec : mapping
        Plotly's `data` and `layout`, colours as theme tokens (`@blue-color`); `x` for traces without their own. While
        `layout.uirevision` stays, so does the zoom.
    rev : str
        Names the content: it is sent again only when this changes.
    label : str
        What the chart shows, in words, for those who do not see it.
    height : int
        Pixels, fixed.
    """
    ack = (st.session_state.get(key) or {}).get("ack")
    data: dict[str, Any] = {
        "key": key,
        "rev": rev,
        "ack": ack,
        "label": label,
        "height": height,
        "zone": vars(current_zone()),
    }
    if ack != rev:
        data["spec"] = spec
    _PLOT(key=key, data=data, height=height, on_ack_change=lambda: None)
