"""Options that mean nothing, for every statistic that has them: a clear error, never a number or another exception."""

import math

import numpy as np
import pytest
from quant_samples import reverting_legs

import analytics as a
from statarb.errors import DataError
from statarb.quant import Undefined

Y, X = reverting_legs(300, seed=1)
T = np.arange(300.0)
WRONG = [math.nan, math.inf, -1, 1.5, 300, "4"]
BANDWIDTHS = [math.nan, math.inf, -1.0, 300.0, "wide"]
CALLS = {
    "adf": lambda lags: a.adf(Y, lags=lags),
    "adf bounds": lambda lags: a.adf(Y, lag_bounds=(0, lags)),
    "engle_granger": lambda lags: a.engle_granger(Y, X, lags=lags),
    "hac_hedge": lambda lags: a.hac_hedge(Y, X, lags),
    "johansen": lambda lags: a.johansen(Y, X, lags),
    "dols_hedge leads": lambda lags: a.dols_hedge(Y, X, lags, 1),
    "dols_hedge lags": lambda lags: a.dols_hedge(Y, X, 1, lags),
    "phillips_perron": lambda lags: a.phillips_perron(Y, lags=lags),
    "kpss": lambda lags: a.kpss(Y, lags=lags),
    "df_gls": lambda lags: a.df_gls(Y, lags=lags),
    "variance_ratio": lambda lags: a.variance_ratio(Y, lags),
}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_lags_that_mean_nothing_are_refused(name, wrong):
    with pytest.raises(DataError):
        CALLS[name](wrong)


@pytest.mark.parametrize("wrong", BANDWIDTHS, ids=str)
def test_bandwidths_that_mean_nothing_are_refused(wrong):
    for call in (lambda: a.phillips_ouliaris(Y, X, bandwidth=wrong), lambda: a.dols_hedge(Y, X, bandwidth=wrong)):
        with pytest.raises(DataError):
            call()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1, 0, "many"], ids=str)
def test_sizes_that_mean_nothing_are_refused(wrong):
    for call in (
        lambda: a.critical_values(2, "c", wrong),
        lambda: a.schwert_lags(wrong),
        lambda: a.rolling_hedge(Y, X, wrong),
        lambda: a.adf(Y, least_bars=wrong),
        lambda: a.engle_granger(Y, X, least_bars=wrong),
    ):
        with pytest.raises(DataError):
            call()


def test_a_statistic_that_is_no_number_has_no_p():
    for wrong in (math.nan, "low"):
        with pytest.raises(DataError):
            a.residual_pvalue(wrong)


def test_bounds_that_are_none_are_refused():
    for wrong in ((1,), 3, (5, 2), "ab"):
        with pytest.raises(DataError):
            a.engle_granger(Y, X, lag_bounds=wrong)


def test_patterns_without_noise_have_no_test():
    two_values = np.where(T % 2 == 0, 1.0, 2.0)
    assert isinstance(a.phillips_perron(two_values), Undefined)
    assert isinstance(a.phillips_perron(np.sin(T / 5)), Undefined)
    for test in (a.phillips_ouliaris, a.engle_granger):
        assert isinstance(test(np.sin(T / 5), np.cos(T / 5)), Undefined)
        assert isinstance(test(X + T, X, trend="ct"), Undefined)


@pytest.mark.filterwarnings("ignore")  # the library's table ends at 1 and 10 %
def test_kpss_takes_its_lags_from_the_data_as_statsmodels_does():
    from statsmodels.tsa.stattools import kpss

    found, oracle = a.kpss(Y, lags="auto"), kpss(Y, "c", "auto")
    assert (found.lags, found.statistic) == (oracle[2], pytest.approx(oracle[0], rel=1e-6))
