"""The Dickey-Fuller test and its lag rule, against Stata's values, statsmodels and arch."""

import numpy as np
import pytest
from arch.unitroot import ADF
from quant_samples import acceptance, random_walks, reference_frame
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp

from statarb.errors import DataError
from statarb.quant import NotEnough, Undefined, UnitRootResult, adf, critical_values, residual_pvalue, schwert_lags
from statarb.quant.unitroot import LagRule, select_lags


@pytest.mark.parametrize("key", ["gdp_c_4", "gdp_ct_4", "gdp_n_4", "infl_c_1", "infl_ct_1", "infl_n_1"])
def test_stata_dfuller(key):
    column, trend, lags = key.split("_")
    expected = acceptance("B1")[key]
    result = adf(reference_frame("macrodata.csv")[{"gdp": "realgdp"}.get(column, column)], trend, lags=int(lags))
    assert [result.statistic, result.pvalue][: len(expected)] == pytest.approx(expected, abs=1e-5)


def test_published_adf_of_inflation():
    change = np.diff(np.log(reference_frame("macrodata.csv")["cpi"]))
    expected = acceptance("B2")
    result = adf(change, lag_bounds=(0, 15))
    assert [result.statistic, result.pvalue, result.lags] == pytest.approx(expected["ADF_aic"], abs=1e-4)
    got = [adf(change, trend, lags=0).statistic for trend in ("n", "c", "ct")]
    assert got == pytest.approx(expected["ADF_lag0_n_c_ct"], abs=1e-4)


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("seed", range(4))
def test_lags_and_statistic_equal_arch(trend, criterion, seed):
    rng = np.random.default_rng(seed)
    values = np.convolve(rng.standard_normal(400), [1, 0.6, 0.3, -0.4], "valid").cumsum()
    oracle = ADF(values, trend=trend, max_lags=12, method=criterion)
    result = adf(values, trend, lag_bounds=(0, 12), criterion=criterion)
    assert result.lags == oracle.lags
    assert result.statistic == pytest.approx(oracle.stat, rel=1e-8)


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
@pytest.mark.filterwarnings("ignore")  # of the library, on the form of its answer
def test_general_to_specific_keeps_the_lag_that_statsmodels_does(trend):
    from statsmodels.tsa.stattools import adfuller

    change = np.diff(np.log(reference_frame("macrodata.csv")["cpi"]))
    statistic, _, lags = adfuller(change, 14, trend, "t-stat")[:3]
    found = adf(change, trend, lag_bounds=(0, 14), criterion="t-stat")
    assert (found.lags, found.statistic) == (lags, pytest.approx(statistic, rel=1e-8))
    assert trend != "c" or found.lags == 11


def test_a_fixed_number_of_lags_may_be_more_than_the_rule_would_try():
    walk = random_walks(60, seed=2)[0]
    oracle = ADF(walk, 20, "c")
    assert adf(walk, lags=20).statistic == pytest.approx(oracle.stat, rel=1e-8)


@pytest.mark.parametrize("key", ["N1_c", "N2_c", "N2_ct"])
def test_mackinnon_2010_without_the_libraries_misprint(key):
    expected = acceptance("C1")[key]
    series, trend = int(key[1]), key.split("_")[1]
    for nobs in (50, 199, 1000):
        got = critical_values(series, trend, nobs)
        for level, row in expected.items():
            assert got[level] == pytest.approx(sum(b / nobs**i for i, b in enumerate(row)), abs=1e-12)


def test_the_one_percent_value_that_libraries_print_wrongly():
    assert critical_values(2, "c", 199)["1%"] == pytest.approx(acceptance("C1")["N2_c_T199_1pct"], abs=1e-9)
    assert abs(critical_values(2, "c", 199)["1%"] - mackinnoncrit(2, "c", 199)[0]) > 1e-4


@pytest.mark.parametrize(
    ("series", "trend"), [(1, "n"), (1, "c"), (1, "ct"), (1, "ctt"), (2, "c"), (2, "ct"), (2, "ctt")]
)
def test_all_other_critical_values_equal_statsmodels(series, trend):
    got, oracle = critical_values(series, trend, 300), mackinnoncrit(series, trend, 300)
    misprinted = 1 if (series, trend) == (2, "c") else 0
    assert list(got.values())[misprinted:] == pytest.approx(oracle[misprinted:], abs=1e-12)


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
def test_p_values_equal_statsmodels_over_the_whole_range(trend):
    for statistic in np.linspace(-25, 2, 271):
        assert residual_pvalue(statistic, trend) == pytest.approx(mackinnonp(statistic, trend, 2), abs=1e-12)


@pytest.mark.parametrize(("n", "low", "high"), [(50, 3, 10), (100, 4, 12), (240, 4, 14), (1440, 7, 23)])
def test_schwert_bounds(n, low, high):
    assert schwert_lags(n) == LagRule(low, high, "aic")


def test_a_fixed_rule_does_not_search():
    values = random_walks(200, seed=1)[0]
    assert select_lags(values, LagRule(3, 3)) == 3


def test_a_result_says_what_was_tested():
    result = adf(random_walks(200, seed=1)[0], series="y - 0.8 x, beta given")
    assert isinstance(result, UnitRootResult)
    assert result.series == "y - 0.8 x, beta given"
    assert result.null.startswith("the series has a unit root")
    assert result.lag_rule == "AIC among 4 to 14 lags"


def test_degenerate_series_give_a_typed_answer():
    assert adf([]) == NotEnough("bars", 0, 50)
    assert adf(np.ones(49)) == NotEnough("bars", 49, 50)
    assert isinstance(adf(np.full(100, 0.1)), Undefined)
    assert isinstance(adf(np.linspace(60_000, 60_001, 100)), Undefined)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_the_scale_of_the_series_does_not_matter(scale):
    values = random_walks(200, seed=3)[0]
    assert adf(scale * values).statistic == pytest.approx(adf(values).statistic, rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"trend": "x"}, {"lags": -1}, {"lags": 100}, {"criterion": "hqic"}, {"lag_bounds": (5, 2)}],
    ids=["trend", "negative", "many", "criterion", "bounds"],
)
def test_options_that_do_not_exist_are_refused(options):
    with pytest.raises(DataError):
        adf(random_walks(200, seed=1)[0], **options)


@pytest.mark.parametrize(("series", "trend"), [(2, "x"), (3, "c"), (1, "x")])
def test_a_table_that_does_not_exist_is_refused(series, trend):
    with pytest.raises(DataError):
        critical_values(series, trend, 100)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_value_is_refused(bad):
    values = random_walks(100, seed=1)[0]
    values[5] = bad
    with pytest.raises(DataError):
        adf(values)
