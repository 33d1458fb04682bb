"""What alerts have been: a table, the one that was chosen in full, and how they turned out against random entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from statarb.errors import StatarbError
from statarb.quant import NotEnough, Scorecard, scorecard
from statarb.quant.outcome import HORIZONS_BARS
from statarb.screens.cards import show_problem
from statarb.screens.change import make_change
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import tip
from statarb.screens.notices import is_own_link, name_of
from statarb.screens.stat import show_table
from statarb.screens.views import AlertLog
from statarb.screens.wording import DASH, escape, number_text, share_text
from statarb.screens.zone import current_zone
from statarb.settings import desk_path
from statarb.store import AlertEvent, Delivery, DeskFile, StoredOutcome
from statarb.store.desk_file import NOTE_CHARACTERS, Mark

TICK = "2s"
_CHOSEN, _SHOWN = "alert", "alerts_shown"
_STATES = {"fired": "alert", "held": "held back", "digest": "digest", "suppressed": "suppressed"}

Key = tuple[int, int]
"""An alert's id and time, as marks know it."""


@st.fragment(run_every=TICK)
def show_history(desk: Desk) -> None:
    """The page looks again every two seconds."""
    file = DeskFile(desk_path(desk.path))
    try:
        log, marks = desk.alert_log(), file.marks()
    except StatarbError as error:
        show_problem(error)
        return
    if not log.events:
        st.markdown(
            "Nothing yet. A rule speaks once when all its conditions begin to hold, and again only after they have "
            "ceased to; the tab **Rules** holds them, and pins speak at target, stop, time stop and drift."
        )
        return
    open_only = st.segmented_control(
        "Show",
        ["All", "Not acknowledged"],
        default="All",
        required=True,
        key="alerts_which",
        bind="query-params",
        label_visibility="collapsed",
    )
    events = [event for event in log.events if open_only == "All" or not _mark(marks, event).acknowledged_at_ms]
    _show_events(events, log, marks)
    chosen = next((event for event in log.events if name_of(event) == st.query_params.get(_CHOSEN)), None)
    if chosen is not None:
        _show_alert(file, chosen, log, _mark(marks, chosen))
    _show_scorecard(log.outcomes)


def _key(event: AlertEvent) -> Key:
    return event.event_id or 0, event.at_ms


def _mark(marks: Mapping[Key, Mark], event: AlertEvent) -> Mark:
    return marks.get(_key(event), Mark(None, ""))


def _show_events(events: Sequence[AlertEvent], log: AlertLog, marks: Mapping[Key, Mark]) -> None:
    if not events:
        st.markdown("Every alert is acknowledged.")
        return
    st.session_state[_SHOWN] = [name_of(event) for event in events]
    # A new alert moves the rows: a table of its own then, so that no row is chosen that nobody chose.
    name = f"alerts-table-{events[0].event_id}-{len(events)}"
    st.dataframe(
        pd.DataFrame([_row(event, log, _mark(marks, event)) for event in events]),
        hide_index=True,
        width="stretch",
        height=38 + 35 * min(10, len(events)),
        key=name,
        on_select=lambda: _choose(name),
        selection_mode="single-row",
        column_config=_columns(),
    )
    st.caption(
        "Choose a row for the whole message, its delivery and its outcome. After: gross of both legs, random beside it."
        " Held back: more than the rule's cap for a day; it was delivered nowhere, and a digest counts it."
    )


def _columns() -> dict[str, Any]:
    """Widths and tooltips of what is not said by its name."""
    column = st.column_config.TextColumn
    after = {
        f"After {bars}": column(
            width=110,
            help=f"What both legs, frozen at the alert and filled at the first close after it, earned in {bars} bars, "
            "gross in bp of the y notional; in brackets the mean of random entries of the same pair and side.",
        )
        for bars in HORIZONS_BARS
    }
    return after | {
        "z": column(help=f"At the alert.\n\n{tip('z')}"),
        "Net, bp": column(help=f"At the alert.\n\n{tip('net')}"),
        "Delivered": column(help="To how many targets it was sent, is tried again, or could not be sent."),
    }


