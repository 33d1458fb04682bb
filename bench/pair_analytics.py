"""The analytics: rolling regression, one pair's second, and the whole panel of tests."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median

from bench.result import Result
from statarb.params import PairParams
from statarb.quant import StudyStream, costs, live_reading, reversion_tests, rolling_hedge

import numpy as np  # isort: skip  (after quant, which sets the number of BLAS threads)
import pandas as pd  # isort: skip

from statarb.quant.sample import Floats

SHORT, LONG = 3_600, 86_400
WINDOW, ROUNDS = 120, 15
SECONDS = 600


def elapsed_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def legs(n: int) -> tuple[Floats, Floats]:
    """Log prices of a reverting pair."""
    rng = np.random.default_rng(11)
    x = 1e-4 * rng.standard_normal(n).cumsum()
    spread = np.zeros(n)
    for t, shock in enumerate(1e-4 * rng.standard_normal(n)):
        spread[t] = 0.95 * spread[t - 1] + shock
    return 8.0 + 0.9 * x + spread, 11.0 + x


def rolling_ols_vs_statsmodels() -> Result:
    from statsmodels.regression.rolling import RollingOLS
    from statsmodels.tools.tools import add_constant

    y, x = legs(SHORT)
    design = add_constant(x)
    ours: list[float] = []
    full: list[float] = []
    coefficients: list[float] = []
    for _ in range(ROUNDS):  # in turn, so that the machine's mood hits all alike
        full.append(elapsed_ms(lambda: RollingOLS(y, design, window=WINDOW).fit()))
        coefficients.append(elapsed_ms(lambda: RollingOLS(y, design, window=WINDOW).fit(params_only=True)))
        ours += [elapsed_ms(lambda: rolling_hedge(y, x, WINDOW)) for _ in range(10)]
    return Result(
        "rolling_ols_vs_statsmodels",
        median(full) / median(ours),
        "ratio",
        "statsmodels RollingOLS with its statistics, as ours has residual deviation and R²",
        f"{SHORT:,} bars, window {WINDOW}; medians of {ROUNDS}: {median(full):.1f} over {median(ours):.3f} ms; "
        f"RollingOLS without any statistic takes {median(coefficients):.1f} ms, a ratio of "
        f"{median(coefficients) / median(ours):.0f}",
    )


def stored_seconds(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One-second bars of both legs, as the store gives them."""
    index = pd.DatetimeIndex((1000 * np.arange(n)).astype("datetime64[ms]"), tz="UTC", name="ts")
    whole = {"trade_count": 3, "provisional": False, "seeded": False}

    def bars(closes: Floats) -> pd.DataFrame:
        prices = dict.fromkeys(("open", "high", "low", "close"), closes)
        volumes = {"volume": 2.0, "quote_volume": 2 * closes, "taker_buy_volume": 1.0}
        return pd.DataFrame({**prices, **volumes, **whole}, index=index)

    y, x = (bars(np.exp(leg)) for leg in legs(n))
    return y, x


def seconds_ms(stored: int) -> tuple[float, float]:
    """Median and largest time of a second in which a bar closes, with `stored` bars of history."""
    params = PairParams.for_timeframe("1s")
    y, x = stored_seconds(stored + SECONDS)
    y_prices, x_prices = y["close"].tolist(), x["close"].tolist()
    stream, spent = StudyStream(params), costs(params)

    def read(since_ms: int, until_ms: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows = slice(since_ms // 1000, until_ms // 1000)
        return y.iloc[rows], x.iloc[rows]

    def second(t: int) -> None:
        study = stream.study(1000 * (t + 1), "", read)
        live_reading(study, y_prices[t], x_prices[t], spent)

    second(stored - 1)
    second(stored)  # the first one that goes on
    gc.collect()
    times = [elapsed_ms(lambda t=t: second(t)) for t in range(stored + 1, stored + SECONDS)]  # type: ignore[misc]
    return median(times), max(times)


def pair_seconds() -> list[Result]:
    rounds = [(seconds_ms(SHORT), seconds_ms(LONG)) for _ in range(3)]
    short, long = (median(r[i][0] for r in rounds) for i in (0, 1))
    largest = max(r[0][1] for r in rounds)
    how = f"a 1s bar closes: study, live z, edge and legs; medians of {SECONDS:,}; the longest took {largest:.1f} ms"
    return [
        Result("pair_second_ms", short, "ms", f"none: the limit is 5 ms, at {SHORT:,} bars", how),
        Result(
            "pair_flatness",
            long / short,
            "ratio",
            f"the same second with {SHORT:,} bars of history",
            f"{LONG:,} bars: {long:.2f} over {short:.2f} ms",
        ),
    ]


def panel_ms() -> Result:
    y, x = legs(SHORT + 900)
    reversion_tests(y, x, SHORT)  # the first call imports the libraries
    times = [elapsed_ms(lambda: reversion_tests(y, x, SHORT)) for _ in range(ROUNDS)]
    return Result(
        "panel_ms",
        median(times),
        "ms",
        "none: the limit is 300 ms",
        f"all tests of one window of {SHORT:,} bars; median of {ROUNDS}, fastest {min(times):.0f} ms",
    )


def run() -> list[Result]:
    return [rolling_ols_vs_statsmodels(), *pair_seconds(), panel_ms()]
