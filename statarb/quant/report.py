"""A study as text that a person can read, and as JSON that a program can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from statarb.clock import utc_text
from statarb.quant.costs import Costs, LegCosts, costs
from statarb.quant.hedge_check import BetaGap, HedgeQuality
from statarb.quant.sample import NotEnough, Undefined
from statarb.quant.signal import Edge, edge_to_mean
from statarb.quant.spread import FrozenMoments, InSample
from statarb.quant.stability import Stability
from statarb.quant.study import PairStudy
from statarb.quant.verdict import p_text

LAZY = (
    "prices",
    "caveats",
    "ols_summary",
    "hedge_estimate",
    "level_correlation",
    "adf",
    "engle_granger",
    "half_life",
    "stability",
    "hedge_quality",
    "beta_gap",
    "doubts",
    "reversion_tests",
)
"""Parts of a study that are made when they are read."""

MATERIAL = ("legs", "numbers", "ticks")
"""Fields that the others are made of."""


def to_dict(study: PairStudy, spent: Costs | None = None) -> dict[str, Any]:
    """The study as plain JSON values under the names of its fields.

    A series or a frame is given by its newest value. Where there is no number there is null, and `reasons` says
    why under the same name. `costs` and `edge` (of the newest close) are by `spent`, or by the knobs alone.
    """
    spent = spent or costs(study.params)
    reasons: dict[str, str] = {}
    names = [field.name for field in fields(study) if field.name not in MATERIAL] + list(LAZY)
    plain = {name: _plain(getattr(study, name), name, reasons) for name in names}
    for name in ("z", "spread", "moments_seen"):
        if name in reasons or any(key.startswith(f"{name}.") for key in reasons):
            reasons = {key: text for key, text in reasons.items() if not key.startswith(f"{name}.")}
            reasons[name] = _no_z(study)
            plain[name] = None
    plain["params"] = asdict(study.params)
    plain["costs"] = asdict(spent)  # (a leg's None is a cost that is not known)
    plain["edge"] = _plain(_edge(study, spent), "edge", reasons)
    plain["y_empty_share"] = _plain(study.legs.y_empty_share, "y_empty_share", reasons)
    plain["x_empty_share"] = _plain(study.legs.x_empty_share, "x_empty_share", reasons)
    return plain | {"reasons": reasons}


def _no_z(study: PairStudy) -> str:
    need = study.params.window + 1
    if isinstance(study.moments, NotEnough) and study.moments.have >= study.moments.need:
        return study.moments.text
    return NotEnough("bars", min(study.n_bars, study.params.window), need).text


def _plain(value: Any, name: str, reasons: dict[str, str]) -> Any:
    if isinstance(value, NotEnough):
        reasons[name] = value.text
        return None
    if isinstance(value, InSample):
        value = value.series
    if isinstance(value, (pd.Series, pd.DataFrame)):
        value = _newest(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{name}.{key}", reasons) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item, f"{name}.{i}", reasons) for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        reasons[name] = "without bound"
        return None
    if isinstance(value, float) and math.isnan(value):
        reasons[name] = "not enough data: no bar with a value yet"
        return None
    return value


def _newest(values: pd.Series | pd.DataFrame) -> Any:
    if values.empty:
        return float("nan")
    newest = values.iloc[-1]
    if isinstance(newest, pd.Series):
        return {"ts_ms": int(values.index[-1].timestamp() * 1000), **newest.to_dict()}
    return newest


def text_report(study: PairStudy, source: str, spent: Costs | None = None) -> str:
    """The study on one page; the edge after the costs `spent`, or after those of the knobs alone."""
    spent = spent or costs(study.params)
    params, pair = study.params, study.params.pair
    scale = "log prices" if params.price_scale == "log" else "prices"
    lines = [
        f"{pair}   {params.timeframe} bars, {scale}, source: {source or 'unknown'}",
        f"as of {utc_text(study.as_of_ms)} UTC, {study.n_bars} closed bars in which both legs traded",
        "",
        f"Verdict      {study.verdict.headline}",
        *(f"             {reason}" for reason in study.verdict.reasons),
        "",
        *_prices_lines(study),
        *_hedge_lines(study),
        *_worth_lines(study),
        *_spread_lines(study, spent),
        *_cost_lines(study, spent),
        f"Correlation  {_correlation_text(study)}",
        f"Half-life    {_half_life_text(study)}",
        "",
        *_test_lines(study),
        *_doubt_lines(study),
    ]
    lines += ["", *(f"Note         {caveat}" for caveat in study.caveats)] if study.caveats else []
    summary = study.ols_summary
    lines += ["", f"OLS summary  {summary.text}" if isinstance(summary, NotEnough) else summary]
    return "\n".join(lines)


def _prices_lines(study: PairStudy) -> list[str]:
    if study.prices.empty:
        return ["Prices       no closed bar in which both legs traded"]
    newest, pair = study.prices.iloc[-1], study.params.pair
    return [f"Prices       {pair.y.label} {newest['y']:.10g}, {pair.x.label} {newest['x']:.10g} (closes)"]


def _hedge_lines(study: PairStudy) -> list[str]:
    hedge = study.hedge
    if isinstance(hedge, NotEnough):
        return [f"Hedge        {hedge.text}"]
    alpha = f"alpha {hedge.alpha:.6g} (se {hedge.alpha_se:.2g})"
    beta = f"beta {hedge.beta:.6g} (classic se {hedge.beta_se:.2g})"
    lines = [
        f"Hedge        {hedge.text}   ({hedge.direction}, {hedge.n} bars)",
        f"             {beta}, {alpha}, R² {hedge.r2:.4f}, residual sd {hedge.resid_sd:.4g}",
    ]
    chosen = study.hedge_estimate
    if isinstance(chosen, NotEnough):
        return [*lines, f"             {study.params.hedge}: {chosen.text}"]
    interval = "no interval" if math.isnan(chosen.beta_low) else f"95 % {chosen.beta_low:.6g} to {chosen.beta_high:.6g}"
    return [*lines, f"             z is by {chosen.method}: beta {chosen.beta:.6g}, {interval}"]


def _worth_lines(study: PairStudy) -> list[str]:
    """What the hedge is worth: out of sample, by returns, and since a quarter of a window ago."""
    quality, gap, badge = study.hedge_quality, study.beta_gap, study.stability
    lines = []
    if isinstance(quality, HedgeQuality):
        over = f"over {quality.horizon} bars, {quality.blocks} times out of sample"
        lines.append(f"             it left {100 * quality.ratio:.0f} % of y's movement {over}")
    if isinstance(gap, BetaGap):
        flag = ": more than 25 % apart, so short moves are hedged badly" if gap.differs else ""
        lines.append(f"             beta of returns {gap.returns:.6g}{flag}")
    if isinstance(badge, Stability):
        lines.append(f"Stability    {badge.badge}, p {p_text(badge.pvalue)} over {badge.bars} bars. {badge.text}")
    return lines


def _half_life_text(study: PairStudy) -> str:
    found = study.half_life
    if isinstance(found, NotEnough):
        return found.text
    bar_s = study.params.bar_s
    middle, low, high = found.minutes(bar_s)
    upper = "without bound" if math.isinf(high) else f"to {high:.3g}"
    note = "" if found.reliable else "; unreliable, the spread is no AR(1)"
    mirror = found.unrelated_bars * bar_s / 60
    return f"{middle:.3g} min (95 %: {low:.3g} {upper}{note}); unrelated walks give about {mirror:.3g}"


def _doubt_lines(study: PairStudy) -> list[str]:
    return [f"{'Doubts' if i == 0 else '':<13}{text}" for i, text in enumerate(study.doubts)]


def _spread_lines(study: PairStudy, spent: Costs) -> list[str]:
    z = float(study.z.iloc[-1]) if len(study.z) else math.nan
    if math.isnan(z):
        return [f"Spread, z    {_no_z(study)}"]
    values = study.z.dropna()
    limit = study.params.entry_z
    seen = study.moments_seen.iloc[-1]
    moments = f"mean {seen['mean']:.3g}, sd {seen['sd']:.4g}"
    share = f"|z| was above {limit:g} in {100 * float((values.abs() > limit).mean()):.0f} % of {len(values)} bars"
    return [
        f"Spread       {float(study.spread.iloc[-1]):+.6g}, {moments}, by the hedge frozen at the bar before",
        f"z            {z:+.2f}   ({share})",
        f"Edge         {_edge_text(study, spent)}",
    ]


def _edge(study: PairStudy, spent: Costs) -> Edge | NotEnough:
    """The edge at the newest close, by the moments that judge it."""
    if not len(study.z) or math.isnan(float(study.z.iloc[-1])):
        return Undefined("no edge: the newest bar has no z", 0, 0)
    seen, newest = study.moments_seen.iloc[-1], study.prices.iloc[-1]
    alpha, beta, mean, sd = (float(seen[name]) for name in ("alpha", "beta", "mean", "sd"))
    if beta <= 0:
        return Undefined("none: beta is not positive, so there is no hedge", 0, 0)
    moments = FrozenMoments(alpha, beta, mean, sd, study.as_of_ms, study.params.window, study.params.price_scale)
    return edge_to_mean(moments, spent, float(study.spread.iloc[-1]), float(newest["y"]), float(newest["x"]))


def _edge_text(study: PairStudy, spent: Costs) -> str:
    edge = _edge(study, spent)
    if isinstance(edge, NotEnough):
        return edge.text
    sum_text = f"{edge.edge_bps:.1f} bp to the mean - {edge.round_trip_bps:.1f} bp round trip"
    carry = "funding not known" if edge.carry_bps_day is None else f"{edge.carry_bps_day:+.1f} bp a day to hold"
    return f"{sum_text} = {edge.net_bps:+.1f} bp net of fees and slippage; {carry}"


def _cost_lines(study: PairStudy, spent: Costs) -> list[str]:
    pair = study.params.pair
    return [
        f"{name:12} {_leg_text(leg.label, costs_of_leg)}"
        for name, leg, costs_of_leg in (("Costs", pair.y, spent.y), ("", pair.x, spent.x))
    ]


def _leg_text(label: str, leg: LegCosts) -> str:
    """`ETHUSDT 6.0 bp a side (fee 5.0, slippage 1.0, measured spread 0.4)`."""
    spread = "not measured" if leg.spread_bps is None else f"{leg.spread_bps:.2g}"
    parts = f"fee {leg.fee_bps:g}, slippage {leg.slippage_bps:g}, spread {spread}"
    text = f"{label} {leg.side_bps:.1f} bp a side ({parts})"
    if leg.funding_bps is not None and leg.funding_next_ms is not None:
        due = f"next {utc_text(leg.funding_next_ms)} UTC"
        return f"{text}, funding {leg.funding_bps:+.2f} bp every {leg.funding_hours} h, {due}"
    if leg.perpetual:
        return f"{text}, funding not known"
    return f"{text}, borrow {leg.borrow_bps_day:.2g} bp a day" if leg.borrow_bps_day else text


def _correlation_text(study: PairStudy) -> str:
    window = study.params.corr_window
    if isinstance(study.correlation, NotEnough):
        return study.correlation.text
    newest, levels = float(study.correlation.iloc[-1]), study.level_correlation
    extra = "" if isinstance(levels, NotEnough) else f" (of the levels {levels.iloc[-1]:+.3f}: both drifted, no more)"
    return "no value at the newest bar" if math.isnan(newest) else f"{newest:+.3f} of the last {window} returns{extra}"


def _test_lines(study: PairStudy) -> list[str]:
    result = study.engle_granger
    if isinstance(result, NotEnough):
        lines = [f"Engle-Granger {result.text}"]
    else:
        lines = [f"Engle-Granger over {result.n} bars, doubled p {p_text(result.pvalue)}; {result.lag_rule}"]
        for leg in (result.y_on_x, result.x_on_y):
            lines.append(
                f"             {leg.direction}: t {leg.statistic:.3f}, p {p_text(leg.pvalue)}, {leg.lags} lags, "
                f"{_critical(leg.critical_values)}"
            )
        lines.append(f"             null: {result.null}")
    adf = study.adf
    if isinstance(adf, NotEnough):
        return [*lines, f"ADF          {adf.text}"]
    return [
        *lines,
        f"ADF          t {adf.statistic:.3f}, p {p_text(adf.pvalue)}, {adf.lags} lags",
        f"             {_critical(adf.critical_values)}",
        f"             of {adf.series}",
        f"             null: {adf.null}",
    ]


def _critical(values: Mapping[str, float]) -> str:
    return "critical " + ", ".join(f"{value:.3f} ({level.replace('%', ' %')})" for level, value in values.items())
