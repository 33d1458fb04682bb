"""The start page: what to do while there is nothing to look at yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from statarb.errors import MissingDatabaseError, StatarbError
from statarb.screens.cards import show_problem
from statarb.screens.desk import Desk
from statarb.settings import start_command
from statarb.store import StoredInstrument

NEEDED = 2
"""A pair has two legs."""


def show_start_page(desk: Desk) -> None:
    """Says why there is nothing yet, and goes on to the desk by itself when there is."""
    _wait(desk)


@st.fragment(run_every="1s")
def _wait(desk: Desk) -> None:
    try:
        instruments = desk.instruments()
    except MissingDatabaseError:
        _show_steps(desk.path, "Nothing has been stored yet", f"There is no database at `{desk.path}`.")
        return
    except StatarbError as error:
        show_problem(error)
        return
    if len(instruments) >= NEEDED:
        st.rerun()
    _show_steps(desk.path, "Waiting for the first instruments", _have(instruments))


def _have(instruments: Mapping[str, StoredInstrument]) -> str:
    if not instruments:
        return "The database is there, but ingest has not written an instrument to it yet."
    return "The database holds one instrument, and a pair needs two: start ingest with two symbols or more."


def _show_steps(db: Path, title: str, reason: str) -> None:
    with st.container(width=760):
        st.title(title, anchor=False)
        st.markdown(reason)
        st.markdown(
            "This page shows two instruments against each other: prices, hedge ratio, spread, z-score, correlation and "
            "whether the spread returns to its mean. It fills by itself as soon as ingest runs."
        )
        st.markdown("**See it at once, without a network:** the demo brings its own exchange.")
        st.code("make demo", language="bash")
        st.markdown("**Follow Binance:** in a second terminal, beside this page.")
        st.code(start_command(db), language="bash")
        st.caption(
            "History is loaded first, so the one-minute frame is complete within seconds. "
            "This page looks again every second."
        )
