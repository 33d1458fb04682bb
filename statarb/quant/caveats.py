"""What must be said beside a study's numbers: bars that are missing, legs that are quiet, hedges that disagree."""

from __future__ import annotations

from statarb.clock import utc_text
from statarb.params import PairParams
from statarb.quant.hedge_check import BetaGap
from statarb.quant.legs import Legs
from statarb.quant.sample import NotEnough
from statarb.quant.spread import FrozenMoments

MANY_EMPTY = 0.10
"""Share of bars without a trade in one leg from which a caveat says so."""

EPPS_S = 15
"""Bars shorter than this make correlation read low, because the legs do not trade at the same moment; and they judge
nothing while a leg did not trade in MANY_EMPTY of the last 300 s of them."""

FEW_TICKS = 3
"""A spread whose deviation is fewer ticks of a leg than this is made of ticks."""

Ticks = tuple[float | None, float | None]
"""Price steps of y and x, None where they are not known."""


def caveats(
    legs: Legs,
    params: PairParams,
    moments: FrozenMoments | NotEnough,
    gap: BetaGap | NotEnough,
    as_of_ms: int,
    ticks: Ticks,
) -> tuple[str, ...]:
    """One sentence each, in order of weight; none where nothing is to be said."""
    return (
        *_missing(legs, params),
        *_hedge(moments, gap),
        *_quiet(legs, params, as_of_ms),
        *_ticks(legs, params, moments, ticks),
        *_short(params),
    )


def _missing(legs: Legs, params: PairParams) -> list[str]:
    found, pair = [], params.pair
    for leg, share in ((pair.y, legs.y_empty_share), (pair.x, legs.x_empty_share)):
        if share > MANY_EMPTY:
            found.append(f"{leg.label} did not trade in {100 * share:.0f} % of the bars; those bars are left out.")
    provisional = int(legs.provisional.sum())
    if provisional:
        found.append(
            f"{provisional:,} of {legs.open_ms.size:,} bars are provisional: trades in them are still missing."
        )
    return found


def _hedge(moments: FrozenMoments | NotEnough, gap: BetaGap | NotEnough) -> list[str]:
    if isinstance(moments, FrozenMoments) and not moments.has_hedge:
        return ["beta is not positive over the hedge window: there is no hedge, so z is no signal."]
    if isinstance(gap, BetaGap) and gap.differs:
        apart = f"beta by levels is {gap.level:.3g} and by returns {gap.returns:.3g}: more than 25 % apart"
        return [f"{apart}, so this hedge may add to the risk of short moves."]
    return []


def _quiet(legs: Legs, params: PairParams, as_of_ms: int) -> list[str]:
    return [
        f"{leg.label} last traded in the bar that closed at {utc_text(traded_ms)} UTC."
        for leg, traded_ms in zip((params.pair.y, params.pair.x), legs.traded_ms, strict=True)
        if traded_ms is not None and traded_ms < as_of_ms
    ]


def _ticks(legs: Legs, params: PairParams, moments: FrozenMoments | NotEnough, ticks: Ticks) -> list[str]:
    """Legs whose tick is so coarse that the spread moves in steps of it."""
    if isinstance(moments, NotEnough):
        return []
    log_scale = params.price_scale == "log"
    weights = {"y": 1.0, "x": abs(moments.beta)}
    found = []
    for name, instrument, tick in zip(weights, (params.pair.y, params.pair.x), ticks, strict=True):
        if tick is None or not tick > 0:
            continue
        newest = float(getattr(legs, name)[-1])
        step = weights[name] * (tick / newest if log_scale else tick)
        if moments.sd < FEW_TICKS * step:
            found.append(
                f"The spread's deviation is {moments.sd / step:.1f} ticks of {instrument.label}: z moves in steps of "
                "the tick."
            )
    return found


def _short(params: PairParams) -> list[str]:
    if params.bar_s >= EPPS_S:
        return []
    what = f"{params.timeframe} bars show microstructure: correlation reads low"
    return [f"{what}, and a round trip usually costs more than two deviations."]
