"""The hedge: the legs against each other, lines by several methods, how beta moved, and the regression's table."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st

from statarb.charts.hedge import beta_spec, correlation_spec
from statarb.charts.pair import spread_unit
from statarb.charts.scatter import scatter_spec
from statarb.quant import (
    FrozenMoments,
    HedgeComparison,
    HedgeEstimate,
    HedgeFit,
    HedgeQuality,
    NotEnough,
    PairStudy,
    compare_hedges,
    kalman_hedge,
    on_scale,
    rolling_correlation,
    rolling_hedge,
)
from statarb.quant.hedge import OLS_BANNER
from statarb.quant.hedge_check import HEDGE_METHODS, kalman_estimate
from statarb.quant.hedge_moments import kalman_discount
from statarb.screens.glossary_text import tip
from statarb.screens.lazy import once
from statarb.screens.on_request import requested
from statarb.screens.pair_charts import revision
from statarb.screens.plot import show_plot
from statarb.screens.stat import show_rows, show_table, show_terms, show_wait
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, escape, figures_text, interval_text, number_text, share_text, wait_text
from statarb.screens.zone import current_zone

LINES = ("OLS", "OLS, x on y", "returns", "TLS", "Huber", "Theil-Sen", "Johansen", "Kalman")
"""Methods that draw a line of their own; the others are OLS with another error."""

OF_KNOB = {
    "ols": "OLS",
    "returns": "returns",
    "tls": "TLS",
    "huber": "Huber",
    "theil_sen": "Theil-Sen",
    "kalman": "Kalman",
}
"""The method by the sidebar's name."""


def show_hedge_section(view: DeskView) -> None:
    """Scatter and regression side by side, then how the hedge moved, then all methods, then the summary."""
    study = view.study
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_scatter(view)
    with right:
        _show_regression(view)
    _show_movement(view)
    _show_comparison(study)
    _show_summary(view)


def _line(study: PairStudy, method: str) -> HedgeEstimate | NotEnough:
    """The method's line at the newest bar: of the newest window, or of all bars that the filter has seen."""
    window = study.legs.newest(study.params.window, study.as_of_ms)
    if isinstance(window, NotEnough):
        return window
    y, x = (on_scale(study.prices[leg].to_numpy(), study.params.price_scale) for leg in ("y", "x"))
    if method == "Kalman":
        return kalman_estimate(y, x, study.params.window)
    return HEDGE_METHODS[method](y[window], x[window])


def _show_scatter(view: DeskView) -> None:
    study, params = view.study, view.params
    st.header("Legs against each other", anchor=False, help=tip("scatter"))
    chosen = st.pills(
        "Lines",
        LINES,
        selection_mode="multi",
        default=list(dict.fromkeys(("OLS", OF_KNOB[params.hedge], "TLS"))),
        key="lines",
        bind="query-params",
        help=tip("hedge_methods"),
    )
    window = study.legs.newest(params.window, study.as_of_ms)
    if isinstance(window, NotEnough):
        show_wait(window, view.next_bar_s)
        return
    made = {name: once(study, f"line {name}", partial(_line, study, name)) for name in chosen}
    lines = {name: line for name, line in made.items() if isinstance(line, HedgeEstimate)}
    rows = study.prices.iloc[window]
    show_plot(
        "scatter",
        scatter_spec(rows, params, lines),
        rev=revision(view, *lines),
        label=f"{params.pair}: closing prices of the newest {len(rows)} bars against each other, "
        + ", ".join(f"{name} beta {figures_text(line.beta, 4)}" for name, line in lines.items()),
        height=460,
    )
    for name, line in made.items():
        if isinstance(line, NotEnough):
            st.caption(f"{name}: {wait_text(line, view.next_bar_s)}.")


def _show_regression(view: DeskView) -> None:
    study = view.study
    st.header("Regression", anchor=False, help=tip("beta"))
    hedge, moments, params = study.hedge, study.moments, study.params
    if not isinstance(hedge, HedgeFit):
        show_wait(hedge, view.next_bar_s)
        return
    unit = spread_unit(study)
    log_scale = params.price_scale == "log"
    beta_unit = "notional per notional" if log_scale else f"{params.pair.x.label} per {params.pair.y.label}"
    rows = [
        ("Regression", f"{hedge.direction}, {'log prices' if log_scale else 'prices'}, {hedge.n:,} bars"),
        ("β", f"{figures_text(hedge.beta, 5)} ± {hedge.beta_se:.2g} {beta_unit}"),
        ("α", f"{figures_text(hedge.alpha, 5)} ± {hedge.alpha_se:.2g} {'log' if log_scale else 'price'} units"),
        ("R²", f"{hedge.r2:.4f}"),
    ]
    if isinstance(moments, FrozenMoments):
        deviation = f"{number_text(moments.sd * unit.scale, unit.digits)}{unit.suffix or ' price units'}"
        rows.append(("Deviation of the spread", deviation))
        zone = current_zone()
        rows.append(("Frozen at", f"{zone.text(moments.as_of_ms)} {zone.label}"))
    show_rows(rows)
    show_terms("regression_terms", "alpha", "r2", "z")
    st.caption("± is one classic standard error; prices are integrated, so the true uncertainty is several times that.")


