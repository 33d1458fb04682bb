"""The Alerts page: rules are written without code, secrets are never shown, and what was said is told with its end."""

import sqlite3
from dataclasses import replace

import pytest
from desk_database import DeskDatabase
from pages import toasts, words
from streamlit.testing.v1 import AppTest

from statarb.alerts import DEFAULT_RULES, AlertRule, Condition, Target
from statarb.clock import SYSTEM_CLOCK
from statarb.params import PairParams
from statarb.screens.alert_rules import terms_text
from statarb.screens.alerts_page import evaluation_text
from statarb.screens.views import AlertLog
from statarb.settings import desk_path
from statarb.store import AlertEnd, AlertEvent, Delivery, DeskFile, FeedState, StoredOutcome
from statarb.store.alert_log import store_alerts

SECRET = "mailtos://robot:hunter2secret@mail.example.com"


def _page():
    from statarb.params import PairParams
    from statarb.screens.alerts_page import show_alerts_page
    from statarb.screens.resources import shared_desk

    show_alerts_page(shared_desk(), PairParams())


@pytest.fixture
def market(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    monkeypatch.setenv("STATARB_DB", str(path))
    database = DeskDatabase(path, minutes=5, names=("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    yield database
    database.close()


@pytest.fixture
def file(market):
    return DeskFile(desk_path(market.path))


def page(tab="History"):
    at = AppTest.from_function(_page, default_timeout=60)
    at.query_params["alerts"] = tab
    at.run()
    assert not at.exception
    return at


def everything(at) -> str:
    """All that the page sends to the browser."""
    return str(at) + str(at._tree)


def press(at, label):
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception


def labelled(widgets, label):
    return next(widget for widget in widgets if widget.label == label)


def event(at_ms: int, **given) -> AlertEvent:
    usual = AlertEvent(
        origin="rule:1",
        name="Signal worth its cost",
        state="fired",
        at_ms=at_ms,
        made_at_ms=at_ms + 500,
        y="spot:ETHUSDT",
        x="spot:BTCUSDT",
        timeframe="1m",
        basis="closed",
        reason="|z| above 2 sd",
        text="ETHUSDT on BTCUSDT: |z| above 2 sd <b>now</b>",
        link="./?y=spot%3AETHUSDT&x=spot%3ABTCUSDT",
        z=2.31,
        net_bps=7.0,
        y_price=3000.0,
        x_price=60_000.0,
        y_units=-3.33,
        x_units=0.16,
    )
    return replace(usual, **given)


def store(market, *items):
    connection = sqlite3.connect(market.path, isolation_level=None)
    store_alerts(connection, items)
    connection.close()


def log_of(state="live", age_ms=500, **stats) -> AlertLog:
    feed = FeedState("ingest", state, 1_000_000 - age_ms, stats)
    return AlertLog(1_000_000, {"ingest": feed}, [], [], [])


@pytest.mark.parametrize(
    ("log", "is_well", "text"),
    [
        (AlertLog(0, {}, [], [], []), False, "has not run on this database yet. Start `python ingest.py --db t.db`"),
        (log_of("stopped"), False, "not running"),
        (log_of(age_ms=60_000), False, "No alert has been evaluated for 60 s"),
        (log_of(), False, "not evaluated yet"),
        (log_of(alerts={"error": "The desk file is locked."}), False, "The desk file is locked."),
        (log_of(alerts={"rules": 2, "evaluated_at_ms": 1}), False, "last evaluated 17 min ago"),
        (log_of(alerts={"rules": 2, "waiting": True}), True, "when history has been loaded"),
        (log_of(alerts={"rules": 1, "evaluated_at_ms": 999_000}), True, "1 rule evaluated by ingest each second"),
        (log_of(alerts={"rules": 2, "pins": 1, "evaluated_at_ms": 999_000}), True, "2 rules and 1 pin"),
    ],
)
def test_silence_is_told_from_nobody_listening(log, is_well, text):
    found, said = evaluation_text(log, "python ingest.py --db t.db")
    assert found is is_well
    assert text in said


def test_without_an_alert_the_page_says_when_one_comes(market):
    assert "Nothing yet" in words(page())


def test_an_alert_is_listed_with_what_came_after_it_and_how_far_it_got(market):
    now_ms = SYSTEM_CLOCK.now_ms()
    store(
        market,
        event(now_ms - 3_600_000),
        AlertEnd("rule:1", now_ms - 3_000_000),
        event(now_ms - 60_000, state="suppressed", z=None, net_bps=None, y_units=None, reason="BTCUSDT is stale"),
        StoredOutcome(1, 5, 12.34, -11.0, 0.4, -23.0, 200),
        Delivery("event", 1, 1, "Desk mail", "failed", 3, "The server refused the login.", now_ms),
    )
    table = page().dataframe[0].value
    assert table["State"].tolist() == ["suppressed", "alert, over"]
    assert table["z"].tolist() == ["—", "+2.31"]
    assert table["After 5"].tolist() == ["—", "+12.3 (+0.4)"]
    assert table["Delivered"].tolist() == ["—", "1 failed"]


def test_a_chosen_alert_is_shown_whole_acknowledged_and_noted(market, file):
    now_ms = SYSTEM_CLOCK.now_ms()
    store(
        market,
        event(now_ms - 60_000),
        StoredOutcome(1, 5, 12.34, -11.0, 0.4, -23.0, 200),
        Delivery("event", 1, 1, "Desk mail", "failed", 3, "The server refused the login.", now_ms),
    )
    at = page()
    at.query_params["alert"] = f"1-{now_ms - 60_000}"
    at.run()
    assert at.code[0].value == "ETHUSDT on BTCUSDT: |z| above 2 sd <b>now</b>"
    tables = "\n".join(table.value.to_string() for table in at.table)
    for part in ("+12.3", "−11.0", "+0.4", "−23.0", "200", "The server refused the login"):
        assert part in tables
    press(at, "Acknowledge")
    assert file.marks()[1, now_ms - 60_000].acknowledged_at_ms
    labelled(at.text_area, "Note").set_value("the Fed")
    press(at, "Save the note")
    assert file.marks()[1, now_ms - 60_000].note == "the Fed"
    assert page().dataframe[0].value["Seen"].tolist() == ["yes"]
    press(at, "Not seen after all")
    assert file.marks()[1, now_ms - 60_000].acknowledged_at_ms is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://evil.example", "./?y=<script>", "//evil.example"])
def test_a_link_that_is_not_ours_is_not_shown(market, link):
    now_ms = SYSTEM_CLOCK.now_ms()
    store(market, event(now_ms, link=link))
    at = page()
    at.query_params["alert"] = f"1-{now_ms}"
    at.run()
    assert not at.get("link_button")


def test_the_score_waits_for_five_alerts_and_then_says_what_they_earned(market):
    now_ms = SYSTEM_CLOCK.now_ms()
    for n in range(1, 6):
        store(market, event(now_ms - n * 60_000), StoredOutcome(n, 5, 10.0 * (-1) ** n, -14.0, 1.0, -23.0, 200))
        if n == 4:
            assert "A score needs 5 alerts with an outcome; so far there are 4" in words(page())
    table = page().table[0].value.to_string()
    assert "40 %" in table
    assert "−2.0" in table
    assert "−3.0" in table


def test_the_default_rules_stand_in_words(market):
    said = words(page("Rules"))
    for rule in DEFAULT_RULES:
        assert rule.name in said
        assert rule.text in said
        assert terms_text(rule) in said


def test_a_rule_is_written_without_code(market, file):
    at = page("Rules")
    press(at, "New rule")
    labelled(at.text_input, "Name").set_value("Deep and <b>worth</b> it")
    labelled(at.number_input, "|z|, sd").set_value(3.0)
    press(at, "And another condition")
    labelled(at.selectbox, "and").set_value("verdict").run()
    labelled(at.selectbox, "verdict").set_value("mean-reverting")
    labelled(at.selectbox, "Explained leg, y").set_value("spot:SOLUSDT").run()
    assert "|z| above 3 sd and verdict is mean-reverting · SOLUSDT on BTCUSDT, closed 1m bars" in words(at)
    press(at, "Save the rule")
    rule = file.rules()[-1]
    assert rule.name == "Deep and <b>worth</b> it"
    assert rule.conditions == (Condition("abs_z", "above", 3.0), Condition("verdict", "is", "mean-reverting"))
    assert rule.params == PairParams(y="spot:SOLUSDT")
    assert "<b>" not in "".join(str(one.value) for one in at.markdown)


def test_a_rule_without_a_name_is_called_by_its_pair_and_first_condition(market, file):
    at = page("Rules")
    press(at, "New rule")
    labelled(at.number_input, "|z|, sd").set_value(3.0)
    labelled(at.selectbox, "Explained leg, y").set_value("spot:SOLUSDT").run()
    assert labelled(at.text_input, "Name").placeholder == "SOLUSDT on BTCUSDT: |z| above 3 sd"
    press(at, "Save the rule")
    assert file.rules()[-1].name == "SOLUSDT on BTCUSDT: |z| above 3 sd"


def test_a_rule_that_cannot_be_says_why_and_cannot_be_saved(market):
    at = page("Rules")
    press(at, "New rule")
    labelled(at.selectbox, "Explained leg, y").set_value("spot:BTCUSDT").run()
    assert "A pair needs two different instruments" in words(at)
    assert labelled(at.button, "Save the rule").disabled


def test_a_rule_is_changed_switched_off_and_deleted(market, file):
    at = page("Rules")
    press(at, "Edit")
    labelled(at.number_input, "Quiet afterwards, min").set_value(30.0)
    press(at, "Remove")
    press(at, "Save the rule")
    first, second = file.rules()
    assert (first.rule_id, first.cooldown_s, first.conditions) == (1, 1800.0, DEFAULT_RULES[0].conditions[1:])
    labelled(at.toggle, "On").set_value(False).run()
    assert not file.rules()[0].enabled
    press(at, "Delete the rule")
    assert [rule.rule_id for rule in file.rules()] == [second.rule_id]


def test_cancelling_changes_nothing(market, file):
    at = page("Rules")
    press(at, "Edit")
    labelled(at.text_input, "Name").set_value("Other")
    press(at, "Cancel")
    assert file.rules() == list(DEFAULT_RULES)


def test_another_timeframe_brings_its_own_windows(market, file):
    at = page("Rules")
    press(at, "New rule")
    labelled(at.selectbox, "Timeframe").set_value("1s").run()
    press(at, "Save the rule")
    assert file.rules()[-1].params == PairParams.for_timeframe("1s")


def test_a_rule_that_ingest_cannot_judge_says_so(market):
    market.heartbeat(alerts={"rules": 2, "evaluated_at_ms": 1, "problems": {"rule:1": "ETHUSDT is not followed here."}})
    assert "ETHUSDT is not followed here." in words(page("Rules"))


def test_an_address_is_kept_and_never_shown_again(market, file):
    at = page("Delivery")
    labelled(at.text_input, "Name").set_value("Desk mail")
    labelled(at.text_input, "Apprise address").set_value(SECRET)
    press(at, "Save the target")
    (target,) = file.targets()
    assert (target.name, target.url) == ("Desk mail", SECRET)
    again = page("Delivery")
    assert "mailtos://…" in words(again)
    assert "hunter2" not in everything(again)


@pytest.mark.parametrize("url", ["hunter2secret", "://hunter2secret", "http//hunter2secret"])
def test_an_address_that_is_none_is_refused_without_repeating_it(market, file, url):
    at = page("Delivery")
    labelled(at.text_input, "Name").set_value("Desk mail")
    labelled(at.text_input, "Apprise address").set_value(url)
    press(at, "Save the target")
    assert "This is no Apprise address" in toasts(at)
    assert "`mailto://user:password@example.com`" in toasts(at)  # as code: else the page makes a link of it
    assert "hunter2" not in words(at) + toasts(at)
    assert labelled(at.text_input, "Name").value == "Desk mail"  # what was typed is there to be mended
    assert file.targets() == []


def test_a_test_is_asked_for_and_its_failure_shown(market, file):
    target_id = file.save_target(Target("Hook", "json://127.0.0.1:9/hook"))
    at = page("Delivery")
    press(at, "Send a test")
    (request,) = file.test_requests(0)
    assert request.target_id == target_id
    assert "ingest sends it within seconds" in words(at)
    result = Delivery("test", request.request_id, target_id, "Hook", "failed", 3, "No answer.", request.made_at_ms + 9)
    store(market, result)
    said = words(page("Delivery"))
    assert "FAILED" in said
    assert "3 tries: No answer." in said


def test_a_target_is_switched_off_and_deleted(market, file):
    file.save_target(Target("Hook", "json://127.0.0.1:9/hook"))
    at = page("Delivery")
    labelled(at.toggle, "On").set_value(False).run()
    assert not file.targets()[0].enabled
    press(at, "Delete the target")
    assert file.targets() == []


def test_a_simulated_market_says_that_nothing_leaves(market):
    market.heartbeat(alerts={"rules": 2, "evaluated_at_ms": 1, "deliver": False})
    assert "nothing is delivered outside" in words(page("Delivery"))


def test_terms_are_said_in_words():
    rule = AlertRule("n", (Condition("abs_z", "above", 2.0),), dwell_s=60, cooldown_s=900, daily_cap=5)
    assert terms_text(rule).startswith("Speaks after holding for 60 s; armed again 50 % back")
    assert "at most 5 a day" in terms_text(rule)
