"""The legs against each other, with the lines of several methods, and how the hedge moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb.charts.figure import Floats, packed
from statarb.clock import utc_text
from statarb.params import PairParams
from statarb.quant import HedgeEstimate
from statarb.quant.sample import epoch_ms

LINE_COLORS = ("@red-color", "@green-color", "@violet-color", "@orange-color", "@gray-color", "@yellow-color")
"""By method in the order drawn; dashes tell them apart where colours do not."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

LINE_POINTS = 41
"""On the log scale a line of logs is a curve of prices."""


def scatter_spec(prices: pd.DataFrame, params: PairParams, lines: Mapping[str, HedgeEstimate]) -> dict[str, Any]:
    """Prices of x across and of y up, one point a bar, coloured from the oldest to the newest.

    Parameters
    ----------
    prices : DataFrame
        Columns y and x: the bars that the lines were fitted to.
    params : PairParams
        The scale of the fit.
    lines : mapping
        By name: alpha and beta on the scale of `params`.
    """
    y, x = (prices[leg].to_numpy(dtype=np.float64) for leg in ("y", "x"))
    traces = [_points(prices.index, y, x)]
    if x.size:
        traces += [_line(number, name, line, x, params) for number, (name, line) in enumerate(lines.items())]
        traces.append(_newest(prices.index, y, x))
    pair = params.pair
    return {
        "data": traces,
        "layout": {
            "uirevision": f"{params.y}|{params.x}|{params.timeframe}",
            "xaxis": {
                "title": {"text": pair.x.label, "standoff": 6},
                "zeroline": False,
                "nticks": 6,
                "tickformat": ",~f",
                "automargin": True,
            },
            "yaxis": {
                "title": {"text": pair.y.label, "standoff": 6},
                "zeroline": False,
                "nticks": 6,
                "tickformat": ",~f",
                "automargin": True,
            },
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 8, "r": 8, "t": 34, "b": 8, "pad": 0},
        },
    }


def _points(index: pd.Index, y: Floats, x: Floats) -> dict[str, Any]:
    times = epoch_ms(index).astype(np.float64)
    ends = [float(times[0]), float(times[-1])] if times.size else [0.0, 1.0]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "bars",
        "showlegend": False,
        "x": packed(x, "f8"),
        "y": packed(y, "f8"),
        "text": _times(index),
        "hovertemplate": "%{text}<br>%{y:,} on %{x:,}<extra></extra>",
        "marker": {
            "size": 5,
            "opacity": 0.8,
            "color": times.tolist(),
            "colorscale": [[0, "@border-color"], [1, "@blue-color"]],
            "cmin": ends[0],
            "cmax": ends[1],
            "colorbar": {
                "thickness": 8,
                "len": 0.6,
                "outlinewidth": 0,
                "tickvals": ends,
                "ticktext": [text[5:16] for text in (_times(index)[:1] + _times(index)[-1:])],
            },
        },
    }


def _newest(index: pd.Index, y: Floats, x: Floats) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "newest bar",
        "x": [float(x[-1])],
        "y": [float(y[-1])],
        "text": _times(index[-1:]),
        "hovertemplate": "newest, %{text}<br>%{y:,} on %{x:,}<extra></extra>",
        "marker": {"size": 10, "color": "@blue-color", "line": {"width": 2, "color": "@text-color"}},
    }


def _line(number: int, name: str, line: HedgeEstimate, x: Floats, params: PairParams) -> dict[str, Any]:
    across = np.linspace(x.min(), x.max(), LINE_POINTS)
    log = params.price_scale == "log"
    up = np.exp(line.alpha + line.beta * np.log(across)) if log else line.alpha + line.beta * across
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{name}, \u03b2 {line.beta:.4g}".replace("-", "\u2212"),
        "x": packed(across, "f8"),
        "y": packed(up, "f8"),
        "hoverinfo": "skip",
        "line": {
            "color": LINE_COLORS[number % len(LINE_COLORS)],
            "dash": DASHES[number % len(DASHES)],
            "width": 1.8,
        },
    }


def _times(index: pd.Index) -> list[str]:
    return [f"{utc_text(int(ms))} UTC" for ms in epoch_ms(index)]
