"""The feature table: what was known of the pair at each minute's close, newest first, and as CSV."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.cards import show_problem
from statarb.screens.dataset_formats import column_formats, in_percent
from statarb.screens.datasets import Order, build, excess, features_of
from statarb.screens.desk import Desk
from statarb.screens.downloads import show_download
from statarb.store import Reader

_SPANS_MS = {"1 h": 3_600_000, "6 h": 6 * 3_600_000, "24 h": 86_400_000}
_MINUTE_MS = 60_000


@st.fragment
def show_features(desk: Desk, params: PairParams) -> None:
    """Made anew when a minute closes, once for all sessions."""
    try:
        view = desk.refresh(params)
    except StatarbError as error:
        show_problem(error)
        return
    span = st.segmented_control(
        "Span",
        list(_SPANS_MS),
        default="6 h" if params.bar_s >= 30 else "1 h",
        required=True,
        key="features",
        bind="query-params",
    )
    legs = [view.instruments[leg] for leg in (params.y, params.x)]
    closed_ms = min(leg.closed_until_ms or 0 for leg in legs) // _MINUTE_MS * _MINUTE_MS
    order = Order("features", params, max(0, closed_ms - _SPANS_MS[str(span)]), closed_ms)
    if too_much := excess(order, 0):
        st.warning(too_much, icon=":material/straighten:")
        return
    try:
        table = _table(desk.path, order, tuple(leg.bars_version for leg in legs))
    except StatarbError as error:
        show_problem(error)
        return
    if table.empty:
        st.markdown("No minute has closed yet in both legs.")
        return
    st.markdown(
        f"**{len(table):,} minutes**, newest first. Each row is what was known at that minute's close: no value looks "
        "ahead, so the rows can train a model."
    )
    shown = in_percent(table.iloc[::-1])
    st.dataframe(shown, hide_index=True, key="feature_table", height=560, column_config=column_formats(view))
    make = partial(build, desk.path, None, order, "csv", table)
    show_download("Download CSV", make, f"{order.stem(view.source)}.csv", "text/csv", "download_features")
    st.caption("Longer spans, Parquet and the facts beside it: under Export, *Feature table by minute*.")


@st.cache_resource(max_entries=16, show_spinner=False)
def _table(path: Path, order: Order, bars_version: tuple[int, ...]) -> pd.DataFrame:
    with contextlib.closing(Reader(path)) as reader:
        return features_of(reader, order)
