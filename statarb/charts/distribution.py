"""How z is distributed, beside the normal law."""

from __future__ import annotations

from typing import Any

from statarb.charts.figure import packed
from statarb.quant import ZDistribution

LEVEL_DASH = "dot"


def distribution_spec(found: ZDistribution, z_now: float | None, view: str) -> dict[str, Any]:
    """Bars of the share of z in each bin, the normal shares as a curve, lines at whole deviations and at z now.

    Parameters
    ----------
    found : ZDistribution
    z_now : float, optional
        z of the last closed bar.
    view : str
        While it stays, so does the zoom.
    """
    middles = (found.edges[:-1] + found.edges[1:]) / 2
    width = float(found.edges[1] - found.edges[0])
    hover = "z %{customdata}<br>%{y:.2f} % of bars<extra>%{fullData.name}</extra>"
    spans = [f"{low:+.2f} to {low + width:+.2f}".replace("-", "\u2212") for low in found.edges[:-1].tolist()]
    bars = {
        "type": "bar",
        "name": "seen",
        "x": packed(middles),
        "y": packed(found.share * 100),
        "width": width * 0.92,
        "customdata": spans,
        "hovertemplate": hover,
        "marker": {"color": "@blue-color", "opacity": 0.75},
    }
    normal = {
        "type": "scatter",
        "mode": "lines",
        "name": "normal law",
        "x": packed(middles),
        "y": packed(found.normal * 100),
        "customdata": spans,
        "hovertemplate": hover,
        "line": {"color": "@orange-color", "width": 1.8, "shape": "spline"},
    }
    shapes = [_upright(side * level, "@gray-color", LEVEL_DASH) for level in found.beyond for side in (-1, 1)]
    notes = []
    if z_now is not None:
        shapes.append(_upright(z_now, "@text-color", "solid"))
        text = f"now {z_now:+.2f}".replace("-", "\u2212")
        notes.append({"x": z_now, "y": 1, "yref": "paper", "yanchor": "bottom", "text": text, "showarrow": False})
    return {
        "data": [bars, normal],
        "layout": {
            "uirevision": view,
            "xaxis": {"title": {"text": "z", "standoff": 4}, "dtick": 1, "zeroline": False, "automargin": True},
            "yaxis": {
                "ticksuffix": " %",
                "side": "right",
                "nticks": 5,
                "rangemode": "tozero",
                "ticklabelstandoff": 12,  # clear of the last label of z
                "fixedrange": True,
                "automargin": True,
            },
            "bargap": 0,
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "margin": {"l": 8, "r": 8, "t": 34, "b": 8, "pad": 0},
            "shapes": shapes,
            "annotations": notes,
        },
    }


def _upright(at: float, color: str, dash: str) -> dict[str, Any]:
    line = {"color": color, "width": 1, "dash": dash}
    return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": line}
