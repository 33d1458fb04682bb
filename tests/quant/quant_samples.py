"""Synthetic bars and published data for the tests of quant."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
START_MS = 1_700_000_400_000  # 2023-11-14 22:20:00 UTC: a multiple of 5 minutes


def acceptance(case_id: str) -> dict:
    """The expected values of one published case."""
    cases = json.loads(reference_file("acceptance_cases.json").read_text(encoding="utf-8"))
    return next(case for case in cases if case["id"] == case_id)["expected"]


def reference_file(name: str) -> Path:
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def reference_frame(name: str) -> pd.DataFrame:
    return pd.read_csv(reference_file(name))


def bars_of(closes, step_s: int = 60, start_ms: int = START_MS) -> pd.DataFrame:
    """Stored bars with these closes, one every `step_s`; NaN means that the bar does not exist."""
    closes = np.asarray(closes, dtype=float)
    index = pd.DatetimeIndex(
        (start_ms + np.arange(closes.size) * step_s * 1000).astype("datetime64[ms]"), tz="UTC", name="ts"
    )
    frame = pd.DataFrame(
        {
            "open": closes,
            "high": closes * 1.0001,
            "low": closes * 0.9999,
            "close": closes,
            "volume": 2.0,
            "quote_volume": 2 * closes,
            "taker_buy_volume": 1.0,
            "trade_count": 3,
            "provisional": False,
            "seeded": False,
        },
        index=index,
    )
    return frame[np.isfinite(closes)]


def closed_until(n: int, step_s: int = 60) -> int:
    return START_MS + n * step_s * 1000


def random_walks(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two unrelated walks."""
    y, x = np.random.default_rng(seed).standard_normal((2, n)).cumsum(axis=1)
    return y, x


def reverting_legs(n: int, seed: int, beta: float = 1.7, half_life: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """y = 0.3 + beta x + AR(1)."""
    rng = np.random.default_rng(seed)
    x, shocks = rng.standard_normal(n).cumsum(), rng.standard_normal(n)
    phi, spread = 0.5 ** (1 / half_life), np.zeros(n)
    for t in range(1, n):
        spread[t] = phi * spread[t - 1] + shocks[t]
    return 0.3 + beta * x + spread, x


def prices_of(walk: np.ndarray, level: float = 100.0, step: float = 5e-4) -> np.ndarray:
    """A positive price that follows the walk on the log scale."""
    return level * np.exp(step * walk)