def _choose(table: str) -> None:
    rows = st.session_state[table]["selection"]["rows"]
    shown = st.session_state.get(_SHOWN, [])
    if rows and rows[0] < len(shown):
        st.query_params[_CHOSEN] = shown[rows[0]]
    else:
        st.query_params.pop(_CHOSEN, None)


def _row(event: AlertEvent, log: AlertLog, mark: Mark) -> dict[str, str]:
    zone = current_zone()
    after = {outcome.horizon_bars: outcome for outcome in log.outcomes if outcome.event_id == event.event_id}
    row = {
        f"At, {zone.label}": zone.text(event.at_ms)[5:],
        "State": _STATES[event.state] + ", over" * (event.state == "fired" and event.ended_at_ms is not None),
        "Alert": event.name,
        "Pair": " on ".join(leg.removeprefix("spot:") for leg in (event.y, event.x) if leg) or DASH,
        "z": _figure(event.z, 2),
        "Net, bp": _figure(event.net_bps, 1),
    }
    for bars in HORIZONS_BARS:
        one = after.get(bars)
        row[f"After {bars}"] = f"{_figure(one.gross_bps, 1)} ({_figure(one.random_gross_bps, 1)})" if one else DASH
    row["Delivered"] = _delivered(event, log.deliveries)
    row["Seen"] = "yes" if mark.acknowledged_at_ms else ""
    row["What"] = event.reason
    row["Note"] = mark.note
    return row


def _figure(value: float | None, digits: int) -> str:
    return DASH if value is None else number_text(value, digits, signed=True)


def _delivered(event: AlertEvent, deliveries: Sequence[Delivery]) -> str:
    states = [one.state for one in deliveries if one.kind == "event" and one.ref_id == event.event_id]
    parts = [f"{states.count(state)} {state}" for state in ("sent", "retrying", "failed") if state in states]
    return ", ".join(parts) or DASH


def _show_alert(file: DeskFile, event: AlertEvent, log: AlertLog, mark: Mark) -> None:
    """One alert in full."""
    zone = current_zone()
    with st.container(border=True, key="alert-chosen"):
        ended = "it lasts" if event.ended_at_ms is None else f"ended {zone.text(event.ended_at_ms)} {zone.label}"
        lasts = f", {ended}" if event.state in ("fired", "held") else ""
        st.markdown(f"**{escape(event.name)}**, {zone.text(event.at_ms)} {zone.label}{lasts}")
        st.code(event.text, language=None, wrap_lines=True)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _show_acknowledge(file, event, mark)
            _show_note_form(file, event, mark)
            if is_own_link(event.link):
                st.link_button("Open the view", event.link, icon=":material/open_in_new:")
        if mark.note:
            st.markdown(f":material/sticky_note_2: {escape(mark.note)}")
        left, right = st.columns(2, gap="large")
        with left:
            _show_outcomes([one for one in log.outcomes if one.event_id == event.event_id], event)
        with right:
            _show_deliveries([one for one in log.deliveries if one.kind == "event" and one.ref_id == event.event_id])


def _show_acknowledge(file: DeskFile, event: AlertEvent, mark: Mark) -> None:
    seen = mark.acknowledged_at_ms is not None
    label, icon = ("Not seen after all", ":material/undo:") if seen else ("Acknowledge", ":material/check:")
    if st.button(label, icon=icon, key=f"alert-ack-{event.event_id}"):
        _mark_alert(file, event, acknowledged=not seen)


def _show_note_form(file: DeskFile, event: AlertEvent, mark: Mark) -> None:
    # A saved note makes a new form, so that the old one closes.
    version = f"{event.event_id}-{event.at_ms}-{hash(mark.note)}"
    with (
        st.popover("Note", icon=":material/sticky_note_2:", key=f"alert-note-{version}"),
        st.form(f"alert-note-form-{version}", border=False),
    ):
        note = st.text_area("Note", mark.note, max_chars=NOTE_CHARACTERS, key=f"alert-note-text-{version}")
        if st.form_submit_button("Save the note"):
            _mark_alert(file, event, note=note.strip())


