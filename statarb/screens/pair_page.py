"""Pair analytics: the verdict with its reasons, the charts, the regression and the tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from statarb.charts import live_tags, pair_figure
from statarb.charts.pair import spread_unit
from statarb.clock import utc_text
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import CointegrationResult, FrozenMoments, HedgeFit, NotEnough, PairStudy, UnitRootResult
from statarb.quant.hedge import OLS_BANNER
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk, DeskView
from statarb.screens.frame import follow_instruments
from statarb.screens.live_chart import LiveValues, show_chart
from statarb.screens.live_page import chart_notes
from statarb.screens.wording import MINUS, escape, number_text, wait_text


def show_pair_page(desk: Desk, params: PairParams) -> None:
    """The page moves with the bars; it looks for a closed one every second."""
    _pair(desk, params)


@st.fragment(run_every="1s")
def _pair(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
    except StatarbError as error:
        show_problem(error)
        return
    follow_instruments(view)
    show_title(view)
    show_verdict(view.study)
    _show_charts(view)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _show_hedge(view.study)
        _show_adf(view.study)
    with right:
        _show_engle_granger(view.study)
        _show_summary(view.study)


def show_verdict(study: PairStudy) -> None:
    """The verdict's words, why, and what to keep in mind."""
    verdict = study.verdict
    with st.container(border=True, key="verdict"):
        st.header(f"Reversion: {escape(verdict.headline)}", anchor=False)
        for reason in verdict.reasons:
            st.markdown(escape(reason))
        if study.caveats:
            st.caption(" ".join(map(escape, study.caveats)))


def _show_charts(view: DeskView) -> None:
    study, params = view.study, view.params
    correlation = study.correlation
    note = f"Correlation: {wait_text(correlation, params.bar_s)}" if isinstance(correlation, NotEnough) else ""
    notes = (*chart_notes(study), note)
    tags = live_tags(study, None, None, math.nan, math.nan)
    show_chart(
        "pair_chart",
        pair_figure(study, view.analysis.episodes, notes, view.analysis.bars_version),
        LiveValues(study.as_of_ms, tags),
        timeframe=params.timeframe,
        view=f"{params.y}|{params.x}|{params.timeframe}",
        label=f"{params.pair}: prices, spread, z-score and rolling correlation of {len(study.prices)} closed bars",
        height=860,
    )


def _show_hedge(study: PairStudy) -> None:
    st.header("Hedge", anchor=False)
    hedge, moments, params = study.hedge, study.moments, study.params
    if not isinstance(hedge, HedgeFit):
        _show_wait(hedge, study)
        return
    unit = spread_unit(study)
    log_scale = params.price_scale == "log"
    beta_unit = "notional per notional" if log_scale else f"{params.pair.x.label} per {params.pair.y.label}"
    rows = [
        ("Regression", f"{hedge.direction}, {'log prices' if log_scale else 'prices'}, {hedge.n:,} bars"),
        ("β", f"{_true_minus(hedge.beta)} ± {hedge.beta_se:.2g} {beta_unit}"),
        ("α", f"{_true_minus(hedge.alpha)} ± {hedge.alpha_se:.2g} {'log' if log_scale else 'price'} units"),
        ("R²", f"{hedge.r2:.4f}"),
    ]
    if isinstance(moments, FrozenMoments):
        deviation = f"{number_text(moments.sd * unit.scale, unit.digits)}{unit.suffix or ' price units'}"
        rows.append(("Deviation of the spread", deviation))
        rows.append(("Frozen at", f"{utc_text(moments.as_of_ms)} UTC"))
    _show_table(rows)
    st.caption("± is one classic standard error; prices are integrated, so the true uncertainty is several times that.")


def _show_summary(study: PairStudy) -> None:
    st.header("OLS summary", anchor=False)
    summary = study.ols_summary
    if isinstance(summary, NotEnough):
        _show_wait(summary, study)
    else:
        st.caption(escape(OLS_BANNER))
        st.code(summary.removeprefix(OLS_BANNER).strip("\n"), language=None, wrap_lines=False)


def _show_engle_granger(study: PairStudy) -> None:
    st.header("Engle-Granger test: decides the verdict", anchor=False)
    result = study.engle_granger
    if not isinstance(result, CointegrationResult):
        _show_wait(result, study)
        return
    st.markdown(f"p {_p_text(result.pvalue)}, doubled for two directions; {result.n:,} bars.")
    tests = (result.y_on_x, result.x_on_y)
    _show_frame(
        {
            "Direction": [test.direction for test in tests],
            "t": [number_text(test.statistic, 3) for test in tests],
            "p": [_p_text(test.pvalue) for test in tests],
            "Lags": [str(test.lags) for test in tests],
            **{
                f"{level} critical": [number_text(test.critical_values[level], 3) for test in tests]
                for level in result.y_on_x.critical_values
            },
        }
    )
    st.caption(
        f"Null hypothesis: {escape(result.null)}. Critical values for residuals of an estimated hedge "
        f"(MacKinnon 2010, two series). Lags by {escape(result.lag_rule)}."
    )


def _show_adf(study: PairStudy) -> None:
    st.header("Augmented Dickey-Fuller test: a second look", anchor=False)
    result = study.adf
    if not isinstance(result, UnitRootResult):
        _show_wait(result, study)
        return
    rows = [
        ("Series", result.series),
        ("Statistic t", number_text(result.statistic, 3)),
        ("p", _p_text(result.pvalue)),
        ("Lags", str(result.lags)),
        ("Observations", f"{result.nobs:,}"),
        *((f"{level} critical", number_text(value, 3)) for level, value in result.critical_values.items()),
    ]
    _show_table(rows)
    st.caption(
        f"Null hypothesis: {escape(result.null)}. The hedge comes from bars before the tested ones, so that these "
        "critical values hold. It can weaken the verdict, never make it."
    )


def _p_text(p: float) -> str:
    return "below 0.0001" if p < 1e-4 else f"{p:.4f}"


def _true_minus(value: float) -> str:
    return f"{value:.5g}".replace("-", MINUS)


def _show_wait(missing: NotEnough, study: PairStudy) -> None:
    st.markdown(f":material/hourglass_empty: {escape(wait_text(missing, study.params.bar_s))}")


def _show_table(rows: Sequence[tuple[str, str]]) -> None:
    _show_frame({"": [name for name, _ in rows], " ": [value for _, value in rows]}, hide_header=True)


def _show_frame(columns: dict[str, list[str]], *, hide_header: bool = False) -> None:
    escaped = {name: [escape(cell) for cell in cells] for name, cells in columns.items()}
    st.table(pd.DataFrame(escaped), border="horizontal", hide_index=True, hide_header=hide_header)
