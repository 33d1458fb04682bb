"""Rules judged on a real database: every closed bar once, no history, no double after a restart, and outcomes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from alert_rig import END_MS, PARAMS, Rig

from statarb.alerts import AlertRule, Condition
from statarb.params import PairParams
from statarb.quant import PairStudy, costs, frozen_moments, pinned, two_legs
from statarb.settings import desk_path
from statarb.store import AlertHealth, Reader

OFF = 0.03
"""A shift of ETHUSDT, in log units, that no window has seen."""


@pytest.fixture
def rig(tmp_path, monkeypatch):
    # A rule is saved by the machine's clock, which is years after the bars of this test.
    monkeypatch.setattr("statarb.store.desk_file.SYSTEM_CLOCK", type("Past", (), {"now_ms": lambda self: 0})())
    rig = Rig(tmp_path / "ticks.db")
    yield rig
    rig.close()


WORDS = (
    *("ETHUSDT on BTCUSDT", "simulated", "closed 1m bar of 2023-11-14 22:15:00 UTC", "round trip", "Verdict:"),
    *("Prices: ETHUSDT", "If faded: sell", "are covered", "http://desk:1/?y="),
)
BEYOND = Condition("abs_z", "above", 2.0)
WORTH_IT = Condition("net_edge_bps", "above", 0.0)


def test_a_move_that_pays_its_costs_is_told_once_with_all_that_was_known(rig):
    rule = rig.rule(BEYOND, WORTH_IT)
    rig.step()
    before = rig.events()
    rig.minute(OFF)
    rig.step()
    rig.minute(OFF)
    (event,) = rig.events()[len(before) :]
    assert (event.origin, event.state, event.basis) == (f"rule:{rule.rule_id}", "fired", "closed")
    assert event.at_ms == END_MS + 60_000
    assert event.reason == rule.conditions_text
    assert event.z > 2
    assert event.net_bps == pytest.approx(event.edge_bps - event.round_trip_bps)
    assert event.net_bps > 0
    assert event.y_units < 0 < event.x_units
    assert event.y_notional == pytest.approx(event.y_units * event.y_price)
    assert event.coverage == 1.0
    assert event.link.startswith("./?y=ETHUSDT&x=BTCUSDT")
    assert all(words in event.text for words in WORDS)
    assert event.ended_at_ms is None


def test_what_other_tests_say_against_a_reversion_is_in_the_alert(rig, monkeypatch):
    rig.rule(BEYOND)
    rig.step()
    monkeypatch.setattr(PairStudy, "doubts", ("KPSS says no.", "Johansen finds no relation."))
    rig.minute(OFF)
    (verdict,) = (line for line in rig.events()[-1].text.splitlines() if line.startswith("Verdict:"))
    assert verdict.endswith(", weakened by 2 other tests. KPSS says no. Johansen finds no relation.")


def test_its_end_is_stored_and_the_next_episode_is_a_new_alert(rig):
    rig.rule(BEYOND)
    for shift in (0.0, 0.0):
        rig.minute(shift)
    count = len(rig.events())
    rig.minute(OFF)
    for _ in range(3):
        rig.minute(-OFF)
        rig.minute(OFF)
    events = rig.events()[count:]
    assert [event.state for event in events] == ["fired"] * 7
    assert all(event.ended_at_ms == after.at_ms for event, after in itertools.pairwise(events))


@pytest.mark.parametrize("committed", [True, False], ids=["event stored", "killed before the event was stored"])
def test_a_restart_tells_what_was_not_told_and_nothing_twice(rig, committed):
    rig.rule(BEYOND)
    rig.step()
    count = len(rig.events())
    rig.database.add_minute(OFF)
    rig.clock.ms += 60_000
    if committed:
        rig.step()
    else:
        rig.alerts.step()
        rig.inbox.take(1000, 0)  # what the dead process had not written
    rig.start()
    rig.step()
    rig.minute(OFF)
    assert [event.at_ms for event in rig.events()[count:]] == [END_MS + 60_000]


def test_bars_that_closed_while_it_was_off_are_history(rig):
    rig.rule(BEYOND)
    rig.step()
    count = len(rig.events())
    rig.database.add_minute(OFF)
    for _ in range(5):
        rig.database.add_minute(OFF)
    rig.clock.ms += 6 * 60_000
    rig.start()
    rig.step()
    rig.minute(OFF)
    assert rig.events()[count:] == []
    rig.minute(-OFF)
    assert [event.at_ms for event in rig.events()[count:]] == [END_MS + 8 * 60_000]


def test_an_episode_of_before_a_long_outage_is_not_told_when_the_feed_is_back(rig):
    rig.rule(BEYOND)
    rig.step()
    count = len(rig.events())
    rig.database.add_minute(OFF)
    rig.clock.ms += 10 * 60_000  # off for ten minutes; the last trades are as old when it starts
    rig.start()
    rig.step()
    for _ in range(9):
        rig.database.add_minute(OFF)
    rig.step()
    rig.minute(OFF)
    assert [event.state for event in rig.events()[count:]] == []


def test_prices_of_before_a_restart_are_not_live(rig):
    rig.rule(Condition("abs_z", "above", 0.0), basis="live")
    rig.clock.ms += 3_600_000
    rig.start()
    rig.step()
    assert rig.events() == []


def test_several_bars_that_close_between_two_looks_are_judged_one_by_one(rig):
    rig.rule(Condition("z", "above", 2.0))
    rig.step()
    count = len(rig.events())
    rig.database.add_minute(OFF)
    rig.database.add_minute(0.0)
    rig.clock.ms += 2 * 60_000
    rig.step()
    (event,) = rig.events()[count:]
    assert (event.at_ms, event.ended_at_ms) == (END_MS + 60_000, END_MS + 120_000)


def test_a_live_rule_follows_the_newest_prices_between_two_closes(rig):
    rig.rule(BEYOND, basis="live")
    rig.minute(0.0)
    count = len(rig.events())
    (price,) = rig.database._connection.execute(
        "SELECT price FROM trades WHERE symbol_id=2 ORDER BY trade_id DESC LIMIT 1"
    ).fetchone()
    rig.clock.ms += 5_000
    rig.database.trade(2, 2_000_000_000, rig.clock.ms, round(price * 1.03))
    rig.step()
    rig.step()
    (event,) = rig.events()[count:]
    assert (event.basis, event.at_ms, event.state) == ("live", rig.clock.ms, "fired")
    assert "live at 2023-11-14 22:15:06 UTC" in event.text


def test_a_rule_saved_just_now_judges_the_next_bar_and_not_those_before(rig, monkeypatch):
    rig.minute(OFF)
    monkeypatch.undo()
    monkeypatch.setattr("statarb.store.desk_file.SYSTEM_CLOCK", rig.clock)
    rule = rig.rule(BEYOND)
    rig.step()
    mine = [event for event in rig.events() if event.origin == f"rule:{rule.rule_id}"]
    assert mine == []
    rig.minute(OFF)
    mine = [event for event in rig.events() if event.origin == f"rule:{rule.rule_id}"]
    assert [event.at_ms for event in mine] == [END_MS + 120_000]


def test_a_rule_that_is_switched_off_or_deleted_is_silent_within_one_look(rig):
    rule = rig.rule(BEYOND)
    rig.step()
    count = len(rig.events())
    rig.desk.save_rule(replace(rule, enabled=False))
    assert rig.minute(OFF)["rules"] == 0
    rig.desk.delete_rule(rule.rule_id)
    rig.minute(-OFF)
    assert rig.events()[count:] == []


def test_silence_is_told_by_the_feed_rule_and_suppresses_the_others_once(rig):
    rig.rule(BEYOND)
    quiet = rig.desk.save_rule(AlertRule("quiet", (Condition("stale_s", "above", 30.0),), PARAMS, basis="live"))
    rig.step()
    count = len(rig.events())
    for _ in range(30):
        rig.clock.ms += 10_000
        rig.step()
    events = rig.events()[count:]
    assert sorted(event.state for event in events) == ["fired", "suppressed"]
    fired, suppressed = sorted(events, key=lambda event: event.state)
    assert fired.origin == f"rule:{quiet.rule_id}"
    assert "has not traded for" in suppressed.reason
    assert suppressed.text.startswith("Suppressed: ETHUSDT on BTCUSDT: ")
    assert suppressed.z is None
    rig.database.fresh_trades(rig.clock.ms)
    rig.step()
    rig.minute(0.0)
    assert all(event.ended_at_ms for event in rig.events()[count:])


def test_a_hole_in_the_window_suppresses(rig):
    rig.rule(BEYOND)
    rig.database.execute(
        "UPDATE bars_1m SET state='provisional' WHERE symbol_id=1 AND sec>=?", END_MS // 1000 - 60 * 60
    )
    rig.database.execute("UPDATE symbols SET bars_version=1 WHERE symbol_id=1")
    rig.database.execute(
        "INSERT INTO gaps VALUES(1,?,?,'open','test',0,NULL,0,NULL)", END_MS // 1000 - 3600, END_MS // 1000 - 1
    )
    for _ in range(4):
        rig.minute(OFF)
    (event,) = rig.events()
    assert event.state == "suppressed"
    assert event.reason == "a hole: only 75 % of the 240 bars of the window are covered"


def test_an_instrument_that_is_not_followed_is_a_problem_of_its_rule_alone(rig):
    rig.rule(BEYOND)
    other = rig.desk.save_rule(AlertRule("other", (BEYOND,), PairParams(y="spot:SOLUSDT")))
    rig.step()
    count = len(rig.events())
    stats = rig.minute(OFF)
    assert stats["problems"] == {f"rule:{other.rule_id}": "SOLUSDT is not followed here. Add it, or change the rule."}
    assert [event.state for event in rig.events()[count:]] == ["fired"]


def test_outcomes_come_when_their_bar_has_closed_also_after_a_restart(rig):
    rig.rule(BEYOND)
    rig.step()
    rig.minute(OFF)
    event = rig.events()[-1]
    rig.minute(OFF)  # filled here, as far out
    for _ in range(15):
        rig.minute(0.0)
    rig.start()
    rig.minute(0.0)
    reader = Reader(rig.path)
    found = {one.horizon_bars: one for one in reader.outcomes() if one.event_id == event.event_id}
    reader.close()
    assert set(found) == {5, 15}
    assert found[5].gross_bps == pytest.approx(OFF * 1e4, rel=0.2)  # sold rich, and it came back
    assert found[5].net_bps == pytest.approx(found[5].gross_bps - event.round_trip_bps)
    assert abs(found[5].random_gross_bps) < 10
    assert found[5].n_random == 200


def test_a_pin_tells_its_target_once(rig):
    rig.rule(Condition("z", "above", 99))
    reader = Reader(rig.path)
    bars = {name: reader.bars(f"spot:{name}", "1m", 0, END_MS) for name in ("ETHUSDT", "BTCUSDT")}
    reader.close()
    y, x = bars["ETHUSDT"]["close"], bars["BTCUSDT"]["close"]
    moments = frozen_moments(y.iloc[-240:].to_numpy(), x.iloc[-240:].to_numpy(), "price", END_MS)
    params = replace(PARAMS, price_scale="price")
    legs = two_legs(moments, -1, 10_000, y.iloc[-1] * 1.03, x.iloc[-1])
    entered = pinned(params, moments, legs, y.iloc[-1] * 1.03, x.iloc[-1], costs(params), END_MS)
    pin = rig.desk.save_pin(entered)
    for _ in range(3):
        rig.step()
        rig.start()
    events = [event for event in rig.events() if event.origin.startswith("pin:")]
    assert [event.origin for event in events] == [f"pin:{pin.pin_id}:target"]
    assert "Target" in events[0].text


def test_the_heartbeat_says_that_alerts_are_alive_and_what_is_wrong(rig):
    rig.rule(BEYOND)
    stats = rig.step()
    assert (stats["rules"], stats["error"], stats["deliver"]) == (1, "", False)
    desk_path(rig.path).write_bytes(b"this is no SQLite file, but long enough to be taken for one" * 10)
    stats = rig.step()
    assert "not a readable SQLite database" in stats["error"]
    rig.clock.ms += 2_000
    rig.writer.step(0)
    reader = Reader(rig.path)
    assert reader.feeds()["ingest"].stats["alerts"]["error"] == stats["error"]
    reader.close()


def test_history_is_waited_for_but_not_for_ever_and_silence_is_told_meanwhile(rig):
    rig.rule(Condition("abs_z", "above", 0.0))
    quiet = rig.desk.save_rule(AlertRule("quiet", (Condition("stale_s", "above", 30.0),), PARAMS, basis="live"))
    rig.database.heartbeat(now_ms=rig.clock.ms, seeding={"done": 1, "total": 8})
    assert rig.alerts.step()["waiting"]
    rig.clock.ms += 40_000
    assert rig.alerts.step()["waiting"]
    said = [item for item in rig.inbox.take(100, 0)[0] if not isinstance(item, AlertHealth)]
    assert [(item.origin, item.state) for item in said] == [(f"rule:{quiet.rule_id}", "fired")]
    rig.clock.ms += 80_000
    assert not rig.alerts.step()["waiting"]


def test_an_instrument_without_a_bar_has_no_z_yet(rig):
    rig.rule(BEYOND, params=PairParams(y="spot:NEWUSDT"))
    rig.database.execute(
        "INSERT INTO symbols(symbol_id,venue,name,id_kind,status,can_short) "
        "VALUES(9,'spot','NEWUSDT','trade','TRADING',0)"
    )
    for _ in range(3):
        rig.clock.ms += 30_000
        assert rig.step()["problems"] == {}
    (event,) = rig.events()
    assert (event.state, event.reason) == ("suppressed", "NEWUSDT has not traded yet")
