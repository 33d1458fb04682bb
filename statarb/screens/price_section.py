"""The price statistics of both legs: what moved, how much was traded, and what crossing the book costs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import price_statistics
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import tip
from statarb.screens.lazy import once
from statarb.screens.stat import show_table
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, duration_text, number_text, price_text

_DAY_MS = 86_400_000
_MOST_BARS = 3600
"""A day of seconds would take as long to read as the second that it stands."""
_LEAST_RETURNS = 3


def show_price_section(desk: Desk, view: DeskView) -> None:
    """A table of both legs: the newest closed bar, and the closed bars of a day, or of the hour on 1s bars."""
    params = view.params
    st.header("Price statistics", anchor=False, help=tip("price_statistics"))
    columns = once(view.study, "price statistics", lambda: _columns(desk, view))
    if columns is None:
        st.caption("They begin with the first closed bars.")
        return
    show_table(columns)
    st.caption(
        f"{params.timeframe} bars, prices and volume in the quote currency. Volatility is for a year of 365 days "
        "of 24 hours; flow is what takers bought less what they sold, as a share of the volume; the effective spread "
        "is estimated from the bounce of the closes. "
        f"{DASH} stands where a bar had no trade, and where the closes do not bounce."
    )


def _columns(desk: Desk, view: DeskView) -> dict[str, list[str]] | None:
    params = view.params
    span_ms = min(_DAY_MS, _MOST_BARS * view.study.legs.bar_ms)
    bars = desk.closed_bars(view, view.study.as_of_ms - span_ms)
    shared = min(map(len, bars))
    if shared <= _LEAST_RETURNS:
        return None
    rows = [_leg(leg.iloc[-shared:], params) for leg in bars]
    labels = (params.pair.y.label, params.pair.x.label)
    return {" ": list(rows[0])} | {label: list(leg.values()) for label, leg in zip(labels, rows, strict=True)}


def _leg(bars: pd.DataFrame, params: PairParams) -> dict[str, str]:
    """The rows of one leg, by their names."""
    frame, closes = timeframe(params.timeframe), bars["close"].dropna().to_numpy()
    returns = int(price_statistics(bars, frame)["log_return"].count())
    found = price_statistics(bars, frame, max(_LEAST_RETURNS, returns))
    newest, span = found.iloc[-1], duration_text(len(bars) * params.bar_s)
    volume, quote = float(bars["volume"].sum()), float(bars["quote_volume"].sum())
    change = closes[-1] / closes[0] - 1 if closes.size else math.nan
    flow, vwap = (float(bars["signed_volume"].sum()) / volume, quote / volume) if volume else (math.nan, math.nan)
    return {
        "Return, newest bar": _text(newest["log_return"] * 1e4, lambda v: f"{number_text(v, 1, signed=True)} bp"),
        f"Return, {span}": _text(change * 100, lambda v: f"{number_text(v, 2, signed=True)} %"),
        f"Volatility a year, {span}": _text(_newest(found["volatility"]) * 100, lambda v: f"{v:.1f} %"),
        "VWAP, newest bar": _text(newest["vwap"], _price),
        f"VWAP, {span}": _text(vwap, _price),
        "Quote volume, newest bar": f"{newest['quote_volume']:,.0f}",
        f"Quote volume, {span}": f"{quote:,.0f}",
        "Trades, newest bar": f"{newest['trade_count']:,.0f}",
        f"Trades, {span}": f"{bars['trade_count'].sum():,}",
        "Flow, newest bar": _text(newest["flow"] * 100, lambda v: f"{number_text(v, 1, signed=True)} %"),
        f"Flow, {span}": _text(flow * 100, lambda v: f"{number_text(v, 1, signed=True)} %"),
        f"Effective spread, {span}": _text(_newest(found["effective_spread_bps"]), lambda v: f"{v:.2f} bp"),
    }


def _newest(values: pd.Series) -> float:
    known = values.to_numpy()[np.isfinite(values.to_numpy())]
    return float(known[-1]) if known.size else math.nan


def _price(value: float) -> str:
    return price_text(value, None)


def _text(value: float, words: Callable[[float], str]) -> str:
    return words(value) if math.isfinite(value) else DASH
