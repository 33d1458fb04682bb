"""When a closed bar's z crosses the threshold, and what the way back to the mean would pay after costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.quant.costs import Costs
from statarb.quant.sample import epoch_ms
from statarb.quant.spread import FrozenMoments


@dataclass(frozen=True)
class Episode:
    """One stretch of bars from a crossing of the threshold until |z| fell below half of it.

    `side` is +1 where y was rich, -1 where it was cheap; `since_ms` is the close of the bar that crossed and
    `z` its value; `until_ms` is the close of the bar that ended it, None while it lasts.
    """

    side: int
    since_ms: int
    z: float
    until_ms: int | None = None


def episodes(z_seen: pd.Series, bar_ms: int, threshold: float, beta: pd.Series | None = None) -> tuple[Episode, ...]:
    """Every episode of the series, oldest first: a function of closed bars alone, so all who look agree.

    An episode begins at a bar with |z| >= threshold while armed. It ends, and the next is armed, at a bar with
    |z| < threshold / 2, or on the other side of zero. Bars without a z change nothing. Where beta is not positive
    there are no legs to trade: an episode ends there and none begins.

    Parameters
    ----------
    z_seen : Series
        z of closed bars, indexed by opening time.
    bar_ms : int
        Length of a bar in ms.
    threshold : float
        |z| that begins an episode, in standard deviations.
    beta : Series, optional
        The hedge that judges each bar (`moments_seen`), on the index of `z_seen`.

    Raises
    ------
    DataError
        beta on another index.
    """
    if beta is not None and not beta.index.equals(z_seen.index):
        raise DataError("beta and z are not at the same times.", "Give both from one study.")
    z = z_seen.to_numpy(dtype=np.float64)
    has_legs = np.ones(z.size, dtype=bool) if beta is None else (beta > 0).to_numpy()
    closes_ms = epoch_ms(z_seen.index) + bar_ms
    begins = np.flatnonzero(has_legs & (np.abs(z) >= threshold))
    calm = np.isfinite(z) & (~has_legs | (np.abs(z) < threshold / 2))
    ends = {side: np.flatnonzero(calm | (z * side < 0)) for side in (1, -1)}
    found, row = [], 0
    while (at := int(np.searchsorted(begins, row))) < begins.size:
        first = int(begins[at])
        side = 1 if z[first] > 0 else -1
        after = ends[side][np.searchsorted(ends[side], first + 1) :][:1]
        until_ms = int(closes_ms[after[0]]) if after.size else None
        found.append(Episode(side, int(closes_ms[first]), float(z[first]), until_ms))
        if not after.size:
            break
        row = int(after[0])  # the bar that ends one may begin the next, on the other side
    return tuple(found)


@dataclass(frozen=True)
class Edge:
    """Distance to the mean, cost of a round trip and what is left, in basis points of the y notional.

    `carry_bps_day` is what a day of the trade towards the mean pays in funding and borrow (+ paid), beside the net
    and not in it, for nobody knows how long the way back takes; None where the funding is not known.
    """

    edge_bps: float
    round_trip_bps: float
    carry_bps_day: float | None = None

    @property
    def net_bps(self) -> float:
        return self.edge_bps - self.round_trip_bps


def edge_to_mean(moments: FrozenMoments, costs: Costs, spread: float, y_price: float, x_price: float) -> Edge:
    """What the way back to the mean is worth against what it costs to trade it.

    `edge = |spread - mean|` as a share of the y notional; `round trip = 2 (y side + b x side)`, a side being its fee
    and the larger of slippage and half the measured spread, and b the notional of the x leg for one of y: |beta| on
    the log scale, |beta| x / y on the price scale.

    Parameters
    ----------
    moments : FrozenMoments
        What judges the spread.
    costs : Costs
        From `costs`.
    spread : float
        On the scale of the moments.
    y_price, x_price : float
        Plain prices.

    Returns
    -------
    Edge
    """
    log_scale = moments.price_scale == "log"
    distance = (spread - moments.mean) / (1.0 if log_scale else y_price)
    x_share = abs(moments.beta) * (1.0 if log_scale else x_price / y_price)
    side = -1 if distance > 0 else 1
    return Edge(abs(distance) * 1e4, costs.round_trip_bps(x_share), costs.carry_bps_day(side, x_share))
