"""The analysis' charts: valid Plotly, made of the study's own numbers."""

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest
from test_charts_pair import NOTES, START_MS, bars, study, unpacked

from statarb.charts import live_figure, pair_figure
from statarb.charts.backtest import backtest_spec
from statarb.charts.candles import analysis_spec
from statarb.charts.distribution import distribution_spec
from statarb.charts.hedge import beta_spec, correlation_spec
from statarb.charts.scatter import LINE_POINTS, scatter_spec
from statarb.quant import (
    HedgeEstimate,
    Rule,
    backtest_study,
    kalman_hedge,
    on_scale,
    rolling_correlation,
    rolling_hedge,
    z_distribution,
)


def drawn_spec(spec):
    """The specification as the browser completes it: common times put in, theme tokens replaced."""
    spec = json.loads(re.sub(r"@[a-z-]+-color", "#123456", json.dumps(spec)))
    return {"data": [{"x": spec.get("x"), **trace} for trace in spec["data"]], "layout": spec["layout"]}


def analysis(one, newest=120, *, candles=False, closes=None):
    figure = pair_figure(one, one.episodes, NOTES, "1")
    closes = np.arange(100.0, 800.0) if closes is None else closes
    return analysis_spec(figure, one.params, newest, (bars(closes), bars(closes / 2)) if candles else None)


def legs(one):
    return (on_scale(one.prices[leg], one.params.price_scale) for leg in ("y", "x"))


def named(spec):
    return {trace["name"]: trace for trace in spec["data"]}


@pytest.mark.parametrize("candles", [False, True])
@pytest.mark.parametrize("n", [0, 1, 30, 700])
def test_the_stack_of_panes_is_valid_plotly_whatever_there_is(candles, n):
    spec = analysis(study(n=n), candles=candles, closes=np.arange(100.0, 100.0 + n))
    go.Figure(**drawn_spec(spec))
    assert len(spec["fit"]) == (6 if candles else 5)


def test_only_the_newest_bars_are_drawn_and_they_are_the_studys():
    one = study(n=700)
    spec = analysis(one)
    assert unpacked(spec["x"]).tolist() == [START_MS + i * 60_000 for i in range(580, 700)]
    np.testing.assert_allclose(unpacked(named(spec)["z"]["y"]), one.z.iloc[-120:], rtol=1e-6)
    crossed = named(spec).get("crossed", {"x": []})["x"]
    assert all(time >= START_MS + 580 * 60_000 for time in crossed)


def test_candles_are_the_bars_of_each_leg_without_the_empty_ones():
    closes = np.arange(100.0, 800.0)
    closes[690] = np.nan
    drawn = named(analysis(study(n=700), candles=True, closes=closes))
    shown = np.delete(closes, 690)[-119:]
    np.testing.assert_array_equal(unpacked(drawn["ETHUSDT"]["close"]), shown)
    np.testing.assert_array_equal(unpacked(drawn["BTCUSDT"]["close"]), shown / 2)


@pytest.mark.parametrize("candles", [False, True])
def test_volume_is_drawn_as_steps_of_the_bars_as_on_live_view(candles):
    one = study(n=700)
    spec, live = analysis(one, candles=candles), live_figure(one, one.episodes, NOTES, "1").spec()
    for leg, column in (("ETHUSDT", "y_volume"), ("BTCUSDT", "x_volume")):
        shown, there = named(spec)[f"{leg} volume"], named(live)[f"{leg} volume"]
        np.testing.assert_allclose(unpacked(shown["y"]), one.prices[column].iloc[-120:], rtol=1e-6)
        assert {key: shown[key] for key in ("type", "line")} == {key: there[key] for key in ("type", "line")}
    assert not [trace for trace in spec["data"] if trace["type"] == "bar"]


@pytest.mark.parametrize("scale", ["log", "price"])
def test_points_are_prices_and_a_line_is_its_method_on_the_scale_of_the_fit(scale):
    one = study(price_scale=scale)
    rows = one.prices.iloc[-60:]
    line = HedgeEstimate("TLS", 0.5, 0.7, np.nan, np.nan, np.nan, 60)
    spec = scatter_spec(rows, one.params, {"TLS": line})
    go.Figure(**drawn_spec(spec))
    points, curve, newest = spec["data"]
    np.testing.assert_array_equal(unpacked(points["x"]), rows["x"])
    np.testing.assert_array_equal(unpacked(points["y"]), rows["y"])
    across, up = unpacked(curve["x"]), unpacked(curve["y"])
    assert len(across) == LINE_POINTS
    np.testing.assert_allclose(on_scale(up, scale), 0.5 + 0.7 * np.asarray(on_scale(across, scale)), rtol=1e-12)
    assert (newest["x"], newest["y"]) == ([rows["x"].iloc[-1]], [rows["y"].iloc[-1]])
    assert points["marker"]["color"] == sorted(points["marker"]["color"]), "the colour is time"


