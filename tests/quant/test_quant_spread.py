"""The spread where no spread exists, and correlation against pandas."""

import numpy as np
import pandas as pd
import pytest
from quant_samples import random_walks, reverting_legs

from statarb.errors import DataError
from statarb.quant import (
    FrozenMoments,
    InSample,
    NotEnough,
    Undefined,
    frozen_moments,
    hedge_ratio,
    live_z,
    moments_seen,
    on_scale,
    rolling_correlation,
    spread_fixed,
    spread_seen,
    z_seen,
)

MOMENTS = FrozenMoments(alpha=1.0, beta=2.0, mean=0.5, sd=0.25, as_of_ms=0, n=100, price_scale="price")


def test_live_z_by_hand():
    assert live_z(MOMENTS, 8.0, 3.0) == (1.0, 2.0)


@pytest.mark.parametrize("prices", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_live_z_refuses_what_is_no_price(prices):
    with pytest.raises(DataError):
        live_z(MOMENTS, *prices)


def test_identical_legs_have_no_spread():
    x = np.linspace(1, 2, 100) + np.sin(np.arange(100))
    assert isinstance(frozen_moments(x, x, "price", 0), Undefined)
    assert z_seen(x, x, 20).isna().all()
    assert z_seen(x + 1e-9 * np.cos(np.arange(100)), x, 20).isna().all()


@pytest.mark.parametrize("constant", ["y", "x", "both"])
def test_a_leg_that_does_not_move_has_no_spread(constant):
    y, x = reverting_legs(100, seed=1)
    y = np.full(100, 0.1) if constant != "x" else y
    x = np.full(100, 0.3) if constant != "y" else x
    assert isinstance(frozen_moments(y, x, "price", 0), Undefined)
    assert z_seen(y, x, 20).isna().all()
    assert moments_seen(y, x, 20).isna().all().all()
    assert rolling_correlation(y, x, 20).isna().all()


def test_a_window_that_wakes_up_has_a_z_again():
    y, x = reverting_legs(200, seed=1)
    x[50:100] = x[50]
    z = z_seen(y, x, 20)
    assert z.iloc[70:101].isna().all()
    assert z.iloc[101:].notna().all()


def test_too_little_data_is_typed_or_nan_never_a_number():
    for n in (0, 1, 2):
        y, x = np.arange(1.0, n + 1), np.arange(2.0, n + 2)
        assert isinstance(frozen_moments(y, x, "price", 0), NotEnough)
        for series in (z_seen(y, x, 3), spread_seen(y, x, 3), rolling_correlation(y, x, 3)):
            assert len(series) == n
            assert series.isna().all()


@pytest.mark.parametrize("window", [0, 1, 2, -5, 3.5])
def test_a_window_too_short_is_refused(window):
    with pytest.raises(DataError):
        z_seen([1.0, 2, 3], [1.0, 2, 3], window)


@pytest.mark.parametrize("function", [z_seen, spread_seen, moments_seen, rolling_correlation])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_value_is_refused(function, bad):
    y, x = random_walks(50, seed=1)
    y[10] = bad
    with pytest.raises(DataError):
        function(y, x, 10)


def test_prices_enter_on_the_scale_that_is_asked():
    assert on_scale(np.array([1.0, np.e]), "log").tolist() == [0, 1]
    assert on_scale(np.array([1.0, 2.0]), "price").tolist() == [1, 2]
    for prices, scale in (([1.0, 0.0], "log"), ([1.0, -1.0], "price"), ([1.0, np.nan], "log"), ([1.0], "ratio")):
        with pytest.raises(DataError):
            on_scale(np.array(prices), scale)


def test_a_log_hedge_does_not_depend_on_the_units_of_the_price():
    y, x = (np.exp(0.001 * leg) for leg in reverting_legs(200, seed=8))
    z = z_seen(np.log(y), np.log(x), 50)
    np.testing.assert_allclose(z_seen(np.log(1e9 * y), np.log(1e-8 * x), 50), z, atol=1e-6)


def test_the_fixed_spread_is_a_picture_and_says_so():
    y, x = reverting_legs(100, seed=1)
    fit = hedge_ratio(y, x)
    picture = spread_fixed(y, x, fit, 123)
    assert isinstance(picture, InSample)
    assert picture.hedge_as_of_ms == 123
    np.testing.assert_allclose(picture.series, y - fit.alpha - fit.beta * x)


@pytest.mark.parametrize("window", [3, 20, 60])
@pytest.mark.parametrize("level", [0.0, 1000.0])
def test_correlation_equals_pandas(window, level):
    rng = np.random.default_rng(window)
    y, x = rng.standard_normal((2, 500))
    y = level + 0.6 * x + y
    expected = pd.Series(y).rolling(window).corr(pd.Series(x))
    np.testing.assert_allclose(rolling_correlation(y, x, window), expected, atol=1e-10)


def test_correlation_of_levels_would_mislead_where_returns_do_not():
    hits = {"levels": 0, "returns": 0}
    for seed in range(200):
        y, x = random_walks(121, seed)
        hits["levels"] += abs(rolling_correlation(y[1:], x[1:], 120).iloc[-1]) > 0.5
        hits["returns"] += abs(rolling_correlation(np.diff(y), np.diff(x), 120).iloc[-1]) > 0.5
    assert hits["returns"] == 0
    assert hits["levels"] > 40
