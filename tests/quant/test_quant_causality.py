"""No look-ahead: every exported series is known at its own bar, and equals the plain loop."""

import dataclasses
import inspect
import math
from functools import cached_property

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_samples import bars_of, prices_of, random_walks, reverting_legs

import analytics
from statarb.market import TIMEFRAMES
from statarb.params import HEDGES, PairParams
from statarb.quant import (
    NotEnough,
    Rule,
    align_legs,
    backtest,
    backtest_study,
    feature_table,
    frozen_moments,
    hedge_moments,
    hedge_ratio,
    kalman_hedge,
    level_correlation,
    live_z,
    log_returns,
    moments_seen,
    price_statistics,
    resample_bars,
    rolling_correlation,
    rolling_hedge,
    spread_seen,
    study_pair,
    z_seen,
)

WINDOW = 12


def _legs(y, x):
    until = int(y.index[-1].timestamp() * 1000) + 60_000
    minute = TIMEFRAMES["1m"]
    return align_legs(
        resample_bars(bars_of(y.to_numpy()), minute, until), resample_bars(bars_of(x.to_numpy()), minute, until), minute
    )


def resampled(y) -> pd.DataFrame:
    return resample_bars(bars_of(y.to_numpy()), TIMEFRAMES["1m"], int(y.index[-1].timestamp() * 1000) + 60_000)


def features(y, x) -> pd.DataFrame:
    """The table with the verdict's word as a number."""
    until_ms = int(y.index[-1].timestamp() * 1000) + 60_000
    bars = bars_of(y.to_numpy()), bars_of(x.to_numpy())
    table = feature_table(*bars, PairParams(window=20, test_window=100, corr_window=10), until_ms)
    return table.assign(verdict=[float(sum(word.encode())) for word in table["verdict"]])


def simulated(y, x) -> pd.DataFrame:
    """Equity, drawdown and position of a rule that trades often; zeros while there are too few bars."""
    rule = Rule(entry_z=0.5, exit_z=0.1, stop_z=3.0, time_stop=5)
    result = backtest(y, x, WINDOW, rule)
    if isinstance(result, NotEnough):
        return pd.DataFrame(0.0, index=y.index, columns=["equity", "drawdown", "position"])
    return pd.concat([result.equity, result.drawdown, result.position], axis=1)


def simulated_study(y, x) -> pd.DataFrame:
    """The same on a study's own z."""
    params = PairParams(window=20, test_window=100, corr_window=10, entry_z=0.5, exit_z=0.1, stop_z=3.0, time_stop=5)
    until_ms = int(y.index[-1].timestamp() * 1000) + 60_000
    result = backtest_study(study_pair(bars_of(y.to_numpy()), bars_of(x.to_numpy()), params, until_ms))
    if isinstance(result, NotEnough):
        return pd.DataFrame(0.0, index=y.index, columns=["equity", "drawdown", "position"])
    return pd.concat([result.equity, result.drawdown, result.position], axis=1)


CHEAP_HEDGES = [hedge for hedge in HEDGES if hedge != "huber"]  # (test_quant_hedge_moments.py tries them all)
SERIES = {
    "hedge_moments": lambda y, x: pd.concat([hedge_moments(y, x, WINDOW, h, 60_000) for h in CHEAP_HEDGES], axis=1),
    "moments_seen": lambda y, x: moments_seen(y, x, WINDOW),
    "spread_seen": lambda y, x: spread_seen(y, x, WINDOW),
    "z_seen": lambda y, x: z_seen(y, x, WINDOW),
    "rolling_hedge": lambda y, x: rolling_hedge(y, x, WINDOW),
    "kalman_hedge": lambda y, x: kalman_hedge(y, x, discount=0.98),
    "level_correlation": lambda y, x: level_correlation(y, x, WINDOW),
    "rolling_correlation": lambda y, x: rolling_correlation(y, x, WINDOW),
    "log_returns": lambda y, x: log_returns(_legs(y, x)),
    "price_statistics": lambda y, x: price_statistics(resampled(y), TIMEFRAMES["1m"], 5),
    "backtest": lambda y, x: simulated(y, x),
    "backtest_study": lambda y, x: simulated_study(y, x),
    "align_legs": lambda y, x: _legs(y, x).prices,
    "feature_table": lambda y, x: features(y, x),
    "resample_bars": lambda y, x: resampled(y),
}


def series_of(seed: int, n: int) -> tuple[pd.Series, pd.Series]:
    y, x = reverting_legs(n, seed)
    index = bars_of(np.ones(n)).index
    return pd.Series(prices_of(y), index=index), pd.Series(prices_of(x, 60_000), index=index)


TYPED_OTHERWISE = {"InSample", "PairStudy"}
"""In-sample by its type; and the whole study, whose series have their own prefix test (test_quant_study.py)."""


