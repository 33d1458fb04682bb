"""The chart component: the whole figure once, then only its newest points and the live values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from statarb import market
from statarb.charts import Figure, Tag
from statarb.screens.component import chart_component
from statarb.screens.zone import current_zone

TAIL_BARS, TAIL_MS = 2, 6_000
"""Every message carries the bars of so long a time, and so many at least; a chart that missed more asks for all."""

_BAR_PX = 28
_CHART = chart_component("statarb.chart", "live_chart.js", "Loading the chart …")

_MINUTE, _HOUR = 60_000, 3_600_000
_DAY = 24 * _HOUR
_SPANS = (
    (30_000, ((5 * _MINUTE, "5 min"), (15 * _MINUTE, "15 min"), (_HOUR, "1 h"))),
    (5 * _MINUTE, ((_HOUR, "1 h"), (4 * _HOUR, "4 h"), (12 * _HOUR, "12 h"))),
    (15 * _MINUTE, ((4 * _HOUR, "4 h"), (12 * _HOUR, "12 h"), (_DAY, "24 h"))),
    (2 * _DAY, ((12 * _HOUR, "12 h"), (2 * _DAY, "2 d"), (7 * _DAY, "7 d"))),
)
"""Spans to choose from, for bars shorter than so many ms; the second is chosen first."""


@dataclass(frozen=True)
class LiveValues:
    """What moves between two bars: the opening time of the forming bar, and a tag for each live value.

    `dim` says that they are not live.
    """

    x: int
    tags: Sequence[Tag] = ()
    dim: bool = False


def show_chart(
    key: str, figure: Figure, live: LiveValues, *, timeframe: str, view: str, label: str, height: int
) -> None:
    """Draw `figure`, or continue the drawing that the browser has acknowledged.

    Parameters
    ----------
    key : str
        Of the component on its page.
    figure : Figure
        Closed bars.
    live : LiveValues
        Shown over it.
    timeframe : str
        Decides the spans offered.
    view : str
        While it stays, zoom and span stay.
    label : str
        What the chart shows, in words.
    height : int
        Pixels, fixed.
    """
    ack = (st.session_state.get(key) or {}).get("ack")
    bar_ms = market.timeframe(timeframe).ms
    spans = next(spans for longer_ms, spans in _SPANS if bar_ms < longer_ms)
    data: dict[str, Any] = {
        "key": key,
        "rev": figure.rev,
        "ack": ack,
        "view": view,
        "label": label,
        "height": height,
        "bar_ms": figure.bar_ms,
        "spans": {
            "choices": [{"ms": ms, "label": text} for ms, text in spans] + [{"ms": 0, "label": "All"}],
            "chosen": spans[1][0],
        },
        "live": {"x": live.x, "tags": [vars(tag) for tag in live.tags], "dim": live.dim},
        "zone": vars(current_zone()),
    }
    if ack == figure.rev:
        data["tail"] = figure.tail(max(TAIL_BARS, TAIL_MS // figure.bar_ms))
    else:
        data["figure"] = figure.spec()
    _CHART(key=key, data=data, height=height + _BAR_PX, on_ack_change=lambda: None)
