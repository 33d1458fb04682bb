"""One number of the analysis with its tooltip, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from statarb.quant import NotEnough, Undefined
from statarb.screens.glossary_text import tip, title
from statarb.screens.wording import DASH, escape, number_text, wait_text


def show_card(label: str, value: str, description: str, help_text: str | None = None) -> None:
    """Name, number and a few words below it; the cards of a row are as high as the highest."""
    st.metric(
        label, value, description, delta_color="off", delta_arrow="off", help=help_text, border=True, height="stretch"
    )


def show_stat(label: str, value: str, description: str, term: str) -> None:
    """A card; `term` is the glossary's key for its tooltip."""
    show_card(label, value, description, tip(term))


def show_no_stat(label: str, missing: NotEnough, term: str) -> None:
    """The same card while there is no number: how many bars are there."""
    count = f"{missing.have:,} of {missing.need:,} {missing.what}"
    show_stat(label, DASH, "none now" if isinstance(missing, Undefined) else count, term)


def show_wait(missing: NotEnough, next_bar_s: float) -> None:
    """A line in place of a table or a chart: what is missing, and how long it takes."""
    st.markdown(f":material/hourglass_empty: {escape(wait_text(missing, next_bar_s))}")


def show_table(columns: dict[str, list[str]], *, hide_header: bool = False) -> None:
    """A small table of text, shown as it is."""
    escaped = {name: [escape(cell) for cell in cells] for name, cells in columns.items()}
    st.table(pd.DataFrame(escaped), border="horizontal", hide_index=True, hide_header=hide_header)


def with_digits(frame: pd.DataFrame, digits: Mapping[str, int]) -> Styler:
    """For a table that sorts: the named columns stay numbers, and show fixed digits with a true minus."""
    # The formats of Streamlit's own number columns know the hyphen only.
    return frame.style.format({name: partial(number_text, digits=places) for name, places in digits.items()})


def show_terms(key: str, *terms: str) -> None:
    """Below a table of several statistics: the name of each, with its tooltip."""
    with st.container(horizontal=True, gap="small", key=key):
        for term in terms:
            st.caption(title(term), width="content", help=tip(term))


def show_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    show_table({"": [name for name, _ in rows], " ": [value for _, value in rows]}, hide_header=True)
