"""params: one frozen value per analysis, in range, and a link that reads back as itself."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.errors import ConfigError
from statarb.market import TIMEFRAMES, timeframe
from statarb.params import FEE_PRESETS, KNOB, KNOBS, PairParams, default_windows

NUMBERS = [knob for knob in KNOBS if not isinstance(knob.default, str)]


def values(name: str) -> st.SearchStrategy:
    knob = KNOB[name]
    if isinstance(knob.default, int):
        return st.integers(int(knob.low), int(knob.high))
    return st.floats(knob.low, knob.high, allow_nan=False)


PARAMS = st.builds(
    PairParams,
    y=st.sampled_from(["spot:ETHUSDT", "usdm:ETHUSDT", "SOLUSDT"]),
    x=st.sampled_from(["spot:BTCUSDT", "usdm:BTCUSDT", "binance.us:BTCUSDT"]),
    timeframe=st.sampled_from([*TIMEFRAMES, "15s", "2m", "15m", "1h", "1d"]),
    **{knob.name: st.sampled_from(knob.choices) for knob in KNOBS if knob.choices},
    **{knob.name: values(knob.name) for knob in NUMBERS},
)


@given(PARAMS)
def test_a_link_reads_back_as_the_same_analysis(params):
    assert PairParams.from_query(params.to_query()) == params


@pytest.mark.parametrize("name", TIMEFRAMES)
def test_a_timeframes_own_defaults_make_a_short_link(name):
    params = PairParams.for_timeframe(name)
    legs = {"y": "ETHUSDT", "x": "BTCUSDT"}
    assert params.to_query() == legs | ({} if name == "1m" else {"timeframe": name})
    assert (params.window, params.test_window) == default_windows(params.bar_s)


def test_the_windows_of_the_timeframes_on_offer_are_the_designs():
    assert [default_windows(frame.seconds) for frame in TIMEFRAMES.values()] == [
        (900, 3600),
        (240, 1440),
        (240, 1440),
        (144, 288),
    ]
    assert default_windows(900) == (48, 100)


def test_a_fee_preset_takes_the_place_of_the_fee():
    assert PairParams(fee_bps=3).leg_fee_bps("spot") == 3
    for name, preset in FEE_PRESETS.items():
        params = PairParams(fee_bps=3, fee_preset=name)
        assert (params.leg_fee_bps("spot"), params.leg_fee_bps("usdm")) == (preset.spot_bps, preset.perpetual_bps)


def test_one_length_has_one_name_so_it_is_one_cache_key():
    assert PairParams.for_timeframe("60s") == PairParams.for_timeframe("1m")
    assert PairParams(timeframe="120m").timeframe == "2h"


@given(st.dictionaries(st.sampled_from([*KNOB, "pair", "w"]), st.text(max_size=60)))
def test_any_link_gives_an_analysis_never_an_error(query):
    PairParams.from_query(query)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ({"window": "99999999"}, {}),
        ({"window": "<script>"}, {}),
        ({"entry_z": "nan"}, {}),
        ({"entry_z": "1e400"}, {}),
        ({"timeframe": "7m"}, {}),
        ({"y": "../../etc/passwd"}, {}),
        ({"y": "BTCUSDT"}, {}),
        ({"window": "60", "entry_z": "nonsense"}, {"window": 60}),
        ({"timeframe": "5m", "window": "x"}, {"timeframe": "5m", "window": 144, "test_window": 288}),
    ],
)
def test_nonsense_in_a_link_falls_back_one_knob_at_a_time(query, kept):
    assert PairParams.from_query(query) == PairParams(**kept)


def test_the_defaults_of_the_knobs_are_those_of_the_parameters():
    assert [(field.name, field.default) for field in fields(PairParams)] == [
        (knob.name, knob.default) for knob in KNOBS
    ]


@pytest.mark.parametrize("knob", NUMBERS, ids=lambda knob: knob.name)
def test_a_knob_keeps_to_its_range_and_says_it(knob):
    assert knob.check(str(knob.low)) == knob.low
    assert knob.check(knob.high) == knob.high
    for value in (knob.low - 1, knob.high + 1):
        with pytest.raises(ConfigError, match=rf"{knob.name} .* is out of range. Give"):
            knob.check(value)


@pytest.mark.parametrize("knob", NUMBERS, ids=lambda knob: knob.name)
@pytest.mark.parametrize("value", ["", "ten", None, [], float("nan"), float("inf"), "1e400"])
def test_what_is_no_number_is_refused(knob, value):
    with pytest.raises(ConfigError, match=knob.name):
        knob.check(value)


def test_parameters_are_hashable_so_they_are_a_cache_key():
    assert hash(PairParams()) == hash(PairParams(window=240))
    assert PairParams() != replace(PairParams(), window=241)


def test_legs_are_written_one_way():
    params = PairParams(y="ethusdt", x="btcusdt")
    assert (params.y, params.x, str(params.pair)) == ("spot:ETHUSDT", "spot:BTCUSDT", "ETHUSDT on BTCUSDT")


def test_a_pair_of_the_same_leg_is_refused():
    with pytest.raises(ConfigError, match="two different instruments"):
        PairParams(y="BTCUSDT", x="spot:btcusdt")


@given(PARAMS)
def test_the_bars_read_cover_every_window(params):
    assert params.lookback_bars > max(params.test_window, params.window + params.corr_window)
    assert params.bar_s == timeframe(params.timeframe).seconds
