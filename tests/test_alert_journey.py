"""An alert's whole journey: real processes, a webhook and a mailbox, no browser, and a kill in the middle."""

from __future__ import annotations

import signal

import pytest
from processes import exchange, ingest, wait_until
from receivers import Mailbox, Webhook

from statarb.alerts import AlertRule, Condition, Target
from statarb.settings import desk_path
from statarb.store import DeskFile, Reader

pytestmark = pytest.mark.slow

SYMBOLS = ("--symbols", "BTCUSDT,ETHUSDT")


def test_an_alert_reaches_a_webhook_and_a_mailbox_once_with_no_browser_open_and_a_kill_in_between(tmp_path):
    db = tmp_path / "ticks.db"
    desk = DeskFile(desk_path(db))
    with Webhook() as hook, Mailbox() as box, exchange("--rate", "10") as (_, at):
        desk.save_target(Target("hook", hook.address))
        desk.save_target(Target("mail", box.address))
        for rule in desk.rules():
            desk.delete_rule(rule.rule_id)
        desk.save_rule(AlertRule("Any distance", (Condition("abs_z", "above", 0.001),), basis="live"))
        with ingest(db, *at, *SYMBOLS, "--deliver-simulated", "yes", "--desk-url", "http://desk:8501") as feed:
            wait_until(lambda: hook.messages and box.messages)
            wait_until(lambda: len(told(db)) == 2)
            feed.stop(signal.SIGKILL)
            output, killed_ms = feed.output, evaluated_ms(db)
        with ingest(db, *at, *SYMBOLS, "--deliver-simulated", "yes") as feed:
            wait_until(lambda: evaluated_ms(db) > killed_ms + 3_000)
            request_id = desk.ask_test(1)
            wait_until(lambda: ("test", request_id, "sent") in told(db))
            feed.stop()
            output += feed.output
        assert [one["title"] for one in hook.messages[1:]] == ["statarb: test"]
        assert len(box.messages) == 1
    message = hook.messages[0]["message"]
    assert message.startswith("ETHUSDT on BTCUSDT: |z| above 0.001 sd\nAny distance · spot, simulated · live at ")
    assert "round trip" in message
    assert "http://desk:8501/?y=ETHUSDT&x=BTCUSDT" in message
    assert output.count("Alert rule:3, ETHUSDT on BTCUSDT, fired") == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name != "desk.db")
    assert b"secret-path-of-the-hook" not in kept + output.encode()


def told(db) -> set[tuple[str, int, str]]:
    reader = Reader(db)
    try:
        return {
            (one.kind, one.ref_id if one.kind == "test" else one.target_id, one.state) for one in reader.deliveries()
        }
    finally:
        reader.close()


def evaluated_ms(db) -> int:
    reader = Reader(db)
    try:
        return (reader.feeds()["ingest"].stats["alerts"] or {}).get("evaluated_at_ms", 0)
    finally:
        reader.close()
