"""One pinned trade on the page: what it is worth, where it stands, and the forms to change, close or delete it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from statarb.errors import StatarbError
from statarb.pins import NOTE_LENGTH, Fill, Pin
from statarb.quant import FrozenMoments, live_z
from statarb.quant.headline import money_sign
from statarb.quant.pin import PinState, assumed_fill, pin_events, pin_exit, pin_moments, pin_state
from statarb.screens.change import make_change
from statarb.screens.desk import Desk
from statarb.screens.pin_words import half_lives_text, last_text, legs_text, money_text
from statarb.screens.stat import show_card
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, duration_text, escape, figures_text, number_text, share_text
from statarb.screens.zone import current_zone
from statarb.settings import desk_path
from statarb.store import DeskFile

_EVENT = {
    "target": ("green", ":material/flag:"),
    "stop": ("red", ":material/dangerous:"),
    "time stop": ("orange", ":material/timer_off:"),
    "beta drift": ("orange", ":material/balance:"),
}


@dataclass(frozen=True, eq=False)
class OpenPin:
    """A pin by today's prices; `state` is None where `problem` says why."""

    pin: Pin
    view: DeskView | None
    state: PinState | None
    problem: str = ""


def open_pin(desk: Desk, pin: Pin) -> OpenPin:
    """An open pin by the newest stored prices."""
    try:
        view = desk.refresh(pin.params)
        if view.y_last is None or view.x_last is None:
            return OpenPin(pin, view, None, "One of its legs has no trade yet.")
        moments = view.study.moments
        beta = moments.beta if isinstance(moments, FrozenMoments) else None
        state = pin_state(pin, view.y_last.price, view.x_last.price, view.costs, view.now_ms, beta)
    except StatarbError as error:
        return OpenPin(pin, None, None, str(error))
    return OpenPin(pin, view, state)


def show_pin_card(desk: Desk, item: OpenPin) -> None:
    """An open pin."""
    pin, view, state = item.pin, item.view, item.state
    with st.container(border=True, key=f"pin-{pin.pin_id}"):
        _show_head(item)
        # Each in a place of its own: what comes or goes above the forms would close the one that is open.
        with st.container(gap="small"):
            if view is None or state is None:
                st.warning(escape(item.problem), icon=":material/error:")
            else:
                old = "" if view.health.has_live_prices else "-old"
                with st.grid(6, min_column_width=128, gap="small", key=f"pin-numbers{old}-{pin.pin_id}"):
                    _show_numbers(pin, view, state)
                st.caption(escape(half_lives_text(view, state.bars_held * pin.params.bar_s)))
        with st.container(gap=None):
            if pin.note:
                st.markdown(f":material/sticky_note_2: {escape(pin.note)}")
        with st.container(horizontal=True, gap="small"):
            show_fills_form(desk, pin)
            show_note_form(desk, pin)
            if view is not None and state is not None:
                _show_close_form(desk, pin, view)
            show_delete_form(desk, pin)


def _show_head(item: OpenPin) -> None:
    pin, params, view, zone = item.pin, item.pin.params, item.view, current_zone()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        legs = legs_text(pin, view.instruments if view else {})
        st.markdown(f"**{escape(legs)}**", width="content")
        if item.state is not None and view is not None and view.health.has_live_prices:
            for event in pin_events(pin, item.state):
                color, icon = _EVENT[event.kind]
                st.badge(event.kind.upper(), color=color, icon=icon, help=escape(event.text))  # type: ignore[arg-type]
        elif view is not None:
            help_text = "The P&L is by the last known prices. " + escape(view.health.detail)
            st.badge(f"BY OLD PRICES, {view.health.text}", color="orange", icon=":material/schedule:", help=help_text)
    assumed = "" if is_filled(pin) else " Entry at last trades with slippage assumed: put your fills in."
    st.caption(
        f"{escape(str(params.pair))}, {params.timeframe} × {params.window}. "
        f"Entered {zone.text(pin.entered_at_ms)} {zone.label}.{assumed}"
        + (f" Last: {escape(last_text(view))}." if view else "")
    )


