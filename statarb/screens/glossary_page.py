"""Glossary: every statistic of the desk, with formula, reading and caveat."""

from __future__ import annotations

import streamlit as st

from statarb.screens.glossary_text import GLOSSARY, Term
from statarb.screens.wording import escape

MOST_LETTERS = 60


def show_glossary_page() -> None:
    """All terms by group; a search leaves those that hold every word of it."""
    st.title("Glossary", anchor=False)
    wanted = st.text_input(
        "Search",
        key="find",
        bind="query-params",
        placeholder="Search: half-life, costs, Kalman …",
        label_visibility="collapsed",
        max_chars=MOST_LETTERS,
        icon=":material/search:",
        width=420,
    )
    found = matching(wanted or "")
    if not found:
        st.markdown(f"No term holds “{escape(wanted or '')}”. Try one word, such as *cost* or *beta*.")
        return
    st.caption(
        f"{len(found)} of {len(GLOSSARY)} terms. What is computed, with assumptions, sources and measured error rates, "
        "is written in `docs/methods.md`."
    )
    for group in dict.fromkeys(term.group for term in found):
        st.header(group, anchor=False)
        with st.grid(2, min_column_width=340, gap="small"):
            for term in found:
                if term.group == group:
                    _show_term(term)


def matching(wanted: str) -> list[Term]:
    """Terms that hold every word of `wanted`, whatever the case; those with all of them in the name come first."""
    words = wanted.lower().split()

    def holds(term: Term) -> bool:
        text = " ".join((term.name, term.group, term.formula, term.reading, term.caveat, *term.methods)).lower()
        return all(word in text for word in words)

    return sorted(
        (term for term in GLOSSARY.values() if holds(term)),
        key=lambda term: not all(word in term.name.lower() for word in words),
    )


def _show_term(term: Term) -> None:
    with st.container(border=True, gap="xxsmall", key=f"term-{term.name}", height="stretch"):
        st.markdown(f"**{escape(term.name)}**")
        if term.formula:
            st.markdown(f"*{escape(term.formula)}*")
        st.markdown(term.reading)
        if term.caveat:
            st.caption(term.caveat)
