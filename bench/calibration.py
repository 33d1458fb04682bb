"""Level and power of the displayed Engle-Granger test, by simulation: where the constants in verdict.py come from."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from statarb.quant.cointegration import CointegrationResult, engle_granger  # isort: skip  (first: sets BLAS threads)

import numpy as np

from statarb.quant.sample import Floats

Legs = tuple[Floats, Floats]
Maker = Callable[[np.random.Generator, int], Legs]

LEVEL_BARS = (100, 300, 1000, 1440)
POWER_BARS = (100, 150, 240, 480, 1000, 1440, 3600, 10000)
POWER_SHARES = (0.004, 0.008, 0.012, 0.016, 0.02, 0.024, 0.028, 0.034, 0.04)
"""Half-lives that are tried, as shares of the window."""

WANTED_POWER = 0.8


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


def reverting_pair(half_life: float) -> Maker:
    """y = x + AR(1) spread of that half-life; steps of x and shocks of the spread have the same size."""
    phi = 0.5 ** (1 / half_life)

    def make(rng: np.random.Generator, n: int) -> Legs:
        x, shocks = rng.standard_normal(n).cumsum(), rng.standard_normal(n)
        spread = np.empty(n)
        spread[0] = shocks[0] / math.sqrt(1 - phi**2)
        for t in range(1, n):
            spread[t] = phi * spread[t - 1] + shocks[t]
        return x + spread, x

    return make


def rejection_rate(make: Maker, n: int, runs: int, seed: int) -> float:
    """Share of simulated pairs whose doubled p is below 5 %."""
    rng = np.random.default_rng([seed, n])
    results = (engle_granger(*make(rng, n)) for _ in range(runs))
    return sum(isinstance(r, CointegrationResult) and r.rejects for r in results) / runs


def longest_half_life_found(n: int, runs: int, seed: int) -> float:
    """The half-life at which 80 % of reverting pairs are found, in bars, between the shares that were tried."""
    before, power_before = 0.0, 1.0
    for share in POWER_SHARES:
        power = rejection_rate(reverting_pair(share * n), n, runs, seed)
        if power < WANTED_POWER:
            inside = (power_before - WANTED_POWER) / (power_before - power)
            return n * (before + inside * (share - before))
        before, power_before = share, power
    return n * before


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="simulated pairs a cell (default 2000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    print(f"seed {options.seed}, {options.runs} runs a cell; share rejected at 5 % by the doubled p, 95 % interval")
    for make in (random_walks, garch_walks, noisy_walks):
        for n in LEVEL_BARS:
            rate = rejection_rate(make, n, options.runs, options.seed)
            half = 1.96 * math.sqrt(rate * (1 - rate) / options.runs)
            print(f"{make.__name__:14} n={n:<6} {rate:6.1%} +- {half:.1%}", flush=True)
    print("half-life (bars) found in 80 % of reverting pairs")
    for n in POWER_BARS:
        print(f"({n}, {longest_half_life_found(n, options.runs // 4, options.seed):.1f}),", flush=True)


if __name__ == "__main__":
    main()
