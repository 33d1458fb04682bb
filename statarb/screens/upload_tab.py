"""Upload: a file of bars in, what was read of it and what was refused, and the uploads there are."""

from __future__ import annotations

import functools
import math
import re
import zoneinfo
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from statarb.clock import utc_text
from statarb.errors import StatarbError
from statarb.market import timeframe
from statarb.screens.data_choice import look_at_uploads
from statarb.screens.desk import Desk
from statarb.screens.start_page import NEEDED
from statarb.screens.wording import escape, with_commands
from statarb.settings import database_from_environment, uploads_path
from statarb.store.column_guess import guess_columns
from statarb.store.ohlcv import ROLES, Layout, Ohlcv, read_ohlcv
from statarb.store.refusals import Refusals, RefusedFileError
from statarb.store.text_table import TextTable, read_table
from statarb.store.uploads import NAME_CHARACTERS, Upload, delete_upload, read_uploads, save_upload

MAX_MB = 64
"""A year of one-minute bars of one instrument is some 50 MB of CSV; packed, a tenth."""
_PREVIEW_ROWS = 5
_SERIAL = "upload_serial"
"""Counts the files that were saved: another key empties the field."""
_NONE = "—"
_LABELS = {
    "time": "Time",
    "clock": "Time of day, if apart",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
    "quote_volume": "Quote volume",
    "taker_buy_volume": "Bought by takers",
    "trades": "Trades",
}
_STAMPED = {"open": "Opening time", "close": "Closing time"}
_DATES = {"auto": "Automatic", "day": "Day first", "month": "Month first"}


def show_upload(desk: Desk) -> None:
    """A file goes in steps: read, columns, report, save. Nothing is stored before the last."""
    db = uploads_path(database_from_environment())
    st.markdown(
        "Bars of your own, from a second to a day long, one a line: time and close at least. They are analysed by the "
        "same pages, in a database of their own, and never mixed with the market's."
    )
    file = st.file_uploader(
        "CSV, plain, gzipped or zipped",
        type=["csv", "txt", "tsv", "gz", "zip"],
        max_upload_size=MAX_MB,
        key=f"upload_file_{st.session_state.get(_SERIAL, 0)}",
        help="Comma, semicolon, tab or bar; decimal point or comma; times as epochs in s, ms, µs or ns, ISO or dates.",
    )
    if file is not None:
        try:
            _show_file(db, file)
        except StatarbError as error:
            _refuse(error)
    try:
        _show_uploads(db, read_uploads(db), shown=desk.path == db)
    except StatarbError as error:
        _refuse(error)


def _refuse(error: StatarbError) -> None:
    st.warning(f"**{escape(error.message)}** {with_commands(error.hint)}", icon=":material/error:")


def _show_file(db: Path, file: UploadedFile) -> None:
    table = _table(file.file_id, file.getvalue())
    st.header(escape(Path(file.name).name), anchor=False)
    _show_first_rows(table)
    layout = _layout(table, file.file_id)
    try:
        read = _read(file.file_id, layout_key(layout), table, layout)
    except RefusedFileError as error:
        _refuse(error)
        _show_refused(error.refusals, is_open=True)
        return
    _show_report(read)
    with st.container(horizontal=True, vertical_alignment="bottom", key="upload_save"):
        name = st.text_input(
            "Save as", _proposed_name(file.name), NAME_CHARACTERS, key=f"upload_name_{file.file_id}", width=240
        )
        if st.button("Save", key="upload_button", icon=":material/save:"):
            saved = save_upload(db, name, Path(file.name).name, layout.zone, file.getvalue(), read)
            st.toast(f"{escape(saved.instrument)}: {saved.bars:,} bars saved.", icon=":material/check:")
            for leg in ("upload_y", "upload_x"):
                st.session_state.pop(leg, None)  # the newest uploads are proposed as a pair
            st.session_state[_SERIAL] = st.session_state.get(_SERIAL, 0) + 1
            st.rerun()


@st.cache_resource(max_entries=4, show_spinner="Reading the file ...")
def _table(file_id: str, _data: bytes) -> TextTable:
    return read_table(_data)


@st.cache_resource(max_entries=8, show_spinner="Reading the bars ...")
def _read(file_id: str, layout_key: tuple[object, ...], _table: TextTable, _layout: Layout) -> Ohlcv:
    return read_ohlcv(_table, _layout)


def layout_key(layout: Layout) -> tuple[object, ...]:
    """A layout as a cache key."""
    return (*sorted(layout.columns.items()), layout.zone, layout.stamped, layout.dates)


def _show_first_rows(table: TextTable) -> None:
    names = [f"{i + 1} {table.name(i)}" if table.header else table.name(i) for i in range(table.width)]
    st.dataframe(pd.DataFrame(table.rows[:_PREVIEW_ROWS], columns=names), hide_index=True, key="upload_preview")


def _layout(table: TextTable, file_id: str) -> Layout:
    """The guess, which can be changed."""
    guess = guess_columns(table)
    places = [None, *range(table.width)]
    columns: dict[str, int] = {}
    with st.grid(5, min_column_width=150, gap="small", key="upload_columns"):
        for role in ROLES:
            place = st.selectbox(
                _LABELS[role],
                places,
                index=places.index(guess.get(role)),
                format_func=lambda place: _NONE if place is None else table.name(place),
                key=f"column_{role}_{file_id}",
            )
            if place is not None:
                columns[role] = place
        zone = st.selectbox(
            "Time zone of the file", _zones(), key=f"zone_{file_id}", help="Of times without an offset."
        )
        stamped = st.selectbox(
            "A row's time is its", list(_STAMPED), format_func=lambda key: _STAMPED[key], key=f"stamped_{file_id}"
        )
        dates = st.selectbox(
            "Dates like 03/04/2026", list(_DATES), format_func=lambda key: _DATES[key], key=f"dates_{file_id}"
        )
    return Layout(columns, zone, stamped, dates)  # type: ignore[arg-type]


