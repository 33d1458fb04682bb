"""Stacked panes over one time axis, as a Plotly figure that can be continued by its newest points."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_GAP = 0.045
"""Space between two panes, as a share of the height: room for the lower one's title."""
_TOP = 0.03

_DAY_MS = 86_400_000
_TIME_FORMATS = ((None, 59_999, "%H:%M:%S\n%d %b"), (60_000, _DAY_MS - 1, "%H:%M\n%d %b"), (_DAY_MS, None, "%d %b\n%Y"))
"""How times are written on the axis, by the ms from one to the next; the second line only where it is another."""


@dataclass(frozen=True, eq=False)
class Line:
    """One series over the figure's times.

    `name` is what a hover says, `label` what stands in the pane's title ('' for nothing); `color` is a theme token as
    in `@blue-color`, `hover` a d3 format ('' for no hover). `fill` colours down to zero ('tozeroy') or to the line
    before ('tonexty'); `shape` 'hv' draws steps.
    """

    name: str
    label: str
    values: Floats
    color: str
    hover: str = ".2f"
    unit: str = ""
    dash: str = "solid"
    width: float = 1.4
    shape: str = "linear"
    fill: str = "none"
    fill_color: str = ""


@dataclass(frozen=True)
class Level:
    """A horizontal line of a pane, always in view when `fit`."""

    value: float
    color: str = "@border-color"
    dash: str = "solid"
    opacity: float = 1.0
    fit: bool = False


@dataclass(frozen=True, eq=False)
class Marks:
    """Single points on a pane, each with its text."""

    name: str
    times_ms: Floats
    values: Floats
    texts: tuple[str, ...]
    color: str
    symbol: str = "circle"


@dataclass(frozen=True, eq=False)
class Pane:
    """One chart of the stack; `note` stands in it where there is nothing to draw yet."""

    title: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...] = ()
    marks: tuple[Marks, ...] = ()
    tick_format: str = ".2f"
    unit: str = ""
    weight: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Tag:
    """A live value at the right edge of a pane, and its point at the forming bar."""

    pane: int
    value: float
    text: str
    color: str


@dataclass(frozen=True, eq=False)
class Figure:
    """Panes over `times_ms` (opening times of closed bars).

    `rev` names the content apart from newer points: while it stays, a holder of the figure needs only `tail`, and
    keeps `max_bars` points.
    """

    rev: str
    bar_ms: int
    max_bars: int
    times_ms: Floats
    panes: tuple[Pane, ...]

    @property
    def lines(self) -> tuple[tuple[int, Line], ...]:
        """Every line with the number of its pane, in the order of the Plotly traces."""
        return tuple((number, line) for number, pane in enumerate(self.panes) for line in pane.lines)

    def spec(self) -> dict[str, Any]:
        """The figure as Plotly reads it: `data` and `layout`, with the common times in `x` and colours as tokens."""
        return {
            "x": packed(self.times_ms, "f8"),
            "data": [_trace(number, line) for number, line in self.lines] + self._marks(),
            "layout": self._layout(),
            "max_bars": self.max_bars,
            "fit": [[level.value for level in pane.levels if level.fit] for pane in self.panes],
        }

    def tail(self, bars: int) -> dict[str, Any]:
        """The newest points of every line, in the order of the traces; null where there is no value."""
        return {
            "x": self.times_ms[-bars:].tolist(),
            "y": [[_json_number(value) for value in line.values[-bars:]] for _, line in self.lines],
        }

    def _marks(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "scatter",
                "mode": "markers",
                "showlegend": False,
                "name": marks.name,
                "x": marks.times_ms.tolist(),
                "y": marks.values.tolist(),
                "text": list(marks.texts),
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {"color": marks.color, "size": 8, "symbol": marks.symbol, **_rim(marks)},
                "yaxis": _axis(number),
            }
            for number, pane in enumerate(self.panes)
            for marks in pane.marks
        ]

    def _layout(self) -> dict[str, Any]:
        layout: dict[str, Any] = {
            "xaxis": {
                "type": "date",
                "anchor": _axis(len(self.panes) - 1),
                "hoverformat": "%d %b %Y, %H:%M:%S UTC",
                "showgrid": True,
                "nticks": 8,
                "tickangle": 0,
                "tickformatstops": [{"dtickrange": [low, high], "value": form} for low, high, form in _TIME_FORMATS],
                "title": {"text": "UTC", "standoff": 4},
                "showspikes": True,
                "spikemode": "across",
                "spikesnap": "cursor",
                "spikethickness": 1,
                "spikedash": "dot",
            },
            "hovermode": "x unified",
            "hoversubplots": "axis",
            # There is no legend, but what hovers takes its order from one, and a band's would turn it upside down.
            "showlegend": True,
            "legend": {"traceorder": "normal"},
            "dragmode": "zoom",
            "margin": {"l": 8, "r": 76, "t": 8, "b": 48, "pad": 0},
            "annotations": [],
            "shapes": [],
        }
        for number, (pane, domain) in enumerate(zip(self.panes, self._domains(), strict=True)):
            layout[_axis(number).replace("y", "yaxis", 1)] = {
                "domain": domain,
                "side": "right",
                "fixedrange": True,
                "tickformat": pane.tick_format,
                "ticksuffix": pane.unit,
                "nticks": 5 if pane.weight > 0.7 else 3,
                "zeroline": False,
            }
            layout["annotations"] += _title(pane, domain)
            layout["shapes"] += [_level(number, level) for level in pane.levels]
        return layout

    def _domains(self) -> list[list[float]]:
        """The vertical span of each pane, the first on top."""
        free = 1 - _TOP - _GAP * (len(self.panes) - 1)
        total = sum(pane.weight for pane in self.panes)
        top, domains = 1 - _TOP, []
        for pane in self.panes:
            bottom = top - free * pane.weight / total
            domains.append([round(max(0.0, bottom), 4), round(top, 4)])
            top = bottom - _GAP
        return domains


