"""The headline of the Live View: the pair in words, with the bar of an alert at its side while one lasts."""

from __future__ import annotations

import math

import streamlit as st

from statarb.quant import NotEnough, Undefined
from statarb.quant.headline import Circumstances, Headline, headline
from statarb.screens.views import DeskView
from statarb.screens.wording import escape, number_text


def show_headline(view: DeskView) -> None:
    """What the pair does and what it would pay; always there, of one height."""
    said = headline_of(view)
    with st.container(border=True, key="alert-on" if view.analysis.alert else "alert-off"):
        details = " ".join(part for part in (_edge(view, said), escape(said.verdict), escape(said.legs)) if part)
        st.markdown(f"{_icon(view)} **{escape(said.state)}**\n\n{details}")
        st.caption(alert_text(view))


def headline_of(view: DeskView) -> Headline:
    """The pair of a view in plain words."""
    y, x = view.instruments[view.params.y], view.instruments[view.params.x]
    stale_s = None if view.health.has_live_prices else _older_price_s(view)
    # That a market is simulated is said by the badge above.
    source = "import" if view.is_of_files else ""
    circumstances = Circumstances(y.can_short, x.can_short, source, stale_s, view.doubts)
    return headline(view.study, view.reading, view.costs, circumstances)


def _older_price_s(view: DeskView) -> float:
    newest = [last.ts_ms for last in (view.y_last, view.x_last) if last]
    return (view.now_ms - min(newest)) / 1000 if len(newest) == 2 else math.inf


def _icon(view: DeskView) -> str:
    if view.live is None:
        return ":material/hourglass_empty:"
    return ":material/notification_important:" if view.analysis.alert else ":material/notifications:"


def _edge(view: DeskView, said: Headline) -> str:
    """The sentence on the edge with the net in bold."""
    if view.live is None or not said.edge:
        return escape(said.edge)
    net = escape(f"net {number_text(view.live.edge.net_bps, 1, signed=True)} bp")
    return escape(said.edge).replace(net, f"**{net}**", 1)


def alert_text(view: DeskView) -> str:
    """Whether an alert lasts, by closed bars alone; Markdown."""
    study, params, alert = view.study, view.params, view.analysis.alert
    if alert is None:
        if isinstance(study.moments, NotEnough):
            return f"No alert can begin: {'z does not exist' if isinstance(study.moments, Undefined) else 'no z yet'}."
        if not study.moments.has_hedge:
            return "No alert can begin: without a positive beta there are no legs to trade."
        return f"No alert: one begins when z reaches ±{params.entry_z:g} at the close of a bar."
    z = number_text(alert.z, 2, signed=True)
    bars = (study.as_of_ms - alert.since_ms) // (params.bar_s * 1000)
    ago = f"{bars:,} bars before " if bars > 1 else "one bar before " if bars else ""
    when = f"{ago}the last close"
    lasts = f"It lasts until \\|z\\| is below {params.entry_z / 2:g}; then the next can begin."
    return f"Alert since {when} (z {escape(z)}). {lasts}"