def _mark_alert(file: DeskFile, event: AlertEvent, acknowledged: bool | None = None, note: str | None = None) -> None:
    make_change(lambda: file.mark_alert(*_key(event), acknowledged=acknowledged, note=note))


def _show_outcomes(outcomes: Sequence[StoredOutcome], event: AlertEvent) -> None:
    st.markdown("**What came after**, in bp of the y notional")
    if event.y_units is None:
        st.caption("This one had no legs to follow.")
        return
    if not outcomes:
        st.caption(f"Known when {HORIZONS_BARS[0] + 1} bars have closed after it.")
        return
    show_table(
        {
            "Bars": [str(one.horizon_bars) for one in outcomes],
            "Gross": [_figure(one.gross_bps, 1) for one in outcomes],
            "Net": [_figure(one.net_bps, 1) for one in outcomes],
            "Random gross": [_figure(one.random_gross_bps, 1) for one in outcomes],
            "Random net": [_figure(one.random_net_bps, 1) for one in outcomes],
            "Entries": [f"{one.n_random:,}" for one in outcomes],
        }
    )


def _show_deliveries(deliveries: Sequence[Delivery]) -> None:
    st.markdown("**Delivery**")
    if not deliveries:
        st.caption("Delivered nowhere: no target was switched on then, or the market is simulated.")
        return
    show_table(
        {
            "Target": [one.target for one in deliveries],
            "State": [one.state for one in deliveries],
            "Tries": [str(one.tries) for one in deliveries],
            f"At, {current_zone().label}": [current_zone().text(one.at_ms)[11:] for one in deliveries],
            "Error": [one.error for one in deliveries],
        }
    )


def _show_scorecard(outcomes: Sequence[StoredOutcome]) -> None:
    """How alerts turned out, by what the frozen legs earned and never by whether z shrank."""
    st.header("Scorecard", anchor=False, help=tip("scorecard"))
    cards = {bars: _scored([one for one in outcomes if one.horizon_bars == bars]) for bars in HORIZONS_BARS}
    short = [card for card in cards.values() if isinstance(card, NotEnough)]
    if len(short) == len(cards):
        most = max(short, key=lambda card: card.have)
        st.markdown(f"A score needs {most.need} {most.what}; so far there are {most.have}.")
        return
    names = ("Alerts", "Gross above 0", "Mean gross, bp", "Mean net, bp", "Over random entries, bp")
    known = {f"After {bars} bars": card for bars, card in cards.items() if not isinstance(card, NotEnough)}
    show_table({"": list(names)} | {head: _scores(card) for head, card in known.items()})
    st.caption(
        "What both legs, frozen at the alert and filled at the first close after it, earned in so many bars, beside "
        "random entries on the same pair and side before it; in brackets 95 % intervals that take alerts as "
        "independent, which overlapping ones are not. On unrelated instruments the share is 50 %, and nothing is "
        "earned over random entries."
    )


def _scores(card: Scorecard) -> list[str]:
    low, high = card.share_interval
    return [
        f"{card.n:,}",
        f"{share_text(card.share_positive)} ({share_text(low)} to {share_text(high)})",
        f"{_figure(card.gross_bps, 1)} ({_span(card.gross_interval_bps)})",
        _figure(card.net_bps, 1),
        f"{_figure(card.excess_bps, 1)} ({_span(card.excess_interval_bps)})",
    ]


def _scored(outcomes: Sequence[StoredOutcome]) -> Scorecard | NotEnough:
    known = [(one.gross_bps, one.net_bps, one.random_gross_bps) for one in outcomes]
    rows = [(gross, net, random) for gross, net, random in known if gross is not None and net is not None]
    gross, net, random = zip(*rows, strict=True) if rows else ((), (), ())
    return scorecard(gross, net, [float("nan") if value is None else value for value in random])


def _span(interval: tuple[float, float]) -> str:
    return f"{_figure(interval[0], 1)} to {_figure(interval[1], 1)}"
