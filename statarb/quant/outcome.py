"""What came after an alert: what its two frozen legs earned, beside the same for random entries, and the score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from statarb.errors import DataError
from statarb.quant.sample import Floats, NotEnough, checked_pair, epoch_ms
from statarb.quant.sizing import TwoLegs

HORIZONS_BARS = (5, 15, 60)
RANDOM_ENTRIES = 200
FEWEST_ALERTS = 5
"""A score of fewer alerts is not worth saying."""

_Z95 = 1.959964


@dataclass(frozen=True)
class Outcome:
    """Results in basis points of the y notional at entry, `horizon_bars` after the fill.

    `net_bps` is `gross_bps` less the round trip. The random figures are means over `n_random` entries of the same side
    and ratio of notionals at random bars; NaN where `n_random` is 0.
    """

    horizon_bars: int
    gross_bps: float
    net_bps: float
    random_gross_bps: float
    random_net_bps: float
    n_random: int


@dataclass(frozen=True)
class Scorecard:
    """How `n` alerts turned out; bounds are 95 % intervals that take the alerts as independent.

    `share_positive` is the share with a gross gain. `excess_bps` is the mean of gross less that of the random entries
    of the same alert, over those that have some.
    """

    n: int
    share_positive: float
    share_interval: tuple[float, float]
    gross_bps: float
    gross_interval_bps: tuple[float, float]
    net_bps: float
    excess_bps: float
    excess_interval_bps: tuple[float, float]


def outcome(
    y: Any,
    x: Any,
    bar_ms: int,
    legs: TwoLegs,
    at_ms: int,
    horizon_bars: int,
    round_trip_bps: float,
    window: int,
    seed: int,
) -> Outcome | NotEnough:
    """What the two legs frozen at an alert earned when held for `horizon_bars`, and what random entries did.

    gross = (q_y (P_y(h) - P_y) + q_x (P_x(h) - P_x)) / |q_y P_y| with the signed units q of the alert, filled at the
    prices P of the first close after it, as in `backtest`: the prices that made the alert are gone when it is read, and
    lie rather on the far side of bid and ask, so that fills at them would earn the bounce. Never whether z shrank, for
    z shrinks by itself when its window moves on. A random entry takes the same side and the same ratio of notionals at
    the close of a bar, and is held as long.

    Parameters
    ----------
    y, x : Series, shape (n,)
        Closes of the bars in which both legs traded, plain prices, indexed by opening time.
    bar_ms : int
        Length of a bar in ms.
    legs : TwoLegs
        As they were at the alert.
    at_ms : int
        Close of the alert's bar, or the moment of a live alert; its horizon counts from the first close after it.
    horizon_bars : int
        How many bars the legs are held, by the clock. The last close within it counts.
    round_trip_bps : float
        Cost in basis points of the y notional, paid by the alert and by every random entry alike.
    window : int
        Bars that judged the alert. Random entries end before them: within them the spread moved away from its mean,
        or there were no alert, so entries there would lose, and flatter it.
    seed : int
        Chooses the random entries: the same seed gives the same ones.

    Returns
    -------
    Outcome or NotEnough
        NotEnough without two closes, fill and exit, between the alert and the end of its horizon.

    Raises
    ------
    DataError
        Prices that are not positive, times out of order, or a horizon below 1 bar.

    References
    ----------
    Random entries as a yardstick: Aronson (2007), *Evidence-Based Technical Analysis*, ch. 6.
    """
    if horizon_bars < 1:
        raise DataError(f"A horizon of {horizon_bars} bars is none.", "Give 1 or more.")
    first, second = checked_pair(y, x)
    y_close, x_close = (leg.to_numpy(dtype=np.float64) for leg in (first, second))
    if not (np.all(y_close > 0) and np.all(x_close > 0)):
        raise DataError("Some prices are not positive numbers.", "Check the source of these prices.")
    closes_ms = epoch_ms(first.index) + bar_ms
    reach_ms = horizon_bars * bar_ms
    filled = int(np.searchsorted(closes_ms, at_ms, side="right"))
    until_ms = (at_ms // bar_ms + 1) * bar_ms + reach_ms
    end = int(np.searchsorted(closes_ms, until_ms, side="right")) - 1
    if end <= filled:
        return NotEnough("bars after the alert", max(0, end - filled + 1), 2)
    y_fill, x_fill = y_close[filled], x_close[filled]
    earned = legs.y_units * (y_close[end] - y_fill) + legs.x_units * (x_close[end] - x_fill)
    gross = earned / abs(legs.y_units * y_fill) * 1e4
    entries, exits = _random_entries(closes_ms, filled - window, reach_ms, seed)
    y_return = y_close[exits] / y_close[entries] - 1.0
    x_return = x_close[exits] / x_close[entries] - 1.0
    x_share = abs(legs.x_notional / legs.y_notional)
    random_gross = float(np.mean(legs.side * (y_return - x_share * x_return))) * 1e4 if entries.size else math.nan
    return Outcome(
        horizon_bars,
        float(gross),
        float(gross) - round_trip_bps,
        random_gross,
        random_gross - round_trip_bps,
        int(entries.size),
    )


def _random_entries(
    closes_ms: npt.NDArray[np.int64], before: int, reach_ms: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of random entries and of their exits, all of them within the first `before` rows."""
    known = closes_ms[: max(0, before)]
    exits = np.searchsorted(known, known + reach_ms, side="right") - 1
    possible = np.flatnonzero((exits > np.arange(known.size)) & (known + reach_ms <= known[-1:]).ravel())
    count = min(RANDOM_ENTRIES, possible.size)
    chosen = np.sort(np.random.default_rng(seed).choice(possible, count, replace=False)) if count else possible
    return chosen, exits[chosen]


