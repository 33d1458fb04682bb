"""The line on the alert under the headline: whether one lasts, since when, and whether one can begin at all."""

from dataclasses import replace

import pytest
from desk_database import DeskDatabase

from statarb.params import PairParams
from statarb.quant import Episode, NotEnough, Undefined
from statarb.screens import views
from statarb.screens.desk import Desk
from statarb.screens.headline import alert_text, headline_of
from statarb.screens.pin_words import half_lives_text


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    database = DeskDatabase(tmp_path_factory.mktemp("headline") / "t.db", minutes=400)
    database.fresh_trades()
    desk = Desk(database.path)
    yield desk.refresh(PairParams())
    desk.close()
    database.close()


def told(view, *episodes, **study):
    return alert_text(
        replace(view, analysis=replace(view.analysis, study=replace(view.study, **study), episodes=episodes))
    )


@pytest.mark.parametrize(
    ("bars", "when"),
    [
        (0, "the last close"),
        (1, "one bar before the last close"),
        (2, "2 bars before the last close"),
        (1200, "1,200 bars before the last close"),
    ],
)
def test_an_alert_counts_its_bars_in_words(view, bars, when):
    episode = Episode(1, view.study.as_of_ms - bars * 60_000, 2.66)
    assert told(view, episode).startswith(f"Alert since {when} (z \\+2.66). It lasts until")


def test_without_an_alert_it_says_what_begins_one_only_where_one_can_begin(view):
    assert told(view) == "No alert: one begins when z reaches ±2 at the close of a bar."
    assert told(view, moments=NotEnough("bars", 12, 240)) == "No alert can begin: no z yet."
    assert told(view, moments=Undefined("same asset", 240, 240)) == "No alert can begin: z does not exist."
    opposed = replace(view.study.moments, beta=-0.51)
    assert told(view, moments=opposed) == "No alert can begin: without a positive beta there are no legs to trade."


@pytest.mark.parametrize("is_warm", [False, True])
def test_what_other_tests_say_waits_for_their_libraries_and_is_then_told(view, monkeypatch, is_warm):
    study = replace(view.study)
    reverting = replace(study.verdict, word="mean-reverting")
    vars(study).update(
        verdict=reverting, half_life=Undefined("none", 0, 0), doubts=("KPSS says no.", "Johansen finds no relation.")
    )
    doubted = replace(view, analysis=replace(view.analysis, study=study))
    monkeypatch.setattr(views, "is_warm", lambda: is_warm)
    assert ("weakened by 2 other tests" in headline_of(doubted).verdict) is is_warm
    assert ("weakened by 2 other tests." in half_lives_text(doubted, 60)) is is_warm
