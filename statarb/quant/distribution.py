"""How z is distributed: its histogram beside the normal law, and how often it was beyond each whole deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.errors import DataError
from statarb.quant.sample import Floats, NotEnough

LEAST_VALUES = 30
"""Fewer values make no histogram."""

REACH, STEP = 6.0, 0.25
"""z beyond the reach is counted in the outermost bin."""

LEVELS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class ZDistribution:
    """Shares of `n` values in bins of equal width: `share[i]` lies in [edges[i], edges[i + 1]), the outermost open.

    `normal` are the shares that a standard normal variable would have in the same bins. `beyond[k]` is the share with
    |z| > k, `normal_beyond[k]` the normal one.
    """

    edges: Floats
    share: Floats
    normal: Floats
    beyond: dict[int, float]
    normal_beyond: dict[int, float]
    mean: float
    sd: float
    n: int


def z_distribution(z_seen: Any) -> ZDistribution | NotEnough:
    """Histogram of z and the shares beyond 1, 2 and 3, beside those of a standard normal variable.

    Parameters
    ----------
    z_seen : Series or array, shape (n,)
        z of closed bars; NaN (bars before the window was full) is left out.

    Returns
    -------
    ZDistribution or NotEnough
        NotEnough below 30 values.

    Raises
    ------
    DataError
        Values that are no numbers, or infinite.

    Notes
    -----
    z moves slowly, so that its bars are far fewer independent values than `n`. No test of normality is made of it.
    """
    try:
        values = np.asarray(z_seen, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise DataError("z are not numbers.", "Give z_seen of closed bars.") from None
    if np.isinf(values).any():
        raise DataError("z holds infinite values.", "Give z_seen of closed bars.")
    values = values[~np.isnan(values)]
    n = int(values.size)
    if n < LEAST_VALUES:
        return NotEnough("bars with a z", n, LEAST_VALUES)
    edges = np.arange(-REACH, REACH + STEP / 2, STEP)
    inside = np.clip(values, -REACH, np.nextafter(REACH, 0))
    counts = np.histogram(inside, edges)[0]
    below = np.array([0.0, *(_normal_below(edge) for edge in edges[1:-1]), 1.0])
    size = np.abs(values)
    return ZDistribution(
        edges=edges,
        share=counts / n,
        normal=np.diff(below),
        beyond={level: float(np.mean(size > level)) for level in LEVELS},
        normal_beyond={level: math.erfc(level / math.sqrt(2)) for level in LEVELS},
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        n=n,
    )


def _normal_below(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2))
