"""The sidebar: every knob of the analysis, bound to the URL, as one PairParams."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import streamlit as st

from statarb import market
from statarb.errors import StatarbError
from statarb.market import Instrument, offered_timeframes
from statarb.params import CUSTOM_FEE, FEE_PRESETS, HEDGE_NAMES, KNOB, PairParams, default_windows
from statarb.screens.wording import escape
from statarb.store import StoredInstrument, shortest_timeframe

_PRICES = {"last": "Last trade", "mid": "Middle of bid and ask"}

_DEFAULT_WINDOWS = "sidebar_default_windows"
_ASKED = "sidebar_asked"
"""What a callback asks for; done before the widgets are made, for only then does the URL follow."""

Legs = tuple[StoredInstrument, StoredInstrument]


def show_sidebar(instruments: Mapping[str, StoredInstrument]) -> PairParams:
    """Draw the controls; what they say.

    Parameters
    ----------
    instruments : mapping
        At least two, by their text `venue:SYMBOL`: nothing else can be chosen, whatever the URL says.
    """
    names = list(instruments)
    y_default, x_default = default_pair(instruments)
    with st.sidebar:
        _answer_callbacks()
        y = _leg("y", "Explained leg, y", names, y_default)
        x = _leg("x", "Explaining leg, x", names, x_default)
        st.button("Swap legs", icon=":material/swap_vert:", on_click=_ask, args=("swap",), width="stretch")
        if x == y:
            x = next(name for name in names if name != y)
            st.caption(f"A pair needs two legs: x is {Instrument.parse(x).label}.")
        legs = instruments[y], instruments[x]
        timeframe = _timeframe(legs)
        default_window, default_test_window = _default_windows(timeframe, legs)
        if st.session_state.pop(_DEFAULT_WINDOWS, False):
            st.session_state["window"] = float(default_window)
            st.session_state["test_window"] = float(default_test_window)
        window = _whole("window", "Window, bars", default_window, 10)
        entry_z = st.slider(
            "Alert threshold, |z|",
            0.5,
            5.0,
            float(KNOB["entry_z"].default),
            0.1,
            key="entry_z",
            bind="query-params",
            help=KNOB["entry_z"].help + " Armed again once |z| is below half of it.",
        )
        scale = st.segmented_control(
            "Price scale",
            list(KNOB["price_scale"].choices),
            default=str(KNOB["price_scale"].default),
            required=True,
            key="price_scale",
            bind="query-params",
            width="stretch",
            help=KNOB["price_scale"].help,
        )
        chosen = {
            "y": y,
            "x": x,
            "price_scale": scale,
            "window": window,
            "entry_z": entry_z,
        }
        with st.expander("Hedge and tests"):
            chosen["hedge"] = _choice("hedge", "Hedge ratio by", HEDGE_NAMES)
            chosen["price"] = _choice("price", "Live price", _PRICES)
            chosen["corr_window"] = _whole(
                "corr_window", "Correlation window, returns", int(KNOB["corr_window"].default), 10
            )
            chosen["test_window"] = _whole("test_window", "Test window, bars", default_test_window, 100)
        with st.expander("Size and exits"):
            chosen["notional"] = _number("notional", "Size of the y leg, USD", 1000.0, "%.0f")
            chosen["exit_z"] = _number("exit_z", "Leave at |z|", 0.1, "%.1f")
            chosen["stop_z"] = _number("stop_z", "Give up at |z|", 0.5, "%.1f")
            chosen["time_stop"] = _whole("time_stop", "Give up after, bars", int(KNOB["time_stop"].default), 10)
        with st.expander("Costs"):
            chosen |= _costs()
    return _checked(timeframe, chosen)


def _default_windows(timeframe: str, legs: Legs) -> tuple[int, int]:
    """Those of the timeframe; of files longer ones where they have many bars."""
    seconds = market.timeframe(timeframe).seconds
    return default_windows(seconds, min(leg.file_bars * leg.bar_s for leg in legs) // seconds)


def _timeframe(legs: Legs) -> str:
    """Those made of whole stored bars; another such that the link asks for stands beside them."""
    shortest = shortest_timeframe(*legs)
    offered = offered_timeframes(shortest)
    usual = str(KNOB["timeframe"].default)
    default = usual if usual in offered else shortest.name
    asked = str(st.session_state.get("timeframe") or st.query_params.get("timeframe", default))
    with contextlib.suppress(StatarbError):
        frame = market.timeframe(asked)
        if frame.seconds % shortest.seconds:
            frame = shortest
            choose_default_windows()
            st.caption(f"These files' bars are whole from {frame} on.")
        if frame.name != asked:
            st.session_state["timeframe"] = frame.name
        offered[frame.name] = frame
    chosen = st.segmented_control(
        "Timeframe",
        sorted(offered, key=lambda name: offered[name].seconds),
        default=default,
        required=True,
        key="timeframe",
        bind="query-params",
        on_change=choose_default_windows,
        width="stretch",
        help="Length of a bar. At 1s two deviations are a few basis points, far less than a round trip costs: "
        "read it as microstructure. A link may ask for any length that divides a day, such as timeframe=15m.",
    )
    return chosen if chosen in offered else default


def _costs() -> dict[str, object]:
    presets = {CUSTOM_FEE: "Own fee"} | {name: preset.label for name, preset in FEE_PRESETS.items()}
    preset = _choice("fee_preset", "Fee tier", presets)
    own = preset == CUSTOM_FEE
    return {
        "fee_preset": preset,
        "fee_bps": _number("fee_bps", "Own fee a leg and side, bp", 0.5, "%.1f", disabled=not own),
        "slippage_bps": _number("slippage_bps", "Slippage a leg and side, bp", 0.5, "%.1f"),
        "borrow_pct_year": _number("borrow_pct_year", "Borrow of a short spot leg, % a year", 1.0, "%.1f"),
    }


def default_pair(instruments: Mapping[str, StoredInstrument]) -> tuple[str, str]:
    """ETHUSDT on BTCUSDT where both are stored, else the first two: y is the leg with the smaller 24 h volume."""
    usual = (str(KNOB["y"].default), str(KNOB["x"].default))
    if all(name in instruments for name in usual):
        return usual
    first, second = list(instruments)[:2]
    y, x = sorted((first, second), key=lambda name: instruments[name].quote_volume_24h)
    return y, x


def _leg(name: str, label: str, names: list[str], default: str) -> str:
    """A leg, which a link may name `ETHUSDT` or `spot:ETHUSDT`; the page's own link has the shorter.

    A bound select box knows one of them only and drops the other from the link, so this one keeps the link itself.
    """
    if st.session_state.get(name) not in names:
        st.session_state[name] = _asked_leg(name, names) or default
    chosen = st.selectbox(
        label, names, format_func=lambda text: Instrument.parse(text).label, key=name, help=KNOB[name].help
    )
    chosen = chosen if chosen in names else default
    if chosen != default:
        st.query_params[name] = Instrument.parse(chosen).label
    elif name in st.query_params:
        del st.query_params[name]
    return chosen


def _asked_leg(name: str, names: list[str]) -> str:
    """The instrument that the link asks for; '' where it asks for none that is followed, which is said."""
    asked = st.query_params.get(name, "")
    with contextlib.suppress(StatarbError):
        if (found := str(Instrument.parse(asked))) in names:
            return found
    if asked:
        said = f"{escape(asked[:40])} of the link is not followed here: another pair is shown."
        st.toast(said, icon=":material/info:", duration="long")
    return ""


def _whole(name: str, label: str, default: int, step: int) -> int:
    # A field of floats without decimals: one of integers fails on 1e400 in the URL, before we could look at it.
    return round(_number(name, label, float(step), "%.0f", default=float(default)))


def _number(
    name: str, label: str, step: float, digits: str, default: float | None = None, disabled: bool = False
) -> float:
    knob = KNOB[name]
    low, high = float(knob.low or 0), float(knob.high or 0)
    usual = float(knob.default) if default is None else default
    value = st.number_input(
        label, low, high, usual, step, digits, key=name, bind="query-params", help=knob.help, disabled=disabled
    )
    return float(value)


def _choice(name: str, label: str, texts: Mapping[str, str]) -> str:
    """One of a knob's choices under a text of its own; the link carries the choice, not the text.

    A bound select box would put the text into the link, so this one keeps the link itself.
    """
    default = str(KNOB[name].default)
    if name not in st.session_state:
        asked = st.query_params.get(name, default)
        st.session_state[name] = asked if asked in texts else default
    chosen = st.selectbox(label, list(texts), format_func=lambda one: texts[one], key=name, help=KNOB[name].help)
    chosen = chosen if chosen in texts else default
    if chosen != default:
        st.query_params[name] = chosen
    elif name in st.query_params:
        del st.query_params[name]
    return chosen


def choose_pair(y: str, x: str) -> None:
    """Makes a pair the current one at the next run of the whole app."""
    st.session_state[_ASKED] = (y, x)


def choose_default_windows() -> None:
    """Sets the windows to those of the timeframe and the files shown, when their fields are drawn next."""
    st.session_state[_DEFAULT_WINDOWS] = True


def _ask(what: str) -> None:
    st.session_state[_ASKED] = what


def _answer_callbacks() -> None:
    asked = st.session_state.pop(_ASKED, None)
    state = st.session_state
    if asked == "swap" and "y" in state and "x" in state:
        state["y"], state["x"] = state["x"], state["y"]
    if isinstance(asked, tuple):
        state["y"], state["x"] = asked


def _checked(timeframe: str, chosen: Mapping[str, object]) -> PairParams:
    """The widgets' values, checked once more on this side; a browser can send anything."""
    try:
        return PairParams.for_timeframe(timeframe, **chosen)
    except StatarbError:
        return PairParams.for_timeframe(timeframe, y=chosen["y"], x=chosen["x"])
