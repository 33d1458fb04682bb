"""The sidebar: every knob of the analysis, bound to the URL, as one PairParams."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import streamlit as st

from statarb.errors import StatarbError
from statarb.market import TIMEFRAMES, Instrument
from statarb.params import KNOB, TEST_WINDOW_BARS, WINDOW_BARS, PairParams
from statarb.store import StoredInstrument

_ASKED = "sidebar_asked"
"""What a callback asks for; done before the widgets are made, for only then does the URL follow."""


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
        _take_full_names(instruments)
        y = _leg("y", "Explained leg, y", names, y_default)
        x = _leg("x", "Explaining leg, x", names, x_default)
        st.button("Swap legs", icon=":material/swap_vert:", on_click=_ask, args=("swap",), width="stretch")
        timeframe = st.segmented_control(
            "Timeframe",
            list(TIMEFRAMES),
            default=str(KNOB["timeframe"].default),
            required=True,
            key="timeframe",
            bind="query-params",
            on_change=_ask,
            args=("window",),
            width="stretch",
            help="Length of a bar. At 1s two deviations are a few basis points, far less than a round trip costs: "
            "read it as microstructure.",
        )
        timeframe = timeframe if timeframe in TIMEFRAMES else "1m"
        window = _whole("window", "Window, bars", WINDOW_BARS[timeframe], 10)
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
        with st.expander("Correlation, tests, costs"):
            corr_window = _whole("corr_window", "Correlation window, returns", int(KNOB["corr_window"].default), 10)
            test_window = _whole("test_window", "Test window, bars", TEST_WINDOW_BARS[timeframe], 100)
            fee_bps = _basis_points("fee_bps", "Fee a leg and side, bp")
            slippage_bps = _basis_points("slippage_bps", "Slippage a leg and side, bp")
    chosen = {
        "y": y if y in instruments else y_default,
        "x": x if x in instruments else x_default,
        "price_scale": scale,
        "window": window,
        "corr_window": corr_window,
        "entry_z": entry_z,
        "test_window": test_window,
        "fee_bps": fee_bps,
        "slippage_bps": slippage_bps,
    }
    if chosen["y"] == chosen["x"]:
        chosen["x"] = next(name for name in names if name != chosen["y"])
        st.sidebar.caption(f"A pair needs two legs: x is {Instrument.parse(str(chosen['x'])).label}.")
    return _checked(timeframe, chosen)


def default_pair(instruments: Mapping[str, StoredInstrument]) -> tuple[str, str]:
    """ETHUSDT on BTCUSDT where both are stored, else the first two: y is the leg with the smaller 24 h volume."""
    usual = (str(KNOB["y"].default), str(KNOB["x"].default))
    if all(name in instruments for name in usual):
        return usual
    first, second = list(instruments)[:2]
    y, x = sorted((first, second), key=lambda name: instruments[name].quote_volume_24h)
    return y, x


def _leg(name: str, label: str, names: list[str], default: str) -> str:
    chosen = st.selectbox(
        label,
        names,
        index=names.index(default),
        format_func=lambda text: Instrument.parse(text).label,
        key=name,
        bind="query-params",
        help=KNOB[name].help,
    )
    return str(chosen)


def _whole(name: str, label: str, default: int, step: int) -> int:
    # A field of floats without decimals: one of integers fails on 1e400 in the URL, before we could look at it.
    return round(_number(name, label, float(default), float(step), "%.0f"))


def _basis_points(name: str, label: str) -> float:
    return _number(name, label, float(KNOB[name].default), 0.5, "%.1f")


def _number(name: str, label: str, default: float, step: float, digits: str) -> float:
    knob = KNOB[name]
    low, high = float(knob.low or 0), float(knob.high or 0)
    value = st.number_input(label, low, high, default, step, digits, key=name, bind="query-params", help=knob.help)
    return float(value)


def _ask(what: str) -> None:
    st.session_state[_ASKED] = what


def _answer_callbacks() -> None:
    asked = st.session_state.pop(_ASKED, None)
    state = st.session_state
    if asked == "swap" and "y" in state and "x" in state:
        state["y"], state["x"] = state["x"], state["y"]
    if asked == "window" and state.get("timeframe") in WINDOW_BARS:
        state["window"] = float(WINDOW_BARS[state["timeframe"]])
        state["test_window"] = float(TEST_WINDOW_BARS[state["timeframe"]])


def _take_full_names(instruments: Mapping[str, StoredInstrument]) -> None:
    """Lets a link say `spot:ETHUSDT` as well as `ETHUSDT`, which is all that the select boxes know."""
    for leg in ("y", "x"):
        if leg in st.session_state or leg not in st.query_params:
            continue
        with contextlib.suppress(StatarbError):
            name = str(Instrument.parse(st.query_params[leg]))
            if name in instruments:
                st.session_state[leg] = name


def _checked(timeframe: str, chosen: Mapping[str, object]) -> PairParams:
    """The widgets' values, checked once more on this side; a browser can send anything."""
    try:
        return PairParams.for_timeframe(timeframe, **chosen)
    except StatarbError:
        return PairParams.for_timeframe(timeframe, y=chosen["y"], x=chosen["x"])
