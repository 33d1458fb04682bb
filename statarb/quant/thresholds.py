"""Where to enter and leave a spread of known speed and noise, after costs: Bertram's optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from statarb.errors import DataError
from statarb.quant.sample import NotEnough, Undefined


@dataclass(frozen=True)
class Thresholds:
    """Buy the spread at `entry` (below its mean of 0), sell it at `exit`; in units of the spread.

    `cycle` is the expected time of a round trip, `return_rate` the expected gain after costs per unit of time.
    """

    entry: float
    exit: float
    cycle: float
    return_rate: float


def reversion_thresholds(speed: float, sigma: float, cost: float) -> Thresholds | NotEnough:
    """Thresholds that earn the most per unit of time on an Ornstein-Uhlenbeck spread around 0.

    dS = -speed S dt + sigma dW; entry a < 0 solves
    exp(speed a^2 / sigma^2) (2 a + cost) = sigma sqrt(pi / speed) erfi(a sqrt(speed) / sigma), exit = -a,
    cycle = 2 (pi / speed) erfi(exit sqrt(speed) / sigma).

    Parameters
    ----------
    speed : float
        ln 2 / half-life, per unit of time.
    sigma : float
        Noise of the spread per square root of that unit; its own deviation is sigma / sqrt(2 speed).
    cost : float
        Of a round trip, in units of the spread.

    Returns
    -------
    Thresholds or NotEnough
        Undefined without a cost (trading without end earns the most) and where the cost is fifty deviations.

    Raises
    ------
    DataError
        A speed or noise that is not a positive number, or a cost that is not a number from 0.

    Notes
    -----
    The spread must be that process, with known parameters: estimated ones, and one hedge too many, earn less.

    References
    ----------
    Bertram (2010), Physica A 389.
    """
    if not (0 < speed < math.inf and 0 < sigma < math.inf and 0 <= cost < math.inf):
        raise DataError("Speed and noise must be positive, and the cost a number from 0.", "Try ln 2 / half-life.")
    scale = sigma / math.sqrt(speed)  # in this unit the process has speed 1 and noise 1
    fee = cost / scale
    if fee > 50:
        return Undefined("no thresholds: the cost is far beyond the spread's own deviation", 0, 0)
    from scipy.optimize import brentq
    from scipy.special import dawsn, erfi

    # exp(-u^2) erfi(u) = 2 / sqrt(pi) dawsn(u), which does not overflow.
    def slope(exit_: float) -> float:
        return 2 * exit_ - fee - 2 * float(dawsn(exit_))

    low = max(fee / 2, 1e-9)
    if slope(low) >= 0:  # without a cost the best is to trade always, for nothing at a time
        return Undefined("no thresholds: without a cost there is no smallest trade", 0, 0)
    best = float(brentq(slope, low, low + fee + 10, xtol=1e-14, rtol=8.9e-16))
    with np.errstate(over="ignore"):
        cycle = 2 * math.pi * float(erfi(best)) / speed
    gain = 2 * best * scale - cost
    return Thresholds(-best * scale, best * scale, cycle, gain / cycle if math.isfinite(cycle) else 0.0)
