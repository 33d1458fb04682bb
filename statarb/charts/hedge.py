"""How the hedge and the correlation moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from statarb.charts.figure import Figure, Floats, Level, Line, Pane
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import NotEnough
from statarb.quant.sample import epoch_ms

OLS_COLOR, KALMAN_COLOR, RETURNS_COLOR, LEVELS_COLOR = "@blue-color", "@orange-color", "@green-color", "@gray-color"

BAND_SDS = 1.96
"""Deviations from beta to an edge of its band: 95 % of a normal law."""


def beta_spec(
    index: pd.Index, rolling: pd.DataFrame, kalman: pd.DataFrame, params: PairParams, note: str = ""
) -> dict[str, Any]:
    """Beta of rolling least squares, and of the Kalman filter with its band.

    Parameters
    ----------
    index : Index
        Opening times of the bars.
    rolling, kalman : DataFrame
        As `rolling_hedge` and `kalman_hedge` return them, at those bars.
    params : PairParams
    note : str
        What stands in the pane while there is nothing to draw.
    """
    beta, half = kalman["beta"].to_numpy(), BAND_SDS * kalman["beta_sd"].to_numpy()
    lines = (
        _line("Kalman, low", beta - half, KALMAN_COLOR, width=0.0),
        _line("Kalman, high", beta + half, KALMAN_COLOR, width=0.0),
        _line("Kalman", beta, KALMAN_COLOR),
        _line("least squares", rolling["beta"].to_numpy(), OLS_COLOR),
    )
    label = f"\u03b2 over {params.window:,} bars"
    spec = _spec(index, Pane(label, lines, tick_format=".4~f", note=note), params)
    low, high = spec["data"][:2]
    for edge in (low, high):
        edge |= {"hoverinfo": "skip", "hovertemplate": None}
    high |= {"fill": "tonexty", "fillcolor": "@orange-background-color"}
    _title(spec, label, ((OLS_COLOR, "rolling least squares"), (KALMAN_COLOR, "Kalman, with its 95 % band")))
    return spec


def correlation_spec(
    index: pd.Index, of_returns: pd.Series | NotEnough, of_levels: pd.Series | None, params: PairParams, note: str = ""
) -> dict[str, Any]:
    """Rolling correlation of returns and, as an extra, of levels.

    Parameters as `beta_spec`; the series have the index of the bars.
    """
    empty = np.full(len(index), np.nan)
    returns = empty if isinstance(of_returns, NotEnough) else of_returns.reindex(index).to_numpy(dtype=np.float64)
    lines = [_line("of returns", returns, RETURNS_COLOR, ".3f")]
    names = [(RETURNS_COLOR, f"of {params.corr_window} returns")]
    if of_levels is not None:
        levels = of_levels.reindex(index).to_numpy(dtype=np.float64)
        lines.insert(0, _line("of levels (misleading)", levels, LEVELS_COLOR, ".3f", "dot"))
        names.append((LEVELS_COLOR, f"of {params.window:,} levels: high on unrelated walks too"))
    levels_shown = (Level(0.0), Level(1.0, fit=True))
    label = "Rolling correlation"
    spec = _spec(index, Pane(label, tuple(lines), levels_shown, tick_format=".1f", note=note), params)
    _title(spec, label, names)
    return spec


def _spec(index: pd.Index, pane: Pane, params: PairParams) -> dict[str, Any]:
    times = epoch_ms(index).astype(np.float64)
    spec = Figure("", timeframe(params.timeframe).ms, len(times), times, (pane,)).spec()
    spec["layout"]["uirevision"] = f"{params.y}|{params.x}|{params.timeframe}"
    return spec


def _line(
    name: str, values: Floats, color: str, hover: str = ".4f", dash: str = "solid", *, width: float = 1.4
) -> Line:
    return Line(name, name, np.asarray(values, dtype=np.float64), color, hover, "", dash, width)


def _title(spec: dict[str, Any], label: str, names: Any) -> None:
    """The pane's title with what is drawn, the band as one thing with its line."""
    shown = "  ".join(f'<span style="color:{color}">\u2014 {name}</span>' for color, name in names)
    spec["layout"]["annotations"][0]["text"] = f"<b>{label}</b>  {shown}"
