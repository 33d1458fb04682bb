"""The form of an alert rule, without code: conditions, pair, bars, and when it may speak again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from statarb.alerts import MAX_CONDITIONS, METRICS, NAME_CHARACTERS, AlertRule, Basis, Condition, Metric
from statarb.errors import StatarbError
from statarb.market import TIMEFRAMES, Instrument
from statarb.params import KNOB, PairParams
from statarb.screens.change import make_change
from statarb.screens.wording import escape
from statarb.store import DeskFile

_DRAFT, _SERIAL = "rule_draft", "rule_serial"
_FIRST = Condition("abs_z", "above", 2.0)
_BASIS = {"closed": "Closed bars", "live": "Live prices"}


@dataclass(frozen=True)
class Draft:
    """A rule being written: what it starts from, and which rows of conditions the form has.

    `serial` is new for each draft: its widgets are its own. A row begins with the condition beside its number.
    """

    serial: int
    rule_id: int | None
    start: AlertRule
    rows: tuple[tuple[int, Condition], ...]


def open_editor(rule: AlertRule | None, params: PairParams) -> None:
    """Begin to change a rule, or to write a new one on these parameters."""
    serial = st.session_state[_SERIAL] = st.session_state.get(_SERIAL, 0) + 1
    start = rule or AlertRule(name_in_words(params.y, params.x, _FIRST), (_FIRST,), params)
    rows = tuple(enumerate(start.conditions))
    st.session_state[_DRAFT] = Draft(serial, rule.rule_id if rule else None, start, rows)


def name_in_words(y: str, x: str, first: Condition) -> str:
    """`ETHUSDT on BTCUSDT: |z| above 2 sd`: what a rule is called whose user gave it no name."""
    return f"{Instrument.parse(y).label} on {Instrument.parse(x).label}: {first.text}"


def close_editor() -> None:
    st.session_state.pop(_DRAFT, None)


def is_edited(rule: AlertRule | None) -> bool:
    """Whether this rule is being changed; of None, whether a new one is being written."""
    draft = st.session_state.get(_DRAFT)
    return isinstance(draft, Draft) and draft.rule_id == (rule.rule_id if rule else None)


def show_editor(file: DeskFile, instruments: Sequence[str]) -> None:
    """The form; the rule in words below it, or what is wrong with it."""
    draft: Draft = st.session_state[_DRAFT]
    above = st.container()
    conditions = [_condition(draft, place, *row) for place, row in enumerate(draft.rows)]
    st.button(
        "And another condition",
        icon=":material/add:",
        on_click=_add_row,
        disabled=len(draft.rows) >= MAX_CONDITIONS,
        key=f"{_key(draft)}-add",
    )
    knobs = _pair_and_bars(draft, instruments)
    own_name = name_in_words(str(knobs["y"]), str(knobs["x"]), Condition(*conditions[0]))
    name = above.text_input(
        "Name",
        "" if draft.rule_id is None else draft.start.name,
        placeholder=own_name,
        max_chars=NAME_CHARACTERS,
        key=f"{_key(draft)}-name",
        width=420,
    )
    basis = st.segmented_control(
        "Judged on",
        list(_BASIS),
        default=draft.start.basis,
        required=True,
        format_func=lambda basis: _BASIS[basis],
        key=f"{_key(draft)}-basis",
        help="Closed bars: once a bar, by its close. Live: each second, by the last trades.",
    )
    terms = _terms(draft)
    rule = _checked(
        draft, (name or "").strip() or own_name, conditions, knobs, "live" if basis == "live" else "closed", terms
    )
    with st.container(horizontal=True, gap="small"):
        if st.button("Save the rule", disabled=rule is None, key=f"{_key(draft)}-save") and rule:
            _save(file, rule)
        st.button("Cancel", on_click=close_editor, key=f"{_key(draft)}-cancel")


def _key(draft: Draft) -> str:
    return f"rule-draft-{draft.serial}"


def _condition(draft: Draft, place: int, row: int, start: Condition) -> tuple[str, str, float | str]:
    """One row: metric, comparison, value; the widgets of another metric are other widgets."""
    key = f"{_key(draft)}-{row}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "If" if place == 0 else "and",
            list(METRICS),
            index=list(METRICS).index(start.metric),
            format_func=lambda name: METRICS[name].label,
            key=f"{key}-metric",
            width=200,
        )
        metric = METRICS[name]
        begun = start if name == start.metric else Condition(name, metric.ops[0], metric.default)
        op = st.selectbox(
            "is" if place == 0 else " ",
            list(metric.ops),
            index=metric.ops.index(begun.op),
            key=f"{key}-{name}-op",
            width=130,
            label_visibility="collapsed",
        )
        value = _value(metric, begun, f"{key}-{name}-value")
        st.button(
            "Remove",
            icon=":material/remove:",
            on_click=_remove_row,
            args=(row,),
            disabled=len(draft.rows) == 1,
            key=f"{key}-remove",
        )
    return name, op, value


def _value(metric: Metric, begun: Condition, key: str) -> float | str:
    label = f"{metric.label}, {metric.unit}" if metric.unit else metric.label
    if metric.choices:
        words = list(metric.choices)
        return str(st.selectbox(label, words, index=words.index(str(begun.value)), key=key, width=220))
    step = metric.scale / 10 if metric.needs_prices else metric.scale
    return float(
        st.number_input(
            label,
            float(metric.low),
            float(metric.high),
            float(begun.value),
            step,
            "%.6g",
            key=key,
            help=metric.help,
            width=220,
        )
    )


def _add_row() -> None:
    draft: Draft = st.session_state[_DRAFT]
    row = 1 + max(number for number, _ in draft.rows)
    st.session_state[_DRAFT] = replace(draft, rows=(*draft.rows, (row, Condition("net_edge_bps", "above", 0.0))))


def _remove_row(row: int) -> None:
    draft: Draft = st.session_state[_DRAFT]
    st.session_state[_DRAFT] = replace(draft, rows=tuple(one for one in draft.rows if one[0] != row))


def _pair_and_bars(draft: Draft, instruments: Sequence[str]) -> dict[str, str | int]:
    """Pair, timeframe and window; all other parameters are those that the draft began with."""
    params, key = draft.start.params, _key(draft)
    names = list(dict.fromkeys([*instruments, params.y, params.x]))
    frames = list(dict.fromkeys([*TIMEFRAMES, params.timeframe]))
    with st.grid(4, min_column_width=150, gap="small"):
        y, x = (
            st.selectbox(
                label, names, names.index(start), lambda name: Instrument.parse(name).label, key=f"{key}-{label[-1]}"
            )
            for label, start in (("Explained leg, y", params.y), ("Explaining leg, x", params.x))
        )
        frame = st.selectbox("Timeframe", frames, frames.index(params.timeframe), key=f"{key}-timeframe")
        usual = params if frame == params.timeframe else PairParams.for_timeframe(frame)
        knob = KNOB["window"]
        window = st.number_input(
            "Window, bars",
            int(knob.low or 1),
            int(knob.high or 1),
            usual.window,
            10,
            key=f"{key}-window-{frame}",
            help=knob.help,
        )
    return {"y": y, "x": x, "timeframe": frame, "window": int(window), "test_window": usual.test_window}


def _terms(draft: Draft) -> dict[str, float | int]:
    """Dwell, hysteresis, cooldown and cap."""
    start, key = draft.start, _key(draft)
    with (
        st.expander("When it speaks, and when again", key=f"{key}-terms"),
        st.grid(4, min_column_width=150, gap="small"),
    ):
        dwell_s = st.number_input(
            "Must hold for, s",
            0.0,
            86_400.0,
            start.dwell_s,
            10.0,
            "%.6g",
            key=f"{key}-dwell",
            help="The conditions must hold for so long without a break before it speaks.",
        )
        hysteresis = st.number_input(
            "Armed again at, share back",
            0.0,
            0.95,
            start.hysteresis,
            0.05,
            "%.2f",
            key=f"{key}-hysteresis",
            help="By which share of its threshold a value must come back before the rule can speak again: 0.5 on "
            "|z| above 2 is |z| below 1.",
        )
        cooldown_min = st.number_input(
            "Quiet afterwards, min",
            0.0,
            1440.0,
            start.cooldown_s / 60,
            5.0,
            "%.6g",
            key=f"{key}-cooldown",
            help="After an alert the rule is quiet for so long.",
        )
        daily_cap = st.number_input(
            "At most a day",
            1,
            1000,
            start.daily_cap,
            1,
            key=f"{key}-cap",
            help="Beyond so many alerts a UTC day there is only a digest an hour.",
        )
    return {
        "dwell_s": float(dwell_s),
        "hysteresis": float(hysteresis),
        "cooldown_s": float(cooldown_min) * 60,
        "daily_cap": int(daily_cap),
    }  # fmt: skip


def _checked(
    draft: Draft,
    name: str,
    conditions: Sequence[tuple[str, str, float | str]],
    knobs: dict[str, str | int],
    basis: Basis,
    terms: dict[str, float | int],
) -> AlertRule | None:
    """The rule that the form says, and its words; None where it cannot be, with the reason."""
    try:
        rule = replace(
            draft.start,
            name=name,
            conditions=tuple(Condition(*one) for one in conditions),
            params=replace(draft.start.params, **knobs),  # type: ignore[arg-type]
            basis=basis,
            rule_id=draft.rule_id,
            **terms,  # type: ignore[arg-type]
        )
    except StatarbError as error:
        st.warning(f"**{escape(error.message)}** {escape(error.hint)}", icon=":material/error:")
        return None
    st.markdown(f":material/notifications: {escape(rule.text)}")
    return rule


def _save(file: DeskFile, rule: AlertRule) -> None:
    make_change(lambda: file.save_rule(rule), close_editor)
