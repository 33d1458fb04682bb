"""The price statistics of both legs: what moved, how much was traded, and what crossing the book costs."""

from __future__ import annotations

import math
from collections.abc import Callable

import streamlit as st

from statarb.market import timeframe
from statarb.quant import NotEnough
from statarb.quant.price_statistics import PriceSummary, price_summary
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import tip
from statarb.screens.lazy import once
from statarb.screens.stat import show_table, show_terms
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, duration_text, number_text, price_text, share_text

_DAY_MS = 86_400_000
_MOST_BARS = 3600
"""A day of seconds would take as long to read as the second that it stands."""


def show_price_section(desk: Desk, view: DeskView) -> None:
    """A table of both legs: the newest closed bar, and the closed bars of a day, or of the hour on 1s bars."""
    params = view.params
    st.header("Price statistics", anchor=False, help=tip("price_statistics"))
    columns = once(view.study, "price statistics", lambda: _columns(desk, view))
    if columns is None:
        st.caption("They need two closed bars of each leg.")
        return
    show_table(columns)
    show_terms("price_terms", "volatility", "volume", "effective_spread")
    st.caption(
        f"{params.timeframe} bars, prices and volume in the quote currency. Volatility is for a year of 365 days "
        "of 24 hours; flow is what takers bought less what they sold, as a share of the volume; the effective spread "
        "is estimated from the bounce of the closes. "
        f"{DASH} stands where a bar had no trade, and where the closes do not bounce."
    )


def _columns(desk: Desk, view: DeskView) -> dict[str, list[str]] | None:
    params = view.params
    bar_ms = view.study.legs.bar_ms
    span_ms = min(_DAY_MS, _MOST_BARS * bar_ms)
    legs = desk.closed_bars(view, view.study.as_of_ms - span_ms - bar_ms)
    shared = min(map(len, legs)) - 1  # the first bar that both have is only where the change begins
    if shared < 1:
        return None
    frame = timeframe(params.timeframe)
    y, x = (price_summary(leg.iloc[-shared:], frame, float(leg["close"].iloc[-shared - 1])) for leg in legs)
    if isinstance(y, NotEnough) or isinstance(x, NotEnough):
        return None
    y_rows, x_rows = (_rows(leg, duration_text(shared * params.bar_s)) for leg in (y, x))
    labels = (params.pair.y.label, params.pair.x.label)
    return {" ": list(y_rows), labels[0]: list(y_rows.values()), labels[1]: list(x_rows.values())}


def _rows(leg: PriceSummary, span: str) -> dict[str, str]:
    """The rows of one leg, by their names."""
    return {
        "Return, newest bar": _text(leg.newest_return * 1e4, lambda v: f"{number_text(v, 1, signed=True)} bp"),
        f"Return, {span}": share_text(leg.change, 2, signed=True),
        f"Volatility a year, {span}": share_text(leg.volatility, 1),
        "VWAP, newest bar": _text(leg.newest_vwap, _price),
        f"VWAP, {span}": _text(leg.vwap, _price),
        "Quote volume, newest bar": f"{leg.newest_quote_volume:,.0f}",
        f"Quote volume, {span}": f"{leg.quote_volume:,.0f}",
        "Trades, newest bar": f"{leg.newest_trades:,}",
        f"Trades, {span}": f"{leg.trades:,}",
        "Flow, newest bar": share_text(leg.newest_flow, 1, signed=True),
        f"Flow, {span}": share_text(leg.flow, 1, signed=True),
        f"Effective spread, {span}": _text(leg.effective_spread_bps, lambda v: f"{v:.2f} bp"),
    }


def _price(value: float) -> str:
    return price_text(value, None)


def _text(value: float, words: Callable[[float], str]) -> str:
    return words(value) if math.isfinite(value) else DASH
