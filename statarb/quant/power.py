"""How slow a reversion the Engle-Granger test of a window would have missed."""

from __future__ import annotations

import numpy as np

# `make calibrate`: (bars in the window, half-life in bars that is found in 80 % of
# 400 simulated pairs y = x + AR(1), steps of x and shocks of the spread of one size, doubled p below 5 %).
HALF_LIFE_FOUND = (
    (100, 0.6),
    (150, 1.7),
    (240, 4.2),
    (480, 9.5),
    (1000, 21.8),
    (1440, 34.4),
    (3600, 88.2),
    (10000, 248.1),
)

HARDLY_BARS = 2.0
"""A window that finds only half-lives shorter than this finds next to nothing."""


def half_life_found(n: int) -> float:
    """Longest half-life, in bars, that the test of `n` bars finds in four of five pairs; slower ones are often missed.

    Linear between the simulated windows and in proportion to `n` beyond the largest.
    """
    bars, half_lives = np.array(HALF_LIFE_FOUND, dtype=np.float64).T
    if n > bars[-1]:
        return float(half_lives[-1] * n / bars[-1])
    return float(np.interp(n, bars, half_lives))


def found_text(n: int, bar_s: float) -> str:
    """`half_life_found` as time: `38 min`; where it is hardly a bar, in bars too: `36 min = 0.6 bars`."""
    bars = half_life_found(n)
    time = time_text(bars * bar_s)
    return f"{time} = {bars:.2g} bars" if bars < HARDLY_BARS else time


def time_text(seconds: float) -> str:
    """`38 min`, `1.6 min`, `0.15 min`: minutes, with two figures below ten; `34 h` from ten hours on."""
    minutes = seconds / 60
    if minutes >= 600:
        return f"{minutes / 60:,.0f} h"
    return f"{minutes:,.0f} min" if minutes >= 10 else f"{minutes:.2g} min"