def test_a_scatter_of_nothing_is_valid():
    one = study(n=0)
    go.Figure(**drawn_spec(scatter_spec(one.prices, one.params, {})))


def test_each_beta_stands_in_the_band_of_its_own_error():
    one = study()
    y, x = legs(one)
    rolling, kalman = rolling_hedge(y, x, 60), kalman_hedge(y, x)
    spec = beta_spec(one.prices.index, rolling, kalman, one.params)
    go.Figure(**drawn_spec(spec))
    shown = {name: unpacked(trace["y"]) for name, trace in named(spec).items()}
    np.testing.assert_allclose(shown["least squares"], rolling["beta"], rtol=1e-6)
    np.testing.assert_allclose(shown["Kalman, high"] - shown["Kalman, low"], 2 * 1.96 * kalman["beta_sd"], rtol=1e-3)
    width = shown["least squares, high"] - shown["least squares, low"]
    np.testing.assert_allclose(width, 2 * 1.96 * rolling["beta_se"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(shown["Kalman"], kalman["beta"], rtol=1e-6)


def test_correlation_of_levels_is_drawn_on_request_and_labelled():
    one = study()
    plain = correlation_spec(one.prices.index, one.correlation, None, one.params)
    levels = rolling_correlation(*legs(one), 60)
    both = correlation_spec(one.prices.index, one.correlation, levels, one.params)
    go.Figure(**drawn_spec(both))
    assert list(named(plain)) == ["of returns"]
    np.testing.assert_allclose(unpacked(named(both)["of levels (misleading)"]["y"]), levels, rtol=1e-6)
    assert "unrelated walks" in both["layout"]["annotations"][0]["text"]


def test_the_histogram_is_the_distribution():
    found = z_distribution(study().z)
    spec = distribution_spec(found, -1.5, "view")
    go.Figure(**drawn_spec(spec))
    np.testing.assert_allclose(unpacked(named(spec)["seen"]["y"]), found.share * 100, rtol=1e-6)
    np.testing.assert_allclose(unpacked(named(spec)["normal law"]["y"]), found.normal * 100, rtol=1e-6, atol=1e-12)
    assert spec["layout"]["annotations"][0]["text"] == "now \u22121.50"
    assert not distribution_spec(found, None, "view")["layout"]["annotations"]


def test_equity_drawdown_and_trips_are_the_simulations():
    one = study(entry_z=1.5, stop_z=6)
    result = backtest_study(one, Rule(1.5, 0, 6, cost_bps=1))
    spec = backtest_spec(result, one.z, one.params)
    go.Figure(**drawn_spec(spec))
    drawn = named(spec)
    np.testing.assert_allclose(unpacked(drawn["equity"]["y"]), result.equity, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(unpacked(drawn["drawdown"]["y"]), result.drawdown, rtol=1e-5, atol=1e-4)
    trips = {True: [], False: []}
    for trip in result.round_trips:
        trips[trip.net > 0].append(trip)
    for name, won in (("gained", True), ("lost", False)):
        across, up = unpacked(drawn[name]["x"]), unpacked(drawn[name]["y"])
        times = unpacked(spec["x"])
        assert across[0::3].tolist() == [times[trip.entered] for trip in trips[won]]
        assert across[1::3].tolist() == [times[trip.left] for trip in trips[won]]
        np.testing.assert_allclose(up[0::3], [one.z.iloc[trip.entered] for trip in trips[won]], rtol=1e-6)
        assert np.isnan(up[2::3]).all(), "one trip is not joined to the next"


def test_a_long_backtest_is_thinned_and_says_so():
    one = study(entry_z=1.5, stop_z=6)
    whole = backtest_spec(backtest_study(one), one.z, one.params)
    thin = backtest_spec(backtest_study(one), one.z, one.params, most=100)
    assert len(unpacked(whole["x"])) == 700
    assert len(unpacked(thin["x"])) == 101
    assert unpacked(thin["x"])[-1] == unpacked(whole["x"])[-1], "the newest bar stays"
    assert "every 7th bar drawn" in thin["layout"]["annotations"][0]["text"]
