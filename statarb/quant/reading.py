"""The newest prices of a pair, judged by the study of its closed bars: spread, z, edge, legs."""

from __future__ import annotations

from dataclasses import dataclass

from statarb.errors import DataError
from statarb.quant.costs import Costs
from statarb.quant.sample import NotEnough
from statarb.quant.signal import Edge, edge_to_mean
from statarb.quant.sizing import TwoLegs, share_of, two_legs
from statarb.quant.spread import live_z
from statarb.quant.study import PairStudy


@dataclass(frozen=True)
class LiveReading:
    """Live: not of a closed bar. Spread and z of two prices, judged by moments frozen at the last closed bar.

    `legs` are what to trade towards the mean, for `params.notional` of y. `share_beyond` is how often |z| of the last
    `beyond_hours` of closed bars was at least as large: 24, or of 60 bars where those are more; fewer where the study
    holds fewer.
    """

    spread: float
    z: float
    edge: Edge
    legs: TwoLegs | NotEnough
    share_beyond: float | NotEnough
    beyond_hours: float


def live_reading(
    study: PairStudy,
    y_price: float,
    x_price: float,
    costs: Costs,
    y_lot: float | None = None,
    x_lot: float | None = None,
) -> LiveReading | NotEnough:
    """Judge two prices by a study.

    spread and z as `live_z`, edge as `edge_to_mean`, legs as `two_legs` against the sign of z, share as
    `share_beyond`.

    Parameters
    ----------
    study : PairStudy
        Of the pair, up to the last closed bar.
    y_price, x_price : float
        Plain prices: last trades, or middles of the best bid and ask.
    costs : Costs
        From `costs`.
    y_lot, x_lot : float, optional
        Lot steps of the instruments; without one the leg is not rounded.

    Returns
    -------
    LiveReading or NotEnough
        NotEnough (with its reason) where the study has no moments.

    Raises
    ------
    DataError
        A price or a lot step that is not a positive number.
    """
    moments = study.moments
    if isinstance(moments, NotEnough):
        return moments
    if not (y_price > 0 and x_price > 0):
        raise DataError(f"{y_price} and {x_price} are not two prices.", "Wait for a trade in both legs.")
    spread, z = live_z(moments, y_price, x_price)
    return LiveReading(
        spread=spread,
        z=z,
        edge=edge_to_mean(moments, costs, spread, y_price, x_price),
        legs=two_legs(moments, -1 if z > 0 else 1, study.params.notional, y_price, x_price, y_lot, x_lot),
        share_beyond=share_of(study.recent_sizes, z),
        beyond_hours=study.beyond_hours,
    )
