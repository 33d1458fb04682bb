"""A pair in four plain sentences: where it stands, what the way back is worth, whether it reverts, and the two legs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from statarb.market import Instrument, Pair
from statarb.quant.cointegration import CointegrationResult
from statarb.quant.costs import Costs
from statarb.quant.half_life import HalfLife
from statarb.quant.power import found_text, time_text
from statarb.quant.reading import LiveReading
from statarb.quant.sample import NotEnough, Undefined, epoch_ms
from statarb.quant.sizing import TwoLegs
from statarb.quant.spread import FrozenMoments
from statarb.quant.study import PairStudy
from statarb.quant.verdict import age_text, p_text

_DOLLARS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD")
_QUOTES = (*_DOLLARS, "EUR", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB")
_UPLOAD = "upload"


@dataclass(frozen=True)
class Headline:
    """Plain sentences; one that has nothing to say is ''. It describes and sizes, and never tells anybody to trade."""

    state: str
    edge: str
    verdict: str
    legs: str

    @property
    def text(self) -> str:
        """All of them in one line."""
        return " ".join(part for part in (self.state, self.edge, self.verdict, self.legs) if part)


@dataclass(frozen=True)
class Circumstances:
    """What the prices do not say: whether they are live, where they come from, and which leg can be sold short.

    `stale_s` is the age of the older price where it is not live (infinite: unknown), None where it is; `source` is
    what the database holds; `doubts` what other tests say against a reversion, as far as they have been made.
    """

    y_can_short: bool
    x_can_short: bool
    source: str = ""
    stale_s: float | None = None
    doubts: Sequence[str] = ()


def headline(
    study: PairStudy, reading: LiveReading | NotEnough, costs: Costs, circumstances: Circumstances
) -> Headline:
    """The pair in words, from a study and a reading of two prices by its frozen moments.

    Parameters
    ----------
    study : PairStudy
        Of closed bars.
    reading : LiveReading or NotEnough
        `live_reading` of the newest prices, or of the closes of a bar.
    costs : Costs
        What the reading's edge was reckoned with; carry comes from here.
    circumstances : Circumstances
        Age and source of the prices, and what can be shorted.

    Returns
    -------
    Headline
        `edge` and `legs` are '' without a reading; without a positive beta there is neither, and `state` says so.

    Notes
    -----
    "For 4 min" is the unbroken run of closed bars beyond the entry threshold, on the side of the reading, that ends
    with the last one.
    """
    verdict = _verdict_sentence(study, len(circumstances.doubts))
    moments = study.moments
    if isinstance(reading, NotEnough):
        return Headline(_missing_sentence(study, reading, circumstances), "", verdict, "")
    if isinstance(moments, NotEnough):
        return Headline(_missing_sentence(study, moments, circumstances), "", verdict, "")
    if not moments.has_hedge:
        return Headline(_no_hedge_sentence(study, moments), "", verdict, "")
    state = _provenance(circumstances) + _state_sentence(study, reading)
    edge = _edge_sentence(study, reading, costs)
    return Headline(state, edge, verdict, _legs_sentence(study, reading, circumstances))


def beyond_since_ms(z_seen: pd.Series, bar_ms: int, threshold: float, side: int) -> int | None:
    """Close of the first bar of the unbroken run with `side` z >= threshold that ends at the last bar; None without."""
    beyond = side * z_seen.to_numpy() >= threshold
    if not beyond.size or not beyond[-1]:
        return None
    inside = (~beyond).nonzero()[0]
    first = int(inside[-1]) + 1 if inside.size else 0
    return int(epoch_ms(z_seen.index[first : first + 1])[0]) + bar_ms


def leg_names(pair: Pair) -> tuple[str, str]:
    """Both legs as people say them: `ETH` and `BTC`; `BTC perp` and `BTC spot` where only the market differs."""
    y, x = (_base_and_quote(leg)[0] for leg in (pair.y, pair.x))
    if pair.y.venue == pair.x.venue:
        return (y, x) if y != x else (pair.y.symbol, pair.x.symbol)
    return f"{y} {_market_word(pair.y)}", f"{x} {_market_word(pair.x)}"


def weakened_text(doubts: int) -> str:
    """How many other tests speak against a verdict of reversion, of which there is one at least."""
    return f"weakened by {'another test' if doubts == 1 else f'{doubts} other tests'}"


def _market_word(instrument: Instrument) -> str:
    return {"usdm": "perp"}.get(instrument.venue, instrument.venue)


def _base_and_quote(instrument: Instrument) -> tuple[str, str]:
    """An upload is called as its user called it: `MY_BTC` is not `MY_` paid in BTC."""
    symbol = instrument.symbol
    if instrument.venue == _UPLOAD:
        return symbol, ""
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and len(symbol) > len(quote)), "")
    return symbol.removesuffix(quote), quote


def _missing_sentence(study: PairStudy, missing: NotEnough, circumstances: Circumstances) -> str:
    if isinstance(missing, Undefined):
        return f"{_capital(missing.text)}."
    have = f"{missing.have:,} of {missing.need:,} {missing.what}"
    if circumstances.source == "import":
        return f"No z: {have} that both files share."
    return f"No z yet: {have}, about {age_text(missing.wait_s(study.params.bar_s))}."


def _no_hedge_sentence(study: PairStudy, moments: FrozenMoments) -> str:
    y, x = leg_names(study.params.pair)
    beta = signed_text(moments.beta, 2)
    return f"No hedge: beta is {beta} (not positive), so the distance between {y} and {x} is no signal."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _provenance(circumstances: Circumstances) -> str:
    if circumstances.source == "import":
        return "By the last close that both files have: "
    simulated = "Simulated market: " if circumstances.source == "simulated" else ""
    if circumstances.stale_s is None:
        return simulated
    age = f", {_age(circumstances.stale_s)} old" if math.isfinite(circumstances.stale_s) else ""
    return f"{simulated}By the last known prices{age}: "


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else age_text(seconds)


def _state_sentence(study: PairStudy, reading: LiveReading) -> str:
    params = study.params
    y, x = leg_names(params.pair)
    details = f"{params.timeframe} × {params.window}; {_run_text(study, reading.z)}; {_beyond_text(reading)}"
    word = "rich" if reading.z > 0 else "cheap"
    return f"{y} {word} to {x} by {_bps(reading.edge.edge_bps)}, z {signed_text(reading.z, 2)} ({details})."


def _run_text(study: PairStudy, z: float) -> str:
    entry, side = study.params.entry_z, 1 if z > 0 else -1
    if abs(z) < entry:
        return f"inside ±{entry:g}"
    bound = f"{'above' if side > 0 else 'below'} {signed_text(side * entry, 1).removesuffix('.0')}"
    since_ms = beyond_since_ms(study.z, study.params.bar_s * 1000, entry, side)
    if since_ms is None:
        return f"{bound} in the forming bar only"
    run_s = (study.as_of_ms - since_ms) / 1000
    return f"{bound} for {_age(run_s)}" if run_s > 0 else f"{bound} since the last close"


def _beyond_text(reading: LiveReading) -> str:
    share = reading.share_beyond
    if isinstance(share, NotEnough):
        return f"how often it was so far out is not known yet, {share.have} of {share.need} {share.what}"
    return f"this far out or further on {100 * share:.0f} % of the last {_age(reading.beyond_hours * 3600)}"


def _edge_sentence(study: PairStudy, reading: LiveReading, costs: Costs) -> str:
    edge = reading.edge
    y_side, x_side = costs.y.side_bps, costs.x.side_bps
    sides = f"{y_side:.3g}" if math.isclose(y_side, x_side) else f"{y_side:.3g} and {x_side:.3g}"
    sentence = (
        f"To the mean {_bps(edge.edge_bps)}, round trip {_bps(edge.round_trip_bps)} "
        f"({sides} bp a leg and side): net {signed_text(edge.net_bps, 1)} bp{_carry_text(study, reading, costs)}."
    )
    return sentence if edge.net_bps > 0 else f"{sentence} The way back would not pay for the trade."


def _carry_text(study: PairStudy, reading: LiveReading, costs: Costs) -> str:
    if not isinstance(reading.legs, TwoLegs):
        return ""
    share = abs(reading.legs.x_notional / reading.legs.y_notional)
    carry = costs.carry_bps_day(reading.legs.side, share)
    if carry is None:
        return ", funding not known yet"
    if round(carry, 1) == 0:
        return ""
    return f"; holding {'costs' if carry > 0 else 'earns'} {_bps(abs(carry))} a day"


def _verdict_sentence(study: PairStudy, doubts: int) -> str:
    verdict, test = study.verdict, study.engle_granger
    if verdict.word == "no hedge" and isinstance(study.moments, FrozenMoments) and study.moments.has_hedge:
        return f"Reversion: no hedge in its tests, {verdict.age_text(study.as_of_ms)}; beta of now is positive."
    if verdict.word not in ("mean-reverting", "no evidence"):
        return f"Reversion: {verdict.headline}."
    bars = f"{study.params.test_window:,} bars"
    p = p_text(test.pvalue).removeprefix("= ") if isinstance(test, CointegrationResult) else ""
    facts = [f"{bars}, newest EG p {p}" if p else bars]
    if verdict.word == "no evidence":
        missed = found_text(study.params.test_window, study.params.bar_s)
        facts.append(f"a half-life above {missed} would have been missed")
        return f"Reversion: no evidence ({'; '.join(facts)})."
    if isinstance(study.half_life, HalfLife):
        facts.append(f"half-life {time_text(study.half_life.bars * study.params.bar_s)}")
    if doubts:
        facts.append(weakened_text(doubts))
    return f"Reversion: mean-reverting in this window ({'; '.join(facts)})."


def _legs_sentence(study: PairStudy, reading: LiveReading, circumstances: Circumstances) -> str:
    legs, pair = reading.legs, study.params.pair
    if isinstance(legs, NotEnough):
        return f"{_capital(legs.text)}."
    (y, x), (y_money, x_money) = leg_names(pair), (money_sign(pair.y), money_sign(pair.x))
    parts = [
        (units, f"{units_text(units)} {name} ({_money(notional, sign)})")
        for units, notional, name, sign in (
            (legs.y_units, legs.y_notional, y, y_money),
            (legs.x_units, legs.x_notional, x, x_money),
        )
    ]
    sold, bought = (next(text for units, text in parts if units * sign > 0) for sign in (-1, 1))
    net = ""
    if y_money == x_money:
        net = f", net {'long' if legs.net >= 0 else 'short'} {_money(legs.net, y_money)}"
    sentence = f"If faded: sell {sold}, buy {bought}{net}."
    short, can_short = (pair.y, circumstances.y_can_short) if legs.y_units < 0 else (pair.x, circumstances.x_can_short)
    name = y if legs.y_units < 0 else x
    if short.venue != "spot":
        return sentence
    if can_short:
        return f"{sentence} Selling {name} short on spot needs a margin borrow."
    return f"{sentence} {name} cannot be sold short here: only what is held can be sold."


def _bps(value: float) -> str:
    return f"{value:,.0f} bp" if value >= 100 else f"{value:.1f} bp"


def signed_text(value: float, digits: int) -> str:
    """Fixed digits and a sign, with a true minus and never a sign before zero."""
    text = f"{value:+,.{digits}f}"
    return (text if float(text.replace(",", "")) else text.lstrip("+-")).replace("-", "\u2212")


def units_text(units: float) -> str:
    """Eight figures and no zeros at the end: lot steps are decimal, so a size is short."""
    text = f"{float(f'{abs(units):.8g}'):,.8f}"
    return text.rstrip("0").rstrip(".")


def money_sign(instrument: Instrument) -> str:
    """`$` for dollars and what is pegged to them, else the quote asset itself; '' of an upload, which has none."""
    quote = _base_and_quote(instrument)[1]
    return "$" if quote in _DOLLARS else quote


def _money(value: float, sign: str) -> str:
    if sign == "$":
        return f"${abs(value):,.0f}"
    return f"{abs(value):,.6g} {sign}".rstrip()
