"""The watchlist: several pairs at a glance, each with the course of its z; a click makes one the current pair."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st

from statarb.errors import StatarbError
from statarb.market import Instrument
from statarb.params import PairParams
from statarb.quant import FrozenMoments, PairStudy
from statarb.quant.headline import leg_names
from statarb.screens.change import make_change
from statarb.screens.component import chart_component
from statarb.screens.desk import Desk
from statarb.screens.following import show_answers, show_following
from statarb.screens.lazy import once
from statarb.screens.sidebar import choose_pair
from statarb.screens.views import Glance
from statarb.screens.wording import DASH, escape, number_text
from statarb.settings import desk_path
from statarb.store import DeskFile, StoredInstrument

TICK = "3s"
MOST_PAIRS = 12
SPARK_BARS, SPARK_POINTS = 180, 45
_VIEW = "watchlist"
_HEIGHT = 84
_STRIP = chart_component("statarb.watchlist", "watchlist.js")

PairNames = tuple[str, str]


def show_watchlist(desk: Desk, params: PairParams) -> None:
    """The strip of pairs on the slow clock, and beside it the button that changes it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="watch"):
        _show_strip(desk, params)
        with st.container(width="content"):
            _show_editor(desk, params)


@st.fragment(run_every=TICK)
def _show_strip(desk: Desk, params: PairParams) -> None:
    """Nothing while the database cannot be read: the page below says it."""
    try:
        pairs = read_pairs(desk, desk.instruments())
        glances = desk.glances([replace(params, y=y, x=x) for y, x in pairs])
    except StatarbError:
        return
    picked = _STRIP(
        key="watchlist",
        data={"tiles": [tile(one, params) for one in glances], "entry": params.entry_z},
        on_pick_change=lambda: None,
        height=_HEIGHT,
    ).pick
    if picked:
        choose_pair(*str(picked).split("|")[:2])
        st.rerun()


def tile(glance: Glance, current: PairParams) -> dict[str, Any]:
    """What the browser draws of one pair: its name, z now and lately, net edge and the verdict's word."""
    params, study, live = glance.params, glance.study, glance.live
    y, x = leg_names(params.pair)
    has_hedge = study is not None and isinstance(study.moments, FrozenMoments) and study.moments.has_hedge
    shown = live if has_hedge else None
    return {
        "id": f"{params.y}|{params.x}",
        "name": f"{y} / {x}",
        "title": f"{params.pair}: make it the current pair",
        "current": (params.y, params.x) == (current.y, current.x),
        "live": glance.is_live,
        "z": number_text(live.z, 2, signed=True) if live else DASH,
        "beyond": shown is not None and abs(shown.z) >= params.entry_z,
        "net": f"net {number_text(shown.edge.net_bps, 1, signed=True)} bp" if shown else "",
        "verdict": _word(study, has_hedge) if glance.has_bars else f"no bars of {params.timeframe}",
        "spark": once(study, "spark", lambda: spark(study.z.iloc[-SPARK_BARS:].tolist())) if study else [],
    }


def _word(study: PairStudy | None, has_hedge: bool) -> str:
    """The verdict's word; of a hedge, what is so now, whatever the older tests read."""
    if study is None:
        return "not read yet"
    if isinstance(study.moments, FrozenMoments) and not has_hedge:
        return "no hedge"
    return "no hedge in tests" if has_hedge and study.verdict.word == "no hedge" else study.verdict.word


def spark(z: Sequence[float]) -> list[float | None]:
    """At most 45 values, each the furthest from zero of its stretch, so that no crossing is thinned away."""
    width = max(1, math.ceil(len(z) / SPARK_POINTS))
    stretches = ([v for v in z[i : i + width] if math.isfinite(v)] for i in range(0, len(z), width))
    return [round(float(max(part, key=abs)), 1) if part else None for part in stretches]


def read_pairs(desk: Desk, instruments: Mapping[str, StoredInstrument]) -> list[PairNames]:
    """The user's pairs, of the desk file; without any, the default ones."""
    saved = DeskFile(desk_path(desk.path)).view(_VIEW)
    try:
        rows = json.loads(saved or "null")
        pairs = [(str(Instrument.parse(y)), str(Instrument.parse(x))) for y, x in rows]
    except (ValueError, TypeError, AttributeError, StatarbError):
        return default_pairs(instruments)
    return pairs[:MOST_PAIRS]


def default_pairs(instruments: Mapping[str, StoredInstrument]) -> list[PairNames]:
    """Every other instrument on BTCUSDT, or on the one that trades most, those that trade most first; a perpetual on
    its own spot comes last."""
    by_volume = sorted(instruments, key=lambda name: -instruments[name].quote_volume_24h)
    if len(by_volume) < 2:
        return []
    base = "spot:BTCUSDT" if "spot:BTCUSDT" in instruments else by_volume[0]
    same = [(name, f"spot:{Instrument.parse(name).symbol}") for name in by_volume if not name.startswith("spot:")]
    perps = [(perp, spot) for perp, spot in same if spot in instruments]
    others = [(name, base) for name in by_volume if name != base and name not in dict(perps)]
    return [*others[: MOST_PAIRS - 4], *perps[:4]]


@st.fragment
def _show_editor(desk: Desk, params: PairParams) -> None:
    """The button, and while it is open what it offers; off the clock, for its lists change rarely."""
    label = "Pairs of the watchlist and instruments followed"
    with st.popover("", icon=":material/edit:", help=label, key="watch_edit", on_change="rerun") as popover:
        if popover.open:
            _edit(desk, params)


def _edit(desk: Desk, params: PairParams) -> None:
    """Add and remove pairs, and ask ingest to follow other instruments."""
    try:
        instruments = desk.instruments()
        pairs = read_pairs(desk, instruments)
    except StatarbError as error:
        st.warning(escape(str(error)))
        return
    current = (params.y, params.x)
    labels = {f"{y}|{x}": " on ".join(Instrument.parse(leg).label for leg in (y, x)) for y, x in pairs}
    st.markdown("**Pairs**")
    full = len(pairs) >= MOST_PAIRS
    if st.button(
        f"Add {escape(str(params.pair))}",
        icon=":material/add:",
        key="watch_add",
        disabled=current in pairs or full,
        help=f"The current pair; the list holds {MOST_PAIRS} at most.",
    ):
        _save(desk, [*pairs, current])
    gone = st.selectbox(
        "Take off the list", list(labels), index=None, format_func=lambda one: labels.get(one, one), key="watch_gone"
    )
    if st.button("Take off", icon=":material/remove:", key="watch_remove", disabled=not gone):
        _save(desk, [pair for pair in pairs if "|".join(pair) != gone])
    st.markdown("**Instruments**")
    show_following(desk, list(instruments))
    _show_answers(desk)


@st.fragment(run_every="2s")
def _show_answers(desk: Desk) -> None:
    """The exchange may answer while the popover is open. Nothing while the database cannot be read."""
    with suppress(StatarbError):
        show_answers(desk, list(desk.instruments()))


def _save(desk: Desk, pairs: list[PairNames]) -> None:
    make_change(lambda: DeskFile(desk_path(desk.path)).save_view(_VIEW, json.dumps(pairs)))
