"""The cards that pages are made of: title with badge, key numbers, the signal in words, a problem in one sentence."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from statarb.charts.pair import spread_unit
from statarb.clock import utc_text
from statarb.errors import StatarbError
from statarb.params import HEDGE_NAMES
from statarb.quant import FrozenMoments, HedgeFit, NotEnough, PairStudy, Undefined
from statarb.screens.coverage import coverage_text
from statarb.screens.desk import DeskView
from statarb.screens.health import Health
from statarb.screens.wording import DASH, duration_text, escape, number_text, price_text, wait_text, with_commands
from statarb.store import LastTrade

_BADGE = {
    "LIVE": ("green", ":material/sensors:"),
    "CATCHING UP": ("blue", ":material/hourglass_top:"),
    "STALE": ("orange", ":material/schedule:"),
    "IMPORTED": ("gray", ":material/folder_open:"),
    "DISCONNECTED": ("red", ":material/cloud_off:"),
}


def show_title(view: DeskView) -> None:
    """The pair and its frame, and the health badge beside it."""
    params = view.params
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="title"):
        scale = "log prices" if params.price_scale == "log" else "prices"
        st.title(escape(str(params.pair)), anchor=False, width="content")
        st.caption(f"{params.timeframe} × {params.window} bars, {scale}", width="content")
        show_badge(view.health)
        st.caption(with_commands(_state_text(view)), width="content")


def show_badge(health: Health) -> None:
    color, icon = _BADGE[health.state]
    st.badge(health.text, color=color, icon=icon, help=with_commands(health.detail))  # type: ignore[arg-type]
    if health.simulated:
        st.badge("SIMULATED", color="violet", icon=":material/science:", help="Trades made by the exchange in a box.")


def _state_text(view: DeskView) -> str:
    """How far the closed bars reach; where the prices are not live, what to do about it."""
    if not view.health.has_live_prices:
        return view.health.detail
    as_of = view.study.as_of_ms
    closed = f"closed bars to {utc_text(as_of)[11:]} UTC" if as_of else "no bar has closed yet"
    if as_of and (holes := coverage_text(view.analysis.coverage)):
        closed = f"{closed}; {holes}"
    return closed if view.source in ("simulated", "") else f"{view.source}, {closed}"


def show_key_numbers(view: DeskView) -> None:
    """Both prices, spread, z, hedge ratio and correlation."""
    study, pair = view.study, view.params.pair
    with st.grid(6, min_column_width=128, gap="small", key="numbers" if view.health.has_live_prices else "numbers-old"):
        _price_metric(pair.y.label, view, view.params.y, view.y_last)
        _price_metric(pair.x.label, view, view.params.x, view.x_last)
        _spread_metric(view)
        _z_metric(view)
        _hedge_metric(study)
        _correlation_metric(study)


def _price_metric(label: str, view: DeskView, name: str, last: LastTrade | None) -> None:
    stored = view.instruments[name]
    value = price_text(last.price, stored.tick) if last else DASH
    age_s = (view.now_ms - last.ts_ms) / 1000 if last else math.inf
    text = f"last trade {utc_text(last.ts_ms)[11:]}" if last and abs(age_s) < 86_400 else "last trade"
    _metric(escape(label), value, text, "Price of the newest stored trade.")


def _spread_metric(view: DeskView) -> None:
    study, unit = view.study, spread_unit(view.study)
    if view.live is None:
        _metric(_live_label("Spread", view), DASH, _missing(study), _SPREAD_HELP)
        return
    value = number_text(view.live.spread * unit.scale, unit.digits, signed=True) + unit.suffix
    _metric(
        _live_label("Spread", view),
        value,
        f"at close {_at_close(study.spread, unit.scale, unit.digits)}{unit.suffix}",
        _SPREAD_HELP,
    )


def _z_metric(view: DeskView) -> None:
    study = view.study
    if view.live is None:
        _metric(_live_label("z", view), DASH, _missing(study), _Z_HELP)
        return
    value = number_text(view.live.z, 2, signed=True)
    _metric(_live_label("z", view), value, f"at close {_at_close(study.z, 1.0, 2)}", _Z_HELP)


def _live_label(name: str, view: DeskView) -> str:
    return f"{name}, live" if view.health.has_live_prices else f"{name}, not live"


def _hedge_metric(study: PairStudy) -> None:
    hedge = study.hedge
    moments = study.moments
    if isinstance(hedge, HedgeFit) and isinstance(moments, FrozenMoments) and study.params.hedge != "ols":
        by = HEDGE_NAMES[study.params.hedge].lower()
        _metric("Hedge ratio β", number_text(moments.beta, 4), f"by {by}; least squares {hedge.beta:.4f}", _HEDGE_HELP)
    elif isinstance(hedge, HedgeFit):
        _metric("Hedge ratio β", number_text(hedge.beta, 4), f"R² {hedge.r2:.3f}, n {hedge.n:,}", _HEDGE_HELP)
    else:
        _metric("Hedge ratio β", DASH, _count(hedge), _HEDGE_HELP)


def _correlation_metric(study: PairStudy) -> None:
    series, window = study.correlation, study.params.corr_window
    if isinstance(series, NotEnough):
        _metric("Correlation", DASH, _count(series), _CORRELATION_HELP)
        return
    newest = float(series.iloc[-1]) if len(series) else math.nan
    _metric("Correlation", number_text(newest, 2), f"{window} returns", _CORRELATION_HELP)


def _metric(label: str, value: str, description: str, help_text: str) -> None:
    st.metric(
        label,
        value,
        description,
        delta_color="off",
        delta_arrow="off",
        help=help_text,
        border=True,
        height=96,
    )


def _missing(study: PairStudy) -> str:
    return _count(study.moments) if isinstance(study.moments, NotEnough) else "no trade in both legs yet"


def _count(missing: NotEnough) -> str:
    """`143 of 240 bars`; a card is too narrow for the wait, which the banner says."""
    return (
        "does not exist" if isinstance(missing, Undefined) else f"{missing.have:,} of {missing.need:,} {missing.what}"
    )


def _at_close(series: pd.Series, scale: float, digits: int) -> str:
    return number_text(float(series.iloc[-1]) * scale, digits, signed=True) if len(series) else DASH


def show_signal(view: DeskView) -> None:
    """The alert banner: one line on z, one on what a return to the mean would pay; always there, of one height."""
    with st.container(border=True, key="alert-on" if view.analysis.alert else "alert-off"):
        st.markdown(signal_text(view))
        st.caption(edge_text(view))


def signal_text(view: DeskView) -> str:
    """What z of closed bars says against the threshold, in words; Markdown."""
    study, params = view.study, view.params
    y, x = escape(params.pair.y.label), escape(params.pair.x.label)
    if isinstance(study.moments, NotEnough):
        return f":material/hourglass_empty: **No z yet**: {escape(wait_text(study.moments, params.bar_s))}."
    if not len(study.z) or math.isnan(study.z.iloc[-1]):
        return (
            f":material/hourglass_empty: **No z at the last close**: the {params.window} bars before it are not full."
        )
    z = number_text(float(study.z.iloc[-1]), 2, signed=True)
    frame = f"{params.timeframe} × {params.window}"
    alert = view.analysis.alert
    if alert is None:
        return (
            f":material/notifications: **No alert**: z {z} at the last close ({frame}); "
            f"an alert begins at ±{params.entry_z:g}."
        )
    word = "rich" if alert.side > 0 else "cheap"
    since = f"{utc_text(alert.since_ms)[11:16]} UTC, {duration_text((study.as_of_ms - alert.since_ms) / 1000)} ago"
    bound = number_text(alert.side * params.entry_z, 1, signed=True)
    return (
        f":material/notification_important: **{y} is {word} to {x}**: z {z} at the last close ({frame}); "
        f"crossed {bound} at {since}. Armed again once |z| is below {params.entry_z / 2:g}."
    )


def edge_text(view: DeskView) -> str:
    """Distance to the mean, cost and net, with the verdict: never one without the other; Markdown."""
    verdict = f"Reversion: {escape(view.study.verdict.headline)}."
    if view.live is None:
        return verdict
    edge = view.live.edge
    net = number_text(edge.net_bps, 1, signed=True)
    prices = "" if view.health.has_live_prices else "By the last known prices: "
    return (
        f"{prices}To the mean {edge.edge_bps:.1f} bp of the {escape(view.params.pair.y.label)} notional, round trip "
        f"{edge.round_trip_bps:.1f} bp: **net {net} bp**. {verdict}"
    )


def announce(view: DeskView, key: str) -> None:
    """A toast when a closed bar crossed the threshold while this page was open; once an episode."""
    seen = st.session_state.get(key)
    episodes = view.analysis.episodes
    newest = episodes[-1].since_ms if episodes else 0
    if seen is not None and seen[0] == view.params and newest > seen[1] and view.analysis.alert:
        st.toast(signal_text(view), icon=":material/notification_important:", duration="long")
    st.session_state[key] = (view.params, newest if episodes else 0)


def show_problem(error: StatarbError) -> None:
    """What is wrong and what to do, in place of a page; the page goes on by itself when it is mended."""
    st.warning(f"**{escape(error.message)}** {with_commands(error.hint)}", icon=":material/error:")
    st.caption("This page tries again by itself every second.")


_SPREAD_HELP = (
    "y − α − β x of the last prices, with α and β of the last closed bar. On log prices in basis points of the y "
    "notional; above zero y is rich to x."
)
_Z_HELP = (
    "(spread − mean) ÷ deviation, all frozen at the last closed bar. Alerts use z at the close of a bar. It is not a "
    "normal variable: beyond ±2 is common."
)
_HEDGE_HELP = (
    "Slope of y on x with an intercept, by the hedge chosen, over the window. On log prices a ratio of notionals, on "
    "prices a ratio of units."
)
_CORRELATION_HELP = "Pearson correlation of the returns of closed bars, from −1 to 1."
