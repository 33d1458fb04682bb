"""The tests behind the verdict, against published values and the libraries; together they can only raise doubts."""

import numpy as np
import pytest
from arch.unitroot import DFGLS
from arch.unitroot import VarianceRatio as ArchVarianceRatio
from arch.unitroot.cointegration import phillips_ouliaris as arch_phillips_ouliaris
from quant_samples import acceptance, random_walks, reference_file, reference_frame, reverting_legs
from statsmodels.tsa.vector_ar.var_model import VAR
from statsmodels.tsa.vector_ar.vecm import VECM, coint_johansen

from statarb.errors import DataError
from statarb.quant import (
    NotEnough,
    Undefined,
    adf,
    bounce_noise,
    df_gls,
    hurst,
    johansen,
    kpss,
    phillips_ouliaris,
    phillips_perron,
    reversion_tests,
    variance_ratio,
)

Y, X = reverting_legs(1200, seed=4)


def inflation():
    return np.diff(np.log(reference_frame("macrodata.csv")["cpi"].to_numpy()))


class TestPublished:
    def test_kpss_of_r(self):
        expected, gdp = acceptance("B3"), reference_frame("macrodata.csv")["realgdp"]
        assert kpss(gdp, "c", 3).statistic == pytest.approx(expected["level"], abs=1e-3)
        assert kpss(gdp, "ct", 3).statistic == pytest.approx(expected["trend"], abs=1e-3)

    def test_stata_and_eviews_on_inflation(self):
        expected, change = acceptance("B2"), inflation()
        kpss_found = [kpss(change, trend, 12).statistic for trend in ("c", "ct")]
        assert kpss_found == pytest.approx(expected["KPSS12_c_ct"], abs=1e-4)
        assert phillips_perron(change, "c", 12).statistic == pytest.approx(expected["PP12_tau"], abs=1e-4)
        gls = [df_gls(change, trend, 0).statistic for trend in ("c", "ct")]
        assert gls == pytest.approx(expected["DFGLS0_c_ct"], abs=1e-4)

    @pytest.mark.parametrize("q", [2, 4, 8, 16])
    def test_variance_ratio_of_lo_and_mackinlay(self, q):
        found = variance_ratio(np.log(reference_frame("macrodata.csv")["realgdp"]), q)
        assert (found.ratio, found.z_plain, found.z) == pytest.approx(acceptance("E5")[str(q)], rel=1e-9)

    def test_hurst_of_a_fractional_noise(self):
        assert hurst(np.load(reference_file("brown72.npy"))).exponent == pytest.approx(
            acceptance("E4")["dfa"], abs=5e-4
        )

    def test_johansen_of_eight_series(self):
        data, expected = np.genfromtxt(reference_file("jplv7_johansen.csv"), delimiter=","), acceptance("C5")
        found = johansen(data, lags=2, det_order=1)
        assert found.trace == pytest.approx(expected["trace"], rel=1e-7)
        assert found.max_eigenvalue == pytest.approx(expected["maxeig"], rel=1e-7)
        assert len(found.relation) == 8

    def test_jmulti_s_vecm_in_the_library(self):
        expected = acceptance("C7")
        data = reference_frame("luetkepohl_e6.csv")[["Dp", "R"]]
        fit = VECM(data, k_ar_diff=3, coint_rank=1, deterministic="co").fit()
        assert (fit.beta[1, 0], fit.stderr_beta[1, 0]) == pytest.approx((expected["beta_R"], expected["se"]), abs=6e-4)
        assert fit.alpha.ravel() == pytest.approx(expected["alpha"], abs=6e-4)


