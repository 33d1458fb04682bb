"""The newest prices of a pair: which two count, whether they are of one time, and what a study says of them."""

from __future__ import annotations

from dataclasses import dataclass

from statarb.clock import utc_text
from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import Costs, LiveReading, NotEnough, PairStudy, Undefined, live_reading
from statarb.quant.costs import live_prices
from statarb.quant.headline import leg_names
from statarb.quant.sample import epoch_ms
from statarb.store import LastTrade, StoredFunding, StoredInstrument, StoredQuote

FILES = ("import", "upload")
"""Sources of what was read from files: nothing is newer than the bars, and the files need not end together."""
_APART_MS = 60_000
"""Last prices of two legs are of one time where they are at most a bar apart, or this where a bar is shorter."""
Legs = dict[str, LastTrade | None]
"""The last prices of both legs, y first."""


@dataclass(frozen=True, eq=False)
class MarketCosts:
    """Quotes and funding as they were read at one moment."""

    read_at_ms: int
    quotes: dict[str, StoredQuote]
    funding: dict[str, StoredFunding]


def reading_of(
    study: PairStudy,
    instruments: dict[str, StoredInstrument],
    legs: Legs,
    quotes: tuple[StoredQuote | None, StoredQuote | None],
    spent: Costs,
) -> LiveReading | NotEnough:
    """The reading of two prices of one time; NotEnough with the reason where there are none."""
    y, x = legs.values()
    if isinstance(study.moments, NotEnough):
        return study.moments
    if y is None or x is None:
        return Undefined("no trade in both legs yet", 0, 1)
    last = (y.price, x.price)
    prices = live_prices(study.params, quotes, last)
    if prices is last and abs(y.ts_ms - x.ts_ms) > max(study.params.bar_s * 1000, _APART_MS):
        return Undefined(_apart_text(study.params, y, x), 0, 1)
    try:
        return live_reading(study, *prices, spent, *(instruments[leg].lot_step for leg in legs))
    except DataError:
        return Undefined("a last price is not a positive number", 0, 1)


def last_prices(study: PairStudy, source: str, legs: Legs) -> Legs:
    """The newest trades; of files the closes of the last bar that both legs have, for one file may end years later."""
    if source not in FILES or study.prices.empty:
        return legs
    close_ms = int(epoch_ms(study.prices.index[-1:])[0]) + study.params.bar_s * 1000
    closes = (float(study.prices[leg].iloc[-1]) for leg in ("y", "x"))
    return {name: LastTrade(0, close_ms, close, 0.0) for name, close in zip(legs, closes, strict=True)}


def _apart_text(params: PairParams, y: LastTrade, x: LastTrade) -> str:
    """Why two prices are not judged together, the older one first."""
    (older, older_ms), (newer, newer_ms) = sorted(
        zip(leg_names(params.pair), (y.ts_ms, x.ts_ms), strict=True), key=lambda leg: leg[1]
    )
    return (
        f"{older}'s last price is of {utc_text(older_ms)} UTC, {newer}'s of {utc_text(newer_ms)} UTC: "
        "the legs' last prices are not of one time"
    )