def _show_numbers(pin: Pin, view: DeskView, state: PinState) -> None:
    live = "" if view.health.has_live_prices else ", not live"
    params, moments, money = pin.params, pin_moments(pin), money_sign(pin.params.pair.y)
    show_card(f"Net P&L{live}", money_text(state.net, money), f"{_signed(state.net_bps, 1)} bp of y", _NET_HELP)
    costs = state.entry_cost + state.exit_cost
    show_card(
        "Gross",
        money_text(state.gross, money),
        f"costs in and out {money_text(costs, money, signed=False)}",
        _GROSS_HELP,
    )
    if state.carry is None:
        show_card("Carry", DASH, "funding not known", _CARRY_HELP)
    else:
        show_card("Carry", money_text(-state.carry, money), "estimate, in the net", _CARRY_HELP)
    entry_z = live_z(moments, pin.y.price, pin.x.price)[1]
    target, stop = (_signed(-pin.side * z, 2).removesuffix(".00") for z in (params.exit_z, params.stop_z))
    show_card(
        f"z, own moments{live}", _signed(state.z, 2), f"in {_signed(entry_z, 2)}, out {target}, stop {stop}", _Z_HELP
    )
    held_s = state.bars_held * params.bar_s
    bars = f"{state.bars_held:,.0f} of {params.time_stop:,} bars"
    show_card("Held", duration_text(held_s), bars, _HELD_HELP)
    if state.beta_drift is None:
        show_card("β drift", DASH, f"pinned {pin.beta:.3g}, none today", _DRIFT_HELP)
    else:
        today = pin.beta * (1 + state.beta_drift)
        drift = share_text(state.beta_drift, signed=True)
        show_card("β drift", drift, f"{pin.beta:.3g} pinned, now {figures_text(today, 3)}", _DRIFT_HELP)


def _signed(value: float, digits: int) -> str:
    return number_text(value, digits, signed=True)


def is_filled(pin: Pin) -> bool:
    """Whether both entry prices are what was paid."""
    return pin.y.slippage_bps == 0 and pin.x.slippage_bps == 0


def show_fills_form(desk: Desk, pin: Pin) -> None:
    """Prices and units as they really were; of a closed pin the prices out as well."""
    version, pair = _version(pin), pin.params.pair
    y, x = escape(pair.y.label), escape(pair.x.label)
    with (
        st.popover("Fills", icon=":material/edit:", key=f"pin-fills-{version}"),
        st.form(f"pin-fills-form-{version}", border=False),
    ):
        st.caption(
            "What the legs were really filled at: no slippage is assumed beside it. A price left empty stays assumed. "
            "Units are negative if sold."
        )
        left, right = st.columns(2)
        y_price, y_units = _price(left, f"{y}, price", pin.y), _units(left, f"{y}, units", pin.y_units)
        x_price, x_units = _price(right, f"{x}, price", pin.x), _units(right, f"{x}, units", pin.x_units)
        prices_out = None
        if pin.exit is not None:
            prices_out = (
                _price(left, f"{y}, price out", pin.exit.y),
                _price(right, f"{x}, price out", pin.exit.x),
            )
        if st.form_submit_button("Save the fills"):

            def filled(now: Pin) -> Pin:
                ended = now.exit
                if ended is not None and prices_out is not None:
                    ended = replace(ended, y=_filled(ended.y, prices_out[0]), x=_filled(ended.x, prices_out[1]))
                y, x = _filled(now.y, y_price), _filled(now.x, x_price)
                return replace(now, y=y, x=x, y_units=y_units, x_units=x_units, exit=ended)

            _change(desk, pin, filled)


def show_note_form(desk: Desk, pin: Pin) -> None:
    """What somebody wants to remember of the trade."""
    version = _version(pin)
    with (
        st.popover("Note", icon=":material/sticky_note_2:", key=f"pin-note-{version}"),
        st.form(f"pin-note-form-{version}", border=False),
    ):
        note = st.text_area("Note", pin.note, max_chars=NOTE_LENGTH, key=f"pin-note-text-{version}")
        if st.form_submit_button("Save the note"):
            _change(desk, pin, lambda now: replace(now, note=note))


