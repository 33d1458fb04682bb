"""Pair analytics: the verdict with its reasons, what the hedge is worth, and a section for each further question."""

from __future__ import annotations

import math

import streamlit as st

from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import HalfLife, NotEnough, PairStudy
from statarb.quant.power import time_text
from statarb.screens.cards import show_problem, show_title
from statarb.screens.desk import Desk
from statarb.screens.frame import follow_instruments
from statarb.screens.glossary_text import tip
from statarb.screens.hedge_section import show_hedge_section
from statarb.screens.pair_charts import show_charts_section, show_distribution_section
from statarb.screens.stat import show_no_stat, show_stat
from statarb.screens.tests_section import show_tests_section
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, escape, interval_text, number_text, share_text

SECTIONS = ("Charts", "Hedge", "Distribution", "Tests")


def show_pair_page(desk: Desk, params: PairParams) -> None:
    """The page moves with the bars; it looks for a closed one every second."""
    _pair(desk, params)


@st.fragment(run_every="1s")
def _pair(desk: Desk, params: PairParams) -> None:
    try:
        view = desk.refresh(params)
        follow_instruments(view)
        show_title(view)
        show_verdict(view.study)
        show_worth(view.study)
        _show_section(desk, view)
    except StatarbError as error:
        show_problem(error)


def _show_section(desk: Desk, view: DeskView) -> None:
    """Only the section that is open is computed."""
    section = st.segmented_control(
        "Section",
        SECTIONS,
        default=SECTIONS[0],
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    if section == "Hedge":
        show_hedge_section(view)
    elif section == "Distribution":
        show_distribution_section(view)
    elif section == "Tests":
        show_tests_section(view)
    else:
        show_charts_section(desk, view)


def show_verdict(study: PairStudy) -> None:
    """The verdict's words, why, and what to keep in mind."""
    verdict = study.verdict
    with st.container(border=True, key="verdict"):
        st.header(f"Reversion: {escape(verdict.headline)}", anchor=False, help=tip("verdict"))
        for reason in verdict.reasons:
            st.markdown(escape(reason))
        for doubt in study.doubts:
            st.markdown(f":material/report: Another test of that window weakens it: {escape(doubt)}")
        if study.caveats:
            st.caption(" ".join(map(escape, study.caveats)))


def show_worth(study: PairStudy) -> None:
    """What the hedge is worth: beta with its interval, half-life, quality, gap, stability and correlation."""
    with st.grid(6, min_column_width=144, gap="xsmall", key="worth"):
        _beta(study)
        _half_life(study)
        _quality(study)
        _gap(study)
        _stability(study)
        _correlation(study)


def _beta(study: PairStudy) -> None:
    found = study.hedge_estimate
    if isinstance(found, NotEnough):
        show_no_stat("Hedge ratio β", found, "beta_interval")
        return
    description = interval_text(found.beta_low, found.beta_high) or found.method
    show_stat("Hedge ratio β", number_text(found.beta, 4), description, "beta_interval")


def _half_life(study: PairStudy) -> None:
    found, bar_s = study.half_life, study.params.bar_s
    if not isinstance(found, HalfLife):
        stands = study.verdict.word == "mean-reverting"
        show_stat("Half-life", DASH, "none found" if stands else "no reversion found", "half_life")
        return
    low, high = (time_text(bars * bar_s) if math.isfinite(bars) else "∞" for bars in (found.low_bars, found.high_bars))
    doubt = "" if found.reliable else ", unreliable"
    show_stat(
        "Half-life",
        time_text(found.bars * bar_s) if math.isfinite(found.bars) else "∞",
        f"{low} to {high}{doubt}; unrelated legs: {time_text(found.unrelated_bars * bar_s)}",
        "half_life",
    )


def _quality(study: PairStudy) -> None:
    found = study.hedge_quality
    if isinstance(found, NotEnough):
        show_no_stat("Left by the hedge", found, "hedge_quality")
        return
    what = f"of y's moves, in {found.blocks} stretches of {found.horizon} bars"
    show_stat("Left by the hedge", share_text(found.ratio), what, "hedge_quality")


def _gap(study: PairStudy) -> None:
    found = study.beta_gap
    if isinstance(found, NotEnough):
        show_no_stat("Beta gap", found, "beta_gap")
        return
    flag = "⚠ " if found.differs else ""
    share = share_text(found.share)
    show_stat("Beta gap", f"{flag}{share}", f"returns give {number_text(found.returns, 3)}", "beta_gap")


def _stability(study: PairStudy) -> None:
    found = study.stability
    if isinstance(found, NotEnough):
        show_no_stat("Stability", found, "stability")
        return
    flag = "" if found.badge == "stable" else "⚠ "
    show_stat("Stability", f"{flag}{found.badge}", f"{found.bars} bars after a fit, p {found.pvalue:.2f}", "stability")


def _correlation(study: PairStudy) -> None:
    series, window = study.correlation, study.params.corr_window
    if isinstance(series, NotEnough):
        show_no_stat("Correlation", series, "correlation")
        return
    show_stat("Correlation", number_text(study.newest.correlation, 2), f"{window} returns", "correlation")
