"""The watchlist: pairs of the stored instruments, read by shared studies that are made a few at a time."""

import json
import math
from dataclasses import replace

import pytest
from desk_database import DeskDatabase
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest
from support import PROJECT

from statarb.params import PairParams
from statarb.quant import StudyStream
from statarb.screens.desk import Desk
from statarb.screens.watchlist import MOST_PAIRS, SPARK_POINTS, default_pairs, read_pairs, spark, tile
from statarb.settings import desk_path
from statarb.store import DeskFile

NAMES = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")
PAIRS = [PairParams(y=f"spot:{name}", x="spot:BTCUSDT") for name in NAMES[1:]]


@pytest.fixture
def database(tmp_path):
    made = DeskDatabase(tmp_path / "t.db", minutes=400, names=NAMES)
    made.fresh_trades()
    yield made
    made.close()


@pytest.fixture
def desk(database):
    made = Desk(database.path)
    yield made
    made.close()


def test_one_look_makes_a_few_studies_and_the_next_ones_the_rest(desk):
    studied = [sum(glance.study is not None for glance in desk.glances(PAIRS)) for _ in range(3)]
    assert studied == [2, 4, 4]


def test_a_look_at_what_is_known_costs_no_study_and_a_closed_bar_one_each(database, desk, monkeypatch):
    computed = []
    real = StudyStream.study
    monkeypatch.setattr(StudyStream, "study", lambda *a: computed.append(a[0].params.y) or real(*a))
    for _ in range(6):
        desk.glances(PAIRS)
    assert sorted(computed) == sorted(params.y for params in PAIRS)
    computed.clear()
    database.add_minute()
    for _ in range(6):
        glances = desk.glances(PAIRS)
    assert sorted(computed) == sorted(params.y for params in PAIRS)
    assert {glance.study.as_of_ms for glance in glances} == {database.end_ms}


def test_a_glance_is_what_the_page_shows_of_that_pair(desk):
    for _ in range(2):
        glance = desk.glances(PAIRS)[1]
    view = desk.refresh(PAIRS[1])
    assert glance.study is view.study
    assert glance.live == view.live
    assert glance.is_live == view.health.has_live_prices


def test_pairs_that_are_not_stored_are_left_out(desk):
    found = desk.glances([PairParams(y="spot:GONEUSDT", x="spot:BTCUSDT"), PAIRS[0]])
    assert [glance.params.y for glance in found] == ["spot:ETHUSDT"]


def test_a_tile_names_z_net_and_verdict_and_marks_the_current_pair(desk):
    for _ in range(2):
        glance = desk.glances(PAIRS)[0]
    shown = tile(glance, PAIRS[0])
    assert (shown["name"], shown["current"], shown["live"]) == ("ETH / BTC", True, True)
    assert shown["z"] == f"{glance.live.z:+.2f}".replace("-", "−")
    assert shown["net"] == f"net {glance.live.edge.net_bps:+.1f} bp".replace("-", "−")
    assert shown["verdict"] == glance.study.verdict.word
    assert not tile(glance, PAIRS[1])["current"]


def test_the_hedge_of_now_decides_on_the_net_of_a_tile_as_in_the_headline(desk):
    for _ in range(2):
        glance = desk.glances(PAIRS)[0]
    study, live = glance.study, replace(glance.live, z=5.0)
    assert study.moments.beta > 0
    opposed = replace(study, moments=replace(study.moments, beta=-0.51))
    refused = replace(study, verdict=replace(study.verdict, word="no hedge"))
    assert tile(replace(glance, live=live), PAIRS[0])["beyond"]
    shown = tile(replace(glance, study=opposed, live=live), PAIRS[0])
    assert (shown["verdict"], shown["net"], shown["beyond"]) == ("no hedge", "", False)
    shown = tile(replace(glance, study=refused, live=live), PAIRS[0])
    assert (shown["verdict"], shown["beyond"]) == ("no hedge in tests", True)
    assert shown["net"].startswith("net ")


def test_before_its_first_study_a_tile_says_so(desk):
    shown = tile(desk.glances(PAIRS)[3], PAIRS[0])
    assert (shown["z"], shown["net"], shown["verdict"], shown["spark"]) == ("—", "", "not read yet", [])


@given(some.lists(some.one_of(some.floats(-9, 9), some.just(math.nan)), max_size=200))
def test_a_sparkline_keeps_the_furthest_value_and_is_short(z):
    points = spark(z)
    assert len(points) <= SPARK_POINTS
    finite = [abs(value) for value in z if math.isfinite(value)]
    assert max((abs(point) for point in points if point is not None), default=0.0) == pytest.approx(
        max(finite, default=0.0), abs=0.051
    )
    json.dumps(points, allow_nan=False)


def test_without_a_list_of_ones_own_every_instrument_stands_against_bitcoin(desk):
    pairs = default_pairs(desk.instruments())
    assert {x for _, x in pairs} == {"spot:BTCUSDT"}
    assert sorted(y for y, _ in pairs) == sorted(f"spot:{name}" for name in NAMES[1:])
    assert read_pairs(desk, desk.instruments()) == pairs


def test_a_perpetual_stands_against_its_own_spot(database, desk):
    database.execute("UPDATE symbols SET venue='usdm', name='BTCUSDT', can_short=1 WHERE name='ADAUSDT'")
    pairs = default_pairs(desk.instruments())
    assert pairs[-1] == ("usdm:BTCUSDT", "spot:BTCUSDT")
    assert len(set(pairs)) == 4


@pytest.mark.parametrize("body", ["", "null", "7", '["a"]', '[["<b>","x y"]]', "[[1,2]]", "{", '{"a":1}'])
def test_a_list_that_cannot_be_read_is_the_default_one(desk, body):
    DeskFile(desk_path(desk.path)).save_view("watchlist", body)
    assert read_pairs(desk, desk.instruments()) == default_pairs(desk.instruments())


def test_the_page_adds_the_current_pair_and_takes_one_off(database, monkeypatch):
    monkeypatch.setenv("STATARB_DB", str(database.path))
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    at.query_params.update({"y": "SOLUSDT", "x": "ETHUSDT"})
    at.session_state["watch_edit"] = True
    at.run()
    assert not at.exception
    at.button(key="watch_add").click().run()
    desk = Desk(database.path)
    assert read_pairs(desk, desk.instruments())[-1] == ("spot:SOLUSDT", "spot:ETHUSDT")
    assert at.button(key="watch_add").disabled
    at.selectbox(key="watch_gone").set_value("spot:SOLUSDT|spot:ETHUSDT").run()
    at.button(key="watch_remove").click().run()
    assert ("spot:SOLUSDT", "spot:ETHUSDT") not in read_pairs(desk, desk.instruments())
    assert len(read_pairs(desk, desk.instruments())) <= MOST_PAIRS
    desk.close()
