"""The distribution of z: shares add up, bins count what lies in them, and normal values look normal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from statarb.errors import DataError
from statarb.quant import NotEnough, z_distribution


def test_normal_values_have_the_normal_shares():
    found = z_distribution(np.random.default_rng(1).normal(size=200_000))
    np.testing.assert_allclose(found.share, found.normal, atol=0.002)
    assert found.beyond[2] == pytest.approx(found.normal_beyond[2], abs=0.002)
    assert found.normal_beyond == pytest.approx({1: 0.3173105, 2: 0.0455003, 3: 0.0026998}, abs=1e-7)
    assert found.normal.sum() == pytest.approx(1, abs=1e-12)


def test_a_hand_made_sample_is_counted():
    found = z_distribution([-9.0] + [0.1] * 26 + [1.5, 2.5, 3.5, np.nan])
    assert found.n == 30
    assert found.beyond == pytest.approx({1: 4 / 30, 2: 3 / 30, 3: 2 / 30})
    assert found.share[0] == pytest.approx(1 / 30), "what lies beyond the reach is in the outermost bin"
    assert found.share[np.searchsorted(found.edges, 0.1) - 1] == pytest.approx(26 / 30)


@given(arrays(np.float64, st.integers(30, 80), elements=st.floats(-1e9, 1e9)))
def test_shares_add_up_to_one_and_fall_with_the_level(values):
    found = z_distribution(values)
    assert found.share.sum() == pytest.approx(1)
    assert 1 >= found.beyond[1] >= found.beyond[2] >= found.beyond[3] >= 0


def test_too_few_values_are_said_and_infinity_is_refused():
    assert z_distribution(np.full(100, np.nan)) == NotEnough("bars with a z", 0, 30)
    with pytest.raises(DataError, match="infinite"):
        z_distribution([np.inf] * 40)
    with pytest.raises(DataError, match="not numbers"):
        z_distribution(["a"] * 40)
