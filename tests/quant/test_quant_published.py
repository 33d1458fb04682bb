"""Published numbers of ticks, thresholds, selection and options, out of the project's own functions."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from arch.unitroot import PhillipsPerron
from arch.unitroot.cointegration import phillips_ouliaris as arch_phillips_ouliaris
from hypothesis import given
from hypothesis import strategies as st
from quant_samples import acceptance, random_walks, reference_file, reference_frame, reverting_legs

from statarb.errors import DataError
from statarb.quant import (
    KalmanNoise,
    NotEnough,
    Undefined,
    deflated_sharpe,
    hayashi_yoshida,
    hedge_ratio,
    kalman_hedge,
    phillips_ouliaris,
    phillips_perron,
    rescaled_range,
    reversion_thresholds,
)


def test_hayashi_yoshida_by_hand():
    found = hayashi_yoshida([0, 1, 3, 2, 5, 4], [0, 2, 1, 4, 3], [0, 1.9, 4, 5, 7.3, 10.8], [0, 1.9, 5.7, 8, 10.3])
    assert found.covariance == acceptance("E3")["hy"]


def test_hayashi_yoshida_published_example():
    data, expected = np.load(reference_file("hy_hfhd_example.npz")), acceptance("E2")
    found = hayashi_yoshida(data["a"], data["b"], data["ta"], data["tb"])
    assert found.covariance == pytest.approx(expected["hy_exact"], abs=5e-6)
    assert [found.y_variance, found.x_variance] == pytest.approx(np.diag(expected["cov"]), abs=5e-4)


TICKS = st.lists(st.integers(0, 60), min_size=2, max_size=12, unique=True).map(sorted)


@given(s=TICKS, t=TICKS, seed=st.integers(0, 99))
def test_hayashi_yoshida_is_the_sum_over_overlapping_intervals(s, t, seed):
    rng = np.random.default_rng(seed)
    y, x = rng.standard_normal(len(s)), rng.standard_normal(len(t))
    expected = sum(
        (y[i] - y[i - 1]) * (x[j] - x[j - 1])
        for i in range(1, len(s))
        for j in range(1, len(t))
        if max(s[i - 1], t[j - 1]) < min(s[i], t[j])
    )
    assert hayashi_yoshida(y, x, s, t).covariance == pytest.approx(expected, abs=1e-12)


def test_hayashi_yoshida_finds_the_correlation_that_filling_forward_destroys():
    rng = np.random.default_rng(3)
    shocks = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 20_000)
    prices = pd.DataFrame(shocks.cumsum(axis=0), columns=["y", "x"])
    y, x = (prices[leg][rng.random(20_000) < 0.2] for leg in ("y", "x"))
    assert hayashi_yoshida(y, x).correlation == pytest.approx(0.8, abs=0.08)
    filled = pd.concat([y, x], axis=1).reindex(prices.index).ffill().diff().corr().iloc[0, 1]
    assert filled < 0.3


def test_times_that_stand_still_are_refused():
    with pytest.raises(DataError, match="increase strictly"):
        hayashi_yoshida([1, 2, 3], [1, 2, 3], [0, 0, 1], [0, 1, 2])
    assert hayashi_yoshida([1.0], [1.0, 2.0], [0], [0, 1]) == NotEnough("trades", 1, 2)


def test_rescaled_range_of_fractional_noise():
    found = rescaled_range(np.load(reference_file("brown72.npy")))
    assert found.exponent == pytest.approx(acceptance("E4")["rs"], abs=0.01)


def test_bertram_2010():
    expected = acceptance("E6")
    found = reversion_thresholds(180.9670, 0.1538, 0.001)
    assert found.entry == pytest.approx(expected["a"], abs=5e-9)
    assert (found.cycle, found.return_rate) == pytest.approx((expected["E_T"], expected["return_per_year"]), abs=5e-7)


@pytest.mark.parametrize("cost", [1e-4, 1e-3, 1e-2])
def test_no_other_threshold_earns_more(cost):
    best = reversion_thresholds(50.0, 0.2, cost)
    from scipy.special import erfi

    exits = np.linspace(best.exit * 0.2, best.exit * 3, 400)
    rates = (2 * exits - cost) / (2 * math.pi / 50.0 * erfi(exits * math.sqrt(50.0) / 0.2))
    assert rates.max() <= best.return_rate * (1 + 1e-9)


@pytest.mark.parametrize("bad", [(0, 1, 1), (1, -1, 1), (1, 1, -1), (math.nan, 1, 1), (1, math.inf, 1)])
def test_a_process_that_cannot_be_has_no_thresholds(bad):
    with pytest.raises(DataError):
        reversion_thresholds(*bad)


def test_without_a_cost_or_with_a_huge_one_there_are_no_thresholds():
    assert isinstance(reversion_thresholds(1, 1, 0), Undefined)
    assert isinstance(reversion_thresholds(1, 1, 1e6), Undefined)


def test_bailey_and_lopez_de_prado_2014():
    expected, daily = acceptance("E8"), 2.5 / math.sqrt(250)
    of_100 = deflated_sharpe(daily, 1250, 100, 0.5 / 250, -3, 10)
    assert (of_100.luck, of_100.probability) == pytest.approx((expected["SR0_N100"], expected["DSR_N100"]), abs=1e-4)
    of_46 = deflated_sharpe(daily, 1250, 46, 0.5 / 250, -3, 10)
    assert of_46.probability == pytest.approx(expected["DSR_N46"], abs=1e-4)
    normal = deflated_sharpe(daily, 1250, 88, 0.5 / 250)
    assert normal.probability == pytest.approx(expected["DSR_normal_N88"], abs=1e-4)


def test_one_trial_has_no_luck_to_take_off():
    assert deflated_sharpe(0.1, 100, 1, 0.5).luck == 0


@pytest.mark.parametrize("bad", [{"trials": 0}, {"observations": 1}, {"variance": -1}, {"skew": math.nan}])
def test_a_sharpe_ratio_of_nothing_is_refused(bad):
    with pytest.raises(DataError):
        deflated_sharpe(**({"sharpe": 0.1, "observations": 100, "trials": 10, "variance": 0.1} | bad))


@pytest.mark.parametrize("test", ["tau", "rho"])
@pytest.mark.parametrize("trend", ["n", "c", "ct"])
def test_phillips_perron_by_both_statistics(test, trend):
    change = np.diff(np.log(reference_frame("macrodata.csv")["cpi"]))
    found, expected = phillips_perron(change, trend, 12, test=test), PhillipsPerron(change, 12, trend, test)
    assert (found.statistic, found.pvalue) == pytest.approx((expected.stat, expected.pvalue), rel=1e-7)
    if (test, trend) == ("tau", "c"):
        assert found.statistic == pytest.approx(acceptance("B2")["PP12_tau"], abs=1e-4)


@pytest.mark.parametrize("test", ["Zt", "Za"])
def test_phillips_ouliaris_by_both_statistics(test):
    y, x = reverting_legs(300, seed=6)
    found, expected = (
        phillips_ouliaris(y, x, "c", 10, test),
        arch_phillips_ouliaris(y, x, "c", test_type=test, bandwidth=10),
    )
    assert found.y_on_x.statistic == pytest.approx(expected.stat)
    assert found.y_on_x.critical_values["5%"] == pytest.approx(expected.critical_values[5])


def textbook_filter(y, x, noise, diffuse=1e7):
    """Beta of the matrix recursion of textbooks: state (alpha, beta), both walk, observed through (1, x)."""
    state, cov, betas = np.zeros(2), np.eye(2) * diffuse, []
    for yt, xt in zip(y, x, strict=True):
        cov = cov + np.diag([noise.q_alpha, noise.q_beta])
        h = np.array([1.0, xt])
        gain = cov @ h / (h @ cov @ h + 1)
        state, cov = state + gain * (yt - h @ state), cov - np.outer(gain, h @ cov)
        betas.append(state.copy())
    return np.array(betas)


@pytest.mark.parametrize("origin", [0.0, None])
def test_the_filter_is_the_matrix_recursion_wherever_its_level_stands(origin):
    y, x = random_walks(200, seed=8)
    x, noise = x + 5, KalmanNoise(1e-3, 1e-4)
    found = kalman_hedge(y, x, noise, origin=origin)
    at = 0.0 if origin is not None else x[0]
    expected = textbook_filter(y, x - at, noise)
    np.testing.assert_allclose(found["beta"][20:], expected[20:, 1], rtol=1e-4)
    np.testing.assert_allclose(found["alpha"][20:], expected[20:, 0] - at * expected[20:, 1], rtol=1e-3, atol=1e-3)


def test_t_of_beta_is_the_summarys():
    data = reference_frame("nist_norris.csv")
    fit = hedge_ratio(data["y"], data["x"])
    assert fit.beta_t**2 == pytest.approx(acceptance("A1")["F"], rel=1e-9)  # F of one regressor is t squared


def test_york_1966_weighted_errors_in_both_legs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        odr = pytest.importorskip("scipy.odr")
    data, expected = reference_frame("pearson1901_york.csv"), acceptance("A6")
    x, y = data["x"], data["y"]
    weights = odr.RealData(
        x, y,
        sx=np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1]) ** -0.5,
        sy=np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500]) ** -0.5,
    )  # fmt: skip
    line = odr.Model(lambda beta, x: beta[0] + beta[1] * x)
    fit = odr.ODR(weights, line, beta0=[5, -0.5], sstol=1e-14, partol=1e-14, maxit=500).run()
    assert fit.beta == pytest.approx([expected["const"], expected["beta"]], abs=1e-5)
