"""Download buttons whose file is made at the click, and kept until the browser has fetched it."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

_KEPT = 3
"""So many files are held, the newest: one for each person at the desk."""
_OWNER = "downloads"
"""The session whose files these are: one that never runs, so that Streamlit never takes them away."""
_slots = itertools.cycle(range(_KEPT))


def show_download(label: str, make: Callable[[], bytes], name: str, mime: str, key: str, **looks: Any) -> None:
    """A button that makes a file off the page's own thread, and sends it; `looks` as `st.download_button` has them."""
    context = copy.copy(get_script_run_ctx())
    if context is not None:
        context.session_id = _OWNER

    def made() -> bytes:
        data = make()
        if runtime.exists():
            # Streamlit makes files on a thread without a context, and asks whose a file is.
            keeper = threading.Thread(target=_hold, args=(data, name, mime), name="download")
            add_script_run_ctx(keeper, context).start()
            keeper.join()
        return data

    st.download_button(
        label,
        data=made,
        file_name=name,
        mime=mime,
        icon=":material/download:",
        on_click="ignore",
        key=key,
        **looks,
    )


def _hold(data: bytes, name: str, mime: str) -> None:
    """Refer to the data, which Streamlit then stores under the same number: it deletes a file nobody refers to after
    the second run of any session, which on a live desk is sooner than a browser can ask for it."""
    files = runtime.get_instance().media_file_mgr
    files.add(data, mime, f"download {next(_slots)}", file_name=name, is_for_static_download=True)
