"""The row of key numbers: both prices, spread, z, hedge ratio, correlation and verdict."""

from __future__ import annotations

import math
import re

import streamlit as st

from statarb.charts.pair import spread_unit
from statarb.clock import Zone
from statarb.params import HEDGE_NAMES
from statarb.quant import FrozenMoments, NotEnough, PairStudy, Undefined
from statarb.quant.headline import money_sign
from statarb.quant.verdict import age_text
from statarb.screens.glossary_text import tip
from statarb.screens.stat import show_card
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, escape, interval_text, number_text, price_text, share_text
from statarb.screens.zone import current_zone
from statarb.store import LastTrade

_DAY_MS = 86_400_000
_PRICE_HELP = (
    "Price of the newest stored trade, or of files the last close that both legs have, and its change since the close "
    "of 24 hours ago; where the bars do not reach back so far, since the first of them."
)


def show_key_numbers(view: DeskView) -> None:
    """Seven cards of one height; grey while the prices are not live."""
    study, pair = view.study, view.params.pair
    with st.grid(
        7, min_column_width=120, gap="xsmall", key="numbers" if view.health.has_live_prices else "numbers-old"
    ):
        _price_metric(pair.y.label, view, "y", view.y_last)
        _price_metric(pair.x.label, view, "x", view.x_last)
        _spread_metric(view)
        _z_metric(view)
        _hedge_metric(study)
        _correlation_metric(study)
        _verdict_metric(view)


def _price_metric(label: str, view: DeskView, leg: str, last: LastTrade | None) -> None:
    stored = view.instruments[view.params.y if leg == "y" else view.params.x]
    value = price_text(last.price, stored.tick) if last else DASH
    change = change_text(view.study, leg, last.price, current_zone()) if last else "no trade yet"
    show_card(escape(label), value, change, _PRICE_HELP)


def change_text(study: PairStudy, leg: str, price: float, zone: Zone) -> str:
    """`+1.24 % in 24 h`, or `+0.31 % since 14:02` where the bars do not reach back a day."""
    legs = study.legs
    closes = legs.y if leg == "y" else legs.x
    if not closes.size:
        return "no closed bar yet"
    row = int(legs.open_ms.searchsorted(study.as_of_ms - _DAY_MS - legs.bar_ms, "right")) - 1
    change = share_text(price / float(closes[max(0, row)]) - 1, 2, signed=True)
    if row >= 0:
        return f"{change} in 24 h"
    return f"{change} since {zone.text(int(legs.open_ms[0]) + legs.bar_ms)[11:16]}"


def _spread_metric(view: DeskView) -> None:
    """In basis points of the y notional on either scale; on the price scale its money stands below."""
    if view.live is None:
        show_card(_live_label("Spread", view), DASH, _missing(view), tip("spread"))
        return
    study, spread = view.study, view.live.spread
    if study.params.price_scale == "log":
        bps, below = spread * 1e4, f"at close {_bps_text(study.newest.spread * 1e4)}"
    else:
        bps = spread / view.y_last.price * 1e4 if view.y_last else math.nan
        below = _money_text(spread, spread_unit(study).digits, money_sign(study.params.pair.y))
    show_card(_live_label("Spread", view), _bps_text(bps), below, tip("spread"))


def _bps_text(bps: float) -> str:
    return f"{number_text(bps, 1, signed=True)} bp"


def _money_text(value: float, digits: int, sign: str) -> str:
    """`+$4.21`, `+4.21 EUR`, `+4.21 in price` of an upload."""
    text = number_text(value, digits, signed=True)
    return re.sub(r"(?=\d)", "$", text, count=1) if sign == "$" else f"{text} {sign or 'in price'}"


def _z_metric(view: DeskView) -> None:
    if view.live is None:
        show_card(_live_label("z", view), DASH, _missing(view), tip("z"))
        return
    share = view.live.share_beyond
    if isinstance(share, NotEnough):
        beyond = f"at close {number_text(view.study.newest.z, 2, signed=True)}"
    else:
        beyond = f"{share_text(share)} of {age_text(view.live.beyond_hours * 3600)} beyond"
    show_card(_live_label("z", view), number_text(view.live.z, 2, signed=True), beyond, _Z_HELP)


def _live_label(name: str, view: DeskView) -> str:
    return f"{name}, live" if view.health.has_live_prices else f"{name}, not live"


def _hedge_metric(study: PairStudy) -> None:
    moments, fit = study.moments, study.hedge
    beta = moments.beta if isinstance(moments, FrozenMoments) else math.nan if isinstance(fit, NotEnough) else fit.beta
    if math.isnan(beta):
        show_card("Hedge ratio β", DASH, _count(fit) if isinstance(fit, NotEnough) else DASH, tip("beta"))
        return
    found = study.hedge_estimate
    interval = "" if isinstance(found, NotEnough) else interval_text(found.beta_low, found.beta_high)
    method = HEDGE_NAMES[study.params.hedge].lower()
    help_text = f"By {method}; below, where it lies with 95 %.\n\n{tip('beta')}"
    show_card("Hedge ratio β", number_text(beta, 4), interval or method, help_text)


def _correlation_metric(study: PairStudy) -> None:
    series, window = study.correlation, study.params.corr_window
    if isinstance(series, NotEnough):
        show_card("Correlation", DASH, _count(series), tip("correlation"))
        return
    show_card("Correlation", number_text(study.newest.correlation, 2), f"{window} returns", tip("correlation"))


def _verdict_metric(view: DeskView) -> None:
    verdict = view.study.verdict
    reasons = (*verdict.reasons, *(f"Another test of that window weakens it: {doubt}" for doubt in view.doubts))
    show_card("Reversion", verdict.word, verdict_age_text(view.study), "\n\n".join([*reasons, tip("verdict")]))


def verdict_age_text(study: PairStudy) -> str:
    """`for 7 h, 1 flip`: how long the verdict has stood, and how often it changed within the data."""
    verdict = study.verdict
    if verdict.since_ms is None:
        missing = study.engle_granger
        return _count(missing) if isinstance(missing, NotEnough) else DASH
    return f"{verdict.age_text(study.as_of_ms)}, {verdict.flips_text}"


def _missing(view: DeskView) -> str:
    """Why there is no live number, in a card's few words; the headline says it in full."""
    if isinstance(view.study.moments, NotEnough):
        return _count(view.study.moments)
    return "prices not of one time" if view.y_last and view.x_last else "no trade in both legs yet"


def _count(missing: NotEnough) -> str:
    """`143 of 240 bars`; a card is too narrow for the wait, which the headline says."""
    return (
        "does not exist" if isinstance(missing, Undefined) else f"{missing.have:,} of {missing.need:,} {missing.what}"
    )


_Z_HELP = "Below: how often z of closed bars was at least as far out.\n\n" + tip("z")