class TestJohansen:
    @pytest.mark.parametrize("lags", [0, 1, 4])
    @pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
    def test_equals_statsmodels_at_every_price_scale(self, lags, scale):
        found, oracle = johansen(scale * Y, scale * X, lags), coint_johansen(np.column_stack([Y, X]), 0, lags)
        assert found.trace == pytest.approx(oracle.trace_stat, rel=1e-6)
        assert found.max_eigenvalue == pytest.approx(oracle.max_eig_stat, rel=1e-6)
        assert found.beta == pytest.approx(-oracle.evec[1, 0] / oracle.evec[0, 0], rel=1e-6)

    @pytest.mark.parametrize("det_order", [-1, 0, 1])
    def test_equals_statsmodels_with_every_deterministic_term_on_walks_far_from_zero(self, det_order):
        y, x = (100 + leg for leg in random_walks(400, 3))
        found, oracle = johansen(y, x, 2, det_order), coint_johansen(np.column_stack([y, x]), det_order, 2)
        assert found.trace == pytest.approx(oracle.trace_stat, rel=1e-6)
        assert found.eigenvalues == pytest.approx(oracle.eig, rel=1e-6)

    @pytest.mark.parametrize("det_order", [-1, 0, 1])
    def test_a_level_of_100_is_tested_as_the_library_does(self, det_order):
        walks = 100 + np.random.default_rng(9).standard_normal((300, 2)).cumsum(axis=0)
        found, oracle = johansen(*walks.T, 2, det_order), coint_johansen(walks, det_order, 2)
        assert found.trace == pytest.approx(oracle.trace_stat, rel=1e-6)
        assert found.max_eigenvalue == pytest.approx(oracle.max_eig_stat, rel=1e-6)

    def test_a_table_of_two_legs_is_the_two_legs(self):
        assert johansen(np.column_stack([Y, X])) == johansen(Y, X)
        assert johansen(Y, X).relation == pytest.approx((1, -johansen(Y, X).beta))

    def test_legs_that_are_a_mix_of_one_another_have_no_test(self):
        assert isinstance(johansen(np.column_stack([Y, X, Y + X])), Undefined)
        with pytest.raises(DataError):
            johansen(np.column_stack([Y]))
        with pytest.raises(DataError):
            johansen(Y)

    def test_its_lags_are_those_of_aic(self):
        for seed in range(8):
            rng = np.random.default_rng(seed)
            steps = rng.standard_normal((602, 2))
            levels = (steps[2:] + 0.5 * steps[:-2]).cumsum(axis=0)
            order = VAR(levels).select_order(9).aic
            assert abs(johansen(*levels.T).lags - max(1, order - 1)) <= 1

    def test_one_relation_is_found_and_its_hedge(self):
        found = johansen(Y, X)
        assert found.rank == 1
        assert found.beta == pytest.approx(1.7, abs=0.05)

    def test_walks_have_no_relation_and_noise_has_full_rank(self):
        assert johansen(*random_walks(1000, 6)).rank == 0
        noise = np.random.default_rng(1).standard_normal((2, 500))
        assert johansen(*noise).rank == 2


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
def test_phillips_ouliaris_equals_arch_both_ways(trend):
    found = phillips_ouliaris(Y[:300], X[:300], trend)
    for test, (a, b) in ((found.y_on_x, (Y, X)), (found.x_on_y, (X, Y))):
        oracle = arch_phillips_ouliaris(a[:300], b[:300], trend=trend, test_type="Zt")
        assert (test.statistic, test.pvalue) == pytest.approx((oracle.stat, oracle.pvalue), rel=1e-9)
    assert found.pvalue == pytest.approx(2 * min(found.y_on_x.pvalue, found.x_on_y.pvalue))


def test_variance_ratio_equals_arch():
    for q in (2, 5, 30):
        found, oracle = variance_ratio(Y, q), ArchVarianceRatio(Y, lags=q)
        assert (found.ratio, found.z, found.pvalue) == pytest.approx((oracle.vr, oracle.stat, oracle.pvalue), rel=1e-9)


def test_variance_ratio_and_hurst_on_what_is_known():
    walk = random_walks(5000, 1)[0]
    noise = np.random.default_rng(2).standard_normal(5000)
    assert abs(variance_ratio(walk).z) < 3
    assert variance_ratio(noise, 8).ratio == pytest.approx(1 / 8, abs=0.05)
    assert hurst(np.diff(walk)).exponent == pytest.approx(0.5, abs=0.05)
    assert hurst(np.diff(noise)).exponent < 0.2


