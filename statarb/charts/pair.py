"""The two charts of a pair: the live one, and the one of the analysis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from statarb.charts.figure import Figure, Floats, Level, Line, Marks, Pane, Tag
from statarb.clock import UTC_ZONE, Zone
from statarb.market import timeframe
from statarb.quant import FrozenMoments, HedgeFit, InSample, NotEnough, PairStudy
from statarb.quant.sample import epoch_ms
from statarb.quant.signal import Episode

Y_COLOR, X_COLOR = "@blue-color", "@orange-color"
SPREAD_COLOR, Z_COLOR, CORRELATION_COLOR = "@violet-color", "@text-color", "@green-color"
FIXED_COLOR = "@gray-color"
BAND_COLOR, BAND_FILL = "@violet-color", "@violet-background-color"
ENTRY_COLOR, QUIET_COLOR, BASE_COLOR = "@red-color", "@gray-color", "@border-color"

_BASE_EVERY_MS = ((30, 900_000), (60, 3_600_000), (math.inf, 86_400_000))
"""Prices are shown as change since the last round moment that the bars reach back to: for bars below so many seconds,
the last multiple of so many milliseconds."""

_UNITS = ((12, "T"), (9, "G"), (6, "M"), (3, "k"))
_BASE_BARS = 30
"""So many bars at least lie between that moment and the last one: right after it, both changes would read nothing."""


def live_figure(
    study: PairStudy, episodes: Sequence[Episode], notes: Sequence[str], version: str, zone: Zone = UTC_ZONE
) -> Figure:
    """Prices on a common base, the spread in its band, z with its thresholds, correlation and volume of closed bars.

    Parameters
    ----------
    study : PairStudy
    episodes : sequence of Episode
        Drawn on z where they begin and where they end.
    notes : sequence of str
        What stands in the panes of prices, spread, z and correlation while there is nothing to draw; '' otherwise.
    version : str
        Of the bars; another version is another drawing.
    zone : Zone
        Of the times in the titles.
    """
    panes = (
        _prices(study, 1.15, notes[0], zone),
        _spread(study, 1.0, notes[1], zone),
        _z(study, episodes, 1.0, notes[2]),
        _correlation(study, 0.55, notes[3]),
        _volume(study, 0.5),
    )
    return _figure("live", study, panes, episodes, notes, version, zone)


def pair_figure(
    study: PairStudy, episodes: Sequence[Episode], notes: Sequence[str], version: str, zone: Zone = UTC_ZONE
) -> Figure:
    """Prices, volume, the spread as seen and by today's hedge, z with its thresholds, and the rolling correlation.

    Parameters as `live_figure`.
    """
    panes = (
        _prices(study, 1.2, notes[0], zone),
        _volume(study, 0.5),
        _spread(study, 1.2, notes[1], zone, fixed=True),
        _z(study, episodes, 1.0, notes[2]),
        _correlation(study, 0.8, notes[3]),
    )
    return _figure("pair", study, panes, episodes, notes, version, zone)


def live_tags(
    study: PairStudy, base: Base, y_price: float | None, x_price: float | None, spread: float, z: float
) -> list[Tag]:
    """The live values at the right edge of the first three panes; correlation and volumes of the last closed bar.

    `base` is `Base.of(study)`, which stays as long as the study. Values that do not exist are left out.
    """
    unit = spread_unit(study)
    tags = []
    for price, first, color in ((y_price, base.y, Y_COLOR), (x_price, base.x, X_COLOR)):
        if price is not None and first is not None:
            change = (price / first - 1) * 100
            tags.append(Tag(0, change, _signed(change, 2) + " %", color))
    if math.isfinite(z):
        scaled = spread * unit.scale
        tags.append(Tag(1, scaled, _signed(scaled, unit.digits) + unit.suffix, SPREAD_COLOR))
        tags.append(Tag(2, z, _signed(z, 2), Z_COLOR))
    correlation = study.newest.correlation
    if math.isfinite(correlation):
        tags.append(Tag(3, correlation, _signed(correlation, 2).lstrip("+"), CORRELATION_COLOR))
    for volume, color in ((study.newest.y_volume, Y_COLOR), (study.newest.x_volume, X_COLOR)):
        if math.isfinite(volume):
            tags.append(Tag(4, volume, _amount_text(volume), color))
    return tags


def _amount_text(value: float) -> str:
    """`323k`, `1.24M`: to three figures, as the axis writes amounts."""
    power, unit = next(((power, unit) for power, unit in _UNITS if value >= 0.9995 * 10**power), (0, ""))
    return f"{value / 10**power:#.3g}".rstrip(".") + unit


def _signed(value: float, digits: int) -> str:
    """With a true minus, and never a minus before zero."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")


