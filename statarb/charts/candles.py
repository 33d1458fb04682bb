"""The analysis' stack of panes: prices as lines or candles, volume, spread, z and correlation on one time axis."""

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
    figure: Figure, y_bars: pd.DataFrame, x_bars: pd.DataFrame, params: PairParams, *, candles: bool, newest: int
) -> dict[str, Any]:
    """The newest bars of `figure` with volume below its prices, and the prices as candles if so wanted.

    Parameters
    ----------
    figure : Figure
        `pair_figure`: prices, spread, z and correlation of bars in which both legs traded.
    y_bars, x_bars : DataFrame
        Closed bars of each leg, as `resample_bars` returns them.
    params : PairParams
    candles : bool
        A pane of candles for each leg, in place of both on a common base.
    newest : int
        Bars shown.
    """
    figure = _newest(figure, newest)
    pair = params.pair
    if candles:
        top = [_bare(pair.y.label, 1.3), _bare(pair.x.label, 1.3), _bare("Volume", 0.5)]
    else:
        top = [figure.panes[0], _bare("Volume", 0.5)]
    volume = len(top) - 1
    top[volume] = replace(top[volume], title=_volume_title(pair.y, pair.x), tick_format=".2~s")
    spec = replace(figure, panes=(*top, *figure.panes[1:])).spec()
    legs = ((pair.y, _since(y_bars, figure), Y_COLOR), (pair.x, _since(x_bars, figure), X_COLOR))
    for number, (leg, bars, color) in enumerate(legs):
        if candles:
            spec["data"].append(_candles(leg, bars, color, number))
        spec["data"].append(_volume(leg, bars, color, volume, number))
    spec["fit"][volume] = [0]
    spec["layout"] |= {
        "uirevision": f"{params.y}|{params.x}|{params.timeframe}|{newest}",
        "barmode": "group",
        "bargap": 0.15,
    }
    spec["layout"]["xaxis"]["rangeslider"] = {"visible": False}
    return spec


def _bare(title: str, weight: float) -> Pane:
    return Pane(title, (), tick_format=",~r", weight=weight)


def _volume_title(y: Instrument, x: Instrument) -> str:
    names = ((y, Y_COLOR), (x, X_COLOR))
    return "Volume in the quote currency  " + "  ".join(
        f'<span style="color:{color};font-weight:normal">\u25a0 {leg.label}</span>' for leg, color in names
    )


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
        "name": leg.label,
        "x": _times(bars),
        **{name: packed(bars[name].to_numpy(dtype=np.float64), "f8") for name in OHLC},
        "yaxis": _axis(number),
        "increasing": {"line": {"color": color, "width": 1}, "fillcolor": "@background-color"},
        "decreasing": {"line": {"color": color, "width": 1}, "fillcolor": color},
    }


def _volume(leg: Instrument, bars: pd.DataFrame, color: str, pane: int, number: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": f"volume {leg.label}",
        "x": _times(bars),
        "y": packed(bars["quote_volume"].to_numpy(dtype=np.float64)),
        "yaxis": _axis(pane),
        "offsetgroup": str(number),
        "hovertemplate": "%{y:.3s}",
        "marker": {"color": color, "opacity": 0.7, "line": {"width": 0}},
    }


def _times(bars: pd.DataFrame) -> dict[str, str]:
    return packed(epoch_ms(bars.index).astype(np.float64), "f8")


def _axis(number: int) -> str:
    return "y" if number == 0 else f"y{number + 1}"
