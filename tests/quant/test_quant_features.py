"""The feature table: each row is what a study made at that minute's close would have shown."""

import numpy as np
import pandas as pd
import pytest
from quant_samples import START_MS, bars_of, closed_until, prices_of, reverting_legs

from statarb.market import TIMEFRAMES
from statarb.params import PairParams
from statarb.quant import feature_table, price_statistics, resample_bars, study_pair

PARAMS = PairParams(window=40, test_window=120, corr_window=20)
N = 400
Y, X = (prices_of(leg, level) for leg, level in zip(reverting_legs(N, seed=1), (3000, 60_000), strict=True))


def table_of(y=Y, x=X, params=PARAMS, step_s=60, **span):
    return feature_table(bars_of(y, step_s), bars_of(x, step_s), params, closed_until(len(y), step_s), **span)


def study_at(n, y=Y, x=X, params=PARAMS, step_s=60):
    return study_pair(bars_of(y[:n], step_s), bars_of(x[:n], step_s), params, closed_until(n, step_s))


@pytest.mark.parametrize("n", [1, 41, 119, 120, 121, 133, 200, 399])
def test_a_row_is_what_a_study_at_its_close_shows(n):
    row, study = table_of().iloc[n - 1], study_at(n)
    assert row["y_close"] == Y[n - 1]
    assert row["verdict"] == study.verdict.word
    expected = [study.spread.iloc[-1], study.z.iloc[-1], study.moments_seen["beta"].iloc[-1]]
    np.testing.assert_allclose(row[["spread", "z", "beta"]].astype(float), expected, rtol=1e-9)
    if n > 21:
        assert row["correlation"] == pytest.approx(study.correlation.iloc[-1], rel=1e-9)


def test_every_verdict_is_the_one_that_stood_then_through_an_outage_too():
    y = Y.copy()
    y[150:280] = np.nan
    words = table_of(y)["verdict"]
    assert {"not enough data"} < set(words)
    for n in (*range(118, 124), 148, 152, 160, 185, 279, 281, 300, 399, 400):
        assert words.iloc[n - 1] == study_at(n, y).verdict.word, n


def test_volume_and_volatility_are_those_of_the_minute():
    table, minutes = table_of(), resample_bars(bars_of(Y), TIMEFRAMES["1m"], closed_until(N))
    np.testing.assert_array_equal(table["y_volume"], 2 * Y)
    np.testing.assert_array_equal(
        table["y_volatility"], price_statistics(minutes, TIMEFRAMES["1m"], 20)["volatility"].to_numpy()
    )


def test_coverage_is_the_share_of_the_window_that_is_there_and_whole():
    y = Y.copy()
    y[100:110] = np.nan
    bars = bars_of(y)
    bars.loc[bars.index[200:220], "provisional"] = True
    coverage = feature_table(bars, bars_of(X), PARAMS, closed_until(N))["coverage"]
    assert coverage.iloc[0] == 1 / 40
    assert coverage.iloc[39:100].eq(1).all()
    assert coverage.iloc[109] == 30 / 40
    assert coverage.iloc[150:200].eq(1).all()
    assert coverage.min() == 1 / 40
    assert coverage.iloc[229] == 20 / 40


def test_a_leg_that_did_not_trade_has_no_close_and_no_z_is_carried_over():
    y = Y.copy()
    y[300] = np.nan
    table = table_of(y)
    assert len(table) == N
    assert table.iloc[300][["y_close", "z", "spread", "beta"]].isna().all()
    assert table.iloc[300]["x_close"] == X[300]
    assert table.iloc[301][["y_close", "z"]].notna().all()


def test_of_a_longer_bar_every_minute_shows_the_newest_that_is_closed():
    params = PairParams(timeframe="5m", window=20, test_window=100, corr_window=10)
    table, study = table_of(params=params), study_at(N, params=params)
    z = table["z"].to_numpy()
    closes = (table.index.as_unit("ms").asi8 + 60_000) // 300_000 * 300_000
    by_close = dict(zip((study.z.index.as_unit("ms").asi8 + 300_000).tolist(), study.z.tolist(), strict=True))
    np.testing.assert_array_equal(z, [by_close.get(close, np.nan) for close in closes.tolist()])
    assert np.isfinite(z).sum() > 200


def test_of_shorter_bars_a_minute_shows_the_last():
    params = PairParams(timeframe="30s", window=40, test_window=120, corr_window=20)
    table, study = table_of(params=params, step_s=30), study_at(N, params=params, step_s=30)
    assert len(table) == N // 2
    np.testing.assert_array_equal(table["z"], study.z.iloc[1::2])
    np.testing.assert_array_equal(table["y_close"], Y[1::2])


def test_since_cuts_rows_and_changes_none():
    whole = table_of()
    part = table_of(since_ms=START_MS + 250 * 60_000)
    pd.testing.assert_frame_equal(part, whole.iloc[250:])


def test_without_bars_the_table_is_empty_with_its_columns():
    table = table_of(Y[:0], X[:0])
    assert len(table) == 0
    assert list(table.columns) == list(whole := table_of().columns)
    assert "verdict" in whole
