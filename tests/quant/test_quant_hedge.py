"""The hedge ratio against certified values, statsmodels and the truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from quant_samples import acceptance, random_walks, reference_frame, reverting_legs

from statarb.errors import DataError
from statarb.quant import HedgeFit, NotEnough, Undefined, hedge_ratio, ols_summary


def test_nist_norris_to_nine_digits():
    data, expected = reference_frame("nist_norris.csv"), acceptance("A1")
    fit = hedge_ratio(data["y"], data["x"])
    got = {
        "const": fit.alpha,
        "beta": fit.beta,
        "se_const": fit.alpha_se,
        "se_beta": fit.beta_se,
        "r2": fit.r2,
        "resid_sd": fit.resid_sd,
        "F": (fit.beta / fit.beta_se) ** 2,
    }
    assert got == pytest.approx(expected, rel=1e-9)


def test_anscombe():
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    expected, fit = acceptance("A4"), hedge_ratio(y, x)
    assert (fit.alpha, fit.beta, fit.r2) == pytest.approx(
        (expected["const"], expected["beta"], expected["r2"]), abs=1e-6
    )


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
@pytest.mark.parametrize("n", [3, 20, 1440])
def test_equal_to_statsmodels_at_every_price_scale(n, scale):
    y, x = reverting_legs(n, seed=n)
    y, x = scale * (y + 50), scale * (x + 60)
    fit, oracle = hedge_ratio(y, x), sm.OLS(y / scale, sm.add_constant(x / scale)).fit()
    np.testing.assert_allclose([fit.alpha / scale, fit.beta], oracle.params, rtol=1e-8)
    np.testing.assert_allclose([fit.alpha_se / scale, fit.beta_se], oracle.bse, rtol=1e-8)
    assert fit.r2 == pytest.approx(oracle.rsquared, rel=1e-9)


def test_small_moves_of_a_large_price_keep_their_digits():
    rng = np.random.default_rng(5)
    x = rng.standard_normal(500)
    y = 1.25 * x + 0.1 * rng.standard_normal(500)
    fit = hedge_ratio(y, x)
    high = hedge_ratio(60_000 + 0.01 * y, 60_000 + 0.01 * x)
    assert high.beta == pytest.approx(fit.beta, rel=1e-8)


def test_the_two_slopes_multiply_to_r2():
    y, x = reverting_legs(300, seed=2)
    forward, backward = hedge_ratio(y, x), hedge_ratio(x, y)
    assert forward.beta * backward.beta == pytest.approx(forward.r2, rel=1e-12)


def test_a_known_beta_comes_back():
    y, x = reverting_legs(5000, seed=9, beta=1.7)
    assert hedge_ratio(y, x).beta == pytest.approx(1.7, abs=0.02)


def test_the_spread_averages_to_zero():
    y, x = reverting_legs(240, seed=4)
    fit = hedge_ratio(y, x)
    assert abs(np.mean(y - fit.alpha - fit.beta * x)) < 1e-9


def test_the_summary_is_statsmodels_own_under_a_banner_and_the_same_at_any_time():
    y, x = random_walks(300, seed=1)
    text = ols_summary(y, x, "ETHUSDT", "BTCUSDT")
    oracle = sm.OLS(y, sm.add_constant(x)).fit()
    assert "integrated" in text.split("\n")[0]
    assert f"{oracle.params[1]:.4f}" in text
    assert "BTCUSDT" in text
    assert "Date:" not in text
    assert "Time:" not in text
    assert "Log-Likelihood:" in text


def test_little_or_constant_data_give_a_typed_answer():
    assert hedge_ratio([], []) == NotEnough("bars", 0, 3)
    assert hedge_ratio([1.0], [2.0]) == NotEnough("bars", 1, 3)
    assert isinstance(hedge_ratio([1.0, 2, 3], [5.0, 5, 5]), Undefined)
    assert isinstance(ols_summary([1.0, 2, 3], [5.0, 6, 5]), NotEnough)
    assert isinstance(ols_summary(np.arange(20.0), np.full(20, 0.1)), Undefined)
    constant_y = hedge_ratio([5.0, 5, 5], [1.0, 2, 3])
    assert isinstance(constant_y, HedgeFit)
    assert (constant_y.beta, constant_y.r2) == (0, 0)


@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([1, np.nan, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [1, np.inf, 3, 4]),
        ([1, 2, 3], [1, 2, 3, 4]),
        (["a", "b"], [1, 2]),
        (np.ones((4, 2)), np.ones((4, 2))),
        (pd.Series([1.0, 2, 3], index=[3, 2, 1]), pd.Series([1.0, 2, 3], index=[3, 2, 1])),
        (pd.Series([1.0, 2, 3], index=[1, 1, 2]), pd.Series([1.0, 2, 3], index=[1, 1, 2])),
        (pd.Series([1.0, 2, 3]), pd.Series([1.0, 2, 3], index=[1, 2, 3])),
    ],
    ids=["nan", "inf", "lengths", "text", "table", "backwards", "doubled", "other-times"],
)
@pytest.mark.parametrize("function", [hedge_ratio, ols_summary])
def test_unusable_legs_are_refused(function, y, x):
    with pytest.raises(DataError):
        function(y, x)


def test_what_is_missing_reads_as_a_sentence():
    missing = NotEnough("bars", 43, 60)
    assert missing.text == "not enough data: 43 of 60 bars"
    assert missing.wait_s(60) == 17 * 60
    assert Undefined("no hedge ratio", 60, 60).text == "no hedge ratio"