class SpreadUnit:
    """How a spread is written: log spreads in basis points of the y notional, others in the quote currency."""

    def __init__(self, scale: float, suffix: str, digits: int) -> None:
        self.scale, self.suffix, self.digits = scale, suffix, digits


def spread_unit(study: PairStudy) -> SpreadUnit:
    """Basis points on the log scale; price units on the price scale, with digits by the size of the deviation."""
    if study.params.price_scale == "log":
        return SpreadUnit(1e4, " bp", 1)
    sd = study.moments.sd if isinstance(study.moments, FrozenMoments) else 1.0
    return SpreadUnit(1.0, "", min(8, max(2, 1 - math.floor(math.log10(sd)))) if sd > 0 else 2)


class Base:
    """The prices that the common base stands on, and when."""

    def __init__(self, y: float | None, x: float | None, since_ms: int) -> None:
        self.y, self.x, self.since_ms = y, x, since_ms

    @classmethod
    def of(cls, study: PairStudy) -> Base:
        prices = study.prices
        if prices.empty:
            return cls(None, None, 0)
        times = _times(prices.index)
        every = next(every for seconds, every in _BASE_EVERY_MS if study.params.bar_s < seconds)
        # A round moment moves rarely; with the first bar as base every curve would shift at every bar.
        last_round = (times[-1] - _BASE_BARS * study.legs.bar_ms) // every * every
        reached = last_round if times[0] <= last_round else 0
        row = int(np.searchsorted(times, reached)) if reached else 0
        return cls(float(prices["y"].iloc[row]), float(prices["x"].iloc[row]), int(times[row]))


def _figure(
    name: str,
    study: PairStudy,
    panes: tuple[Pane, ...],
    episodes: Sequence[Episode],
    notes: Sequence[str],
    version: str,
    zone: Zone,
) -> Figure:
    p = study.params
    newest = (episodes[-1].since_ms, episodes[-1].until_ms) if episodes else ()
    hedge = study.spread_fixed.hedge_as_of_ms if name == "pair" and isinstance(study.spread_fixed, InSample) else 0
    content = (name, p.y, p.x, p.timeframe, p.price_scale, p.hedge, p.window, p.corr_window, p.entry_z, p.stop_z)
    rev = "|".join(map(str, (*content, Base.of(study).since_ms, hedge, *newest, *notes, version, zone.label)))
    return Figure(rev, timeframe(p.timeframe).ms, p.lookback_bars, _times(study.prices.index), panes)


def _prices(study: PairStudy, weight: float, note: str, zone: Zone) -> Pane:
    base = Base.of(study)
    pair = study.params.pair
    since = pd.Timestamp(base.since_ms + zone.offset_ms, unit="ms")
    title = f"Change since {since:%d %b %H:%M} {zone.label}" if base.y else "Prices"
    lines = tuple(
        Line(leg.label, leg.label, _values(study.prices[column] / (first or 1.0) * 100 - 100), color, "+.3f", " %")
        for leg, column, first, color in ((pair.y, "y", base.y, Y_COLOR), (pair.x, "x", base.x, X_COLOR))
    )
    return Pane(title, lines, (Level(0.0, BASE_COLOR),), (), "+.2f", " %", weight, note)


def _spread(study: PairStudy, weight: float, note: str, zone: Zone, *, fixed: bool = False) -> Pane:
    unit = spread_unit(study)
    hover = f"+.{unit.digits}f"
    seen = Line("spread", "as seen", _aligned(study, study.spread) * unit.scale, SPREAD_COLOR, hover, unit.suffix)
    lines: tuple[Line, ...] = (seen,) if fixed else (*_band(study, unit), seen)
    if fixed and isinstance(study.spread_fixed, InSample) and isinstance(study.hedge, HedgeFit):
        clock = f"{pd.Timestamp(study.spread_fixed.hedge_as_of_ms + zone.offset_ms, unit='ms'):%d %b %H:%M}"
        values = _aligned(study, study.spread_fixed.series) * unit.scale
        label = f"hedge fixed at {clock} (a picture, no signal)"
        drawn = Line(f"spread, hedge of {clock}", label, values, FIXED_COLOR, hover, unit.suffix, "solid", 1.0)
        lines = (drawn, seen)
    return Pane("Spread", lines, (Level(0.0, BASE_COLOR),), (), hover, unit.suffix, weight, note)


