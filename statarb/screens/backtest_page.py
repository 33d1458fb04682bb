"""Backtest: what the rule of the sidebar would have earned, with everything that makes such a number doubtful."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st

from statarb.charts.backtest import backtest_spec
from statarb.clock import utc_stamp
from statarb.errors import StatarbError
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import Backtest, NotEnough, PairStudy, Rule
from statarb.quant.backtest import MANY_TRIPS
from statarb.quant.sample import epoch_ms
from statarb.screens.backtest_run import ANALYSIS, BacktestRun, backtest_run, spans_of
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk
from statarb.screens.downloads import show_download
from statarb.screens.frame import follow_instruments
from statarb.screens.glossary_text import tip
from statarb.screens.lazy import once
from statarb.screens.plot import show_plot
from statarb.screens.stat import show_stat, show_wait, with_digits
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, MINUS, duration_text, escape, number_text, price_digits, share_text
from statarb.screens.zone import current_zone
from statarb.store.transfer import csv_text

TICK = "3s"
WHY = {
    "mean": "back at the mean",
    "stop": "stop",
    "time": "too old",
    "no hedge": "no hedge",
    "outage": "outage",
    "end": "still open",
}


def show_backtest_page(desk: Desk, params: PairParams) -> None:
    """The page moves with the bars; it looks for a closed one every three seconds."""
    _backtest(desk, params)


@st.fragment(run_every=TICK)
def _backtest(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
        follow_instruments(view)
        show_title(view)
        span = _span(params)
        run = backtest_run(desk, view, span)
    except StatarbError as error:
        show_problem(error)
        return
    if isinstance(run.result, NotEnough):
        st.markdown(escape(rule_text(Rule.of(params, view.costs), params)))
        show_wait(run.result, view.next_bar_s)
        return
    _show_words(run, run.result, view)
    _show_numbers(run.result)
    show_plot(
        "backtest_chart",
        once(run.study, "backtest chart", partial(backtest_spec, run.result, run.study.z, params)),
        rev=run.rev,
        label=f"{params.pair}: equity and drawdown of the rule over {run.study.n_bars} bars, and z with its "
        f"{run.result.trips} round trips",
        height=680,
    )
    _show_trips(run, run.result, view)


def _span(params: PairParams) -> str:
    offered = spans_of(params)
    bars = f"{params.lookback_bars:,} bars"
    chosen = st.segmented_control(
        "Span",
        list(offered),
        default=ANALYSIS,
        required=True,
        key="span",
        bind="query-params",
        format_func=lambda name: f"bars of the analysis ({bars})" if name == ANALYSIS else name,
        help="How far back the rule is simulated, as far as bars are stored. Longer spans move on in steps.",
    )
    return chosen if chosen in offered else ANALYSIS


def _show_words(run: BacktestRun, result: Backtest, view: DeskView) -> None:
    """The outcome in one honest sentence, then the rule, the bars and the costs."""
    with st.container(border=True, key="verdict"):
        st.header(escape(outcome_text(result)), anchor=False)
        for sentence in doubts(result):
            st.markdown(escape(sentence))
        st.caption(escape(f"{rule_text(result.rule, view.params)} {bars_text(run)}"))


def outcome_text(result: Backtest) -> str:
    """What the mean of the round trips says, and whether it differs from nothing."""
    if not result.trips:
        return "The rule did not trade in these bars"
    mean = f"{number_text(result.mean_net_bps, 1, signed=True)} bp a trade after costs"
    if result.trips < 2:
        return f"One round trip: {number_text(result.mean_net_bps, 1, signed=True)} bp after costs"
    low, high = result.interval_bps
    if low <= 0 <= high:
        return f"{mean}: not different from nothing"
    return f"{mean}: {'a gain' if low > 0 else 'a loss'} on these bars"


def doubts(result: Backtest) -> list[str]:
    """What keeps the result from being believed, in sentences."""
    found = []
    if result.trips >= 2:
        low, high = (number_text(end, 1, signed=True) for end in result.interval_bps)
        found.append(f"95 % interval of the mean: {low} to {high} bp, from {result.trips} round trips.")
    if 0 < result.trips < MANY_TRIPS:
        found.append(f"Fewer than {MANY_TRIPS} round trips: far too few to speak of what comes next.")
    if result.tried > 1:
        found.append(f"{result.tried} parameter sets were tried in this session: the best of many is partly luck.")
    if any(trip.why == "end" for trip in result.round_trips):
        found.append("The last trade is still open; it is counted as if left at the last close.")
    if not result.carry_known:
        found.append("The funding of a perpetual is not known here, and not in the result.")
    return found


def rule_text(rule: Rule, params: PairParams) -> str:
    """The rule in one sentence, with what a fill costs."""
    stop = f"; give up at {rule.stop_z:g}" if math.isfinite(rule.stop_z) else ""
    held = f" or after {duration_text(rule.time_stop * params.bar_s)}" if rule.time_stop else ""
    y_bps, x_bps = rule.sides_bps
    cost = f"{y_bps:.1f} bp" if round(y_bps, 1) == round(x_bps, 1) else f"{y_bps:.1f} bp (y) and {x_bps:.1f} bp (x)"
    return (
        f"Rule: enter at |z| above {rule.entry_z:g}, leave at {rule.exit_z:g}{stop}{held}. Decided at a close by what "
        f"was known there, filled at the next close; a fill costs {cost} of its notional, ${rule.notional:,.0f} of y."
    )


def bars_text(run: BacktestRun) -> str:
    """Which bars were simulated."""
    study, zone = run.study, current_zone()
    if not study.n_bars:
        return ""
    first = zone.text(int(epoch_ms(study.prices.index[:1])[0]))[:16]
    moves = f" It moves on every {duration_text(run.step_ms / 1000)}." if run.step_ms > study.legs.bar_ms else ""
    return f"{study.n_bars:,} bars from {first} to {zone.text(study.as_of_ms)[:16]} {zone.label}.{moves}"


def _show_numbers(result: Backtest) -> None:
    low, high = (number_text(end, 1, signed=True) for end in result.interval_bps)
    own = sum(result.rule.sides_bps) / 2
    trips = result.round_trips
    equity = sum(trip.net for trip in trips)  # what the table adds up to; the curve holds an open trade marked
    worst = float(result.drawdown.min()) if len(result.equity) else 0.0
    exposure = float((result.position != 0).mean()) if len(result.position) else 0.0
    sharpe = result.sharpe
    with st.grid(4, min_column_width=150, gap="small", key="backtest_numbers"):
        show_stat("Round trips", f"{result.trips:,}", f"in {duration_text(result.days * 86_400)} with a z", "trips")
        mean = number_text(result.mean_net_bps, 1, signed=True)
        show_stat("Mean net a trade", f"{mean} bp", f"{low} to {high} bp", "mean_net")
        wins = share_text(result.win_rate) if result.trips else DASH
        show_stat("Win rate", wins, f"n {result.trips:,}, after costs", "win_rate")
        show_stat(
            "Break-even cost", f"{number_text(result.break_even_bps, 1)} bp", f"yours {own:.1f} bp a fill", "break_even"
        )
        is_open = bool(trips) and trips[-1].why == "end"
        show_stat("Equity at the end", money_text(equity), "after costs" + ", the open trade left" * is_open, "equity")
        show_stat("Deepest drawdown", money_text(worst), "at closes", "drawdown")
        show_stat("Exposure", share_text(exposure), "of the bars in a trade", "exposure")
        if isinstance(sharpe, NotEnough):
            show_stat("Sharpe a year", DASH, f"{sharpe.have:,} of {sharpe.need:,} {sharpe.what}", "sharpe")
        else:
            show_stat("Sharpe a year", number_text(sharpe, 2), f"{result.tried} tried", "sharpe")


def money_text(amount: float) -> str:
    """`+$44.35`, `−$54.65`."""
    text = number_text(amount, 2, signed=True)
    return f"{text[0]}${text[1:]}" if text[0] in f"+{MINUS}" else f"${text}"


def trips_frame(study: PairStudy, result: Backtest) -> pd.DataFrame:
    """One row a round trip, oldest first; times are closes of the bars of the fills, UTC, amounts in basis points."""
    bar = pd.Timedelta(milliseconds=study.legs.bar_ms)
    closes = pd.DatetimeIndex(study.prices.index) + bar
    y, x = (study.prices[leg].to_numpy() for leg in ("y", "x"))
    trips = result.round_trips
    entered, left = [trip.entered for trip in trips], [trip.left for trip in trips]
    bps = [1e4 / trip.notional for trip in trips]
    return pd.DataFrame(
        {
            "entered_utc": closes[entered],
            "left_utc": closes[left],
            "side": ["bought" if trip.side > 0 else "sold" for trip in trips],
            "net_bps": [trip.net_bps for trip in trips],
            "gross_bps": [trip.gross * scale for trip, scale in zip(trips, bps, strict=True)],
            "cost_bps": [trip.cost * scale for trip, scale in zip(trips, bps, strict=True)],
            "carry_bps": [trip.carry * scale for trip, scale in zip(trips, bps, strict=True)],
            "left_because": [WHY[trip.why] for trip in trips],
            "y_units": [trip.y_units for trip in trips],
            "x_units": [trip.x_units for trip in trips],
            "y_in": y[entered],
            "y_out": y[left],
            "x_in": x[entered],
            "x_out": x[left],
        }
    )


def trip_digits(frame: pd.DataFrame, view: DeskView) -> dict[str, int]:
    """Decimals of each column of numbers as shown: prices by their tick, units to six figures."""
    digits = {"net_bps": 1, "gross_bps": 1, "cost_bps": 1, "carry_bps": 2}
    for leg, name in (("y", view.params.y), ("x", view.params.x)):
        price, units = (float(frame[column].abs().max()) for column in (f"{leg}_in", f"{leg}_units"))
        digits |= dict.fromkeys((f"{leg}_in", f"{leg}_out"), price_digits(price, view.instruments[name].tick))
        digits[f"{leg}_units"] = price_digits(units, None)
    return digits


def _show_trips(run: BacktestRun, result: Backtest, view: DeskView) -> None:
    frame = trips_frame(run.study, result)
    pair, zone = run.study.params.pair, current_zone()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header("Round trips", anchor=False, help=tip("trips"), width="content")
        make, name = lambda: csv_text(frame).encode(), csv_name(run.study, view.source)
        show_download("CSV", make, name, "text/csv", "trips_csv", disabled=frame.empty)
    if frame.empty:
        st.markdown("None in these bars.")
        return
    digits = trip_digits(frame, view)
    # Numbers, so that the columns sort as such; zero is added because a rounded loss of nothing is -0.0.
    shown = frame.iloc[::-1].round(digits)
    shown[list(digits)] += 0.0
    for name in ("entered_utc", "left_utc"):
        shown = shown.assign(**{name: [zone.text(int(ms)) for ms in epoch_ms(pd.DatetimeIndex(shown[name]))]})
    y, x = pair.y.label, pair.x.label
    labels = {
        "y_units": y, "x_units": x, "y_in": f"{y} in", "y_out": f"{y} out", "x_in": f"{x} in", "x_out": f"{x} out",
        "gross_bps": "Gross, bp", "cost_bps": "Costs, bp", "carry_bps": "Carry, bp", "net_bps": "Net, bp",
    }  # fmt: skip
    numbers = {
        name: st.column_config.NumberColumn(label, help=tip("funding") if name == "carry_bps" else None)
        for name, label in labels.items()
    }
    st.dataframe(
        with_digits(shown, digits),
        hide_index=True,
        key="trips",
        height=38 + 35 * min(12, len(shown)),
        column_config={
            "entered_utc": f"Entered, {zone.label}",
            "left_utc": f"Left, {zone.label}",
            "side": st.column_config.TextColumn(
                "Spread", help=f"Bought: long {y}, short {x}. Sold: the other way round."
            ),
            **numbers,
            "left_because": "Left because",
        },
    )
    st.caption("Newest first. Basis points are of the y notional at entry. Fills at closes, of any size, are assumed.")


def csv_name(study: PairStudy, source: str) -> str:
    """`backtest-ETHUSDT-BTCUSDT-1m-20260131T120000Z.csv`, with the source where it is not the market."""
    params = study.params
    parts = ["backtest", params.pair.y.label, params.pair.x.label, timeframe(params.timeframe).name]
    parts.append(utc_stamp(study.as_of_ms))
    if source in ("simulated", "import"):
        parts.insert(0, source)
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in "-".join(parts)) + ".csv"
