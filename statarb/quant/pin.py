"""A pinned trade by today's prices: what it has earned after costs, where it stands, and whether it is over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.pins import Fill, Pin, PinExit
from statarb.quant.costs import Costs, LegCosts, costs
from statarb.quant.headline import signed_text
from statarb.quant.sizing import TwoLegs
from statarb.quant.spread import FrozenMoments, live_z

BETA_DRIFT = 0.25
"""From this change of beta on the trade is hedged with the wrong amount: the same bound as `beta_gap`."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

PinEventKind = Literal["target", "stop", "time stop", "beta drift"]
PIN_EVENTS: tuple[PinEventKind, ...] = ("target", "stop", "time stop", "beta drift")


@dataclass(frozen=True)
class PinState:
    """What a pinned trade is worth at two prices, in money and in basis points of the y notional at entry.

    `gross` is what both legs moved; `entry_cost` and `exit_cost` are fees and assumed slippage in and out; `carry` is
    the funding and borrow of the time held, + paid, an estimate, None where a perpetual's funding is not known. `z` is
    by the pin's own moments. `beta_drift` is today's beta over the pinned one, less 1; None where there is none today.
    """

    gross: float
    entry_cost: float
    exit_cost: float
    carry: float | None
    notional: float
    z: float
    bars_held: float
    beta_drift: float | None = None

    @property
    def net(self) -> float:
        """Gross less all costs: what closing at these prices would leave. Funding that is not known is not in it."""
        return self.gross - self.entry_cost - self.exit_cost - (self.carry or 0.0)

    @property
    def net_bps(self) -> float:
        return self.net / self.notional * 1e4

    @property
    def has_drifted(self) -> bool:
        return self.beta_drift is not None and abs(self.beta_drift) > BETA_DRIFT


@dataclass(frozen=True)
class PinEvent:
    """Something that a pinned trade was waiting for is so."""

    kind: PinEventKind
    text: str


def pinned(
    params: PairParams,
    moments: FrozenMoments,
    legs: TwoLegs,
    y_price: float,
    x_price: float,
    costs: Costs,
    now_ms: int,
) -> Pin:
    """A trade entered now: these legs at these prices, judged from now on by these moments.

    The prices are no fills yet, so the slippage of `costs` is assumed beside them; fills put in their place later
    carry none.

    Parameters
    ----------
    params : PairParams
        Kept whole: the pair, thresholds, time stop and fees of the trade.
    moments : FrozenMoments
        Frozen at the last closed bar.
    legs : TwoLegs
        From `two_legs` or `live_reading`.
    y_price, x_price : float
        Plain prices.
    costs : Costs
        From `costs`.
    now_ms : int
        The moment.

    Returns
    -------
    Pin

    Raises
    ------
    ConfigError
        Prices, units or moments that cannot be.
    """
    return Pin(
        params=params,
        entered_at_ms=now_ms,
        alpha=moments.alpha,
        beta=moments.beta,
        mean=moments.mean,
        sd=moments.sd,
        moments_at_ms=moments.as_of_ms,
        moments_bars=moments.n,
        y_units=legs.y_units,
        x_units=legs.x_units,
        y=assumed_fill(y_price, costs.y),
        x=assumed_fill(x_price, costs.x),
    )


def pin_exit(pin: Pin, y: Fill, x: Fill, costs: Costs, now_ms: int) -> PinExit:
    """The end of a pinned trade at these prices, with the carry paid until then.

    Parameters
    ----------
    pin : Pin
        An open one.
    y, x : Fill
        Prices out, with the slippage to assume beside them: none for fills.
    costs : Costs
        From `costs`: for funding and borrow.
    now_ms : int
        The moment.

    Returns
    -------
    PinExit
    """
    at_ms = max(now_ms, pin.entered_at_ms)  # a clock that was set back in between
    return PinExit(at_ms, y, x, carry_paid(pin, costs, at_ms))


def pin_state(
    pin: Pin, y_price: float, x_price: float, costs: Costs, now_ms: int, beta_now: float | None = None
) -> PinState:
    """What an open pin is worth at two prices.

    gross = q_y (P_y - P_y0) + q_x (P_x - P_x0), with the signed units frozen at entry, never a difference of spreads;
    cost of a side = sum over legs of |q| P (fee + slippage) / 10^4.

    Parameters
    ----------
    pin : Pin
        An open one, from `pinned`.
    y_price, x_price : float
        Plain prices now: last trades.
    costs : Costs
        From `costs(pin.params, ...)`: today's measured spreads and funding.
    now_ms : int
        The moment.
    beta_now : float, optional
        Today's hedge by the pin's own parameters.

    Returns
    -------
    PinState
        In the money of the prices. Entry slippage counts until the fills are put in; the exit pays today's costs.

    Raises
    ------
    DataError
        A price that is not a positive number, or a pin that is closed.
    """
    if not pin.is_open:
        raise DataError("This pin is closed.", "Ask for its result.")
    if not (0 < y_price < math.inf and 0 < x_price < math.inf):
        raise DataError(f"{y_price} and {x_price} are not two prices.", "Wait for a trade in both legs.")
    out = pin_exit(pin, assumed_fill(y_price, costs.y), assumed_fill(x_price, costs.x), costs, now_ms)
    drift = None if beta_now is None or not math.isfinite(beta_now) else beta_now / pin.beta - 1.0
    return _state(pin, out, costs, drift)


