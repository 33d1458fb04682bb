"""Two sections of the analysis: its charts over time, and how z is distributed."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from statarb.charts import pair_figure
from statarb.charts.candles import analysis_spec
from statarb.charts.distribution import distribution_spec
from statarb.clock import Zone
from statarb.quant import NotEnough, PairStudy, z_distribution
from statarb.quant.sample import epoch_ms
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import tip
from statarb.screens.lazy import once
from statarb.screens.live_page import chart_notes
from statarb.screens.plot import show_plot
from statarb.screens.price_section import show_price_section
from statarb.screens.stat import show_table, show_wait
from statarb.screens.views import DeskView
from statarb.screens.wording import number_text, share_text, wait_text
from statarb.screens.zone import current_zone

BARS_SHOWN = ("120", "480", "all")
STYLES = ("Lines", "Candles")


def revision(view: DeskView, *more: object) -> str:
    """What a chart of closed bars depends on: the knobs, the newest closed bar, late trades, and what the page adds."""
    return "|".join(map(str, (view.params, view.study.as_of_ms, view.analysis.bars_version, *more)))


def show_charts_section(desk: Desk, view: DeskView) -> None:
    """Prices as lines or candles with volume, spread, z and correlation over one time axis."""
    study, params = view.study, view.params
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        style = st.segmented_control(
            "Prices as",
            STYLES,
            default="Lines",
            required=True,
            key="prices_as",
            bind="query-params",
            help="Lines: both legs as change since one moment. Candles: open, high, low and close of each leg; hollow "
            "where the price rose.",
        )
        bars = st.segmented_control(
            "Bars shown",
            BARS_SHOWN,
            default="480",
            required=True,
            key="bars_shown",
            bind="query-params",
            help="The newest closed bars. Drag over the chart to zoom, double-click to see all of them again.",
        )
    newest = int(bars) if bars in ("120", "480") else max(1, len(study.prices))
    candles = style == "Candles"
    zone = current_zone()
    made_of = f"charts {candles} {newest} {zone.label}"
    spec = once(study, made_of, lambda: _charts(desk, view, zone, candles, newest))
    show_plot(
        "pair_chart",
        spec,
        rev=revision(view, made_of),
        label=f"{params.pair}: prices, volume, spread, z-score and rolling correlation of the newest "
        f"{min(newest, len(study.prices))} closed bars",
        height=1060 if candles else 900,
    )
    show_price_section(desk, view)


def _charts(desk: Desk, view: DeskView, zone: Zone, candles: bool, newest: int) -> dict[str, Any]:
    study, correlation = view.study, view.study.correlation
    note = f"Correlation: {wait_text(correlation, view.next_bar_s)}" if isinstance(correlation, NotEnough) else ""
    figure = pair_figure(study, view.analysis.episodes, (*chart_notes(view), note), view.analysis.bars_version, zone)
    opened = epoch_ms(study.prices.index[-newest:])
    since_ms = int(opened[0]) if opened.size else study.as_of_ms
    return analysis_spec(figure, study.params, newest, desk.closed_bars(view, since_ms) if candles else None)


def show_distribution_section(view: DeskView) -> None:
    """How often z was where, beside what the normal law says."""
    study, params = view.study, view.params
    st.header("Distribution of z", anchor=False, help=tip("z_distribution"))
    found = once(study, "z_distribution", lambda: z_distribution(study.z))
    if isinstance(found, NotEnough):
        show_wait(study.moments if isinstance(study.moments, NotEnough) else found, view.next_bar_s)
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        newest = study.newest.z
        show_plot(
            "z_distribution",
            distribution_spec(found, newest if math.isfinite(newest) else None, f"{params.y}|{params.x}"),
            rev=revision(view),
            label=f"Histogram of z over {found.n} closed bars beside the normal law; "
            f"beyond 2 in {share_text(found.beyond[2])}",
            height=420,
        )
    with right:
        st.markdown(_beyond_text(study, found.beyond[2], found.normal_beyond[2]))
        show_table(
            {
                "|z| beyond": [str(level) for level in found.beyond],
                "seen": [share_text(share, 1) for share in found.beyond.values()],
                "normal law": [share_text(share, 1) for share in found.normal_beyond.values()],
                "bars": [f"{share * found.n:,.0f}" for share in found.beyond.values()],
            }
        )
        st.caption(
            f"{found.n:,} closed bars with a z; mean {number_text(found.mean, 2, signed=True)}, deviation "
            f"{found.sd:.2f}. Each z is judged by the {params.window:,} bars before it. Neighbouring bars are alike: "
            "there are far fewer independent values than bars."
        )


def _beyond_text(study: PairStudy, seen: float, normal: float) -> str:
    times = seen / normal
    than = (
        f"{times:.1f} times as often as"
        if times >= 1.05
        else "about as often as"
        if times > 0.95
        else "less often than"
    )
    return f"z was beyond ±2 in **{share_text(seen, 1)}** of the bars, {than} a normal variable would be."
