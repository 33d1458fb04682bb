"""The desk file keeps rules, targets, marks and views, and a file of the first version becomes one that does."""

from __future__ import annotations

import sqlite3
import stat
import sys
from dataclasses import replace

import pytest

from statarb.alerts import DEFAULT_RULES, AlertRule, Condition, Target
from statarb.errors import ForeignDatabaseError
from statarb.market import Instrument
from statarb.store.desk_file import DeskFile
from statarb.store.desk_schema import APPLICATION_ID, PURPOSE, VERSION

SOL = Instrument("spot", "SOLUSDT")
RULE = AlertRule("Mine", (Condition("z", "below", -2.5),), cooldown_s=60)


@pytest.fixture
def desk(tmp_path) -> DeskFile:
    return DeskFile(tmp_path / "desk.db")


@pytest.fixture
def first_version(tmp_path) -> DeskFile:
    """A desk file as the first version wrote it: one table, no version."""
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute(
            "CREATE TABLE requests(request_id INTEGER PRIMARY KEY, made_at_ms INTEGER NOT NULL, "
            "action TEXT NOT NULL CHECK(action IN('add','remove')), instrument TEXT NOT NULL) STRICT"
        )
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("INSERT INTO requests VALUES(4, 17, 'add', 'spot:SOLUSDT')")
    connection.close()
    return DeskFile(tmp_path / "desk.db")


def test_a_file_of_the_first_version_is_read_as_it_is_and_upgraded_by_the_first_change(first_version, tmp_path):
    before = (tmp_path / "desk.db").read_bytes()
    assert [(one.request_id, one.instrument) for one in first_version.requests()] == [(4, SOL)]
    assert first_version.rules() == list(DEFAULT_RULES)
    assert (first_version.targets(), first_version.marks(), first_version.view("x")) == ([], {}, None)
    assert (tmp_path / "desk.db").read_bytes() == before
    first_version.ask("remove", SOL)
    assert [(one.request_id, one.action) for one in first_version.requests()] == [(4, "add"), (5, "remove")]
    assert first_version.rules() == list(DEFAULT_RULES)
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    connection.close()
    assert tables - {"sqlite_sequence"} == set(PURPOSE)


def test_a_newer_file_is_refused(desk, tmp_path):
    desk.ask("add", SOL)
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()
    for call in (desk.rules, lambda: desk.ask("add", SOL)):
        with pytest.raises(ForeignDatabaseError, match="newer statarb"):
            call()


def test_a_desk_without_a_file_has_the_default_rules_and_so_has_a_new_file(desk):
    assert desk.rules() == list(DEFAULT_RULES)
    desk.save_view("watchlist", "[]")
    assert desk.rules() == list(DEFAULT_RULES)


def test_rules_are_added_changed_and_deleted_the_default_ones_too(desk):
    mine = desk.save_rule(RULE)
    assert mine.rule_id == 3
    assert mine.saved_at_ms > 0
    assert desk.rules() == [*DEFAULT_RULES, mine]
    changed = desk.save_rule(replace(mine, name="Other", enabled=False))
    assert desk.rules()[-1] == changed
    for rule in desk.rules():
        desk.delete_rule(rule.rule_id)
    assert desk.rules() == []
    assert desk.save_rule(RULE).rule_id == 4, "the number of a deleted rule is not given again: alerts refer to it"


def test_a_rule_that_cannot_be_read_is_left_out_and_logged(desk, tmp_path, caplog):
    desk.save_rule(RULE)
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("UPDATE alert_rules SET body='{}' WHERE rule_id=1")
    connection.close()
    assert [rule.rule_id for rule in desk.rules()] == [2, 3]
    assert "Alert rule 1" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_targets_keep_their_secrets_in_a_file_for_the_owner_alone(desk, tmp_path):
    target_id = desk.save_target(Target("mail", "mailto://me:hush@example.com"))
    (target,) = desk.targets()
    assert (target.target_id, target.url, target.enabled) == (target_id, "mailto://me:hush@example.com", True)
    assert target.created_at_ms > 0
    desk.save_target(replace(target, enabled=False))
    assert [one.enabled for one in desk.targets()] == [False]
    assert stat.S_IMODE((tmp_path / "desk.db").stat().st_mode) == 0o600
    desk.delete_target(target_id)
    assert desk.targets() == []


def test_a_request_for_a_test_message_is_none_for_an_instrument(desk):
    desk.ask("add", SOL)
    request_id = desk.ask_test(7)
    assert [one.action for one in desk.requests()] == ["add"]
    (asked,) = desk.test_requests(0)
    assert (asked.request_id, asked.target_id) == (request_id, 7)
    assert desk.test_requests(asked.made_at_ms + 1) == []


def test_marks_are_of_one_alert_and_change_one_thing_at_a_time(desk):
    desk.mark_alert(5, 1000, acknowledged=True)
    desk.mark_alert(5, 1000, note="seen " * 1000)
    desk.mark_alert(5, 2000, note="another database's")
    marks = desk.marks()
    assert marks[5, 1000].acknowledged_at_ms
    assert len(marks[5, 1000].note) == 2000
    assert marks[5, 2000].acknowledged_at_ms is None
    desk.mark_alert(5, 1000, acknowledged=False)
    assert desk.marks()[5, 1000].acknowledged_at_ms is None
    assert desk.marks()[5, 1000].note.startswith("seen")


def test_a_saved_view_is_replaced_by_its_name(desk):
    desk.save_view("watchlist", '["a"]')
    desk.save_view("watchlist", '["b"]')
    assert desk.view("watchlist") == '["b"]'
