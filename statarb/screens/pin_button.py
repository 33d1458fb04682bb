"""The button "I am in": pins the trade that the headline sizes, as it stands at this moment."""

from __future__ import annotations

import streamlit as st

from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import FrozenMoments, NotEnough, TwoLegs
from statarb.quant.headline import money_sign
from statarb.quant.pin import pinned
from statarb.screens.desk import Desk
from statarb.screens.pin_words import legs_text
from statarb.screens.views import DeskView
from statarb.screens.wording import escape, number_text
from statarb.settings import desk_path
from statarb.store import DeskFile

_SAID = "pin_said"
_HELP = (
    "Freezes hedge, mean, deviation, prices and the sizes of both legs, so that the trade is judged by what you "
    "entered it on. Your own fills and units can be put in on the page Pins."
)


def show_pin_button(desk: Desk, view: DeskView) -> None:
    """One click keeps the trade; where there is nothing to pin, the button says why."""
    missing = why_not(view)
    # By a callback, which comes before anything is drawn: what is pinned is the view that was on screen at the click.
    st.button(
        "I am in",
        key="pin",
        icon=":material/push_pin:",
        help=missing or _HELP,
        disabled=bool(missing),
        on_click=pin_trade,
        args=(desk, view),
    )
    if said := st.session_state.pop(_SAID, None):
        st.toast(said, icon=":material/push_pin:", duration="long")


def why_not(view: DeskView) -> str:
    """What keeps this view from being pinned; '' where it can be."""
    if not view.health.has_live_prices:
        return "A trade is pinned at live prices, and these are not."
    pair = view.params.pair
    if money_sign(pair.y) != money_sign(pair.x):
        return "The legs are quoted in different money, so what they earn cannot be added."
    found = view.reading if isinstance(view.reading, NotEnough) else view.reading.legs
    if isinstance(found, NotEnough):
        return f"There is nothing to pin yet: {found.text}."
    return ""


def pin_trade(desk: Desk, view: DeskView) -> None:
    """Keep the trade of a view in the desk file, and leave word of it for the page."""
    moments, live = view.study.moments, view.live
    legs = live.legs if live else None
    if not (isinstance(moments, FrozenMoments) and live and isinstance(legs, TwoLegs) and view.y_last and view.x_last):
        return
    y_price, x_price = view.y_last.price, view.x_last.price
    try:
        pin = pinned(view.params, moments, legs, y_price, x_price, view.costs, view.now_ms)
        DeskFile(desk_path(desk.path)).save_pin(pin)
    except StatarbError as error:
        st.session_state[_SAID] = f"**Not pinned.** {escape(str(error))}"
        return
    said = escape(legs_text(pin, view.instruments))
    st.session_state[_SAID] = f"**Pinned.** {said}.{_at_once(live.z, view.params)} Put your fills in on the page Pins."


def _at_once(z: float, params: PairParams) -> str:
    """What of its exits is so from the start."""
    now = f"z is {number_text(z, 2, signed=True)} already"
    if abs(z) >= params.stop_z:
        return f" {now}, beyond the stop of {params.stop_z:g}: its alert comes at once."
    return f" {now}, at its target: its alert comes at once." if abs(z) <= params.exit_z else ""
