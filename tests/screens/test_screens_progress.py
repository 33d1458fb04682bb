"""History that is being loaded shows how far it is, and leaves nothing behind when it is there."""

import pytest
from desk_database import DeskDatabase
from streamlit.testing.v1 import AppTest

from statarb.screens.progress import seeding


def _live():
    from statarb.params import PairParams
    from statarb.screens.frame import read_instruments
    from statarb.screens.live_page import show_live_page
    from statarb.screens.resources import shared_desk

    read_instruments(shared_desk())
    show_live_page(shared_desk(), PairParams())


@pytest.fixture
def filled(tmp_path, monkeypatch):
    monkeypatch.setenv("STATARB_DB", str(tmp_path / "t.db"))
    database = DeskDatabase(tmp_path / "t.db", names=("BTCUSDT", "ETHUSDT"))
    database.fresh_trades()
    yield database
    database.close()


def progress_bars() -> list[tuple[int, str]]:
    at = AppTest.from_function(_live, default_timeout=60).run()
    assert not at.exception
    return [(one.proto.value, one.proto.text) for one in at.get("progress")]


def test_pages_loaded_are_shown_of_all_pages(filled):
    filled.heartbeat(seeding={"done": 6, "total": 24})
    ((percent, text),) = progress_bars()
    assert percent == 25
    assert text.startswith("Loading history: 6 of 24 pages")


@pytest.mark.parametrize("said", [None, {"done": 24, "total": 24}])
def test_there_is_no_bar_when_nothing_is_loaded(filled, said):
    filled.heartbeat(seeding=said)
    assert progress_bars() == []


def test_a_dead_ingest_loads_nothing(filled):
    filled.heartbeat("stopped", seeding={"done": 6, "total": 24})
    assert progress_bars() == []


@pytest.mark.parametrize("said", [None, "klines 3 of 8", {}, {"done": "3", "total": 8}, {"done": -1, "total": 8}])
def test_what_is_no_progress_is_none(said):
    assert seeding({"seeding": said}) is None
