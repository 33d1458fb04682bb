"""How the hedge and the correlation moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from statarb.charts.figure import Figure, Level, Line, Pane
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import NotEnough
from statarb.quant.sample import epoch_ms

OLS_COLOR, KALMAN_COLOR, RETURNS_COLOR, LEVELS_COLOR = "@blue-color", "@orange-color", "@green-color", "@gray-color"
OLS_BAND, KALMAN_BAND = "@blue-background-color", "@orange-background-color"

BAND_SDS = 1.96
"""Errors from beta to an edge of its band: 95 % of a normal law."""


def beta_spec(
    index: pd.Index, rolling: pd.DataFrame, kalman: pd.DataFrame, params: PairParams, note: str = ""
) -> dict[str, Any]:
    """Beta of rolling least squares and of the Kalman filter, each in the band of its own error.

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
    lines = (
        *_band("Kalman", kalman["beta"], kalman["beta_sd"], KALMAN_COLOR, KALMAN_BAND),
        *_band("least squares", rolling["beta"], rolling["beta_se"], OLS_COLOR, OLS_BAND),
        Line("Kalman", "Kalman, 95 % band", kalman["beta"].to_numpy(), KALMAN_COLOR, ".4f"),
        Line("least squares", "least squares, classic 95 % band", rolling["beta"].to_numpy(), OLS_COLOR, ".4f"),
    )
    return _spec(index, Pane(f"β over {params.window:,} bars", lines, tick_format=".4~f", note=note), params)


def _band(name: str, beta: pd.Series, error: pd.Series, color: str, fill: str) -> tuple[Line, Line]:
    """Both edges; a thin line each, so that the bands stay apart where they lie over each other."""
    middle, half = beta.to_numpy(), BAND_SDS * error.to_numpy()
    return (
        Line(f"{name}, low", "", middle - half, color, "", width=0.5),
        Line(f"{name}, high", "", middle + half, color, "", width=0.5, fill="tonexty", fill_color=fill),
    )


def correlation_spec(
    index: pd.Index, of_returns: pd.Series | NotEnough, of_levels: pd.Series | None, params: PairParams, note: str = ""
) -> dict[str, Any]:
    """Rolling correlation of returns and, as an extra, of levels.

    Parameters as `beta_spec`; the series have the index of the bars.
    """
    empty = np.full(len(index), np.nan)
    returns = empty if isinstance(of_returns, NotEnough) else of_returns.reindex(index).to_numpy(dtype=np.float64)
    lines = [Line("of returns", f"of {params.corr_window} returns", returns, RETURNS_COLOR, ".3f")]
    if of_levels is not None:
        levels = of_levels.reindex(index).to_numpy(dtype=np.float64)
        label = f"of {params.window:,} levels: high on unrelated walks too"
        lines.insert(0, Line("of levels (misleading)", label, levels, LEVELS_COLOR, ".3f", dash="dot"))
    shown = (Level(0.0), Level(1.0, fit=True))
    return _spec(index, Pane("Rolling correlation", tuple(lines), shown, tick_format=".1f", note=note), params)


def _spec(index: pd.Index, pane: Pane, params: PairParams) -> dict[str, Any]:
    times = epoch_ms(index).astype(np.float64)
    spec = Figure("", timeframe(params.timeframe).ms, len(times), times, (pane,)).spec()
    spec["layout"]["uirevision"] = f"{params.y}|{params.x}|{params.timeframe}"
    return spec
