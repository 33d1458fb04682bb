"""The analysis' stack of panes over one time axis, with its prices as lines or as candles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from statarb.charts.figure import Figure, Pane, packed
from statarb.charts.pair import X_COLOR, Y_COLOR
from statarb.market import Instrument
from statarb.params import PairParams
from statarb.quant.sample import epoch_ms

OHLC = ("open", "high", "low", "close")


def analysis_spec(
    figure: Figure, params: PairParams, newest: int, candles: tuple[pd.DataFrame, pd.DataFrame] | None = None
) -> dict[str, Any]:
    """The newest bars of `figure`, the prices as lines on a common base or as candles.

    Parameters
    ----------
    figure : Figure
        `pair_figure`: prices, volume, spread, z and correlation of bars in which both legs traded.
    params : PairParams
    newest : int
        Bars shown.
    candles : pair of DataFrame, optional
        Closed bars of y and of x, as `resample_bars` returns them: a pane of candles for each, in place of the lines.
    """
    figure, legs = _newest(figure, newest), (params.pair.y, params.pair.x)
    if candles:
        bare = tuple(Pane(leg.label, (), tick_format=",~r", weight=1.3) for leg in legs)
        figure = replace(figure, panes=(*bare, *figure.panes[1:]))
    spec = figure.spec()
    if candles:
        drawn = zip(legs, candles, (Y_COLOR, X_COLOR), strict=True)
        spec["data"] += [
            _candles(leg, _since(bars, figure), color, number) for number, (leg, bars, color) in enumerate(drawn)
        ]
    spec["layout"]["uirevision"] = f"{params.y}|{params.x}|{params.timeframe}|{newest}"
    spec["layout"]["xaxis"]["rangeslider"] = {"visible": False}
    return spec


def _newest(figure: Figure, newest: int) -> Figure:
    def cut(pane: Pane) -> Pane:
        lines = tuple(replace(line, values=line.values[-newest:]) for line in pane.lines)
        kept = [mark.times_ms >= first for mark in pane.marks]
        marks = tuple(
            replace(
                mark,
                times_ms=mark.times_ms[keep],
                values=mark.values[keep],
                texts=tuple(text for text, is_in in zip(mark.texts, keep, strict=True) if is_in),
            )
            for mark, keep in zip(pane.marks, kept, strict=True)
        )
        return replace(pane, lines=lines, marks=marks)

    times = figure.times_ms[-newest:]
    first = times[0] if times.size else np.inf
    return replace(figure, times_ms=times, panes=tuple(map(cut, figure.panes)))


def _since(bars: pd.DataFrame, figure: Figure) -> pd.DataFrame:
    """The bars from the first one shown on, without those in which nothing traded."""
    first = figure.times_ms[0] if figure.times_ms.size else np.inf
    return bars[(epoch_ms(bars.index) >= first) & bars["close"].notna().to_numpy()]


def _candles(leg: Instrument, bars: pd.DataFrame, color: str, number: int) -> dict[str, Any]:
    """Hollow where the price rose, filled where it fell: the leg keeps its colour."""
    return {
        "type": "candlestick",
        "showlegend": False,
        "name": leg.label,
        "x": _times(bars),
        **{name: packed(bars[name].to_numpy(dtype=np.float64), "f8") for name in OHLC},
        "yaxis": _axis(number),
        "increasing": {"line": {"color": color, "width": 1}, "fillcolor": "@background-color"},
        "decreasing": {"line": {"color": color, "width": 1}, "fillcolor": color},
    }


def _times(bars: pd.DataFrame) -> dict[str, str]:
    return packed(epoch_ms(bars.index).astype(np.float64), "f8")


def _axis(number: int) -> str:
    return "y" if number == 0 else f"y{number + 1}"
