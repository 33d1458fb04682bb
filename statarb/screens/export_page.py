"""Data export: the analysis of closed bars as CSV, the same numbers as on screen."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from statarb.clock import utc_stamp, utc_text
from statarb.errors import StatarbError
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import PairStudy
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk
from statarb.screens.frame import follow_instruments
from statarb.screens.wording import escape
from statarb.store.transfer import csv_text

PREVIEW_ROWS = 15
COLUMNS = ("ts_utc", "y_close", "x_close", "spread", "zscore")


def show_export_page(desk: Desk, params: PairParams) -> None:
    """The page follows the bars: what is downloaded is what it shows at that moment."""
    _export(desk, params)


def export_frame(study: PairStudy) -> pd.DataFrame:
    """One row a closed bar in which both legs traded, oldest first.

    `ts_utc` is the bar's opening time; spread and zscore are those seen at its close, missing while warming up.
    """
    prices = study.prices
    columns = (prices.index.to_series(), prices["y"], prices["x"], study.spread, study.z)
    return pd.DataFrame(
        {name: series.reindex(prices.index) for name, series in zip(COLUMNS, columns, strict=True)}
    ).reset_index(drop=True)


def export_name(study: PairStudy, source: str) -> str:
    """`ETHUSDT-BTCUSDT-1m-20260131T120000Z.csv`, with the source where it is not the market; safe in any system."""
    pair = study.params.pair
    parts = [pair.y.label, pair.x.label, study.params.timeframe, utc_stamp(study.as_of_ms)]
    if source in ("simulated", "import"):
        parts.insert(0, source)
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in "-".join(parts)) + ".csv"


@st.fragment(run_every="2s")
def _export(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
    except StatarbError as error:
        show_problem(error)
        return
    follow_instruments(view)
    show_title(view)
    study = view.study
    frame = export_frame(study)
    st.markdown(_summary(frame, study, view.source))
    st.download_button(
        "Download CSV",
        data=partial(_csv, frame),
        file_name=export_name(study, view.source),
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        disabled=frame.empty,
        key="download",
    )
    st.caption(
        "`ts_utc` is the opening time of the bar, in UTC. `spread` and `zscore` of a bar are judged by the hedge, mean "
        "and deviation frozen at the bar before it; empty cells are bars before the window was full. "
        + _spread_scale(params)
    )
    st.markdown(f"**The newest {min(PREVIEW_ROWS, len(frame))} rows**")
    _show_preview(frame, study)


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_text(frame).encode()


def _spread_scale(params: PairParams) -> str:
    if params.price_scale == "log":
        return "`spread` is in log units: times 10,000 it is basis points of the y notional."
    return "`spread` is in units of the y price."


def _summary(frame: pd.DataFrame, study: PairStudy, source: str) -> str:
    params = study.params
    what = f"`{params.y}` on `{params.x}`, {params.timeframe} bars, window {params.window}"
    if frame.empty:
        return f"{what}: no bar has closed yet in which both legs traded."
    first = utc_text(int(frame["ts_utc"].iloc[0].timestamp()) * 1000)
    last = utc_text(int(frame["ts_utc"].iloc[-1].timestamp()) * 1000 + timeframe(params.timeframe).ms)
    return f"**{len(frame):,} rows** from {first} to {last} UTC; {what}. Source: {escape(source) or 'unknown'}."


def _show_preview(frame: pd.DataFrame, study: PairStudy) -> None:
    newest = frame.iloc[::-1].head(PREVIEW_ROWS)
    st.dataframe(
        newest,
        hide_index=True,
        key="preview",
        height=38 + 35 * PREVIEW_ROWS,
        column_config={
            "ts_utc": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "y_close": st.column_config.NumberColumn(format="%.8g"),
            "x_close": st.column_config.NumberColumn(format="%.8g"),
            "spread": st.column_config.NumberColumn(format="%.6f"),
            "zscore": st.column_config.NumberColumn(format="%.3f"),
        },
    )
