"""The Engle-Granger test: published values, arch, its level and power, and what it refuses."""

import numpy as np
import pytest
from arch.unitroot.cointegration import engle_granger as arch_engle_granger
from quant_samples import acceptance, random_walks, reference_frame, reverting_legs

from statarb.errors import DataError
from statarb.quant import NotEnough, Undefined, engle_granger


@pytest.mark.parametrize("trend", ["c", "ct", "ctt"])
def test_stata_egranger(trend):
    data = reference_frame("stata_egranger_data.csv")
    leg = engle_granger(data["a"], data["b"], trend, lags=4).y_on_x
    got = [leg.statistic, leg.critical_values["5%"], leg.critical_values["10%"]]
    assert got == pytest.approx(acceptance("C2")[trend], abs=1e-9)


def test_eviews_statistic_p_and_lags():
    data, expected = reference_frame("arch_eg_data.csv"), acceptance("C3")
    plain = engle_granger(data["y"], data["x"], lag_bounds=(0, 17)).y_on_x
    assert plain.statistic == pytest.approx(expected["y~x c aic: t,p"][0], rel=1e-4)
    assert plain.pvalue == pytest.approx(expected["y~x c aic: t,p"][1], rel=1e-2)
    aic = engle_granger(data["y"], data["w"], lag_bounds=(0, 17)).y_on_x
    assert [aic.statistic, aic.rho, aic.lags] == pytest.approx(expected["y~w c aic max17: t,rho,lags"], rel=1e-4)
    bic = engle_granger(data["w"], data["y"], lag_bounds=(0, 17), criterion="bic").y_on_x
    assert [bic.statistic, bic.rho, bic.lags] == pytest.approx(expected["w~y c bic max17: t,rho,lags"], rel=1e-4)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_both_directions_equal_arch(seed, criterion):
    y, x = random_walks(300, seed) if seed % 2 else reverting_legs(300, seed, half_life=20)
    result = engle_granger(y, x, lag_bounds=(0, 15), criterion=criterion)
    for leg, (left, right) in ((result.y_on_x, (y, x)), (result.x_on_y, (x, y))):
        oracle = arch_engle_granger(left, right, "c", max_lags=15, method=criterion)
        assert leg.lags == oracle.lags
        assert leg.statistic == pytest.approx(oracle.stat, rel=1e-8)
        assert leg.pvalue == pytest.approx(oracle.pvalue, abs=0.004)


@pytest.mark.parametrize(("first", "second"), [("y", "x"), ("y", "w")])
def test_without_a_constant_it_equals_arch_to_its_critical_values(first, second):
    data = reference_frame("arch_eg_data.csv")
    found = engle_granger(data[first], data[second], "n", lag_bounds=(0, 17)).y_on_x
    oracle = arch_engle_granger(data[first], data[second], "n", max_lags=17, method="aic")
    assert (found.statistic, found.lags) == (pytest.approx(oracle.stat, rel=1e-8), oracle.lags)
    assert found.pvalue == pytest.approx(oracle.pvalue, rel=1e-4, abs=1e-7)
    for level in (1, 5, 10):
        assert found.critical_values[f"{level}%"] == pytest.approx(oracle.critical_values[level], abs=1e-3)


def test_p_is_the_doubled_smaller_p_of_both_directions():
    result = engle_granger(*random_walks(200, seed=2))
    assert result.pvalue == min(1.0, 2 * min(result.y_on_x.pvalue, result.x_on_y.pvalue))
    assert result.rejects == (result.pvalue < 0.05)


def test_the_level_holds_on_unrelated_walks():
    """The full calibration (1,600 runs a cell) is in docs/methods.md; 600 here: 5 % within three standard errors."""
    for n in (100, 300):
        rejected = sum(engle_granger(*random_walks(n, [n, seed])).rejects for seed in range(600))
        assert 0.023 <= rejected / 600 <= 0.077


def test_a_plain_dickey_fuller_test_of_the_residuals_would_not_hold_it():
    from statsmodels.tsa.stattools import adfuller

    rejected = 0
    for seed in range(200):
        y, x = random_walks(300, seed)
        resid = y - np.polyval(np.polyfit(x, y, 1), x)
        rejected += adfuller(resid, maxlag=4, autolag=None, result_object=True).pvalue < 0.05
    assert rejected / 200 > 0.10


def test_reverting_pairs_are_found():
    found = sum(engle_granger(*reverting_legs(1440, seed, half_life=15)).rejects for seed in range(40))
    assert found >= 38


def test_degenerate_legs_give_a_typed_answer():
    y, x = random_walks(200, seed=1)
    assert engle_granger([], []) == NotEnough("bars", 0, 100)
    assert engle_granger(y[:99], x[:99]) == NotEnough("bars", 99, 100)
    assert isinstance(engle_granger(np.full(200, 0.1), x), Undefined)
    assert isinstance(engle_granger(y, np.full(200, 0.1)), Undefined)
    assert isinstance(engle_granger(x, x), Undefined)
    assert isinstance(engle_granger(x + 1e-4 * np.sin(np.arange(200)), x), Undefined)
    assert "same asset" in engle_granger(2 * x, x).text


def test_a_spread_without_noise_is_no_evidence():
    assert isinstance(engle_granger(np.tile([1.0, -1.0], 100) + 1e-3 * np.arange(200), np.arange(200.0)), Undefined)


@pytest.mark.parametrize(("y_scale", "x_scale"), [(1e-8, 1e-8), (1e9, 1e9), (1e-8, 1e9)])
def test_price_scales_do_not_matter(y_scale, x_scale):
    y, x = reverting_legs(300, seed=4)
    expected = engle_granger(y, x)
    got = engle_granger(y_scale * y, x_scale * x)
    assert got.y_on_x.statistic == pytest.approx(expected.y_on_x.statistic, rel=1e-6)
    assert got.pvalue == pytest.approx(expected.pvalue, rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_value_is_refused_and_never_a_p_of_zero(bad):
    y, x = random_walks(200, seed=1)
    y[7] = bad
    with pytest.raises(DataError):
        engle_granger(y, x)


@pytest.mark.parametrize("options", [{"trend": "q"}, {"lags": 100}, {"criterion": "t"}])
def test_options_that_do_not_exist_are_refused(options):
    with pytest.raises(DataError):
        engle_granger(*random_walks(200, seed=1), **options)