def _show_movement(view: DeskView) -> None:
    """Rolling beta beside the Kalman filter's, and the rolling correlation."""
    study, params = view.study, view.params
    left, right = st.columns(2, gap="large")
    window = study.legs.newest(params.window, study.as_of_ms)
    with left:
        st.header("How β moved", anchor=False, help=f"{tip('rolling_beta')}\n\n{tip('kalman_beta')}")
        if isinstance(window, NotEnough):
            show_wait(window, view.next_bar_s)
        else:
            rolling, kalman = once(study, "beta paths", lambda: _beta_paths(study))
            show_plot(
                "beta_path",
                beta_spec(study.prices.index, rolling, kalman, params),
                rev=revision(view),
                label=f"{params.pair}: beta of rolling least squares over {params.window} bars, "
                "and of a Kalman filter, each with a band",
                height=340,
            )
            st.caption(
                "The classic error takes bars as independent. Prices wander, so its band is far too narrow: it held "
                "the true β in fewer than half of the cases measured. The interval in the card above is made for that."
            )
    with right:
        st.header("How correlation moved", anchor=False, help=f"{tip('correlation')}\n\n{tip('level_correlation')}")
        levels = st.toggle("Levels too (misleading)", key="level_correlation", bind="query-params")
        of_levels = once(study, "level correlation", lambda: _level_correlation(study)) if levels else None
        correlation = study.correlation
        if isinstance(correlation, NotEnough):
            show_wait(correlation, view.next_bar_s)
            return
        show_plot(
            "correlation_path",
            correlation_spec(study.prices.index, correlation, of_levels, params),
            rev=revision(view, levels),
            label=f"{params.pair}: rolling correlation of {params.corr_window} returns",
            height=300,
        )


def _beta_paths(study: PairStudy) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both known at the close of their own bar; the filter forgets at the pace of one window."""
    y, x = (on_scale(study.prices[leg], study.params.price_scale) for leg in ("y", "x"))
    window = study.params.window
    rolling, kalman = rolling_hedge(y, x, window), kalman_hedge(y, x, discount=kalman_discount(window))
    rolling[~study.legs.spans_at_most(window)] = math.nan
    kalman.iloc[: window - 1] = math.nan  # before it has seen a window the band says more of the start than of the pair
    return rolling, kalman


def _level_correlation(study: PairStudy) -> pd.Series:
    y, x = (on_scale(study.prices[leg], study.params.price_scale) for leg in ("y", "x"))
    series = rolling_correlation(y, x, study.params.window)
    return series.where(study.legs.spans_at_most(study.params.window))


def _show_comparison(study: PairStudy) -> None:
    st.header("Every method", anchor=False, help=tip("hedge_methods"))
    found = requested(study, "compare", "Compare all methods", lambda: _comparison(study))
    if found is None:
        st.caption("Fits each method to the newest window, and measures out of sample what each leaves of y's moves.")
        return
    names = list(found.estimates)
    show_table(
        {
            "Method": names,
            "β": [_beta_text(found.estimates[name]) for name in names],
            "95 % interval": [_interval_text(found.estimates[name]) for name in names],
            "Left of y's moves": [_quality_text(found.quality[name]) for name in names],
        }
    )
    st.caption("Left of y's moves: out of sample, lower is better. Differences of a few hundredths are noise.")


def _comparison(study: PairStudy) -> HedgeComparison:
    y, x = (on_scale(study.prices[leg].to_numpy(), study.params.price_scale) for leg in ("y", "x"))
    window = study.params.window
    return compare_hedges(y, x, window, max(1, window // 4))


def _beta_text(found: HedgeEstimate | NotEnough) -> str:
    return DASH if isinstance(found, NotEnough) else number_text(found.beta, 4)


def _interval_text(found: HedgeEstimate | NotEnough) -> str:
    return DASH if isinstance(found, NotEnough) else interval_text(found.beta_low, found.beta_high) or DASH


def _quality_text(found: HedgeQuality | NotEnough) -> str:
    return DASH if isinstance(found, NotEnough) else share_text(found.ratio)


def _show_summary(view: DeskView) -> None:
    study = view.study
    st.header("OLS summary", anchor=False, help=tip("ols_summary"))
    summary = study.ols_summary
    if isinstance(summary, NotEnough):
        show_wait(summary, view.next_bar_s)
        return
    st.caption(escape(OLS_BANNER))
    st.code(summary.removeprefix(OLS_BANNER).strip("\n"), language=None, wrap_lines=False)