def pin_result(pin: Pin) -> PinState:
    """What a closed pin came to: gross, costs and carry as in `pin_state`, from the prices in and out that it holds.

    Parameters
    ----------
    pin : Pin
        A closed one.

    Returns
    -------
    PinState
        Nothing of today enters.

    Raises
    ------
    DataError
        The pin is still open.
    """
    if pin.exit is None:
        raise DataError("This pin is still open.", "Ask for its state at today's prices.")
    return _state(pin, pin.exit, costs(pin.params), None)


def _state(pin: Pin, out: PinExit, costs: Costs, beta_drift: float | None) -> PinState:
    return PinState(
        gross=pin.y_units * (out.y.price - pin.y.price) + pin.x_units * (out.x.price - pin.x.price),
        entry_cost=_side_cost(pin, pin.y, pin.x, costs),
        exit_cost=_side_cost(pin, out.y, out.x, costs),
        carry=out.carry,
        notional=pin.notional,
        z=live_z(pin_moments(pin), out.y.price, out.x.price)[1],
        bars_held=(out.at_ms - pin.entered_at_ms) / (pin.params.bar_s * 1000),
        beta_drift=beta_drift,
    )


def pin_events(pin: Pin, state: PinState) -> tuple[PinEvent, ...]:
    """What of target, stop, time stop and beta drift is so now; each is worth saying once a pin.

    Target: z by the pin's own moments is within `exit_z` of zero on the way back, or beyond; stop: |z| is `stop_z` or
    more on the side it was entered at; time stop: `time_stop` bars have passed; beta drift: today's beta is more than
    25 % from the pinned one.

    Parameters
    ----------
    pin : Pin
        An open one; a closed one has no events.
    state : PinState
        From `pin_state`, by prices that are live.

    Returns
    -------
    tuple of PinEvent
    """
    if not pin.is_open:
        return ()
    params, away = pin.params, -pin.side * state.z
    net = f"net {signed_text(state.net_bps, 1)} bp"
    z = f"z {signed_text(state.z, 2)} by its own moments"
    found: list[PinEvent] = []
    if away <= params.exit_z:
        found.append(PinEvent("target", _target_text(f"{z} has come back to {params.exit_z:g}", state.net_bps)))
    if away >= params.stop_z:
        found.append(PinEvent("stop", f"Stop: {z} is beyond {params.stop_z:g}; {net}."))
    if state.bars_held >= params.time_stop:
        found.append(PinEvent("time stop", f"Time stop: held for {state.bars_held:,.0f} bars; {z}; {net}."))
    if state.has_drifted and state.beta_drift is not None:
        drift = f"{signed_text(100 * state.beta_drift, 0)} %"
        found.append(PinEvent("beta drift", f"Beta drift: today's hedge is {drift} from the pinned one; {net}."))
    return tuple(found)


def _target_text(reached: str, net_bps: float) -> str:
    """A target need not be a gain: the mean may have moved to the trade, or costs may exceed the way back."""
    left = f"{signed_text(net_bps, 1)} bp"
    if round(net_bps, 1) < 0:
        return f"Target reached, but closing now leaves {left}: {reached}."
    return f"Target: {reached}; net {left}."


def assumed_fill(price: float, leg: LegCosts) -> Fill:
    """A price at which nothing was filled yet: the slippage or half spread of the leg is assumed beside it."""
    return Fill(price, leg.side_bps - leg.fee_bps)


def pin_moments(pin: Pin) -> FrozenMoments:
    """The moments that judge a pin as long as it lives."""
    return FrozenMoments(
        pin.alpha, pin.beta, pin.mean, pin.sd, pin.moments_at_ms, pin.moments_bars, pin.params.price_scale
    )


def carry_paid(pin: Pin, costs: Costs, now_ms: int) -> float | None:
    """Funding and borrow since entry, + paid; None where a perpetual's funding is not known.

    Funding: today's rate times the intervals that have ended since, as if it had been the same each time. Borrow: the
    user's rate over the time held. Both of the notional at entry.
    """
    y = _leg_carry(costs.y, pin.y_units * pin.y.price, pin.entered_at_ms, now_ms)
    x = _leg_carry(costs.x, pin.x_units * pin.x.price, pin.entered_at_ms, now_ms)
    return None if y is None or x is None else y + x


def _leg_carry(leg: LegCosts, notional: float, since_ms: int, now_ms: int) -> float | None:
    """`notional` is signed: a long pays funding, a short receives it; a short spot leg pays borrow."""
    if not leg.perpetual:
        days = max(0, now_ms - since_ms) / DAY_MS
        return -min(notional, 0.0) * leg.borrow_bps_day / 1e4 * days
    if leg.funding_bps is None or leg.funding_next_ms is None or not leg.funding_hours:
        return None
    interval_ms = leg.funding_hours * HOUR_MS
    ended = (now_ms - leg.funding_next_ms) // interval_ms - (since_ms - leg.funding_next_ms) // interval_ms
    return notional * leg.funding_bps / 1e4 * max(0, ended)


def _side_cost(pin: Pin, y: Fill, x: Fill, costs: Costs) -> float:
    y_cost = abs(pin.y_units) * y.price * (costs.y.fee_bps + y.slippage_bps)
    x_cost = abs(pin.x_units) * x.price * (costs.x.fee_bps + x.slippage_bps)
    return (y_cost + x_cost) / 1e4
