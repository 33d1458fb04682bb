"""Download buttons whose file is made at the click, and kept until the browser has fetched it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit import runtime

_KEPT = 3
"""So many files are held, the newest: one for each person at the desk."""
_slots = itertools.cycle(range(_KEPT))


def show_download(label: str, make: Callable[[], bytes], name: str, mime: str, key: str, **looks: Any) -> None:
    """A button that makes a file off the page's own thread, and sends it; `looks` as `st.download_button` has them."""
    st.download_button(
        label,
        data=lambda: _held(make(), name, mime),
        file_name=name,
        mime=mime,
        icon=":material/download:",
        on_click="ignore",
        key=key,
        **looks,
    )


def _held(data: bytes, name: str, mime: str) -> bytes:
    """The data, which Streamlit then stores under the same number; referred to here, because it deletes a file nobody
    refers to after the second run of any session, which on a live desk is sooner than a browser can ask for it."""
    if runtime.exists():
        files = runtime.get_instance().media_file_mgr
        files.add(data, mime, f"download {next(_slots)}", file_name=name, is_for_static_download=True)
    return data
