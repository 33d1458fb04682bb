"""Export: choose a content and a span, see what it will be, and have it made at the click."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from statarb.clock import SYSTEM_CLOCK, utc_text
from statarb.errors import StatarbError
from statarb.market import Instrument, timeframe
from statarb.params import PairParams
from statarb.screens.cards import show_problem
from statarb.screens.dataset_columns import COLUMNS
from statarb.screens.dataset_formats import column_formats
from statarb.screens.datasets import (
    JOURNALS,
    OF_INSTRUMENTS,
    Form,
    Order,
    What,
    analytics_frame,
    build,
    excess,
    expected_rows,
    first_written_ms,
)
from statarb.screens.desk import Desk
from statarb.screens.downloads import show_download
from statarb.screens.views import DeskView
from statarb.screens.wording import escape
from statarb.store import Reader

PREVIEW_ROWS = 15
CONTENTS: dict[What, str] = {
    "analytics": "Analysis of the pair",
    "features": "Feature table by minute",
    "bars": "Bars",
    "trades": "Trades",
    "alerts": "Alerts",
    "outcomes": "Alert outcomes",
    "pins": "Pins",
}
ON_SCREEN, CUSTOM = "On screen", "Custom"
SPANS_MS = {"1 h": 3_600_000, "24 h": 86_400_000, "7 d": 7 * 86_400_000, "All": None}
_MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "zip": "application/zip"}
_LABEL: dict[Form, str] = {"csv": "Download CSV", "parquet": "Download Parquet", "zip": "Download zip"}
_HELP: dict[Form, str] = {
    "csv": "Plain: one header line, then rows. Opens in pandas and in a spreadsheet.",
    "parquet": "With its facts (parameters, source, coverage, columns) in the schema metadata under `statarb`; "
    "every time is a timestamp in milliseconds, UTC.",
    "zip": "The CSV, and beside it its facts as JSON: parameters, source, coverage, columns, version.",
}


@st.fragment
def show_export(desk: Desk, params: PairParams) -> None:
    """What is downloaded as *on screen* is what the page shows at that moment."""
    try:
        view = desk.refresh(params)
        order, shown = _ordered(desk, view)
        rows = len(shown) if shown is not None else _rows(desk, view, order)
    except StatarbError as error:
        show_problem(error)
        return
    st.markdown(_summary(view, order, rows, shown))
    too_much = excess(order, rows) if shown is None else ""
    if too_much:
        st.warning(too_much, icon=":material/straighten:")
    with st.container(horizontal=True, key="downloads"):
        for form in _LABEL:
            _show_button(desk, view, order, form, shown, disabled=not rows or bool(too_much))
    st.caption(
        "Parameters, source, coverage and what the columns mean go with Parquet and the zip; CSV is rows alone. "
        "Times are UTC. Empty cells are values that do not exist, such as bars before a window was full. "
        + (_spread_scale(params) if order.what in ("analytics", "features") else "")
        + (_no_mean(params) if order.what == "analytics" else "")
    )
    if shown is not None:
        st.markdown(f"**The newest {min(PREVIEW_ROWS, len(shown))} rows**")
        _show_preview(view, shown)
    with st.expander("What the columns mean"):
        st.table(pd.DataFrame({"Column": COLUMNS[order.what].keys(), "Meaning": COLUMNS[order.what].values()}))


def archive_of(view: DeskView) -> Path | None:
    """The folder that ingest archives into, as its heartbeat tells; None without one."""
    stats: Any = view.feeds["ingest"].stats if "ingest" in view.feeds else {}
    with contextlib.suppress(TypeError, KeyError, AttributeError):
        folder = Path(stats["retention"]["archive"]["folder"])
        if folder.is_absolute() and folder.is_dir():
            return folder
    return None


def _ordered(desk: Desk, view: DeskView) -> tuple[Order, pd.DataFrame | None]:
    """What the controls ask for, and the rows if they are those on screen."""
    params, study = view.params, view.study
    with st.container(horizontal=True, vertical_alignment="bottom", key="export_controls"):
        what = st.selectbox(
            "Content",
            list(CONTENTS),
            format_func=lambda key: CONTENTS[key],
            key="export",
            bind="query-params",
            width=260,
        )
        names: tuple[str, ...] = ()
        if what in OF_INSTRUMENTS:
            names = _instruments(view)
        span = _span(what)
    if span == ON_SCREEN:
        frame = analytics_frame(study)
        first_ms = int(frame["open_utc"].iloc[0].timestamp() * 1000) if len(frame) else study.as_of_ms
        return Order(what, params, first_ms, study.as_of_ms), frame
    chosen = names or (params.y, params.x)
    ends = [view.instruments[name].closed_until_ms or 0 for name in chosen]
    end_ms = max(ends, default=0) if names else study.as_of_ms
    if what in JOURNALS:
        end_ms = -(-SYSTEM_CLOCK.now_ms() // 60_000) * 60_000  # the end of this minute, which lasts over some runs
    elif what == "bars":
        end_ms -= end_ms % timeframe(params.timeframe).ms
    if span == CUSTOM:
        return Order(what, params, *_from_to(end_ms), names), None
    length_ms = SPANS_MS[span]
    first_ms = _first_ms(desk, what, chosen, of_trades=what == "trades" and archive_of(view) is None)
    since_ms = first_ms if length_ms is None else max(first_ms, end_ms - length_ms)
    return Order(what, params, min(since_ms, end_ms), end_ms, names), None


def _instruments(view: DeskView) -> tuple[str, ...]:
    chosen = st.multiselect(
        "Instruments",
        list(view.instruments),
        default=[view.params.y, view.params.x],
        format_func=lambda name: Instrument.parse(name).label,
        key="export_instruments",
        bind="query-params",
        width=320,
    )
    return tuple(chosen)


def _span(what: What) -> str:
    offered = [ON_SCREEN if what == "analytics" else "1 h", *list(SPANS_MS)[1:], CUSTOM]
    default = offered[0] if what == "analytics" else "All" if what in JOURNALS else "24 h"
    chosen = st.segmented_control(
        "Span", offered, default=default, required=True, key=f"span_{what}", bind="query-params"
    )
    return str(chosen)


def _from_to(end_ms: int) -> tuple[int, int]:
    end = datetime.fromtimestamp(end_ms / 1000, UTC).replace(tzinfo=None, microsecond=0)
    day = end.replace(hour=0, minute=0, second=0)
    with st.container(horizontal=True, key="export_from_to"):
        since = st.datetime_input("From, UTC", day, key="export_from", bind="query-params", width=220)
        until = st.datetime_input("To, UTC (not included)", end, key="export_to", bind="query-params", width=220)
    return _ms(since, end_ms), _ms(until, end_ms)


def _ms(moment: datetime | None, otherwise_ms: int) -> int:
    return otherwise_ms if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _first_ms(desk: Desk, what: What, names: tuple[str, ...], *, of_trades: bool) -> int:
    """When the journal, or the record of any of them, begins: of archived trades only the bars tell it."""
    with contextlib.closing(Reader(desk.path)) as reader:
        if what in JOURNALS:
            return first_written_ms(reader, desk.path, what) or 0
        found = [reader.first_trade_ms(name) if of_trades else reader.first_bar_ms(name) for name in names]
    return min((ms for ms in found if ms is not None), default=0)


def _rows(desk: Desk, view: DeskView, order: Order) -> int:
    with contextlib.closing(Reader(desk.path)) as reader:
        return expected_rows(reader, desk.path, archive_of(view), order)


def _summary(view: DeskView, order: Order, rows: int, shown: pd.DataFrame | None) -> str:
    params = order.params
    pair = f"`{params.y}` on `{params.x}`, {params.timeframe} bars, window {params.window}"
    what = {
        "analytics": pair,
        "features": pair,
        "bars": f"{params.timeframe} bars",
    }.get(order.what, CONTENTS[order.what].lower())
    if not rows:
        nothing = "no bar has closed yet in which both legs traded" if shown is not None else "nothing to export yet"
        return f"{what[:1].upper()}{what[1:]}: {nothing}."
    about = "" if shown is not None or order.what in JOURNALS else "Up to "
    span = f"from {utc_text(order.since_ms)} to {utc_text(order.until_ms)} UTC"
    count = f"{rows:,} {'row' if rows == 1 else 'rows'}"
    return f"{about}**{count}** {span}; {what}. Source: {escape(view.source) or 'unknown'}."


def _show_button(
    desk: Desk, view: DeskView, order: Order, form: Form, shown: pd.DataFrame | None, *, disabled: bool
) -> None:
    show_download(
        _LABEL[form],
        partial(build, desk.path, archive_of(view), order, form, shown),
        f"{order.stem(view.source)}.{form}",
        _MIME[form],
        f"download_{form}",
        disabled=disabled,
        help=_HELP[form],
    )


def _spread_scale(params: PairParams) -> str:
    if params.price_scale == "log":
        return "`spread` is in log units: times 10,000 it is basis points of the y notional."
    return "`spread` is in units of the y price."


def _no_mean(params: PairParams) -> str:
    if params.hedge == "ols":
        return (
            " `mean` is 0 by least squares: the intercept `alpha` is in the spread already; other hedges leave a mean."
        )
    return ""


def _show_preview(view: DeskView, frame: pd.DataFrame) -> None:
    st.dataframe(
        frame.iloc[::-1].head(PREVIEW_ROWS),
        hide_index=True,
        key="preview",
        height=38 + 35 * PREVIEW_ROWS,
        column_config=column_formats(view),
    )
