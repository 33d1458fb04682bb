"""A backtest of the newest bars or of a longer span, made once for all sessions; and how many this one has tried."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import streamlit as st

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import Backtest, NotEnough, PairStudy, Rule, backtest_study
from statarb.screens.desk import Desk
from statarb.screens.views import DeskView

ANALYSIS = "analysis"
HOUR_MS = 3_600_000

SPANS = {
    "1s": {ANALYSIS: 0, "6 h": 6 * HOUR_MS, "24 h": 24 * HOUR_MS},
    "1m": {ANALYSIS: 0, "7 d": 168 * HOUR_MS, "30 d": 720 * HOUR_MS, "90 d": 2160 * HOUR_MS},
}
"""Spans offered, by the bars that are stored: at most some hundred thousand of them."""

STEPS = 500
"""A longer span moves on in this many steps: a month not with every minute."""

_MAX_RUNS = 16
_lock = threading.Lock()
_runs: WeakKeyDictionary[Desk, OrderedDict[str, BacktestRun]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class BacktestRun:
    """What was simulated, and what came out.

    `study` holds the bars, z and hedge; `step_ms` is how often the span moves on; `rev` names all of it.
    """

    rev: str
    study: PairStudy
    result: Backtest | NotEnough
    step_ms: int


def spans_of(params: PairParams) -> dict[str, int]:
    """Spans offered for a timeframe, in ms; 0 is that of the analysis."""
    return SPANS[timeframe(params.timeframe).base]


def backtest_run(desk: Desk, view: DeskView, span: str) -> BacktestRun:
    """The rule of the view's parameters over a span, at the costs known when it is made.

    Raises
    ------
    DataError
        Parameters that make no rule, such as a stop below the entry.
    StoreError
        The database cannot be read.
    """
    study, span_ms = view.study, spans_of(view.params).get(span, 0)
    bar_ms = study.legs.bar_ms
    step_ms = max(bar_ms, span_ms // STEPS // bar_ms * bar_ms)
    until_ms = study.as_of_ms // step_ms * step_ms
    rule = Rule.of(view.params, view.costs)
    rev = f"{view.params}|{span}|{until_ms}|{view.source}|{view.analysis.bars_version}"
    with _lock:  # a second session waits for the same answer
        runs = _runs.setdefault(desk, OrderedDict())
        if rev not in runs:
            longer = desk.longer_study(view, until_ms - span_ms, until_ms) if span_ms else study
            runs[rev] = BacktestRun(rev, longer, backtest_study(longer, rule), step_ms)
        runs.move_to_end(rev)
        while len(runs) > _MAX_RUNS:
            runs.popitem(last=False)
        run = runs[rev]
    tried = _count_tried(view.params, span)
    if isinstance(run.result, NotEnough):
        return run
    return replace(run, result=replace(run.result, tried=tried))


def _count_tried(params: PairParams, span: str) -> int:
    """How many different settings this browser session has seen a backtest of, this one included."""
    tried: set[tuple[PairParams, str]] = st.session_state.setdefault("backtests_tried", set())
    tried.add((params, span))
    return len(tried)
