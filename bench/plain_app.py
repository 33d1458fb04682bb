"""The page itself with its live chart drawn the plain way, by st.plotly_chart: the baseline of bench.screen."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from statarb.charts import Figure
from statarb.screens import live_page
from statarb.screens.live_chart import LiveValues


def show_plain_chart(key: str, figure: Figure, live: LiveValues, *, view: str, height: int, **_: Any) -> None:
    """The same panes and live values, with what users are told to give against flicker: a key and a uirevision."""
    spec = json.loads(re.sub(r"@[a-z-]+-color", "#1f5fbf", json.dumps(figure.spec())))
    points = [
        {"x": [live.x], "y": [tag.value], "text": tag.text, "mode": "markers+text", "yaxis": f"y{tag.pane + 1}"}
        for tag in live.tags
    ]
    traces = [{"x": spec["x"], **trace} for trace in (*spec["data"], *points)]
    shown = go.Figure(data=traces, layout=spec["layout"], skip_invalid=True)
    st.plotly_chart(shown.update_layout(uirevision=view, height=height), key=key)


vars(live_page)["show_chart"] = show_plain_chart
runpy.run_path(str(Path(__file__).resolve().parent.parent / "app.py"), run_name="__main__")
