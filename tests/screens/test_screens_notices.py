"""Alerts on every page: counted until acknowledged, toasted once, shown by name, number and time."""

import json
from dataclasses import replace

import pytest
from desk_database import DeskDatabase
from streamlit.testing.v1 import AppTest
from support import PROJECT

from statarb.clock import SYSTEM_CLOCK, UTC_ZONE, Zone
from statarb.jobs.delivery import title_of
from statarb.screens.notices import CARDS, bell, head_text, is_seen
from statarb.settings import desk_path
from statarb.store import AlertEvent, DeskFile
from statarb.store.alert_log import store_alerts

NOW_MS = 1_800_000_000_000
EVENT = AlertEvent(
    origin="rule:3",
    name="ETH is out",
    state="fired",
    at_ms=NOW_MS - 60_000,
    made_at_ms=NOW_MS - 59_000,
    y="spot:ETHUSDT",
    x="spot:BTCUSDT",
    timeframe="1m",
    basis="closed",
    reason="|z| above 2 sd",
    text="the whole message",
    link="./?y=ETHUSDT",
    z=2.31,
    net_bps=-3.25,
    event_id=7,
)


def test_a_pin_names_its_pair_once():
    pin = replace(EVENT, origin="pin:1:target", name="Pin ETHUSDT on BTCUSDT", z=None, net_bps=None)
    assert head_text(pin) == "Pin ETHUSDT on BTCUSDT"
    assert title_of(pin) == "Pin ETHUSDT on BTCUSDT"
    assert title_of(replace(pin, name="30 seconds of silence")) == "ETHUSDT on BTCUSDT: 30 seconds of silence"


def page(tmp_path, monkeypatch, *events):
    monkeypatch.setenv("STATARB_DB", str(tmp_path / "t.db"))
    database = DeskDatabase(tmp_path / "t.db", minutes=300)
    database.fresh_trades()
    store_alerts(database._connection, events)
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    return database, at.run()


def now(event, **changes):
    moment_ms = SYSTEM_CLOCK.now_ms()
    return replace(event, event_id=None, at_ms=moment_ms - 1_000, made_at_ms=moment_ms, **changes)


def test_a_card_says_what_it_is_and_when():
    shown = bell([EVENT], (), UTC_ZONE, NOW_MS)
    assert (shown["count"], shown["newest"], shown["more"]) == (1, 7, 0)
    (card,) = shown["cards"]
    assert card["head"] == "ETH is out · ETHUSDT on BTCUSDT · z +2.31 · net −3.2 bp"
    assert card["text"] == "|z| above 2 sd"
    assert card["when"] == "07:59:00 UTC"
    assert bell([replace(EVENT, ended_at_ms=NOW_MS)], (), Zone("UTC+02:00", 7_200_000), NOW_MS)["cards"][0]["when"] == (
        "09:59:00 UTC+02:00, over"
    )


def test_few_cards_of_the_last_hour_and_a_count_of_all():
    events = [replace(EVENT, event_id=20 - i, made_at_ms=NOW_MS - i * 1_200_000) for i in range(10)]
    shown = bell(events, (), UTC_ZONE, NOW_MS)
    assert shown["count"] == 10
    assert [card["id"].partition("-")[0] for card in shown["cards"]] == ["20", "19", "18"][:CARDS]
    assert len(shown["cards"]) + shown["more"] == 4


def test_what_was_over_when_the_page_was_opened_gets_no_card_and_makes_room_for_what_lasts():
    ended = replace(EVENT, event_id=9, ended_at_ms=NOW_MS)
    shown = bell([ended, replace(ended, event_id=8), EVENT], {8, 9}, UTC_ZONE, NOW_MS)
    assert [card["id"] for card in shown["cards"]] == [f"7-{EVENT.at_ms}"], "another database has another 7"
    assert (shown["count"], shown["more"]) == (3, 0), "all still wait to be acknowledged"


def cards(at):
    (answer,) = (one for one in at.get("bidi_component") if "notices" in one.proto.component_name)
    return [card["when"].endswith(", over") for card in json.loads(answer.proto.json)[0]["cards"]]


def test_a_newcomer_sees_cards_of_what_lasts_and_keeps_those_that_end_before_his_eyes(tmp_path, monkeypatch):
    moment_ms = SYSTEM_CLOCK.now_ms()
    lasting = now(EVENT)
    database, at = page(tmp_path, monkeypatch, now(EVENT, origin="rule:9", ended_at_ms=moment_ms), lasting)
    assert cards(at) == [False]
    database._connection.execute("UPDATE alert_events SET ended_at_ms = ? WHERE origin = 'rule:3'", (moment_ms,))
    at.run()
    assert cards(at) == [True]
    database.close()


def test_what_does_not_exist_is_left_out():
    assert head_text(replace(EVENT, z=None, net_bps=None)) == "ETH is out · ETHUSDT on BTCUSDT"


def test_an_alert_is_seen_once_somebody_acknowledged_it(tmp_path):
    file = DeskFile(tmp_path / "desk.db")
    file.mark_alert(7, EVENT.at_ms, note="looked at it")
    assert not is_seen(EVENT, file.marks())
    file.mark_alert(7, EVENT.at_ms, acknowledged=True)
    assert is_seen(EVENT, file.marks())
    assert not is_seen(replace(EVENT, at_ms=1), file.marks()), "ids begin anew with a new database"


def test_a_toast_comes_for_what_is_new_once_and_not_for_what_was_there_before(tmp_path, monkeypatch):
    database, at = page(tmp_path, monkeypatch, now(EVENT))
    assert not at.exception
    assert not at.toast
    store_alerts(database._connection, [now(EVENT, origin="rule:4", name="<b>*SOL*</b> is out")])
    at.run()
    assert [toast.value.replace("\\", "") for toast in at.toast] == [
        "<b>*SOL*</b> is out · ETHUSDT on BTCUSDT · z +2.31 · net −3.2 bp"
    ]
    assert "\\<b\\>" in at.toast[0].value
    at.run()
    assert not at.toast
    database.close()


def test_many_at_once_are_one_toast(tmp_path, monkeypatch):
    database, at = page(tmp_path, monkeypatch)
    store_alerts(database._connection, [now(EVENT, origin=f"rule:{i}") for i in range(9)])
    at.run()
    assert [toast.value for toast in at.toast] == ["9 new alerts"]
    database.close()


@pytest.mark.parametrize("state", ["held", "suppressed"])
def test_what_was_held_back_does_not_ring(tmp_path, monkeypatch, state):
    database, at = page(tmp_path, monkeypatch)
    store_alerts(database._connection, [now(EVENT, state=state)])
    at.run()
    assert not at.toast
    database.close()


def test_a_desk_file_that_cannot_be_read_leaves_the_page_as_it_is(tmp_path, monkeypatch):
    database, at = page(tmp_path, monkeypatch, now(EVENT))
    desk_path(tmp_path / "t.db").write_bytes(b"this is no database" * 1000)
    at.run()
    assert not at.exception
    database.close()


def test_a_card_takes_any_text_for_a_leg_and_no_link_that_is_not_ours():
    cards = [
        bell([replace(EVENT, y="<b>", x="", link=link, made_at_ms=NOW_MS)], (), UTC_ZONE, NOW_MS)["cards"]
        for link in ("./?y=ETHUSDT", "javascript:alert(1)", "//evil.example")
    ]
    assert [card["link"] for (card,) in cards] == ["./?y=ETHUSDT", "", ""]
    assert "<b>" in cards[0][0]["head"]
