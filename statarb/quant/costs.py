"""What trading a pair costs: fees, slippage, measured spreads, funding and borrow, leg by leg."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from statarb.errors import DataError
from statarb.params import PERPETUAL_VENUES, YEAR_DAYS, PairParams

DAY_HOURS = 24

MAX_QUOTE_AGE_MS = 10_000
"""An older quote is neither a price nor a measured spread."""


class Quoted(Protocol):
    """A best bid and ask at `ts_ms`: their middle, and their distance in basis points of it."""

    @property
    def ts_ms(self) -> int: ...
    @property
    def mid(self) -> float: ...
    @property
    def spread_bps(self) -> float: ...


class FundingTerms(Protocol):
    """What a perpetual pays: `rate` of the notional, longs to shorts, at `next_ms` and every `interval_hours`."""

    @property
    def rate(self) -> float: ...
    @property
    def next_ms(self) -> int: ...
    @property
    def interval_hours(self) -> int: ...


@dataclass(frozen=True)
class LegCosts:
    """What one leg costs, in basis points of its own notional.

    `spread_bps` is the measured best ask less best bid, of the middle; `funding_bps` is what a long pays each
    `funding_hours`, next at `funding_next_ms`; None where it is not known. `borrow_bps_day` is paid while a spot leg is
    short. A `perpetual` leg is never borrowed.
    """

    fee_bps: float
    slippage_bps: float
    spread_bps: float | None = None
    funding_bps: float | None = None
    funding_next_ms: int | None = None
    funding_hours: int | None = None
    borrow_bps_day: float = 0.0
    perpetual: bool = False

    @property
    def side_bps(self) -> float:
        """One side of this leg: the fee, and the larger of the slippage and half the measured spread."""
        return self.fee_bps + max(self.slippage_bps, (self.spread_bps or 0.0) / 2)

    def carry_bps_day(self, side: int) -> float | None:
        """What a day of holding costs, + paid: side +1 is long, -1 short. None where the funding is not known."""
        if not self.perpetual:
            return self.borrow_bps_day if side < 0 else 0.0
        if self.funding_bps is None or not self.funding_hours:
            return None
        return side * self.funding_bps * DAY_HOURS / self.funding_hours


@dataclass(frozen=True)
class Costs:
    """What both legs cost. `x_share` is the notional of x for one of y: |beta| on logs, |beta| x / y on prices."""

    y: LegCosts
    x: LegCosts

    def round_trip_bps(self, x_share: float) -> float:
        """Both legs, in and out, in basis points of the y notional: 2 (y side + x_share x side)."""
        return 2.0 * (self.y.side_bps + x_share * self.x.side_bps)

    def carry_bps_day(self, side: int, x_share: float) -> float | None:
        """Funding and borrow of a day in the spread (+1 bought: y long, x short), + paid; None where unknown."""
        y, x = self.y.carry_bps_day(side), self.x.carry_bps_day(-side)
        return None if y is None or x is None else y + x_share * x

    @property
    def funding_next_ms(self) -> int | None:
        """When funding is due next in either leg."""
        due = [leg.funding_next_ms for leg in (self.y, self.x) if leg.funding_next_ms is not None]
        return min(due, default=None)


def costs(
    params: PairParams,
    y_spread_bps: float | None = None,
    x_spread_bps: float | None = None,
    y_funding: FundingTerms | None = None,
    x_funding: FundingTerms | None = None,
) -> Costs:
    """The costs of an analysis: its knobs, and what was measured where something was.

    Parameters
    ----------
    params : PairParams
        Fee preset or own fee, slippage, borrow rate, and the venues of the legs.
    y_spread_bps, x_spread_bps : float, optional
        Measured best ask less best bid, in basis points of the middle.
    y_funding, x_funding : FundingTerms, optional
        Stored funding of a perpetual leg (`rate`, `next_ms`, `interval_hours`); ignored for spot.

    Returns
    -------
    Costs

    Raises
    ------
    DataError
        A spread or a rate that is not a number, or a negative spread.
    """
    return Costs(
        _leg(params, params.pair.y.venue, y_spread_bps, y_funding),
        _leg(params, params.pair.x.venue, x_spread_bps, x_funding),
    )


def _leg(params: PairParams, venue: str, spread_bps: float | None, funding: FundingTerms | None) -> LegCosts:
    if spread_bps is not None and not 0 <= spread_bps < math.inf:
        raise DataError(f"A measured spread of {spread_bps} bp cannot be.", "Leave it out until there is a quote.")
    if funding is not None and not math.isfinite(funding.rate):
        raise DataError(f"A funding rate of {funding.rate} cannot be.", "Leave it out until there is one.")
    perpetual = venue in PERPETUAL_VENUES
    known = funding if perpetual else None
    return LegCosts(
        fee_bps=params.leg_fee_bps(venue),
        slippage_bps=params.slippage_bps,
        spread_bps=spread_bps,
        funding_bps=known.rate * 1e4 if known else None,
        funding_next_ms=known.next_ms if known else None,
        funding_hours=known.interval_hours if known else None,
        borrow_bps_day=0.0 if perpetual else params.borrow_pct_year * 100 / YEAR_DAYS,
        perpetual=perpetual,
    )


Q = TypeVar("Q", bound=Quoted)


def fresh_quotes(params: PairParams, quotes: Mapping[str, Q], now_ms: int) -> tuple[Q | None, Q | None]:
    """The quotes of both legs, by instrument, that are not too old."""
    y, x = (quotes.get(leg) for leg in (params.y, params.x))
    return _fresh(y, now_ms), _fresh(x, now_ms)


def _fresh(quote: Q | None, now_ms: int) -> Q | None:
    return quote if quote is not None and now_ms - quote.ts_ms <= MAX_QUOTE_AGE_MS else None


def market_costs(
    params: PairParams, quotes: Mapping[str, Quoted], funding: Mapping[str, FundingTerms], now_ms: int
) -> Costs:
    """`costs` with the spreads of fresh quotes and the funding that is known, by instrument."""
    y, x = fresh_quotes(params, quotes, now_ms)
    return costs(params, _spread_bps(y), _spread_bps(x), funding.get(params.y), funding.get(params.x))


def _spread_bps(quote: Quoted | None) -> float | None:
    return None if quote is None else max(0.0, quote.spread_bps)  # a book crossed for a moment costs nothing


def live_prices(
    params: PairParams, quotes: tuple[Quoted | None, Quoted | None], last: tuple[float, float]
) -> tuple[float, float]:
    """Last trades; the middles of fresh quotes where `params.price` asks for them, in both legs or in neither."""
    y, x = quotes
    return (y.mid, x.mid) if params.price == "mid" and y is not None and x is not None else last