def test_the_spread_of_hurst_on_noise_is_the_error_it_shows():
    for n in (300, 2000):
        found = [hurst(np.random.default_rng(seed).standard_normal(n)) for seed in range(100)]
        assert np.std([h.exponent for h in found]) == pytest.approx(found[0].se, rel=0.35)


def test_bounce_noise_is_measured_and_warned_of():
    walk = random_walks(5000, 3)[0]
    bounced = walk + 1.5 * np.random.default_rng(4).standard_normal(5000)
    assert not bounce_noise(walk).warns
    found = bounce_noise(bounced)
    assert found.warns
    assert (found.noise_sd, found.step_sd) == pytest.approx((1.5, 1.0), rel=0.1)


class TestPanel:
    def test_a_reverting_pair_raises_no_doubt_that_ends_the_verdict(self):
        panel = reversion_tests(Y, X, 960)
        assert panel.engle_granger.rejects
        assert panel.phillips_ouliaris.rejects
        assert panel.johansen.rank == 1
        assert panel.adf.pvalue < 0.05
        assert panel.variance_ratio.ratio < 1
        assert panel.half_life.low_bars < 5 < panel.half_life.high_bars
        assert panel.y.wanders
        assert panel.x.wanders
        assert "240 bars before the window" in panel.given

    def test_unrelated_walks_are_doubted(self):
        panel = reversion_tests(*random_walks(1200, 7), 960)
        assert "Johansen finds no relation." in panel.doubts
        assert "Phillips-Ouliaris finds no reversion." in panel.doubts

    def test_stationary_and_noisy_legs_are_doubted(self):
        rng = np.random.default_rng(5)
        legs = 2 * rng.standard_normal((2, 1200))
        doubts = " ".join(reversion_tests(*legs, 960).doubts)
        for words in ("y looks stationary", "x looks stationary", "full rank", "y carries bid-ask noise"):
            assert words in doubts

    def test_without_bars_before_the_window_the_given_hedge_is_missing_and_nothing_else(self):
        panel = reversion_tests(Y[:300], X[:300], 300)
        assert panel.adf == NotEnough("bars", 300, 320)
        assert panel.engle_granger.n == 300

    def test_it_says_how_many_bars_are_missing(self):
        panel = reversion_tests(Y[:40], X[:40], 1440)
        assert isinstance(panel.engle_granger, NotEnough)
        assert isinstance(panel.half_life, NotEnough)
        assert panel.doubts == ()


@pytest.mark.parametrize("test", [kpss, phillips_perron, df_gls])
def test_tests_of_one_series_refuse_what_has_no_answer(test):
    assert test(np.arange(30.0)) == NotEnough("bars", 30, 50)
    assert isinstance(test(np.full(80, 5.0)), Undefined)
    assert isinstance(test(np.arange(80.0)), Undefined)
    for wrong in ({"trend": "x"}, {"lags": -1}, {"lags": 100}):
        with pytest.raises(DataError):
            test(Y[:100], **wrong)
    with pytest.raises(DataError):
        test([*Y[:99], np.nan])


@pytest.mark.parametrize("trend", ["c", "ct"])
def test_df_gls_chooses_the_lags_that_arch_does(trend):
    for seed in range(12):
        walk = random_walks(400, seed)[0]
        walk[1:] += 0.4 * np.diff(walk)
        oracle = DFGLS(walk, trend=trend, max_lags=16)
        found = df_gls(walk, trend)
        assert (found.lags, found.statistic) == (oracle.lags, pytest.approx(oracle.stat, rel=1e-6))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_prices_of_every_size_are_tested_alike(scale):
    for test in (kpss, phillips_perron, df_gls, adf):
        assert test(scale * (Y + 100)).statistic == pytest.approx(test(Y).statistic, rel=1e-5)


def test_rejections_of_the_single_series_tests_on_walks_are_near_their_level():
    walks = [random_walks(300, seed)[0] for seed in range(150)]
    for test in (phillips_perron, df_gls):
        assert 0.005 < np.mean([test(walk).pvalue < 0.05 for walk in walks]) < 0.12
    assert np.mean([kpss(walk).pvalue < 0.05 for walk in walks]) > 0.5
