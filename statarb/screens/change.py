"""A change that a click asked for: made, and the page drawn anew, or refused in words that stay."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from statarb.errors import StatarbError
from statarb.screens.wording import escape, with_commands


def make_change(change: Callable[[], object], after: Callable[[], object] = lambda: None) -> None:
    """Make it, do what comes after it, and run the page again; a refusal is a toast and changes nothing."""
    try:
        change()
    except StatarbError as error:
        show_refusal(error)
        return
    after()
    st.rerun()


def show_refusal(error: StatarbError) -> None:
    """As a toast: a message in the page would be gone with the next tick, before anybody has read it."""
    st.toast(f"**{escape(error.message)}** {with_commands(error.hint)}", icon=":material/error:", duration="long")