@functools.cache
def _zones() -> list[str]:
    return ["UTC", *sorted(zoneinfo.available_timezones() - {"UTC"})]


def _show_report(read: Ohlcv) -> None:
    length = frame_text(read.bar_s)
    first, last = utc_text(int(read.bars.index[0].timestamp()) * 1000), utc_text(read.until_ms)
    parts = [f"**{len(read.bars):,} bars of {length}** from {first} to {last} UTC, out of {read.rows:,} rows"]
    for count, text in (
        (read.refused.count, "refused"),
        (read.doubled, "doubled, the same each time"),
        (read.untraded, "left out, for nothing traded in them"),
        (read.unordered, "out of order, sorted in"),
        (read.missing, "bars missing in between"),
    ):
        if count:
            parts.append(f"{count:,} {text}")
    st.markdown(" · ".join(parts) + ".")
    for note in read.notes:
        st.caption(f":material/info: {escape(note)}")
    _show_refused(read.refused)
    if read.holes:
        with st.expander(f"The longest holes ({read.missing:,} bars in all)"):
            rows = [(utc_text(since_ms), bars) for since_ms, bars in read.holes]
            st.dataframe(pd.DataFrame(rows, columns=["From, UTC", "Bars"]), hide_index=True, key="upload_holes")


def _show_refused(refused: Refusals, *, is_open: bool = False) -> None:
    """How many rows for each reason, and the first of them with their text; nothing when there are none."""
    if not refused.count:
        return
    with st.expander(f"The refused rows ({refused.count:,})", expanded=is_open):
        st.markdown("\n".join(f"- {count:,} × {escape(reason)}" for reason, count in refused.reasons.items()))
        rows = pd.DataFrame(refused.first, columns=["Line", "Text", "Reason"])
        widths = {"Line": st.column_config.NumberColumn(width="small")}
        st.dataframe(rows, hide_index=True, key="upload_refused", column_config=widths)
        if refused.count > len(refused.first):
            st.caption(f"The first {len(refused.first):,}.")


def frame_text(bar_s: int) -> str:
    """`1m`, `1h`: a bar length as the desk names it."""
    return timeframe(f"{bar_s}s").name


def _proposed_name(file_name: str) -> str:
    stem = re.sub(r"(\.csv|\.txt|\.tsv)?(\.gz|\.zip)?$", "", Path(file_name).name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-")[:NAME_CHARACTERS].upper() or "UPLOAD"


def _show_uploads(db: Path, uploads: list[Upload], *, shown: bool) -> None:
    st.header("Uploads", anchor=False)
    if not uploads:
        st.markdown("None yet. Two make a pair.")
        return
    table = pd.DataFrame(
        {
            "Instrument": [one.instrument for one in uploads],
            "Bars": [one.bars for one in uploads],
            "Length": [frame_text(one.bar_s) for one in uploads],
            "From, UTC": [utc_text(one.since_ms) for one in uploads],
            "To, UTC": [utc_text(one.until_ms) for one in uploads],
            "Missing": [one.missing for one in uploads],
            "Refused": [one.refused for one in uploads],
            "Doubled": [one.doubled for one in uploads],
            "File": [one.file_name for one in uploads],
            "Zone": [one.zone for one in uploads],
            "Uploaded, UTC": [utc_text(one.uploaded_at_ms) for one in uploads],
            "Notes": [" ".join(one.notes) for one in uploads],
        }
    )
    counts = {
        name: st.column_config.NumberColumn(format="localized") for name in ("Bars", "Missing", "Refused", "Doubled")
    }
    st.dataframe(table, hide_index=True, key="uploads", column_config=counts)
    if len(uploads) >= NEEDED:
        _show_analyse(uploads, shown=shown)
    with st.container(horizontal=True, vertical_alignment="bottom", key="upload_delete"):
        names = [one.instrument for one in uploads]
        gone = st.selectbox("Delete an upload", names, index=None, key="upload_gone", width=240)
        if st.button("Delete", key="upload_delete_button", icon=":material/delete:", disabled=gone is None) and gone:
            delete_upload(db, gone)
            st.rerun()


def _show_analyse(uploads: list[Upload], *, shown: bool) -> None:
    lengths = {one.instrument: one.bar_s for one in uploads}
    with st.container(horizontal=True, vertical_alignment="bottom", key="upload_pair"):
        y = st.selectbox("Explained leg, y", list(lengths), key="upload_y", width=240)
        x = st.selectbox("Explaining leg, x", [name for name in lengths if name != y], key="upload_x", width=240)
        bar_s = math.lcm(lengths[y], lengths[x])
        st.button(
            f"Analyse at {frame_text(bar_s)}",
            key="upload_analyse",
            icon=":material/query_stats:",
            on_click=look_at_uploads,
            args=(y, x, frame_text(bar_s)),
        )
    if shown:
        st.caption("Every page shows the uploads now; *Data of* in the sidebar leads back to the market.")
