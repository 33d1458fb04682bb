"""Charts: valid Plotly, the study's own numbers, and a tail that continues what was drawn."""

import base64
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from statarb.charts import Base, live_figure, live_tags, pair_figure
from statarb.clock import Zone
from statarb.params import PairParams
from statarb.quant import study_pair
from statarb.quant.signal import episodes

START_MS = 1_700_000_400_000 // 86_400_000 * 86_400_000
NOTES = ("", "", "", "")


def bars(closes):
    index = pd.DatetimeIndex((START_MS + np.arange(len(closes)) * 60_000).astype("datetime64[ms]"), tz="UTC", name="ts")
    volumes = dict.fromkeys(("volume", "quote_volume", "taker_buy_volume"), 5.0)
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pd.DataFrame({**prices, **volumes, "trade_count": 3, "provisional": False, "seeded": False}, index=index)


def study(n=700, **knobs):
    random = np.random.default_rng(3)
    x = np.log(60_000) + np.cumsum(random.normal(0, 4e-4, 1000))
    residual = np.zeros(1000)
    for i in range(1, 1000):
        residual[i] = 0.95 * residual[i - 1] + random.normal(0, 2e-4)
    params = PairParams(**{"window": 60, "test_window": 200, "corr_window": 20, **knobs})
    y = 0.9 * x - 2 + residual
    return study_pair(bars(np.exp(y[:n])), bars(np.exp(x[:n])), params, START_MS + n * 60_000)


def drawn(figure):
    """The figure as the browser completes it: common times put in, theme tokens replaced."""
    spec = json.loads(re.sub(r"@[a-z-]+-color", "#123456", json.dumps(figure.spec())))
    data = [{**trace, "x": trace.get("x", spec["x"])} for trace in spec["data"]]
    return data, spec["layout"]


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), dtype=f"<{packed['dtype']}")


def make(build, which, version="1", notes=NOTES):
    return build(which, episodes(which.z, 60_000, which.params.entry_z), notes, version)


@pytest.mark.parametrize("build", [live_figure, pair_figure])
@pytest.mark.parametrize("knobs", [{}, {"price_scale": "price"}, {"n": 1}, {"n": 0}, {"n": 30}])
def test_every_figure_is_valid_plotly(build, knobs):
    data, layout = drawn(make(build, study(**knobs)))
    go.Figure(data=data, layout=layout)


def test_the_lines_are_the_studys_numbers():
    one = study()
    lines = {line.name: line.values for _, line in make(pair_figure, one).lines}
    np.testing.assert_array_equal(lines["z"], one.z)
    np.testing.assert_array_equal(lines["spread"], one.spread * 1e4)
    np.testing.assert_array_equal(lines["correlation"], one.correlation)
    y = one.prices["y"].to_numpy()
    np.testing.assert_allclose(lines["ETHUSDT"], (y / y[0] - 1) * 100, atol=1e-12)


def test_the_packed_values_are_the_lines_to_what_a_screen_can_show():
    figure = make(live_figure, study())
    spec = figure.spec()
    np.testing.assert_array_equal(unpacked(spec["x"]), figure.times_ms)
    for trace, (_, line) in zip(spec["data"], figure.lines, strict=False):
        np.testing.assert_allclose(unpacked(trace["y"]), line.values, rtol=1e-6, atol=1e-6)


def test_a_later_tail_joins_the_earlier_figure():
    """While rev stays, the figure sent once and the tails after it give the figure of now."""
    first, later = make(live_figure, study(600)), make(live_figure, study(605))
    assert first.rev == later.rev
    tail = later.tail(12)
    assert tail["x"][0] <= first.times_ms[-1] < tail["x"][-1]
    for (_, line), values in zip(later.lines, tail["y"], strict=True):
        np.testing.assert_allclose(np.asarray(values, dtype=float), line.values[-12:], rtol=1e-6)
    json.dumps(tail, allow_nan=False)


@pytest.mark.parametrize(
    "knobs", [{"window": 80}, {"price_scale": "price"}, {"entry_z": 1.5}, {"corr_window": 30}, {"x": "spot:SOLUSDT"}]
)
def test_what_changes_the_drawing_changes_its_rev(knobs):
    assert make(live_figure, study()).rev != make(live_figure, study(**knobs)).rev


def test_revised_bars_and_notes_change_the_rev():
    one = study()
    revs = {make(live_figure, one).rev, make(live_figure, one, "2").rev, make(live_figure, one, "1", ("n",) * 4).rev}
    assert len(revs) == 3


def test_thresholds_are_lines_and_crossings_are_points():
    one = study(entry_z=1.5)
    figure = make(live_figure, one)
    levels = {level.value for level in figure.panes[2].levels}
    assert {1.5, -1.5, 0.75, -0.75} <= levels
    marks = figure.panes[2].marks[0]
    z = one.z.set_axis(figure.times_ms)
    assert len(marks.times_ms) == len(episodes(one.z, 60_000, 1.5)) > 0
    np.testing.assert_array_equal(z.loc[marks.times_ms], marks.values)


