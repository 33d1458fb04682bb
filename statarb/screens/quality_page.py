"""Data quality: what is stored, what is missing, how late it came, and how long the disk will last."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import streamlit as st

from statarb.clock import utc_text
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.screens.cards import show_problem, show_title
from statarb.screens.coverage import percent_text
from statarb.screens.desk import Desk
from statarb.screens.following import show_answers, show_following
from statarb.screens.frame import follow_instruments
from statarb.screens.stat import show_card
from statarb.screens.views import DeskView, Quality
from statarb.screens.wording import DASH, duration_text, escape, number_text
from statarb.store.uploads import UPLOAD

_LAG_HELP = "Time of commit − the exchange's stamp of the trade, by the exchange's clock: median, and 99 % of trades."
_OFFSET_HELP = "The exchange's clock − this machine's, asked for by REST; ages and lags are told by the exchange's."
_QUEUE_HELP = "Trades received and not yet stored. It is near 0 while the disk keeps up."
_MISSING_HELP = (
    "Trade ids between the first and the last stored that are not there yet; deferred ones are fetched later."
)
_DISK_HELP = "The database with its log; the days left are of the free space, at the rate of the last hour."
_STATES = ("open", "filled", "unfillable", "deferred")


def show_quality_page(desk: Desk, params: PairParams) -> None:
    """The page looks again every two seconds."""
    _quality(desk, params)


@st.fragment(run_every="2s")
def _quality(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
        quality = desk.quality(view)
    except StatarbError as error:
        show_problem(error)
        return
    follow_instruments(view)
    show_title(view)
    if view.source == UPLOAD:
        _show_instruments(view, quality)
        st.markdown(
            "These are bars of files: there is no feed, and no trade ids that could tell of a gap. Coverage counts the "
            "bars; what a file lacked, and what of it was refused, is reported when it is read, on the page Data."
        )
        return
    _show_totals(view, quality)
    _show_instruments(view, quality)
    followed = list(view.instruments)
    show_following(desk, followed)
    show_answers(desk, followed)
    left, right = st.columns(2, gap="large")
    with left:
        _show_gaps(quality)
    with right:
        _show_connections(view)
        _show_rejects(quality)


def _show_totals(view: DeskView, quality: Quality) -> None:
    stats = view.feeds["ingest"].stats if "ingest" in view.feeds else {}
    rate = float(stats.get("trades_per_s") or 0.0)
    is_gone = view.health.state == "DISCONNECTED"
    with st.grid(6, min_column_width=128, gap="small", key="totals-old" if is_gone else "totals"):
        stored = "when ingest last told" if is_gone else "stored, last ten seconds"
        show_card(
            "Trades a second",
            number_text(rate, 1),
            stored,
            "Trades of all instruments over the time in which they were stored.",
        )
        show_card("Event to commit", _ms(stats, "lag_p50_ms"), f"99 %: {_ms(stats, 'lag_p99_ms')}", _LAG_HELP)
        show_card("Clock offset", _ms(stats, "clock_offset_ms"), "exchange − local", _OFFSET_HELP)
        show_card("Queue", _count(stats, "queue_depth"), "waiting to be stored", _QUEUE_HELP)
        show_card(
            "Missing now", _count(stats, "missing_ids"), f"{_count(stats, 'deferred_ids')} deferred", _MISSING_HELP
        )
        show_card(
            "Disk used",
            f"{quality.disk.used / 1e6:,.0f} MB",
            days_text(quality),
            _DISK_HELP,
        )


def _show_instruments(view: DeskView, quality: Quality) -> None:
    st.header("Instruments", anchor=False)
    stats = view.feeds["ingest"].stats if "ingest" in view.feeds else {}
    offset_ms = stats.get("clock_offset_ms") or 0
    rows = []
    for name, stored in view.instruments.items():
        one = stats.get("instruments", {}).get(name, {})
        covered, of_window = quality.coverage[name], view.coverage.get(name)
        last_ts_ms = one.get("last_ts_ms")
        age_s = (view.now_ms + offset_ms - last_ts_ms) / 1000 if last_ts_ms else math.inf
        of_feed = {
            "Status": stored.status,
            "Last trade id": str(one.get("last_id", DASH)),
            "Age": duration_text(max(0.0, age_s)),
            "Trades/s": number_text(float(one.get("trades_per_s", math.nan)), 1),
            "Lag p50": _ms(one, "lag_p50_ms"),
            "Lag p99": _ms(one, "lag_p99_ms"),
        }
        rows.append(
            {
                "Instrument": stored.instrument.label,
                **({} if view.source == UPLOAD else of_feed),
                "Coverage, 24 h": percent_text(covered) if covered.seconds else DASH,
                "Of the window": percent_text(of_window) if of_window else DASH,
                "Missing, 24 h": duration_text(covered.seconds - covered.covered) if covered.seconds else DASH,
                "Closed to, UTC": utc_text(stored.closed_until_ms)[0 if view.is_of_files else 11 :]
                if stored.closed_until_ms
                else DASH,
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", key="instruments")
    if view.source == UPLOAD:
        st.caption(
            "Coverage: of the last 24 hours before the file ends; beside it, of the time that the numbers of the pair "
            "look back to."
        )
        return
    st.caption(
        "Coverage: seconds of the last 24 hours whose trades are all stored, or for which an exchange kline stands; "
        "beside it, of the seconds that the numbers of the pair look back to. "
        "Lag: from the exchange's stamp of a trade to its commit, by the exchange's clock."
    )


def _show_gaps(quality: Quality) -> None:
    st.header("Gaps", anchor=False)
    gaps = quality.gaps
    if gaps.empty:
        st.markdown("None was ever found: every trade id between the first and the last stored is there.")
        return
    by_state = {state: gaps[gaps["state"] == state] for state in _STATES}
    parts = [
        f"**{len(rows):,} {state}** ({int((rows['hi'] - rows['lo'] + 1).sum()):,} ids)"
        for state, rows in by_state.items()
        if len(rows)
    ]
    st.markdown(" · ".join(parts))
    newest = gaps.sort_values("found_at_ms", ascending=False).head(50)
    table = pd.DataFrame(
        {
            "Instrument": newest["instrument"].str.removeprefix("spot:"),
            "State": newest["state"],
            "Ids": [f"{n:,}" for n in newest["hi"] - newest["lo"] + 1],
            "Opened by": newest["reason"],
            "Found, UTC": [utc_text(int(ms))[5:] for ms in newest["found_at_ms"]],
            "Closed after": [
                DASH if pd.isna(closed) else duration_text((int(closed) - int(found)) / 1000)
                for found, closed in zip(newest["found_at_ms"], newest["closed_at_ms"], strict=True)
            ],
        }
    )
    st.dataframe(table, hide_index=True, width="stretch", key="gaps", height=38 + 35 * min(10, len(table)))


def _show_connections(view: DeskView) -> None:
    st.header("Connections", anchor=False)
    rows = [
        {
            "Name": feed.name,
            "State": feed.state,
            "Connects": _count(feed.stats, "connects"),
            "Trades": _count(feed.stats, "trades"),
            "Rejects": _count(feed.stats, "rejects"),
            "Last end": str(feed.stats.get("last_end") or DASH),
        }
        for feed in view.feeds.values()
        if "connects" in feed.stats
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", key="connections")
    stats = view.feeds["ingest"].stats if "ingest" in view.feeds else {}
    st.caption(
        f"Since ingest started: {_count(stats, 'backfilled')} missed trades fetched, "
        f"{_count(stats, 'duplicates')} duplicates absorbed, {_count(stats, 'conflicts')} conflicts kept, "
        f"{_count(stats, 'seed_mismatches')} seeded seconds contradicted by their trades."
    )


def _show_rejects(quality: Quality) -> None:
    st.header("Rejected frames", anchor=False)
    if quality.rejects.empty:
        st.markdown("None.")
        return
    for row in quality.rejects.to_dict("records"):
        count, last_ms = int(row["count"]), int(row["last_seen_ms"])
        st.markdown(f"**{count:,} × {escape(str(row['reason']))}**, last {utc_text(last_ms)} UTC")
        st.code(str(row["sample"]), language=None)


def _ms(stats: Any, key: str) -> str:
    value = stats.get(key)
    return f"{number_text(value, 0)} ms" if isinstance(value, int) else DASH


def _count(stats: Any, key: str) -> str:
    value = stats.get(key)
    return f"{value:,}" if isinstance(value, int) else DASH


def days_text(quality: Quality) -> str:
    """How long the disk lasts at the rate of the last hour."""
    if quality.hour_rate is None:
        return "days left: told in an hour"
    days = quality.disk.days_left(quality.hour_rate)
    return f"{'years' if days > 3650 else f'{days:,.0f} days' if days >= 1 else 'less than a day'} left"
