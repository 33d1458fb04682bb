"""Published samples are often shorter than a desk should trust: the tests take them when they are told to."""

from __future__ import annotations

import numpy as np
import pytest

import analytics
from statarb.errors import DataError
from statarb.quant import NotEnough

STEPS = np.random.default_rng(5).normal(size=(2, 40))
X = 100 + np.cumsum(STEPS[0])
Y = 3 + 0.8 * X + STEPS[1]

OF_PAIRS = (analytics.engle_granger, analytics.johansen, analytics.phillips_ouliaris)
OF_SERIES = (analytics.adf, analytics.kpss, analytics.phillips_perron, analytics.df_gls)
CALLS = [(function, (Y, X)) for function in OF_PAIRS] + [(function, (X,)) for function in OF_SERIES]


@pytest.mark.parametrize(("function", "sample"), CALLS, ids=lambda value: getattr(value, "__name__", ""))
def test_forty_bars_are_tested_only_when_asked_for(function, sample):
    refused = function(*sample)
    assert isinstance(refused, NotEnough)
    assert refused.have == 40
    assert not isinstance(function(*sample, least_bars=40), NotEnough)
    with pytest.raises(DataError, match="too few"):
        function(*sample, least_bars=5)


def test_a_short_sample_has_the_statistics_of_the_library():
    from statsmodels.tsa.vector_ar.vecm import coint_johansen

    found = analytics.johansen(Y, X, lags=1, det_order=0, least_bars=40)
    theirs = coint_johansen(np.column_stack([Y, X]), 0, 1)
    assert found.trace == pytest.approx(tuple(theirs.trace_stat), rel=1e-9)
    assert found.max_eigenvalue == pytest.approx(tuple(theirs.max_eig_stat), rel=1e-9)