def test_live_tags_are_the_live_values_on_the_scale_of_their_pane():
    one = study()
    y0, x0 = one.prices["y"].iloc[0], one.prices["x"].iloc[0]
    tags = live_tags(one, Base.of(one), y0 * 1.01, x0 * 0.99, 0.0012, -1.234)
    assert [(tag.pane, round(tag.value, 9), tag.text) for tag in tags] == [
        (0, 1.0, "+1.00 %"),
        (0, -1.0, "−1.00 %"),
        (1, 12.0, "+12.0 bp"),
        (2, -1.234, "−1.23"),
        (3, round(float(one.correlation.iloc[-1]), 9), f"{one.correlation.iloc[-1]:.2f}"),
        (4, 5.0, "5.00"),
        (4, 5.0, "5.00"),
    ]
    assert [tag.pane for tag in live_tags(one, Base.of(one), None, None, float("nan"), float("nan"))] == [3, 4, 4]
    assert live_tags(one, Base.of(one), y0 * 0.9999999, x0, 0.0, 0.0)[0].text == "+0.00 %"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.00"), (12.34, "12.3"), (999.6, "1.00k"), (323_236.0, "323k"), (4.19e9, "4.19G")]
)
def test_a_volume_is_told_to_three_figures(value, text):
    one = study()
    one.prices.loc[one.prices.index[-1], "y_volume"] = value
    tags = live_tags(one, Base.of(one), None, None, math.nan, math.nan)
    assert next(tag.text for tag in tags if tag.pane == 4) == text


def test_an_alert_is_marked_where_it_began_and_where_it_was_over():
    one = study(entry_z=1.5)
    begun, over = make(live_figure, one).panes[2].marks
    ended = [episode for episode in episodes(one.z, 60_000, 1.5) if episode.until_ms is not None]
    assert (begun.symbol, over.symbol) == ("circle", "circle-open")
    assert over.times_ms.tolist() == [episode.until_ms - 60_000 for episode in ended]
    assert (np.abs(over.values) < 1.5).all()
    assert begun.texts[0].startswith(f"crossed {'+' if begun.values[0] > 0 else '−'}1.5: z ")
    assert over.texts[0].startswith("over: z ")


def test_the_band_is_the_threshold_by_the_moments_that_judged_each_bar():
    one = study(entry_z=1.5)
    low, high, mean, spread = make(live_figure, one).panes[1].lines
    np.testing.assert_allclose(mean.values, one.moments_seen["mean"].to_numpy() * 1e4)
    reach = 1.5 * one.moments_seen["sd"].to_numpy() * 1e4
    np.testing.assert_allclose(high.values - low.values, 2 * reach)
    beyond = (spread.values > high.values) | (spread.values < low.values)
    np.testing.assert_array_equal(beyond, (one.z.abs() > 1.5).to_numpy())


def test_volume_is_each_bars_quote_volume():
    one = study()
    volumes = make(live_figure, one).panes[4].lines
    np.testing.assert_array_equal(volumes[0].values, one.prices["y_volume"].to_numpy())
    np.testing.assert_array_equal(volumes[1].values, one.prices["x_volume"].to_numpy())


def test_another_zone_moves_the_title_and_nothing_else():
    one = study()
    here = live_figure(one, one.episodes, ("",) * 4, "v", Zone("UTC+02:00", 7_200_000))
    there = live_figure(one, one.episodes, ("",) * 4, "v")
    assert here.panes[0].title.endswith(" UTC+02:00")
    assert here.rev != there.rev
    np.testing.assert_array_equal(here.times_ms, there.times_ms)


def test_the_common_base_does_not_move_with_every_bar():
    assert len({make(live_figure, study(n)).rev.split("|")[10] for n in range(600, 606)}) == 1


@pytest.mark.parametrize(("after_midnight", "day"), [(1, -1), (30, -1), (31, 0), (500, 0)])
def test_change_is_told_since_a_round_moment_at_least_thirty_bars_ago(after_midnight, day):
    """Right after midnight both changes would read nothing."""
    minutes = np.arange(-2000, after_midnight)
    times = pd.DatetimeIndex((START_MS + minutes * 60_000).astype("datetime64[ms]"), tz="UTC")
    prices = pd.DataFrame({"y": minutes + 3000.0, "x": 1.0}, index=times)
    one = SimpleNamespace(prices=prices, params=PairParams(), legs=SimpleNamespace(bar_ms=60_000))
    base = Base.of(one)
    assert base.since_ms == START_MS + day * 86_400_000
    assert base.y == 3000 + day * 1440
