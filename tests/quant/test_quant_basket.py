"""A leg hedged by a basket: published regressions with several regressors, by the project's own function."""

import numpy as np
import pytest
import statsmodels.api as sm
from arch.unitroot.cointegration import DynamicOLS
from quant_samples import acceptance, random_walks, reference_frame, reverting_legs

from statarb.errors import DataError
from statarb.quant import NotEnough, Undefined, basket_hedge, dols_hedge, hac_hedge, huber_hedge


def test_stata_s_newey_of_two_regressors():
    data, expected = reference_frame("macrodata.csv"), acceptance("A9")
    growth = 400 * np.diff(np.log(data[["realinv", "realgdp"]]), axis=0)
    legs = np.column_stack([growth[:, 1], data["realint"].to_numpy()[:-1]])
    fit = basket_hedge(growth[:, 0], legs, "hac", lags=4)
    np.testing.assert_allclose([*fit.beta, fit.alpha], expected["params"], rtol=1e-8)
    np.testing.assert_allclose([*fit.beta_se, fit.alpha_se], expected["se"], rtol=1e-8)
    assert fit.f_statistic == pytest.approx(expected["F"], rel=1e-8)


def test_eviews_dynamic_least_squares_of_two_legs():
    data, expected = reference_frame("arch_dols_data.csv"), acceptance("C4")
    fit = basket_hedge(data["y1"], data[["y2", "y3"]], "dols", lags=1, leads=1, bandwidth=1)
    np.testing.assert_allclose([*fit.beta, fit.alpha], expected["params"], rtol=1e-4)
    np.testing.assert_allclose([*fit.beta_se, fit.alpha_se], expected["se"], rtol=1e-4)
    assert fit.scale == pytest.approx(expected["lrvar"], rel=1e-4)


def test_r_s_huber_of_three_regressors():
    data, expected = reference_frame("stackloss.csv"), acceptance("A7")
    names = [name for name in data.columns if name.upper() != "STACKLOSS"]
    fit = basket_hedge(data["STACKLOSS"], data[names], "huber")
    np.testing.assert_allclose([*fit.beta, fit.alpha], expected["params"], atol=2e-4)
    assert fit.scale == pytest.approx(expected["scale"], abs=2e-4)
    oracle = sm.RLM(data["STACKLOSS"], sm.add_constant(data[names], prepend=False)).fit()
    np.testing.assert_allclose([*fit.beta_se, fit.alpha_se], oracle.bse, rtol=1e-4)


Y, X = reverting_legs(600, seed=3)
SECOND = random_walks(600, seed=9)[0]


@pytest.mark.parametrize(("method", "of_one"), [("hac", hac_hedge), ("huber", huber_hedge)])
def test_a_basket_of_one_leg_is_the_hedge_of_that_leg(method, of_one):
    fit, one = basket_hedge(Y, X[:, None], method), of_one(Y, X)
    assert (fit.alpha, fit.beta[0], fit.beta_se[0]) == pytest.approx((one.alpha, one.beta, one.beta_se), rel=1e-6)
    dols = basket_hedge(Y, X[:, None])
    assert dols.beta[0] == pytest.approx(dols_hedge(Y, X, bandwidth="auto").beta, rel=1e-9)


@pytest.mark.parametrize("method", ["hac", "dols", "huber"])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_every_price_scale_fits_alike(method, scale):
    legs = np.column_stack([100 + X, 50 + SECOND])
    fit, plain = basket_hedge(scale * (Y + 9), scale * legs, method), basket_hedge(Y + 9, legs, method)
    np.testing.assert_allclose(fit.beta, plain.beta, rtol=1e-6)
    np.testing.assert_allclose(fit.beta_se, plain.beta_se, rtol=1e-5)
    assert fit.alpha == pytest.approx(scale * plain.alpha, rel=1e-5)
    assert fit.alpha_se == pytest.approx(scale * plain.alpha_se, rel=1e-4)


def test_the_covariance_is_the_library_s_away_from_zero_too():
    legs = np.column_stack([100 + X, 50 + SECOND])
    fit = basket_hedge(Y, legs, "hac", lags=3)
    kwds = {"maxlags": 3, "use_correction": True}
    oracle = sm.OLS(Y, sm.add_constant(legs, prepend=False)).fit(cov_type="HAC", cov_kwds=kwds)
    np.testing.assert_allclose(fit.covariance, oracle.cov_params(), rtol=1e-6)
    dynamic = DynamicOLS(Y, legs, leads=1, lags=1).fit(bandwidth=4, df_adjust=True)
    mine = basket_hedge(Y, legs, bandwidth=4)
    np.testing.assert_allclose([*mine.beta_se, mine.alpha_se], dynamic.std_errors.iloc[:3], rtol=1e-6)


def test_poor_baskets_get_a_reason():
    assert basket_hedge(Y[:10], X[:10, None]) == NotEnough("bars", 10, 20)
    assert isinstance(basket_hedge(Y, np.column_stack([X, 2 * X])), Undefined)
    assert isinstance(basket_hedge(Y, np.column_stack([X, np.ones(600)])), Undefined)
    for wrong in (
        lambda: basket_hedge(Y, X),
        lambda: basket_hedge(Y[1:], X[:, None]),
        lambda: basket_hedge(Y, X[:, None], "magic"),
        lambda: basket_hedge(Y, X[:, None], "hac", lags=-1),
        lambda: basket_hedge(Y, X[:, None], leads=0.5),
        lambda: basket_hedge(Y, np.where(np.arange(600) == 5, np.nan, X)[:, None]),
    ):
        with pytest.raises(DataError):
            wrong()
