"""First and second moments of two series in a rolling window: O(1) a bar, and nothing is ever subtracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from statarb.quant.sample import Floats


@dataclass(frozen=True, eq=False)
class RollingMoments:
    """Means and centred sums over the `window` values that end at each position; NaN at the first `window - 1`."""

    window: int
    y_mean: Floats
    x_mean: Floats
    syy: Floats
    sxx: Floats
    sxy: Floats


def rolling_moments(y: Floats, x: Floats, window: int) -> RollingMoments:
    """Moments of every full window.

    The series is cut into blocks of `window` values. A window is the tail of one block and the head of the
    next, so its sums are a suffix sum plus a prefix sum (van Herk, 1992): no running sum from which old values
    are taken away, hence no error that grows. Values are taken relative to the first value of the newer block,
    which always lies inside the window, so a price of 60,000 that moves by 0.01 keeps its digits.
    """
    n = y.size
    if n < window:
        return RollingMoments(window, *(np.full(n, np.nan) for _ in range(5)))
    legs = np.empty((2, -(-n // window) * window))
    legs[0, :n], legs[1, :n] = y, x
    legs[:, n:] = legs[:, n - 1 : n]  # behind every window that is kept
    blocks = legs.reshape(2, -1, window)
    first = blocks[:, :, :1]

    # All five sums at once: y, x, yy, xx, yx.
    sums, tails = _products(blocks - first), _products(blocks[:, :-1] - first[:, 1:])[:, :, :0:-1]
    for part in (sums, tails):
        np.cumsum(part, axis=2, out=part)
    sums[:, 1:, :-1] += tails[:, :, ::-1]
    offsets = sums[:2] / window
    (dy, dx), (y_mean, x_mean) = offsets, first + offsets
    moments = (
        y_mean,
        x_mean,
        np.maximum(sums[2] - window * dy**2, 0.0),
        np.maximum(sums[3] - window * dx**2, 0.0),
        sums[4] - window * dy * dx,
    )
    return RollingMoments(window, *(_full_windows(values, n, window) for values in moments))


def _products(legs: Floats) -> Floats:
    products = np.empty((5, *legs.shape[1:]))
    products[:2] = legs
    np.multiply(legs, legs, out=products[2:4])
    np.multiply(legs[0], legs[1], out=products[4])
    return products


def _full_windows(blocks: Floats, n: int, window: int) -> Floats:
    values = blocks.ravel()[:n]
    values[: window - 1] = np.nan
    return values