def _axis(number: int) -> str:
    return "y" if number == 0 else f"y{number + 1}"


def _trace(number: int, line: Line) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "showlegend": False,
        "name": line.name,
        "y": packed(line.values),
        "yaxis": _axis(number),
        "line": {"color": line.color, "width": line.width, "dash": line.dash, "shape": line.shape},
        **({"fill": line.fill, "fillcolor": line.fill_color} if line.fill != "none" else {}),
        **({"hovertemplate": f"%{{y:{line.hover}}}{line.unit}"} if line.hover else {"hoverinfo": "skip"}),
    }


def _rim(marks: Marks) -> dict[str, Any]:
    return {} if marks.symbol.endswith("-open") else {"line": {"width": 1, "color": "@background-color"}}


def _title(pane: Pane, domain: list[float]) -> list[dict[str, Any]]:
    """The pane's title above its left edge; its series by name and colour, since there is no legend."""
    names = "  ".join(
        f'<span style="color:{line.color}">\u2014 {line.label}</span>' for line in pane.lines if line.label
    )
    corner = {"xref": "paper", "yref": "paper", "showarrow": False, "x": 0, "xanchor": "left", "align": "left"}
    titles = [{**corner, "y": domain[1], "yanchor": "bottom", "text": f"<b>{pane.title}</b>  {names}"}]
    if pane.note:
        middle = {"x": 0.5, "xanchor": "center", "y": sum(domain) / 2, "yanchor": "middle", "align": "center"}
        titles.append({**corner, **middle, "text": pane.note, "bgcolor": "@background-color", "borderpad": 6})
    return titles


def _level(number: int, level: Level) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": _axis(number),
        "y0": level.value,
        "y1": level.value,
        "layer": "below",
        "opacity": level.opacity,
        "line": {"color": level.color, "width": 1, "dash": level.dash},
    }


def packed(values: Floats, dtype: str = "f4") -> dict[str, str]:
    """A typed array as Plotly reads it: a quarter of the bytes of digits in JSON."""
    return {"dtype": dtype, "bdata": base64.b64encode(np.asarray(values, dtype=f"<{dtype}").tobytes()).decode()}


def _json_number(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.7g}")