def _show_close_form(desk: Desk, pin: Pin, view: DeskView) -> None:
    version, pair = _version(pin), pin.params.pair
    with (
        st.popover("Close", icon=":material/logout:", key=f"pin-close-{version}"),
        st.form(f"pin-close-form-{version}", border=False),
    ):
        st.caption("Where a price is left empty, the last trade counts, with the slippage assumed. The result is kept.")
        y_price, x_price = (
            st.number_input(
                f"{escape(leg.label)}, price out",
                min_value=0.0,
                value=None,
                format="%.10g",
                placeholder="last trade",
                key=f"pin-close-{leg}-{version}",
            )
            for leg in (pair.y, pair.x)
        )
        if st.form_submit_button("Close the trade") and view.y_last and view.x_last:
            y_last, x_last = view.y_last.price, view.x_last.price
            y = assumed_fill(y_last, view.costs.y) if y_price is None else Fill(y_price)
            x = assumed_fill(x_last, view.costs.x) if x_price is None else Fill(x_price)
            _change(desk, pin, lambda now: replace(now, exit=pin_exit(now, y, x, view.costs, view.now_ms)))


def show_delete_form(desk: Desk, pin: Pin) -> None:
    """Delete after a second click."""
    with st.popover("Delete", icon=":material/delete:", key=f"pin-delete-{_version(pin)}"):
        st.markdown("The pin, its note and its result will be gone.")
        if st.button("Delete the pin", key=f"pin-delete-really-{_version(pin)}") and pin.pin_id is not None:
            pin_id = pin.pin_id
            make_change(lambda: DeskFile(desk_path(desk.path)).delete_pin(pin_id))


def _price(column: DeltaGenerator, label: str, fill: Fill) -> float | None:
    """A price that was paid; empty, with what is assumed in grey, where nobody has said so yet."""
    assumed = fill.slippage_bps > 0
    price = None if assumed else fill.price
    return column.number_input(
        label, value=price, format="%.10g", step=None, placeholder=f"{fill.price:.10g} assumed" if assumed else None
    )


def _filled(fill: Fill, price: float | None) -> Fill:
    return fill if price is None else Fill(price)


def _units(column: DeltaGenerator, label: str, value: float) -> float:
    return float(column.number_input(label, value=value, format="%.10g", step=None))


def _version(pin: Pin) -> str:
    """Forms of a pin that has changed are new forms: closed, and with the values that are stored."""
    return f"{pin.pin_id}-{hashlib.sha1(pin.to_json().encode()).hexdigest()[:8]}"


def _change(desk: Desk, pin: Pin, change: Callable[[Pin], Pin]) -> None:
    """Store a changed pin, made from what is stored by now: another session may have changed it meanwhile."""
    file = DeskFile(desk_path(desk.path))

    def changed() -> None:
        now = next((one for one in file.pins() if one.pin_id == pin.pin_id), None)
        if now is not None:
            file.save_pin(change(now))

    make_change(changed)


_NET_HELP = (
    "What closing at the last trades would leave: the moves of both legs, less fees and slippage in and out, less "
    "funding and borrow; in money, and in basis points of the y notional at entry."
)
_GROSS_HELP = "What both legs moved since entry, in money: units × price change, with the units frozen at entry."
_CARRY_HELP = (
    "Funding and borrow, an estimate: today's funding rate for each funding time since entry, and your borrow rate for "
    "a short spot leg, of the notional at entry. A gain is positive."
)
_Z_HELP = (
    "(spread − mean) ÷ deviation by hedge, mean and deviation frozen when it was pinned; then z at entry, target and "
    "stop. z of Live View moves with its window; this one does not."
)
_HELD_HELP = "Time since entry, against the time stop."
_DRIFT_HELP = "Today's hedge ratio against the pinned one; beyond ±25 % the trade is hedged with the wrong amount."