def scorecard(gross_bps: Any, net_bps: Any, random_gross_bps: Any) -> Scorecard | NotEnough:
    """The score of many alerts at one horizon.

    Parameters
    ----------
    gross_bps, net_bps : array, shape (n,)
        Results of the alerts.
    random_gross_bps : array, shape (n,)
        Means of the random entries that stand beside each; NaN where there were none.

    Returns
    -------
    Scorecard or NotEnough
        NotEnough below 5 alerts. The share has Wilson's interval, the means Student's.

    Raises
    ------
    DataError
        Arrays of different length, or results that are not numbers.

    References
    ----------
    Wilson (1927), JASA 22.
    """
    gross, net, random = (np.asarray(values, dtype=np.float64) for values in (gross_bps, net_bps, random_gross_bps))
    if not gross.shape == net.shape == random.shape or gross.ndim != 1:
        raise DataError("Results and random results differ in number.", "Give one of each for every alert.")
    if not (np.all(np.isfinite(gross)) and np.all(np.isfinite(net))):
        raise DataError("Some results are not numbers.", "Leave out alerts without an outcome.")
    n = int(gross.size)
    if n < FEWEST_ALERTS:
        return NotEnough("alerts with an outcome", n, FEWEST_ALERTS)
    excess = (gross - random)[np.isfinite(random)]
    return Scorecard(
        n,
        float(np.mean(gross > 0)),
        _share_interval(int(np.sum(gross > 0)), n),
        float(gross.mean()),
        _mean_interval(gross),
        float(net.mean()),
        float(excess.mean()) if excess.size else math.nan,
        _mean_interval(excess),
    )


def _share_interval(hits: int, n: int) -> tuple[float, float]:
    share, z2 = hits / n, _Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _mean_interval(values: Floats) -> tuple[float, float]:
    if values.size < 2:
        return math.nan, math.nan
    from scipy.special import stdtrit

    reach = float(stdtrit(values.size - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(values.size)
    return float(values.mean()) - reach, float(values.mean()) + reach
