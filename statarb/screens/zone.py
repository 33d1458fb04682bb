"""The zone that times are shown in: UTC, or the browser's own by a switch that the link remembers."""

from __future__ import annotations

import streamlit as st

from statarb.clock import SYSTEM_CLOCK, UTC_ZONE, Zone, zone_at

_KEY = "tz"


def show_zone_switch() -> None:
    """The switch, at the foot of the sidebar; before the page, which then reads `current_zone`."""
    with st.sidebar:
        st.segmented_control(
            "Times shown in",
            ["UTC", "local"],
            default="UTC",
            required=True,
            key=_KEY,
            bind="query-params",
            width="stretch",
            help="Local: the zone of this browser, said beside every time. Files and alert texts always say UTC.",
        )


def current_zone() -> Zone:
    """What the switch says: UTC without one."""
    return _local() if st.session_state.get(_KEY) == "local" else UTC_ZONE


def _local() -> Zone:
    """The browser's zone as of now."""
    return zone_at(st.context.timezone, SYSTEM_CLOCK.now_ms())
