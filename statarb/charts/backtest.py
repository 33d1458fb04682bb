"""A backtest over time: equity, drawdown, and z with every round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb.charts.figure import Figure, Floats, Level, Line, Pane, packed
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import Backtest, RoundTrip
from statarb.quant.sample import epoch_ms

MOST_POINTS = 6000
"""More points than a screen has pixels make a chart slow and no better: then every k-th bar is drawn."""

GAIN_COLOR, LOSS_COLOR = "@blue-color", "@orange-color"
EQUITY_COLOR, DRAWDOWN_COLOR, Z_COLOR, ENTRY_COLOR = "@text-color", "@orange-color", "@gray-color", "@red-color"
Z_PANE = 2


def backtest_spec(result: Backtest, z: pd.Series, params: PairParams, most: int = MOST_POINTS) -> dict[str, Any]:
    """Equity and drawdown in money, and z with a line for every round trip from its entry to its exit.

    Parameters
    ----------
    result : Backtest
    z : Series
        z of the same bars, by which the rule decided.
    params : PairParams
    most : int
        Bars drawn, at most about.
    """
    times = epoch_ms(result.equity.index).astype(np.float64)
    every = max(1, -(-times.size // most))
    rows = np.unique(np.append(np.arange(0, times.size, every), times.size - 1)) if times.size else np.arange(0)

    def drawn(series: pd.Series) -> Floats:
        return series.to_numpy(dtype=np.float64)[rows]

    thinned = f", every {every}th bar drawn" if every > 1 else ""
    rule = result.rule
    levels = (
        Level(0.0),
        *(Level(side * rule.entry_z, ENTRY_COLOR, opacity=0.75, fit=True) for side in (1, -1)),
        *(Level(side * rule.stop_z, ENTRY_COLOR, "dot", 0.6) for side in (1, -1) if np.isfinite(rule.stop_z)),
    )
    panes = (
        Pane(
            "Equity, $",
            (
                Line(
                    "equity", f"after costs, marked at each close{thinned}", drawn(result.equity), EQUITY_COLOR, "+,.2f"
                ),
            ),
            (Level(0.0, fit=True),),
            tick_format="+,~r",
            weight=1.3,
        ),
        Pane(
            "Drawdown, $",
            (Line("drawdown", "below the highest so far", drawn(result.drawdown), DRAWDOWN_COLOR, ",.2f"),),
            (Level(0.0, fit=True),),
            tick_format=",~r",
            weight=0.6,
        ),
        Pane(
            "z-score",
            (
                Line(
                    "z",
                    "round trips: \u25b2 bought, \u25bc sold the spread, \u25cb left; blue gained",
                    drawn(z),
                    Z_COLOR,
                    "+.2f",
                    width=1.0,
                ),
            ),
            levels,
            tick_format="+.1f",
        ),
    )
    spec = Figure("", timeframe(params.timeframe).ms, times.size, times[rows], panes).spec()
    values = z.to_numpy(dtype=np.float64)
    for name, color, gained in (("gained", GAIN_COLOR, True), ("lost", LOSS_COLOR, False)):
        trips = [trip for trip in result.round_trips if (trip.net > 0) is gained]
        if trips:
            spec["data"].append(_trips(name, color, trips, times, values))
    spec["layout"]["uirevision"] = f"{params.y}|{params.x}|{params.timeframe}"
    return spec


def _trips(name: str, color: str, trips: Sequence[RoundTrip], times: Floats, z: Floats) -> dict[str, Any]:
    """Entry to exit of each; a point without a value parts one from the next."""
    across = [time for trip in trips for time in (times[trip.entered], times[trip.left], times[trip.left])]
    up = [value for trip in trips for value in (z[trip.entered], z[trip.left], np.nan)]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": packed(np.array(across), "f8"),
        "y": packed(np.array(up)),
        "yaxis": f"y{Z_PANE + 1}",
        "text": [text for trip in trips for text in (_entry_text(trip), _exit_text(trip), "")],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": color, "width": 2},
        "marker": {
            "color": color,
            "size": 8,
            "symbol": [
                symbol
                for trip in trips
                for symbol in ("triangle-up" if trip.side > 0 else "triangle-down", "circle-open", "circle")
            ],
        },
    }


def _entry_text(trip: RoundTrip) -> str:
    return "bought the spread" if trip.side > 0 else "sold the spread"


def _exit_text(trip: RoundTrip) -> str:
    return f"left ({trip.why}): net {trip.net_bps:+.1f} bp".replace("-", "\u2212")
