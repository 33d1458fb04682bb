"""Pins: the trades somebody is in, by live prices, and what closed ones came to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from statarb.errors import StatarbError
from statarb.pins import Pin
from statarb.quant.headline import money_sign
from statarb.quant.pin import PinState, pin_result
from statarb.screens.cards import show_problem
from statarb.screens.desk import Desk
from statarb.screens.pin_card import open_pin, show_delete_form, show_fills_form, show_note_form, show_pin_card
from statarb.screens.pin_words import legs_text, money_text
from statarb.screens.stat import with_digits
from statarb.screens.wording import DASH, duration_text, escape, number_text
from statarb.screens.zone import current_zone
from statarb.settings import desk_path
from statarb.store import DeskFile

TICK = "1s"


def show_pins_page(desk: Desk) -> None:
    """The page looks again every second."""
    st.title("Pins", anchor=False)
    _pins(desk)


@st.fragment(run_every=TICK)
def _pins(desk: Desk) -> None:
    try:
        pins = DeskFile(desk_path(desk.path)).pins()
    except StatarbError as error:
        show_problem(error)
        return
    held = [open_pin(desk, pin) for pin in pins if pin.is_open]
    closed = [pin for pin in pins if not pin.is_open]
    if not pins:
        _show_empty()
        return
    results = [(item.pin, item.state) for item in held if item.state is not None]
    parts = [f"**{len(held)} open**{_net_text(results)}"]
    if closed:
        parts.append(f"**{len(closed)} closed**{_net_text([(pin, pin_result(pin)) for pin in closed])}")
    st.markdown(" · ".join(parts))
    for item in held:
        show_pin_card(desk, item)
    if closed:
        _show_closed(desk, closed)


def _net_text(results: Sequence[tuple[Pin, PinState]]) -> str:
    """The sum of the nets; none where they are in different money."""
    money = {money_sign(pin.params.pair.y) for pin, _ in results}
    if len(money) != 1:
        return ""
    return f", net {escape(money_text(sum(state.net for _, state in results), money.pop()))}"


def _show_empty() -> None:
    st.markdown(
        "Nothing is pinned. When you are in a trade, press **I am in** on Live View: hedge, mean, deviation, both "
        "prices and both sizes are frozen, and this page judges the trade by them."
    )
    st.caption(
        "Each pin shows its result after all costs, z by its own moments, the time held against half-life and time "
        "stop, and whether the hedge has drifted. Target, stop, time stop and drift alert with no browser open."
    )


def _show_closed(desk: Desk, pins: Sequence[Pin]) -> None:
    st.header("Closed", anchor=False)
    table = pd.DataFrame([_row(pin) for pin in pins])
    chosen = st.dataframe(
        with_digits(table, {"Net": 2, "Net, bp": 1, "Gross": 2, "Costs": 2, "Carry": 2}),
        hide_index=True,
        width="stretch",
        key="closed-pins",
        on_select="rerun",
        selection_mode="single-row",
    )
    rows = chosen["selection"]["rows"] if chosen else []
    if not rows or rows[0] >= len(pins):
        st.caption("Net of fees, funding, borrow, and slippage where no fill was put in. Choose a row to change it.")
        return
    pin = pins[rows[0]]
    with st.container(border=True, key="closed-pin"):
        st.markdown(f"**{escape(legs_text(pin, {}))}**")
        if pin.note:
            st.markdown(f":material/sticky_note_2: {escape(pin.note)}")
        with st.container(horizontal=True, gap="small"):
            show_fills_form(desk, pin)
            show_note_form(desk, pin)
            show_delete_form(desk, pin)


def _row(pin: Pin) -> dict[str, object]:
    result, ended, zone = pin_result(pin), pin.exit, current_zone()
    return {
        f"Closed, {zone.label}": zone.text(ended.at_ms)[5:] if ended else DASH,
        "Pair": str(pin.params.pair),
        "Side": "bought" if pin.side > 0 else "sold",
        "Held": duration_text(result.bars_held * pin.params.bar_s),
        "Net": result.net,
        "Net, bp": result.net_bps,
        "Gross": result.gross,
        "Costs": result.entry_cost + result.exit_cost,
        "Carry": math.nan if result.carry is None else result.carry,
        "z out": number_text(result.z, 2, signed=True),
        "Note": pin.note,
    }
