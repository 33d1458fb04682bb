"""Pairs of which the truth is known: unrelated walks, placebo pairs of real prices, reverting pairs."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

from statarb.quant.sample import Floats

Legs = tuple[Floats, Floats]
Maker = Callable[[np.random.Generator, int], Legs]


def random_walks(rng: np.random.Generator, n: int) -> Legs:
    """Two independent Gaussian random walks."""
    y, x = rng.standard_normal((2, n)).cumsum(axis=1)
    return y, x


def garch_walks(rng: np.random.Generator, n: int) -> Legs:
    """Two independent walks with GARCH(1, 1) steps (0.10, 0.85) of Student's t with 5 degrees of freedom."""
    shocks = rng.standard_t(5, (n + 200, 2)) / math.sqrt(5 / 3)
    variance = np.ones(2)
    steps = np.empty_like(shocks)
    for t, shock in enumerate(shocks):
        steps[t] = np.sqrt(variance) * shock
        variance = 0.05 + 0.10 * steps[t] ** 2 + 0.85 * variance
    y, x = steps[200:].cumsum(axis=0).T
    return y, x


def noisy_walks(rng: np.random.Generator, n: int) -> Legs:
    """Two independent walks seen through bid-ask noise as large as one bar's step."""
    y, x = random_walks(rng, n)
    return y + rng.standard_normal(n), x + rng.standard_normal(n)


def reverting_spread(rng: np.random.Generator, n: int, half_life: float) -> Floats:
    """An AR(1) of that half-life, started from its own distribution."""
    phi = 0.5 ** (1 / half_life)
    spread, shocks = np.empty(n), rng.standard_normal(n)
    spread[0] = shocks[0] / math.sqrt(1 - phi**2)
    for t in range(1, n):
        spread[t] = phi * spread[t - 1] + shocks[t]
    return spread


def reverting_pair(half_life: float) -> Maker:
    """y = x + AR(1) spread of that half-life; steps of x and shocks of the spread have the same size."""

    def make(rng: np.random.Generator, n: int) -> Legs:
        x = rng.standard_normal(n).cumsum()
        return x + reverting_spread(rng, n, half_life), x

    return make


def placebo_pairs(y_file: Path, x_file: Path, n: int) -> list[Legs]:
    """Log closes of one instrument beside those of another from another time: real, and unrelated."""
    y, x = (np.log(closes(file)) for file in (y_file, x_file))
    y_windows, x_windows = ([leg[i : i + n] for i in range(0, leg.size - n + 1, n)] for leg in (y, x))
    pairs = product(enumerate(y_windows), enumerate(x_windows))
    return [(first, second) for (i, first), (j, second) in pairs if abs(i - j) > 1]


def closes(file: Path) -> Floats:
    """Closing prices of a file of hours: time, open, close, low, high, volume, trades."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row[2] for row in csv.reader(lines) if row and row[0].isdigit()]
    return np.array(rows, dtype=np.float64)
