"""Alert events, deliveries and outcomes come back from the database as they went in, and none is doubled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rig import T0_MS, Rig

from statarb.store import AlertEnd, AlertEvent, AlertHealth, Delivery, Reader, StoredOutcome, frame_of

EVENT = AlertEvent(
    "rule:3", "Mine", "fired", T0_MS, T0_MS + 5, "spot:ETHUSDT", "spot:BTCUSDT", "1m", "closed", "|z| above 2 sd",
    "text\nof it", "./?y=spot%3AETHUSDT", 2.5, 31.0, 24.0, 7.0, "no evidence", T0_MS - 60_000, 3000.0, 60_000.0,
    -3.3, 0.16, -9900.0, 9600.0, 0.98,
)  # fmt: skip
BARE = AlertEvent("rule:4", "x", "suppressed", T0_MS, T0_MS, "y", "x", "1m", "live", "hole", "text", "live")


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "t.db")
    yield rig
    rig.writer.close()


def stored(rig, *items) -> Reader:
    for item in items:
        rig.inbox.put(item)
    while not rig.writer.step(0):
        pass
    return Reader(rig.path)


def test_an_event_comes_back_with_every_figure_newest_first(rig):
    reader = stored(rig, EVENT, BARE)
    assert reader.alert_events() == [replace(BARE, event_id=2), replace(EVENT, event_id=1)]
    assert [event.event_id for event in reader.alert_events(after_id=1)] == [2]
    assert [event.event_id for event in reader.alert_events(made_since_ms=T0_MS + 1)] == [1]
    assert [event.event_id for event in reader.alert_events(limit=1)] == [2]
    assert [event.event_id for event in reader.alerts_of("rule:3", T0_MS)] == [1]
    assert reader.alerts_of("rule:3", T0_MS + 1) == []
    frame = frame_of(reader.alert_events(), AlertEvent)
    assert frame["z"].tolist()[1] == 2.5
    assert len(frame_of([], AlertEvent).columns) == len(frame.columns)


def test_the_same_event_is_stored_once(rig):
    reader = stored(rig, EVENT, replace(EVENT, made_at_ms=T0_MS + 9), replace(EVENT, state="held"))
    assert [(event.state, event.made_at_ms) for event in reader.alert_events()] == [
        ("held", T0_MS + 5),
        ("fired", T0_MS + 5),
    ]


def test_an_end_is_of_the_alert_or_of_the_blindness(rig):
    blind = replace(EVENT, state="suppressed", at_ms=T0_MS + 1)
    reader = stored(rig, EVENT, blind, AlertEnd("rule:3", T0_MS + 7, of_blindness=True))
    assert [event.ended_at_ms for event in reader.alert_events()] == [T0_MS + 7, None]
    reader = stored(rig, AlertEnd("rule:3", T0_MS + 8), AlertEnd("rule:3", T0_MS + 9))
    assert [event.ended_at_ms for event in reader.alert_events()] == [T0_MS + 7, T0_MS + 8]


def test_a_delivery_moves_on_and_an_outcome_stays(rig):
    first = Delivery("event", 1, 2, "mail", "retrying", 1, "no answer", T0_MS)
    test = Delivery("test", 1, 2, "mail", "sent", 1, "", T0_MS + 1)
    reader = stored(rig, first, replace(first, state="sent", tries=2, error="", at_ms=T0_MS + 5), test)
    assert [(one.kind, one.state, one.tries) for one in reader.deliveries()] == [
        ("event", "sent", 2),
        ("test", "sent", 1),
    ]
    assert [one.kind for one in reader.deliveries(T0_MS + 2)] == ["event"]
    result = StoredOutcome(1, 5, 3.0, -21.0, None, None, 0)
    reader = stored(rig, result, replace(result, gross_bps=99.0), StoredOutcome(2, 5, None, None, None, None, 0))
    assert reader.outcomes()[0] == result
    assert [one.event_id for one in reader.outcomes(2)] == [2]


def test_alerts_that_lack_an_outcome_are_found(rig):
    reader = stored(rig, EVENT, BARE, StoredOutcome(1, 5, 1.0, 1.0, None, None, 0))
    assert [event.event_id for event in reader.alerts_without_outcome(T0_MS, 3)] == [1]
    assert reader.alerts_without_outcome(T0_MS, 1) == []
    assert reader.alerts_without_outcome(T0_MS + 1, 3) == []


def test_what_the_alerts_say_of_themselves_is_in_the_heartbeat(rig):
    rig.clock.s += 2
    reader = stored(rig, AlertHealth({"rules": 2}))
    assert reader.feeds()["ingest"].stats["alerts"] == {"rules": 2}