def holds_series(annotation: str) -> bool:
    """Whether a return annotation is a series, or a result type with a series in it."""
    for part in (word.strip() for word in annotation.split("|")):
        kind = getattr(analytics, part, None)
        if part in ("pd.Series", "pd.DataFrame"):
            return True
        if dataclasses.is_dataclass(kind) and part not in TYPED_OTHERWISE:
            made = [one.func for one in vars(kind).values() if isinstance(one, cached_property)]
            types = [field.type for field in dataclasses.fields(kind)] + [one.__annotations__["return"] for one in made]
            if any(str(name).startswith("pd.") for name in types):
                return True
    return False


def test_every_exported_series_is_under_the_property():
    """A new function that returns a series, or a result that holds one, is covered by being exported, or this fails."""
    returning = {
        name
        for name in analytics.__all__
        if inspect.isfunction(getattr(analytics, name))
        and holds_series(inspect.signature(getattr(analytics, name)).return_annotation)
    }
    assert returning == set(SERIES)


@pytest.mark.parametrize("name", sorted(SERIES))
@settings(max_examples=30)
@given(seed=st.integers(0, 1000), n=st.integers(3, 60), cut=st.integers(1, 59))
def test_values_on_fewer_bars_are_the_prefix(name, seed, n, cut):
    y, x = series_of(seed, n)
    k = min(cut, n - 1)
    whole, part = SERIES[name](y, x), SERIES[name](y.iloc[:k], x.iloc[:k])
    np.testing.assert_array_equal(np.asarray(part, dtype=float), np.asarray(whole.iloc[:k], dtype=float))


@pytest.mark.parametrize("name", sorted(SERIES))
@settings(max_examples=30)
@given(seed=st.integers(0, 1000), n=st.integers(3, 60))
def test_changing_the_last_bar_changes_nothing_before_it(name, seed, n):
    y, x = series_of(seed, n)
    shocked = y.copy()
    shocked.iloc[-1] *= 1.5
    before, after = SERIES[name](y, x), SERIES[name](shocked, x)
    np.testing.assert_array_equal(np.asarray(before.iloc[:-1], float), np.asarray(after.iloc[:-1], float))
    if name not in ("moments_seen", "backtest", "backtest_study") and n > WINDOW + 1:
        assert not np.array_equal(np.asarray(before.iloc[-1:], float), np.asarray(after.iloc[-1:], float))


@pytest.mark.parametrize("level", [1e-8, 1.0, 60_000.0, 1e9])
@pytest.mark.parametrize("n", [5, 12, 13, 24, 25, 100, 1001])
def test_z_equals_a_plain_loop_over_hedge_ratio(n, level):
    y, x = (level * (10 + 0.01 * leg) for leg in reverting_legs(n, seed=n))
    expected = np.full(n, np.nan)
    for t in range(WINDOW, n):
        fit = hedge_ratio(y[t - WINDOW : t], x[t - WINDOW : t])
        past = y[t - WINDOW : t] - fit.alpha - fit.beta * x[t - WINDOW : t]
        expected[t] = (y[t] - fit.alpha - fit.beta * x[t] - past.mean()) / past.std(ddof=1)
    np.testing.assert_allclose(z_seen(y, x, WINDOW), expected, rtol=1e-6, atol=1e-8)


def test_a_large_price_with_small_moves_keeps_its_digits_over_a_long_run():
    y, x = reverting_legs(20_000, seed=7)
    near = moments_seen(y, x, 120)
    far = moments_seen(60_000 + 0.01 * y, 60_000 + 0.01 * x, 120)
    np.testing.assert_allclose(far["beta"], near["beta"], atol=1e-7)
    np.testing.assert_allclose(far["sd"], 0.01 * near["sd"], rtol=1e-6)


def test_the_first_window_warms_up_and_the_next_bar_has_a_z():
    y, x = reverting_legs(100, seed=1)
    z = z_seen(y, x, 30)
    assert z.isna().tolist() == [True] * 30 + [False] * 70
    assert spread_seen(y, x, 30).isna().sum() == 30


@pytest.mark.parametrize("price_scale", ["log", "price"])
def test_live_z_at_the_close_is_the_z_of_that_bar(price_scale):
    y, x = (prices_of(leg, level) for leg, level in zip(reverting_legs(60, seed=3), (3000, 60_000), strict=True))
    scaled_y, scaled_x = (np.log(y), np.log(x)) if price_scale == "log" else (y, x)
    moments = frozen_moments(scaled_y[:59], scaled_x[:59], price_scale, as_of_ms=1)
    seen = z_seen(scaled_y, scaled_x, 59).iloc[-1], spread_seen(scaled_y, scaled_x, 59).iloc[-1]
    spread, z = live_z(moments, y[59], x[59])
    assert (z, spread) == pytest.approx(seen, rel=1e-9)


def test_a_spike_is_judged_by_the_bars_before_it_and_not_bounded_by_its_window():
    y, x = reverting_legs(61, seed=2)
    y[-1] += 100
    assert z_seen(y, x, 20).iloc[-1] > (20 - 1) / math.sqrt(20)


def test_z_of_unrelated_walks_is_not_standard_normal_and_that_is_no_error():
    y, x = random_walks(20_000, seed=5)
    share = float((z_seen(y, x, 240).abs() > 2).mean())
    assert 0.10 < share < 0.35
