"""Any hedge may drive z: each is its own method on the window, known at its bar, on one schedule for all who look."""

import numpy as np
import pandas as pd
import pytest
from quant_samples import bars_of, closed_until, prices_of, reverting_legs

from statarb.errors import DataError
from statarb.params import HEDGES, PairParams
from statarb.quant import (
    FrozenMoments,
    NotEnough,
    hedge_moments,
    huber_hedge,
    kalman_hedge,
    live_z,
    moments_seen,
    returns_hedge,
    rolling_hedge,
    study_pair,
    theil_sen_hedge,
    tls_hedge,
    z_seen,
)
from statarb.quant.hedge_moments import refit_rows

WINDOW = 48
Y, X = reverting_legs(300, seed=4)
METHODS = {"returns": returns_hedge, "tls": tls_hedge, "huber": huber_hedge, "theil_sen": theil_sen_hedge}


def on_clock(values, first_minute=0):
    ts = (60_000 * (first_minute + np.arange(len(values)))).astype("datetime64[ms]")
    return pd.Series(values, index=pd.DatetimeIndex(ts, tz="UTC", name="ts"))


@pytest.mark.parametrize("hedge", METHODS)
def test_each_is_its_own_method_on_the_window_where_it_is_fitted(hedge):
    path = hedge_moments(Y, X, WINDOW, hedge)
    rows = refit_rows(len(path), WINDOW) if hedge in ("huber", "theil_sen") else range(WINDOW - 1, 300, 37)
    for row in rows[:6]:
        past = slice(row - WINDOW + 1, row + 1)
        fit = METHODS[hedge](Y[past], X[past])
        assert path["beta"].iloc[row] == pytest.approx(fit.beta, rel=1e-9)
        assert path["alpha"].iloc[row] == pytest.approx(fit.alpha, rel=1e-9, abs=1e-9)


def test_the_kalman_hedge_is_the_filter_that_remembers_one_window():
    path, filtered = hedge_moments(Y, X, WINDOW, "kalman"), kalman_hedge(Y, X, discount=1 - 1 / WINDOW)
    np.testing.assert_array_equal(path["beta"].iloc[WINDOW:], filtered["beta"].iloc[WINDOW:])
    assert path["beta"].iloc[: WINDOW - 1].isna().all()


@pytest.mark.parametrize("hedge", HEDGES)
def test_mean_and_deviation_are_of_the_windows_bars_under_that_hedge(hedge):
    path = hedge_moments(Y, X, WINDOW, hedge)
    for row in (WINDOW, 200, 299):
        alpha, beta, mean, sd = path.iloc[row]
        past = slice(row - WINDOW + 1, row + 1)
        spread = Y[past] - alpha - beta * X[past]
        assert mean == pytest.approx(spread.mean(), abs=1e-9)
        assert sd == pytest.approx(spread.std(ddof=1), rel=1e-9)


def test_least_squares_is_what_it_was():
    path, rolling = hedge_moments(Y, X, WINDOW), rolling_hedge(Y, X, WINDOW)
    pd.testing.assert_frame_equal(path[["alpha", "beta", "sd"]], rolling[["alpha", "beta", "sd"]])
    assert (path["mean"].dropna() == 0).all()


@pytest.mark.parametrize("hedge", HEDGES)
def test_no_bar_sees_a_later_one(hedge):
    whole = z_seen(on_clock(Y), on_clock(X), WINDOW, hedge, 60_000)
    for k in (1, WINDOW, WINDOW + 1, 151, 299):
        part = z_seen(on_clock(Y[:k]), on_clock(X[:k]), WINDOW, hedge, 60_000)
        np.testing.assert_array_equal(part, whole.iloc[:k])


@pytest.mark.parametrize("hedge", ["huber", "theil_sen"])
def test_samples_that_begin_at_different_times_agree_on_the_refits(hedge):
    early = hedge_moments(on_clock(Y), on_clock(X), WINDOW, hedge, 60_000)
    late = hedge_moments(on_clock(Y[33:], 33), on_clock(X[33:], 33), WINDOW, hedge, 60_000)
    settled = late.index[WINDOW + 2 :]
    pd.testing.assert_frame_equal(early.loc[settled], late.loc[settled], rtol=1e-9)


@pytest.mark.parametrize("hedge", ["huber", "theil_sen"])
def test_between_two_refits_the_hedge_stands(hedge):
    beta = hedge_moments(on_clock(Y), on_clock(X), WINDOW, hedge, 60_000)["beta"].dropna()
    assert beta.nunique() <= len(beta) / 2 + 2
    assert beta.nunique() > 20


@pytest.mark.parametrize("hedge", HEDGES)
def test_where_no_spread_exists_there_is_none(hedge):
    flat, same = np.full(300, 7.0), X.copy()
    for y, x in ((flat, X), (Y, flat), (same, X)):
        assert hedge_moments(y, x, WINDOW, hedge).isna().all(axis=None)


@pytest.mark.parametrize("hedge", HEDGES)
def test_the_hedge_of_the_analysis_drives_z_and_the_live_z(hedge):
    y, x = prices_of(Y), prices_of(X, 60_000)
    params = PairParams(window=WINDOW, test_window=100, hedge=hedge)
    study = study_pair(bars_of(y), bars_of(x), params, closed_until(300))
    by_hand = z_seen(np.log(y), np.log(x), WINDOW, "ols" if hedge == "ols" else hedge)
    if hedge not in ("huber", "theil_sen"):  # (those are refitted on the clock)
        np.testing.assert_allclose(study.z, by_hand, rtol=1e-9)
    assert isinstance(study.moments, FrozenMoments)
    before = study_pair(bars_of(y[:299]), bars_of(x[:299]), params, closed_until(299))
    assert live_z(before.moments, y[299], x[299])[1] == pytest.approx(study.z.iloc[-1], rel=1e-9)
    fixed = study.spread_fixed.series
    expected = np.log(y) - study.moments.alpha - study.moments.beta * np.log(x)
    np.testing.assert_allclose(fixed, expected, atol=1e-12)


@pytest.mark.parametrize("hedge", HEDGES)
def test_the_study_carries_the_estimate_of_its_hedge(hedge):
    params = PairParams(window=WINDOW, test_window=100, hedge=hedge)
    study = study_pair(bars_of(prices_of(Y)), bars_of(prices_of(X)), params, closed_until(300))
    assert not isinstance(study.hedge_estimate, NotEnough)
    tolerance = 0.1 if hedge in ("huber", "theil_sen") else 1e-9  # (z is judged by their last refit)
    assert study.hedge_estimate.beta == pytest.approx(study.moments.beta, rel=tolerance)


def test_another_hedge_is_refused():
    with pytest.raises(DataError, match="not a hedge"):
        moments_seen(Y, X, WINDOW, "magic")
