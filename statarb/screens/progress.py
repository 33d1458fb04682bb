"""A bar for what is under way: history that ingest loads at its start, beside the live trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from statarb.screens.views import DeskView


def show_progress(view: DeskView) -> None:
    """How much of the history is loaded, over the page's lower edge so that its end moves nothing; else nothing."""
    under_way = seeding(view.feeds["ingest"].stats) if "ingest" in view.feeds else None
    if under_way is None or not view.health.has_live_prices:
        return
    done, total = under_way
    with st.container(key="loading"):
        st.progress(done / total, f"Loading history: {done} of {total} pages of bars.")


def seeding(stats: Mapping[str, Any]) -> tuple[int, int] | None:
    """Pages loaded and pages in all, as the heartbeat says; None when no history is being loaded."""
    said = stats.get("seeding")
    if not isinstance(said, Mapping):
        return None
    done, total = said.get("done"), said.get("total")
    return (done, total) if isinstance(done, int) and isinstance(total, int) and 0 <= done < total else None
