"""Quantiles of the persistence that is estimated of a slow spread: where the table of half_life.py comes from."""

from __future__ import annotations

import argparse

from statarb.quant.half_life import BIAS_TERMS, SCALE_FLOOR  # isort: skip  (first: sets BLAS threads)

import numpy as np
from scipy.signal import lfilter

from statarb.quant.sample import Floats

C = (0.0, 0.5, 1, 2, 4, 7, 12, 20, 35, 60, 100, 200, 500, 2000)
"""Distances from a unit root, n (1 - phi), that are simulated."""

BARS, CHUNK = 1500, 2000


def spreads(rng: np.random.Generator, phi: float, n: int, runs: int, estimated: bool) -> Floats:
    """AR(1) spreads, one a row; with `estimated` what least squares on an unrelated walk leaves of them."""
    shocks = rng.standard_normal((runs, n))
    start = rng.standard_normal((runs, 1)) * (phi / np.sqrt(1 - phi**2) if phi < 1 else 0.0)
    spread = lfilter([1.0], [1.0, -phi], shocks, axis=1, zi=start)[0]
    if estimated:
        x = rng.standard_normal((runs, n)).cumsum(axis=1)
        x -= x.mean(axis=1, keepdims=True)
        spread = spread - ((x * spread).sum(axis=1) / (x * x).sum(axis=1))[:, None] * x
    return np.asarray(spread)


def persistence(spread: Floats) -> Floats:
    """Slope of each row on its own past, with an intercept."""
    before, after = (part - part.mean(axis=1, keepdims=True) for part in (spread[:, :-1], spread[:, 1:]))
    return np.asarray((before * after).sum(axis=1) / (before * before).sum(axis=1))


def main(runs: int = 40_000) -> None:
    rng = np.random.default_rng(1)
    for estimated in (False, True):
        print("estimated beta" if estimated else "given beta")
        for c in C:
            phi, t = 1 - c / (BARS - 1), BARS - 1
            rho = np.concatenate([persistence(spreads(rng, phi, BARS, CHUNK, estimated)) for _ in range(runs // CHUNK)])
            bias = 2 * phi + BIAS_TERMS[estimated] * (1 + phi)
            w = (t * (rho - phi) + bias) / np.sqrt(c * (1 + phi) + SCALE_FLOOR)
            low, middle, high = np.quantile(w, [0.025, 0.5, 0.975])
            print(f"    ({c:g}, {low:.3f}, {middle:.3f}, {high:.3f}),", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.half_life_table", description=__doc__)
    parser.add_argument("--runs", type=int, default=40_000, help="simulated spreads a distance")
    main(parser.parse_args().runs)
