"""Live View: what the pair does now, twice a second."""

from __future__ import annotations

import math

import streamlit as st

from statarb.charts import Base, Figure, live_figure, live_tags
from statarb.clock import Zone
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import NotEnough
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk
from statarb.screens.frame import follow_instruments
from statarb.screens.headline import show_headline
from statarb.screens.key_numbers import show_key_numbers
from statarb.screens.lazy import once
from statarb.screens.live_chart import LiveValues, show_chart
from statarb.screens.pin_button import show_pin_button
from statarb.screens.progress import show_progress
from statarb.screens.views import DeskView
from statarb.screens.watchlist import show_watchlist
from statarb.screens.wording import number_text, wait_text
from statarb.screens.zone import current_zone

TICK = "500ms"
CHART_PX = 640


def show_live_page(desk: Desk, params: PairParams) -> None:
    """Two fragments: the watchlist on the slow clock, everything else on the tick."""
    show_watchlist(desk, params)
    _live(desk, params)


@st.fragment(run_every=TICK)
def _live(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
    except StatarbError as error:
        show_problem(error)
        return
    follow_instruments(view)
    show_title(view)
    show_key_numbers(view)
    with st.container(horizontal=True, gap="small", key="signal"):
        show_headline(view)
        show_pin_button(desk, view)
    show_live_chart(view)
    show_progress(view)


def show_live_chart(view: DeskView) -> None:
    """Five panes of closed bars over one time axis, the live values at the right edge."""
    study, params, zone = view.study, view.params, current_zone()
    figure = once(study, f"live figure {zone.label}", lambda: _figure(view, zone))
    base = once(study, "base", lambda: Base.of(study))
    y_price, x_price = (last.price if last else None for last in (view.y_last, view.x_last))
    spread, z = (view.live.spread, view.live.z) if view.live else (math.nan, math.nan)
    show_chart(
        "live_chart",
        figure,
        LiveValues(
            study.as_of_ms, live_tags(study, base, y_price, x_price, spread, z), dim=not view.health.has_live_prices
        ),
        timeframe=params.timeframe,
        view=f"{params.y}|{params.x}|{params.timeframe}",
        label=f"{params.pair}: prices, spread, z-score, correlation and volume of {len(study.prices)} closed "
        f"{params.timeframe} bars; "
        f"z {number_text(study.newest.z, 2, signed=True)} at the last close",
        height=CHART_PX,
    )


def _figure(view: DeskView, zone: Zone) -> Figure:
    study = view.study
    correlation = study.correlation
    note = f"Correlation: {wait_text(correlation, view.next_bar_s)}" if isinstance(correlation, NotEnough) else ""
    return live_figure(study, view.analysis.episodes, (*chart_notes(view), note), view.analysis.bars_version, zone)


def chart_notes(view: DeskView) -> tuple[str, str, str]:
    """What stands in the panes of prices, spread and z while they are empty: how many bars are there, and the wait."""
    study, next_bar_s = view.study, view.next_bar_s
    waiting = (
        "The two files share no bar" if view.is_of_files else "Waiting for the first bars in which both legs traded"
    )
    prices = "" if len(study.prices) > 1 else waiting
    if isinstance(study.moments, NotEnough):
        missing = wait_text(study.moments, next_bar_s)
        return prices, f"Spread: {missing}", f"z: {missing}"
    if study.z.notna().any():
        return prices, "", ""
    need = study.params.window + 1
    missing = wait_text(NotEnough("bars", min(len(study.prices), need), need), next_bar_s)
    return prices, f"Spread: {missing}", f"z: {missing}"