def _band(study: PairStudy, unit: SpreadUnit) -> tuple[Line, Line, Line]:
    """Mean and threshold deviations that judged each bar: where the spread leaves it, z is beyond the threshold."""
    mean, sd = (_aligned(study, study.moments_seen[name]) * unit.scale for name in ("mean", "sd"))
    reach, label = study.params.entry_z * sd, f"mean \u00b1 {study.params.entry_z:g} sd as then known"
    return (
        Line("band", "", mean - reach, BAND_COLOR, "", width=0.5),
        Line("band", label, mean + reach, BAND_COLOR, "", width=0.5, fill="tonexty", fill_color=BAND_FILL),
        Line("mean", "", mean, BAND_COLOR, "", dash="dot", width=1.0),
    )


def _z(study: PairStudy, episodes: Sequence[Episode], weight: float, note: str) -> Pane:
    entry, stop = study.params.entry_z, study.params.stop_z
    levels = (
        Level(0.0, BASE_COLOR),
        *(Level(side * entry, ENTRY_COLOR, opacity=0.75, fit=True) for side in (1, -1)),
        *(Level(side * entry / 2, QUIET_COLOR, "dot", opacity=0.5) for side in (1, -1)),
        *(Level(side * stop, ENTRY_COLOR, "dash", opacity=0.5) for side in (1, -1)),
    )
    label = f"alert at {entry:g}, armed again inside {entry / 2:g}, stop at {stop:g}"
    lines = (Line("z", label, _aligned(study, study.z), Z_COLOR, "+.2f"),)
    return Pane("z-score", lines, levels, _crossings(study, episodes), "+.1f", "", weight, note)


def _crossings(study: PairStudy, episodes: Sequence[Episode]) -> tuple[Marks, ...]:
    """A full point where an alert began and an open one where it was over, each with its reason."""
    entry, bar_ms = study.params.entry_z, timeframe(study.params.timeframe).ms
    y = study.params.pair.y.label
    z_at = dict(zip(_times(study.z.index).tolist(), study.z.tolist(), strict=True))
    begun = [
        (
            one.since_ms - bar_ms,
            one.z,
            f"crossed {_signed(one.side * entry, 1)}: z {_signed(one.z, 2)}, {y} {'rich' if one.side > 0 else 'cheap'}",
        )
        for one in episodes
    ]
    over = [
        (one.until_ms - bar_ms, z, f"over: z {_signed(z, 2)}, after {(one.until_ms - one.since_ms) // bar_ms} bars")
        for one in episodes
        if one.until_ms is not None and (z := z_at.get(one.until_ms - bar_ms)) is not None
    ]
    return tuple(
        Marks(
            name,
            np.array([at for at, _, _ in points], dtype=np.float64),
            np.array([value for _, value, _ in points], dtype=np.float64),
            tuple(text for _, _, text in points),
            ENTRY_COLOR,
            symbol,
        )
        for name, symbol, points in (("crossed", "circle", begun), ("over", "circle-open", over))
        if points
    )


def _volume(study: PairStudy, weight: float) -> Pane:
    """Quote volume of both legs in each bar, as steps: one path a leg, where bars would be one shape each."""
    pair = study.params.pair
    lines = tuple(
        Line(
            f"{leg.label} volume",
            leg.label,
            _values(study.prices[f"{column}_volume"]),
            color,
            ".3s",
            "",
            width=1.0,
            shape="hv",
        )
        for leg, column, color in ((pair.y, "y", Y_COLOR), (pair.x, "x", X_COLOR))
    )
    return Pane("Quote volume a bar", lines, (Level(0.0, BASE_COLOR, fit=True),), (), ".2s", "", weight)


def _correlation(study: PairStudy, weight: float, note: str) -> Pane:
    series = study.correlation
    values = np.full(len(study.prices), np.nan) if isinstance(series, NotEnough) else _aligned(study, series)
    label = f"of {study.params.corr_window} returns"
    levels = (Level(0.0, BASE_COLOR), Level(1.0, BASE_COLOR, fit=True))
    return Pane(
        "Rolling correlation",
        (Line("correlation", label, values, CORRELATION_COLOR),),
        levels,
        (),
        ".2f",
        "",
        weight,
        note,
    )


def _aligned(study: PairStudy, series: pd.Series) -> Floats:
    """The series at the times of the prices, NaN where it has none."""
    return _values(series.reindex(study.prices.index))


def _values(series: pd.Series) -> Floats:
    return series.to_numpy(dtype=np.float64)


def _times(index: pd.Index) -> Floats:
    return epoch_ms(index).astype(np.float64)
