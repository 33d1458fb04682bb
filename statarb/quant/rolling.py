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
    y_blocks, x_blocks = _blocks(y, window), _blocks(x, window)
    head_y, head_x = y_blocks - y_blocks[:, :1], x_blocks - x_blocks[:, :1]
    tail_y, tail_x = y_blocks[:-1] - y_blocks[1:, :1], x_blocks[:-1] - x_blocks[1:, :1]

    # All five sums at once: y, x, yy, xx, yx.
    sums = np.cumsum(_products(head_y, head_x), axis=2)
    sums[:, 1:, :-1] += np.cumsum(_products(tail_y, tail_x)[:, :, :0:-1], axis=2)[:, :, ::-1]
    dy, dx = sums[:2] / window
    moments = (
        y_blocks[:, :1] + dy,
        x_blocks[:, :1] + dx,
        np.maximum(sums[2] - window * dy**2, 0.0),
        np.maximum(sums[3] - window * dx**2, 0.0),
        sums[4] - window * dy * dx,
    )
    return RollingMoments(window, *(_full_windows(values, n, window) for values in moments))


def _products(y: Floats, x: Floats) -> Floats:
    products = np.empty((5, *y.shape))
    products[0], products[1] = y, x
    np.multiply(y, y, out=products[2])
    np.multiply(x, x, out=products[3])
    np.multiply(y, x, out=products[4])
    return products


def _blocks(values: Floats, window: int) -> Floats:
    # The padding repeats the last value: it lies behind every window that is kept.
    return np.pad(values, (0, -values.size % window), mode="edge").reshape(-1, window)


def _full_windows(blocks: Floats, n: int, window: int) -> Floats:
    values = blocks.ravel()[:n]
    values[: window - 1] = np.nan
    return values
