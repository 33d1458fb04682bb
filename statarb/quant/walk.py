"""How a series' steps differ from a random walk's: variance ratio, Hurst exponent, and bid-ask noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from statarb.quant.sample import Floats, NotEnough, Undefined, checked_lags, checked_series, is_constant

NOISE_LIMIT = 1.0
"""Noise as large as a bar's true step: beyond it tests with few lags reject far too often (docs/methods.md)."""

HURST_BARS = 200
VARIANCE_RATIO_BARS = 50


@dataclass(frozen=True)
class VarianceRatio:
    """`ratio` of the variance of q-bar steps to q times that of one-bar steps: 1 on a walk, below it for reversion.

    `z` is robust to changing variance, `z_plain` is not; both are standard normal on a walk.
    """

    ratio: float
    z: float
    z_plain: float
    pvalue: float
    q: int
    nobs: int
    null: str


def variance_ratio(values: Any, q: int = 8) -> VarianceRatio | NotEnough:
    """Lo and MacKinlay's variance ratio with overlapping steps, unbiased, with the robust z.

    VR(q) = var(s(t) - s(t-q)) / (q var(s(t) - s(t-1))).
    Null hypothesis: steps are uncorrelated.

    Parameters
    ----------
    values : Series or array, shape (n,)
        Levels: log prices, or a spread.
    q : int
        Bars of the longer step, at least 2 and at most a fifth of the bars.

    Returns
    -------
    VarianceRatio or NotEnough
        NotEnough below 50 bars, Undefined when the steps do not vary.

    Raises
    ------
    DataError
        NaN, infinity, an index out of order, or q out of range.

    References
    ----------
    Lo & MacKinlay (1988), Review of Financial Studies 1. Equal to `arch.unitroot.VarianceRatio`.
    """
    sample = checked_series(values).to_numpy()
    if sample.size < VARIANCE_RATIO_BARS:
        return NotEnough("bars", sample.size, VARIANCE_RATIO_BARS)
    q = checked_lags(q, sample.size // 5, "bars of the longer step", least=2)
    steps = _steps(sample)
    if steps is None:
        return Undefined("no variance ratio: the steps do not vary", sample.size, sample.size)
    n, deviation = steps.size, steps - steps.mean()
    squares = deviation**2
    one = float(squares.sum()) / (n - 1)
    sums = np.convolve(deviation, np.ones(q), mode="valid")
    long = float(sums @ sums) / (q * (n - q + 1) * (1 - q / n))
    ratio = long / one
    weights = 2 * (1 - np.arange(1, q) / q)
    delta = np.array([float(squares[j:] @ squares[:-j]) for j in range(1, q)]) / float(squares.sum()) ** 2
    z = (ratio - 1) / math.sqrt(float((weights**2) @ delta))
    z_plain = (ratio - 1) / math.sqrt(2 * (2 * q - 1) * (q - 1) / (3 * q * n))
    pvalue = math.erfc(abs(z) / math.sqrt(2))
    return VarianceRatio(ratio, z, z_plain, pvalue, int(q), n, "steps are uncorrelated: a random walk")


@dataclass(frozen=True)
class Hurst:
    """Hurst exponent of `n` steps; `se` is the spread of the estimate on pure noise of that length."""

    exponent: float
    se: float
    n: int


def hurst(steps: Any) -> Hurst | NotEnough:
    """Hurst exponent by detrended fluctuation analysis.

    The steps are summed; the sum is cut into boxes, a line is taken off each; the exponent is the slope of the log of
    what remains on the log of the box, boxes of 4 to n / 10 steps growing by a fifth.

    Parameters
    ----------
    steps : Series or array, shape (n,)
        Steps, not levels: returns, or changes of a spread. 0.5 on a random walk; below it steps turn back.

    Returns
    -------
    Hurst or NotEnough
        NotEnough below 200 steps, Undefined when they do not vary.

    Raises
    ------
    DataError
        NaN, infinity, or an index out of order.

    Notes
    -----
    Decoration, not a test: half a hundredth is within its error at any length that a desk has.

    References
    ----------
    Peng et al. (1994), Physical Review E 49.
    """
    sample = checked_series(steps, "steps").to_numpy()
    n = sample.size
    if n < HURST_BARS:
        return NotEnough("steps", n, HURST_BARS)
    if is_constant(sample):
        return Undefined("no Hurst exponent: the steps do not vary", n, n)
    centred = sample - sample.mean()
    walk = np.cumsum(centred / np.abs(centred).max())
    count = int(math.log(n / 40) / math.log(1.2)) + 1
    boxes = np.unique(np.floor(4 * 1.2 ** np.arange(count)).astype(int))
    spread = np.array([_detrended(walk, int(box)) for box in boxes])
    if np.any(spread <= 0):
        return Undefined("no Hurst exponent: the steps are an exact pattern", n, n)
    exponent = float(np.polyfit(np.log(boxes), np.log(spread), 1)[0])
    return Hurst(exponent, 1.0 / math.sqrt(n), n)


def rescaled_range(steps: Any) -> Hurst | NotEnough:
    """Hurst exponent by the rescaled range, uncorrected.

    In boxes of 8, 16, 32 ... steps: range of the sum of steps less their mean, over their deviation (ddof 0); the
    exponent is the slope of the log of its mean on the log of the box.

    Parameters, errors as `hurst`.

    Returns
    -------
    Hurst or NotEnough
        As `hurst`. It reads high on short samples: about 0.55 on noise of 1,000 steps, which `hurst` does not.

    References
    ----------
    Hurst (1951), Transactions of the ASCE 116; Mandelbrot & Wallis (1969), Water Resources Research 5.
    """
    sample = checked_series(steps, "steps").to_numpy()
    n = sample.size
    if n < HURST_BARS:
        return NotEnough("steps", n, HURST_BARS)
    if is_constant(sample):
        return Undefined("no Hurst exponent: the steps do not vary", n, n)
    sample = sample / np.abs(sample).max()
    boxes = 2 ** np.arange(3, int(math.log2(n)) + 1)
    ranges = [_mean_range(sample[: n // box * box].reshape(-1, int(box))) for box in boxes]
    if min(ranges) <= 0:
        return Undefined("no Hurst exponent: the steps are an exact pattern", n, n)
    return Hurst(float(np.polyfit(np.log(boxes), np.log(ranges), 1)[0]), 1.0 / math.sqrt(n), n)


def _mean_range(boxes: Floats) -> float:
    """Mean of range over deviation, of the boxes that move; 0 where none does."""
    sums = np.cumsum(boxes - boxes.mean(axis=1, keepdims=True), axis=1)
    deviation, moved = boxes.std(axis=1), np.ptp(boxes, axis=1) > 1e-13
    return float(np.mean(np.ptp(sums, axis=1)[moved] / deviation[moved])) if moved.any() else 0.0


def _detrended(walk: Floats, box: int) -> float:
    """Root of the mean square around a line in every box of the walk."""
    boxes = walk[: walk.size // box * box].reshape(-1, box)
    t = np.arange(box) - (box - 1) / 2
    centred = boxes - boxes.mean(axis=1, keepdims=True)
    slopes = centred @ t / float(t @ t)
    return math.sqrt(float(np.mean((centred - slopes[:, None] * t) ** 2)))


@dataclass(frozen=True)
class BounceNoise:
    """Bid-ask noise in the price: `noise_sd` against the deviation of a bar's true step, `step_sd`."""

    noise_sd: float
    step_sd: float

    @property
    def ratio(self) -> float:
        return self.noise_sd / self.step_sd if self.step_sd else math.inf

    @property
    def warns(self) -> bool:
        """Whether noise is large enough to pass for reversion: use longer bars."""
        return self.ratio > NOISE_LIMIT


def bounce_noise(values: Any) -> BounceNoise | NotEnough:
    """How much of a bar's step is noise that the next bar takes back.

    With p = walk + noise the steps have cov(d(t), d(t-1)) = -noise^2 and variance step^2 + 2 noise^2.

    Parameters
    ----------
    values : Series or array, shape (n,)
        Log prices of one leg.

    Returns
    -------
    BounceNoise or NotEnough
        NotEnough below 50 bars, Undefined when the steps do not vary. Noise is 0 where neighbours do not turn back.

    Raises
    ------
    DataError
        NaN, infinity, or an index out of order.

    References
    ----------
    Roll (1984), Journal of Finance 39.
    """
    sample = checked_series(values).to_numpy()
    if sample.size < VARIANCE_RATIO_BARS:
        return NotEnough("bars", sample.size, VARIANCE_RATIO_BARS)
    steps = _steps(sample)
    if steps is None:
        return Undefined("no noise: the steps do not vary", sample.size, sample.size)
    deviation = steps - steps.mean()
    variance = float(deviation @ deviation) / deviation.size
    noise = max(0.0, -float(deviation[1:] @ deviation[:-1]) / deviation.size)
    return BounceNoise(math.sqrt(noise), math.sqrt(max(0.0, variance - 2 * noise)))


def _steps(sample: Floats) -> Floats | None:
    """Changes from bar to bar, or None where they are all one number."""
    steps = np.diff(sample)
    return None if np.ptp(steps) <= 1e-13 * np.abs(sample).max() else steps
