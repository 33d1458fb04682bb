"""Episodes of an alert and the edge to the mean: one crossing one episode, never an edge without its cost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant import FrozenMoments, costs
from statarb.quant.signal import Episode, edge_to_mean, episodes

MINUTE = 60_000


def z_series(*values):
    index = pd.DatetimeIndex((np.arange(len(values)) * MINUTE).astype("datetime64[ms]"), tz="UTC", name="ts")
    return pd.Series(np.asarray(values, dtype=float), index=index)


def found(*values, threshold=2.0):
    return episodes(z_series(*values), MINUTE, threshold)


def test_a_crossing_fires_once_at_the_close_of_its_bar():
    assert found(0.0, 1.9, 2.0, 2.7, 2.4) == (Episode(1, 3 * MINUTE, 2.0),)


def test_it_is_armed_again_only_inside_half_of_the_threshold():
    assert len(found(2.1, 1.1, 2.2, 1.0, 2.3)) == 1
    assert found(2.1, 0.99, 2.2) == (Episode(1, MINUTE, 2.1, 2 * MINUTE), Episode(1, 3 * MINUTE, 2.2))


def test_the_other_side_ends_one_and_begins_the_next():
    assert found(2.5, -2.5) == (Episode(1, MINUTE, 2.5, 2 * MINUTE), Episode(-1, 2 * MINUTE, -2.5))
    assert found(2.5, -1.5, 2.5) == (Episode(1, MINUTE, 2.5, 2 * MINUTE), Episode(1, 3 * MINUTE, 2.5))


def test_bars_without_a_z_change_nothing():
    assert found(np.nan, 2.5, np.nan, 2.6) == (Episode(1, 2 * MINUTE, 2.5),)


def test_without_a_positive_beta_there_is_no_signal():
    z = z_series(2.5, 2.6, 2.7, 2.8, 2.9)
    beta = pd.Series([-1.0, 0.0, 1.0, -0.1, np.nan], index=z.index)
    assert episodes(z, MINUTE, 2.0, beta) == (Episode(1, 3 * MINUTE, 2.7, 4 * MINUTE),)
    with pytest.raises(DataError):
        episodes(z, MINUTE, 2.0, beta.iloc[:3])


def test_no_bars_no_episodes():
    assert found() == ()
    assert found(np.nan, np.nan) == ()


@given(some.lists(some.floats(-6, 6), max_size=60), some.floats(0.5, 5))
def test_all_who_look_agree_and_no_look_ahead(values, threshold):
    """Each prefix of the series has the episodes of the whole, except how the last one ended."""
    whole = found(*values, threshold=threshold)
    for n in range(len(values)):
        part = found(*values[:n], threshold=threshold)
        assert [(e.side, e.since_ms, e.z) for e in part] == [(e.side, e.since_ms, e.z) for e in whole[: len(part)]]
    assert all(abs(e.z) >= threshold and (e.z > 0) == (e.side > 0) for e in whole)
    assert all(e.until_ms is None or e.until_ms > e.since_ms for e in whole)
    assert all(e.until_ms is not None for e in whole[:-1])


def test_edge_and_cost_on_log_prices():
    moments = FrozenMoments(0.0, -1.5, 0.001, 0.002, 0, 240, "log")
    edge = edge_to_mean(moments, costs(PairParams(fee_bps=5, slippage_bps=1)), 0.0041, 3000.0, 60_000.0)
    assert edge.edge_bps == pytest.approx(31)
    assert edge.round_trip_bps == pytest.approx(2 * 2.5 * 6)
    assert edge.net_bps == pytest.approx(1)


def test_both_scales_see_the_same_costs_where_they_describe_the_same_trade():
    """beta 0.05 units of a 60,000 leg for a 3,000 leg is one notional for one notional."""
    spent = costs(PairParams())
    on_log = edge_to_mean(FrozenMoments(0, 1.0, 0, 0.001, 0, 240, "log"), spent, 0.002, 3000.0, 60_000.0)
    on_prices = edge_to_mean(FrozenMoments(0, 0.05, 0, 3.0, 0, 240, "price"), spent, 6.0, 3000.0, 60_000.0)
    assert on_prices.edge_bps == pytest.approx(on_log.edge_bps)
    assert on_prices.round_trip_bps == pytest.approx(on_log.round_trip_bps)
