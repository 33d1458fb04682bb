"""What to trade: units of both legs for a notional, rounded to what the exchange accepts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from statarb.errors import DataError
from statarb.quant.sample import Floats, NotEnough, Undefined, epoch_ms
from statarb.quant.spread import FrozenMoments

DAY_MS = 86_400_000

HOURS_BEYOND = 24.0
"""How far back it is counted how often |z| was as large as now."""

_BARS_BEYOND = 60
"""Of bars so long that a day holds fewer, so many are counted."""

BEYOND_VALUES = 30
"""A share of fewer values than this is not worth saying."""


@dataclass(frozen=True)
class TwoLegs:
    """Signed units of both legs and their notionals; `side` +1 buys the spread (y long, x short), -1 sells it.

    `hedge_error_bps` is what rounding to lot steps took from or added to the x leg, of the y notional.
    """

    side: int
    y_units: float
    x_units: float
    y_notional: float
    x_notional: float
    hedge_error_bps: float

    @property
    def gross(self) -> float:
        """Sum of both notionals: what costs are paid on."""
        return abs(self.y_notional) + abs(self.x_notional)

    @property
    def net(self) -> float:
        """Long less short: the exposure to the market that a beta other than one leaves."""
        return self.y_notional + self.x_notional


def two_legs(
    moments: FrozenMoments,
    side: int,
    notional: float,
    y_price: float,
    x_price: float,
    y_lot: float | None = None,
    x_lot: float | None = None,
) -> TwoLegs | NotEnough:
    """Units of both legs for `notional` of y.

    y units = notional / Py, rounded *down* to the lot step; x units = beta (y units) Py / Px on log prices and
    beta (y units) on prices, rounded to the *nearest* step of x.

    Parameters
    ----------
    moments : FrozenMoments
        The hedge and its scale.
    side : {1, -1}
        Buy or sell the spread: against the sign of z.
    notional : float
        Money in the y leg, at most.
    y_price, x_price : float
        Plain prices.
    y_lot, x_lot : float, optional
        Lot steps of the instruments; without one the leg is not rounded.

    Returns
    -------
    TwoLegs or NotEnough
        Undefined without a positive beta, and where the notional buys less than one step of a leg.

    Raises
    ------
    DataError
        A side other than 1 and -1, or a notional, price or step that is not a positive number.

    References
    ----------
    Vidyamurthy (2004), *Pairs Trading*, ch. 5, for the ratio of units.
    """
    if side not in (1, -1):
        raise DataError(f"{side} is not a side.", "Say 1 to buy the spread, -1 to sell it.")
    steps = [step for step in (y_lot, x_lot) if step is not None]
    if not all(math.isfinite(value) and value > 0 for value in (notional, y_price, x_price, *steps)):
        raise DataError("Notional, prices and lot steps must be positive numbers.", "Wait for a trade in both legs.")
    if not moments.has_hedge:
        return Undefined("no legs: beta is not positive, so there is no hedge", moments.n, moments.n)
    ratio = moments.beta * (y_price / x_price if moments.price_scale == "log" else 1.0)
    y_units = on_lot(notional / y_price, y_lot, math.floor)
    wanted = ratio * y_units
    x_units = on_lot(wanted, x_lot, round)
    if y_units == 0 or x_units == 0:
        return Undefined(f"no legs: {notional:g} buys less than one lot of a leg", moments.n, moments.n)
    error = (x_units - wanted) * x_price / (y_units * y_price) * 1e4
    return TwoLegs(side, side * y_units, -side * x_units, side * y_units * y_price, -side * x_units * x_price, error)


def on_lot(units: float, lot: float | None, rounding: Any) -> float:
    """`units` as a whole number of lot steps, exact in decimals: 0.1 + 0.2 is 0.3 here."""
    if lot is None:
        return units
    step = Fraction(repr(lot))
    lots = float(Fraction(units) / step)
    # A hair above the floor of a quotient that rounding error put just below a whole number.
    hair = max(1e-9, 4e-16 * lots) if rounding is math.floor else 0.0
    return float(int(rounding(lots + hair)) * step)


def share_beyond(z_seen: Any, z_now: float, now_ms: int, hours: float = HOURS_BEYOND) -> float | NotEnough:
    """Share of the last `hours` in which |z| was at least as large as it is now.

    Parameters
    ----------
    z_seen : Series, shape (n,)
        z of closed bars, indexed by opening time.
    z_now : float
        The present z.
    now_ms : int
        Close time of the last closed bar: the hours count back from it.
    hours : float
        How far back.

    Returns
    -------
    float or NotEnough
        From 0 to 1, of bars that have a z; NotEnough below 30 of them.

    Raises
    ------
    DataError
        z that is not a number, or no positive number of hours.

    Notes
    -----
    In place of a normal p-value: z is not normal (|z| > 2 in 14 to 17 % of real one-minute bars).
    """
    if not math.isfinite(z_now) or not 0 < hours < math.inf:
        raise DataError(f"z {z_now} over {hours} hours is no question.", "Give a number and a time.")
    return share_of(recent_sizes(z_seen, now_ms, hours), z_now)


def hours_beyond(bar_s: float) -> float:
    """How far back bars of that length are counted: a day, or 60 bars where those are more."""
    return max(HOURS_BEYOND, _BARS_BEYOND * bar_s / 3600)


def recent_sizes(z_seen: Any, now_ms: int, hours: float = HOURS_BEYOND) -> Floats:
    """|z| of the bars of the last `hours` that have one, ascending: what `share_beyond` counts in, once for a study."""
    opened = epoch_ms(z_seen.index)
    values = np.abs(z_seen.to_numpy(dtype=np.float64))
    return np.sort(values[(opened >= now_ms - hours * DAY_MS / 24) & (opened < now_ms) & np.isfinite(values)])


def share_of(sizes: Floats, z_now: float) -> float | NotEnough:
    """The share of ascending `sizes` that reach |z_now|."""
    if sizes.size < BEYOND_VALUES:
        return NotEnough("bars with a z", int(sizes.size), BEYOND_VALUES)
    return (sizes.size - int(np.searchsorted(sizes, abs(z_now)))) / sizes.size
