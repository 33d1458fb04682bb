"""Every hedge method against a published case, a library or the truth."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from arch.unitroot.cointegration import DynamicOLS
from quant_samples import acceptance, random_walks, reference_frame, reverting_legs
from scipy.signal import lfilter

from statarb.errors import DataError
from statarb.quant import (
    HedgeEstimate,
    KalmanNoise,
    NotEnough,
    beta_gap,
    compare_hedges,
    dols_hedge,
    hac_hedge,
    hedge_quality,
    hedge_ratio,
    huber_hedge,
    johansen,
    kalman_hedge,
    kalman_noise,
    long_run_hedge,
    returns_hedge,
    rolling_hedge,
    theil_sen_hedge,
    tls_hedge,
)
from statarb.quant.hedge_errors import prewhitened_variance

Y, X = reverting_legs(600, seed=3)


def test_pearson_s_line_of_1901():
    data, expected = reference_frame("pearson1901_york.csv"), acceptance("A5")
    fit = tls_hedge(data["y"], data["x"])
    assert (fit.alpha, fit.beta) == pytest.approx((expected["const"], expected["beta"]), abs=6e-4)


def test_sen_s_example_of_1968():
    x, y = [1, 2, 3, 4, 10, 12, 18], [9, 15, 19, 20, 45, 55, 78]
    expected = acceptance("A8")
    fit = theil_sen_hedge(y, x, level=0.93)
    assert (fit.beta, fit.alpha) == (expected["slope"], expected["intercept_separate"])
    assert (fit.beta_low, fit.beta_high) == pytest.approx((expected["lo"], expected["hi"]), abs=6e-3)
    assert theil_sen_hedge(y, x, intercept="joint").alpha == expected["intercept_joint"]


def test_tls_does_not_care_which_leg_is_y_and_lies_between_the_regressions():
    fit, other = tls_hedge(Y, X), tls_hedge(X, Y)
    assert fit.beta * other.beta == pytest.approx(1, rel=1e-12)
    assert hedge_ratio(Y, X).beta < fit.beta < 1 / hedge_ratio(X, Y).beta


@pytest.mark.parametrize("sign", [1, -1])
def test_tls_is_the_first_principal_direction(sign):
    cov = np.cov(sign * Y, X)
    vector = np.linalg.eigh(cov)[1][:, -1]
    assert tls_hedge(sign * Y, X).beta == pytest.approx(vector[0] / vector[1], rel=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_huber_equals_statsmodels_at_every_price_scale(scale):
    rng = np.random.default_rng(8)
    y = Y + 30 * (rng.random(600) < 0.05)
    fit = huber_hedge(scale * y, scale * X)
    oracle = sm.RLM(y, sm.add_constant(X), M=sm.robust.norms.HuberT()).fit(tol=1e-12, maxiter=500)
    assert (fit.alpha / scale, fit.beta, fit.beta_se) == pytest.approx((*oracle.params, oracle.bse[1]), rel=1e-6)


def test_outliers_move_least_squares_but_not_the_robust_methods():
    y = Y.copy()
    y[np.quantile(X, 0.95) < X] -= 60
    assert abs(hedge_ratio(y, X).beta - 1.7) > 0.3
    assert huber_hedge(y, X).beta == pytest.approx(1.7, abs=0.1)
    assert theil_sen_hedge(y, X).beta == pytest.approx(1.7, abs=0.1)


def test_returns_hedge_is_the_regression_of_changes_and_its_spread_averages_to_zero():
    fit = returns_hedge(Y, X)
    oracle = sm.OLS(np.diff(Y), sm.add_constant(np.diff(X))).fit()
    assert (fit.beta, fit.beta_se) == pytest.approx((oracle.params[1], oracle.bse[1]), rel=1e-10)
    assert abs(np.mean(Y - fit.alpha - fit.beta * X)) < 1e-9


@pytest.mark.parametrize("lags", [0, 4, 12])
def test_hac_error_equals_statsmodels(lags):
    fit = hac_hedge(Y, X, lags)
    kwds = {"maxlags": lags, "use_correction": True}
    oracle = sm.OLS(Y, sm.add_constant(X)).fit(cov_type="HAC", cov_kwds=kwds)
    assert (fit.beta, fit.beta_se) == pytest.approx((oracle.params[1], oracle.bse[1]), rel=1e-9)


@pytest.mark.parametrize(("leads", "lags", "bandwidth"), [(1, 1, "auto"), (0, 3, 4.0), (2, 0, 0.0)])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e9])
def test_dols_equals_arch_at_every_price_scale(leads, lags, bandwidth, scale):
    fit = dols_hedge(scale * Y, scale * X, leads, lags, bandwidth)
    oracle = DynamicOLS(pd.Series(Y), pd.DataFrame({"x": X}), leads=leads, lags=lags)
    oracle = oracle.fit(bandwidth=None if bandwidth == "auto" else bandwidth, df_adjust=True)
    own = dols_hedge(scale * Y, scale * X, leads, lags)
    assert (own.beta, own.alpha) == pytest.approx((fit.beta, fit.alpha), rel=1e-7)
    assert fit.beta == pytest.approx(oracle.params["x"], rel=1e-7)
    assert fit.alpha / scale == pytest.approx(oracle.params["const"], rel=1e-5)
    assert fit.beta_se == pytest.approx(oracle.std_errors["x"], rel=1e-6)


def test_the_classic_error_is_far_too_small_where_the_honest_ones_are_not():
    """True beta is 1.7: over 200 reverting pairs the honest intervals hold it, that of least squares does not."""
    inside = {"classic": 0, "dols": 0, "long-run": 0}
    for seed in range(200):
        y, x = reverting_legs(400, seed)
        fit, dols, long_run = hedge_ratio(y, x), dols_hedge(y, x), long_run_hedge(y, x)
        inside["classic"] += abs(fit.beta - 1.7) < 1.96 * fit.beta_se
        inside["dols"] += dols.beta_low < 1.7 < dols.beta_high
        inside["long-run"] += long_run.beta_low < 1.7 < long_run.beta_high
    assert inside["classic"] / 200 < 0.6
    assert inside["dols"] / 200 > 0.88
    assert inside["long-run"] / 200 > 0.88


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_the_prewhitened_variance_of_an_ar1_is_its_own(phi):
    values = lfilter([1], [1, -phi], np.random.default_rng(1).standard_normal(20_000))
    assert prewhitened_variance(values - values.mean()) == pytest.approx(1 / (1 - phi) ** 2, rel=0.1)


@pytest.mark.parametrize("window", [6, 20, 120])
def test_rolling_hedge_equals_statsmodels(window):
    from statsmodels.regression.rolling import RollingOLS

    ours, oracle = rolling_hedge(Y, X, window), RollingOLS(Y, sm.add_constant(X), window=window).fit()
    np.testing.assert_allclose(ours[["alpha", "beta"]], oracle.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours["r2"], oracle.rsquared, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours["beta_se"], oracle.bse[:, 1], rtol=1e-6, atol=1e-12)


class TestKalman:
    NOISE = KalmanNoise(0.01, 1e-4)

    @staticmethod
    def oracle(noise: KalmanNoise, variance: float):
        model = sm.tsa.statespace.MLEModel(Y - Y[0], k_states=2, initialization="diffuse")
        model["design"] = np.array([np.ones(600), X - X[0]])[None]
        model["transition"] = model["selection"] = np.eye(2)
        model["obs_cov"] = variance * np.eye(1)
        model["state_cov"] = variance * np.diag([noise.q_alpha, noise.q_beta])
        return model.ssm.filter()

    def test_equals_the_exact_diffuse_filter_of_statsmodels(self):
        ours, oracle = kalman_hedge(Y, X, self.NOISE), self.oracle(self.NOISE, 1.0)
        np.testing.assert_allclose(ours["beta"][1:], oracle.filtered_state[1][1:], rtol=1e-9)
        np.testing.assert_allclose(
            ours["alpha"][1:] + ours["beta"][1:] * X[0] - Y[0], oracle.filtered_state[0][1:], atol=1e-9
        )
        np.testing.assert_allclose(ours["innovation"][2:], oracle.forecasts_error[0][2:], rtol=1e-8, atol=1e-10)

    @pytest.mark.parametrize("discount", [0.9, 0.98, 1.0])
    def test_what_forgets_by_a_discount_equals_the_library_s_filter_of_bars_that_get_surer(self, discount):
        """Weights that fade by a discount are the filter without state noise whose errors shrink by it at each bar."""
        y, x = Y[:60], X[:60]
        model = sm.tsa.statespace.MLEModel(y - y[0], k_states=2, initialization="diffuse")
        model["design"] = np.array([np.ones(60), x - x[0]])[None]
        model["transition"] = model["selection"] = np.eye(2)
        shrunk = discount ** np.arange(60)
        model["obs_cov"] = shrunk[None, None]
        model["state_cov"] = np.zeros((2, 2))
        oracle, ours = model.ssm.filter(), kalman_hedge(y, x, discount=discount)
        np.testing.assert_allclose(ours["beta"][1:], oracle.filtered_state[1][1:], rtol=1e-8)
        np.testing.assert_allclose(ours["innovation"][2:], oracle.forecasts_error[0][2:], rtol=1e-8, atol=1e-9)
        f = oracle.forecasts_error_cov[0, 0] / shrunk
        variance = np.cumsum(oracle.forecasts_error[0][2:] ** 2 / f[2:]) / np.arange(1, 59)
        np.testing.assert_allclose(
            ours["beta_sd"][2:], np.sqrt(variance * (oracle.filtered_state_cov[1, 1] / shrunk)[2:]), rtol=1e-7
        )
        np.testing.assert_allclose(ours["innovation_sd"][3:], np.sqrt(variance[:-1] * f[3:]), rtol=1e-7)

    def test_its_likelihood_is_the_library_s_and_no_neighbour_beats_it(self):
        found = kalman_noise(Y, X)
        path = kalman_hedge(Y, X, found)
        first = self.oracle(found, 1.0)
        variance = float((first.forecasts_error[0][2:] ** 2 / first.forecasts_error_cov[0, 0][2:]).mean())
        best = self.oracle(found, variance)
        assert found.log_likelihood == pytest.approx(best.llf, rel=1e-6)
        assert path["beta_sd"].iloc[-1] == pytest.approx(math.sqrt(best.filtered_state_cov[1, 1, -1]), rel=1e-6)
        for factor in (0.2, 5.0):
            other = KalmanNoise(found.q_alpha * factor, found.q_beta)
            assert self.oracle(other, variance).llf < best.llf

    def test_without_noise_or_forgetting_it_ends_at_least_squares(self):
        last, fit = kalman_hedge(Y, X, discount=1.0).iloc[-1], hedge_ratio(Y, X)
        assert (last["alpha"], last["beta"], last["beta_sd"]) == pytest.approx(
            (fit.alpha, fit.beta, fit.beta_se), rel=1e-9
        )

    def test_it_follows_a_beta_that_moves(self):
        rng = np.random.default_rng(4)
        x = 5 * rng.standard_normal(2000)
        beta = np.linspace(1.0, 2.0, 2000)
        y = beta * x + rng.standard_normal(2000)
        path = kalman_hedge(y, x, discount=0.98)
        assert path["beta"].iloc[-1] == pytest.approx(2.0, abs=0.1)

    def test_scaling_both_legs_leaves_surprises_in_deviations_unchanged(self):
        one = kalman_hedge(Y, X, self.NOISE)
        c = 1e-3
        two = kalman_hedge(c * Y, c * X, KalmanNoise(0.01, 1e-4 / c**2))
        np.testing.assert_allclose(
            two["innovation"] / two["innovation_sd"], one["innovation"] / one["innovation_sd"], rtol=1e-8
        )

    def test_while_x_stands_still_there_is_no_beta(self):
        path = kalman_hedge(np.arange(5.0), np.array([3.0, 3, 3, 4, 5]))
        assert path["beta"].isna().tolist() == [True, True, True, False, False]

    @pytest.mark.parametrize("wrong", [{"discount": 0.4}, {"discount": 1.1}, {"noise": KalmanNoise(-1, 0)}])
    def test_impossible_knobs_are_refused(self, wrong):
        with pytest.raises(DataError):
            kalman_hedge(Y, X, **wrong)


class TestWorth:
    def test_a_true_hedge_leaves_little_and_none_leaves_all(self):
        """Legs that share 2-unit steps, beside a spread of half that size."""
        rng = np.random.default_rng(6)
        x = 2 * rng.standard_normal(3000).cumsum()
        quality = hedge_quality(x + rng.standard_normal(3000), x, 240, 30)
        assert quality.blocks == (3000 - 240) // 30
        assert quality.ratio < 0.25
        y, x = random_walks(6000, seed=3)
        assert hedge_quality(y, x, 240, 30).ratio > 0.9

    def test_it_uses_only_bars_before_the_stretch(self):
        seen = []

        def spy(y, x):
            seen.append((y[-1], y.size))
            return hedge_ratio(y, x)

        clock = np.arange(900.0)
        hedge_quality(clock, X[:600].repeat(2)[:900], 100, 50, spy)
        assert [size for _, size in seen] == [100] * len(seen)
        assert [last for last, _ in seen] == [99 + 50 * i for i in range(len(seen))]
        assert seen[-1][0] + 50 <= 899

    def test_where_beta_is_not_positive_nothing_is_hedged(self):
        y, x = reverting_legs(2000, seed=1, beta=-1.5)
        assert hedge_quality(y, x, 240, 30).ratio == 1

    def test_levels_and_returns_that_agree_and_that_do_not(self):
        assert not beta_gap(*reverting_legs(2000, seed=2)).differs
        rng = np.random.default_rng(2)
        x = rng.standard_normal(2000).cumsum()
        late = np.roll(x, 3)
        late[:3] = 0
        gap = beta_gap(late, x)  # y follows x with a delay of three bars
        assert gap.differs
        assert gap.share > 0.8

    def test_a_comparison_holds_every_method_beside_its_quality(self):
        table = compare_hedges(*reverting_legs(1200, seed=5), 240, 60)
        assert set(table.estimates) == set(table.quality)
        assert {"OLS", "DOLS", "TLS", "Huber", "Theil-Sen", "returns", "Kalman"} < set(table.estimates)
        for name, found in table.estimates.items():
            assert isinstance(found, HedgeEstimate)
            assert found.method == name
            assert found.beta == pytest.approx(1.7, abs=0.25)
            assert table.quality[name].blocks == 16
        with pytest.raises(DataError, match="not a hedge method"):
            compare_hedges(Y, X, 240, methods=("magic",))

    def test_both_directions_enclose_the_other_lines_and_johansen_is_its_own_test(self):
        found = compare_hedges(*reverting_legs(1200, seed=5), 240, 60).estimates
        y, x = (leg[-240:] for leg in reverting_legs(1200, seed=5))
        assert found["OLS, x on y"].beta == pytest.approx(1 / np.polyfit(y, x, 1)[0], rel=1e-12)
        assert found["OLS"].beta < found["TLS"].beta < found["OLS, x on y"].beta
        assert found["Johansen"].beta == johansen(y, x).beta
        assert np.isnan(found["Johansen"].beta_low)

    def test_few_bars_say_how_many_are_missing(self):
        assert hedge_quality(Y, X, 240, 60) == NotEnough("bars", 600, 840)
