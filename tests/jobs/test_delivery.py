"""Messages reach a webhook and a mailbox, are tried again, and no part of an address is ever said."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from receivers import Mailbox, Webhook, closed_port

from statarb.alerts import Target
from statarb.jobs.delivery import DeliveryThread, redacted, send
from statarb.store import AlertEvent, Delivery, DeskFile, Inbox, Reader, Writer

NOW_MS = 1_700_000_040_000
EVENT = AlertEvent(
    "rule:1", "Signal", "fired", NOW_MS, NOW_MS, "spot:ETHUSDT", "spot:BTCUSDT", "1m", "closed", "|z| above 2 sd",
    "ETHUSDT on BTCUSDT: |z| above 2 sd\nthe rest <b>of it</b>", "./?y=spot%3AETHUSDT", z=-2.345, net_bps=7.25,
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def wait(self, stop, seconds: float) -> bool:
        return stop.wait(0)


class Rig:
    """Delivery between a real desk file and a real database."""

    def __init__(self, tmp_path) -> None:
        self.path, self.clock, self.inbox = tmp_path / "ticks.db", Clock(), Inbox()
        self.desk = DeskFile(tmp_path / "desk.db")
        self.writer = Writer(self.path, "binance.com", self.inbox, self.clock)
        self.start()

    def start(self, is_allowed: bool = True) -> None:
        self.thread = DeliveryThread(self.path, self.desk, self.inbox.put, self.clock, is_allowed)

    def store(self, *items) -> None:
        for item in items:
            self.inbox.put(item)
        self.write()

    def write(self) -> None:
        while not self.writer.step(0):
            pass

    def step(self, after_s: float = 0.0) -> None:
        self.clock.ms += round(after_s * 1000)
        self.thread.step()
        self.write()

    def deliveries(self) -> list[Delivery]:
        reader = Reader(self.path)
        try:
            return reader.deliveries()
        finally:
            reader.close()


@pytest.fixture
def rig(tmp_path, monkeypatch):
    rig = Rig(tmp_path)
    monkeypatch.setattr("statarb.store.desk_file.SYSTEM_CLOCK", rig.clock)
    yield rig
    rig.writer.close()


def test_a_webhook_gets_the_alert_once_as_plain_text(rig):
    with Webhook() as hook:
        rig.desk.save_target(Target("hook", hook.address))
        rig.store(EVENT)
        rig.step()
        rig.step()
        (message,) = hook.messages
    assert message["message"] == EVENT.text
    assert message["title"] == "ETHUSDT on BTCUSDT: z −2.35, net +7.2 bp"
    (delivery,) = rig.deliveries()
    assert (delivery.state, delivery.tries, delivery.error, delivery.target) == ("sent", 1, "", "hook")


def test_a_mailbox_gets_the_alert(rig):
    with Mailbox() as box:
        rig.desk.save_target(Target("mail", box.address))
        rig.store(EVENT)
        rig.step()
        (mail,) = box.messages
    assert mail["Subject"] == "ETHUSDT on BTCUSDT: z −2.35, net +7.2 bp"
    assert "the rest <b>of it</b>" in mail.get_payload(decode=True).decode()
    assert [one.state for one in rig.deliveries()] == ["sent"]


def test_a_target_that_does_not_answer_is_tried_three_times_and_then_given_up_with_its_error(rig, caplog):
    caplog.set_level(logging.DEBUG)
    rig.desk.save_target(Target("dead", f"json://user:s3cret-word@127.0.0.1:{closed_port()}/token-abcdef?x=hush-hush"))
    rig.store(EVENT)
    rig.step()
    states = [(one.state, one.tries) for one in rig.deliveries()]
    rig.step(29)
    states += [(one.state, one.tries) for one in rig.deliveries()]
    rig.step(1)
    rig.step(179)
    rig.step(1)
    rig.step(1000)
    states += [(one.state, one.tries) for one in rig.deliveries()]
    assert states == [("retrying", 1), ("retrying", 1), ("failed", 3)]
    (delivery,) = rig.deliveries()
    assert "onnection error" in delivery.error
    everything = rig.path.read_bytes() + rig.path.with_name("ticks.db-wal").read_bytes() + caplog.text.encode()
    for secret in (b"s3cret-word", b"token-abcdef", b"hush-hush"):
        assert secret not in everything


def test_a_restart_goes_on_where_it_was(rig):
    with Webhook(failures=1) as hook:
        rig.desk.save_target(Target("hook", hook.address))
        rig.store(EVENT)
        rig.step()
        rig.start()
        rig.step()
        rig.start()
        rig.step(60)
        assert len(hook.messages) == 2
    (delivery,) = rig.deliveries()
    assert (delivery.state, delivery.tries) == ("sent", 2)


def test_a_target_gets_nothing_of_the_time_before_it_nor_what_is_old(rig):
    with Webhook() as hook:
        rig.clock.ms += 10_000
        rig.desk.save_target(Target("new", hook.address))
        rig.store(EVENT)
        rig.step()
        late = replace(EVENT, at_ms=NOW_MS + 1, made_at_ms=rig.clock.ms)
        rig.store(late)
        rig.clock.ms += 3_600_001
        rig.step()
        assert hook.messages == []


@pytest.mark.parametrize(("state", "told"), [("suppressed", True), ("digest", True), ("held", False)])
def test_what_is_held_back_waits_for_its_digest(rig, state, told):
    with Webhook() as hook:
        rig.desk.save_target(Target("hook", hook.address))
        rig.store(replace(EVENT, state=state))
        rig.step()
        assert bool(hook.messages) == told


def test_a_target_that_is_off_is_silent_but_can_be_tested(rig):
    with Webhook() as hook:
        target_id = rig.desk.save_target(Target("off", hook.address, enabled=False))
        rig.store(EVENT)
        request_id = rig.desk.ask_test(target_id)
        rig.step()
        (message,) = hook.messages
    assert message["title"] == "statarb: test"
    (delivery,) = rig.deliveries()
    assert (delivery.kind, delivery.ref_id, delivery.state) == ("test", request_id, "sent")


def test_a_test_that_fails_says_why_at_once(rig):
    target_id = rig.desk.save_target(Target("dead", f"json://127.0.0.1:{closed_port()}"))
    rig.desk.ask_test(target_id)
    rig.step()
    (delivery,) = rig.deliveries()
    assert (delivery.state, delivery.tries) == ("failed", 1)
    assert delivery.error


def test_of_a_simulated_market_nothing_leaves_and_a_test_says_so(rig):
    rig.start(is_allowed=False)
    with Webhook() as hook:
        target_id = rig.desk.save_target(Target("hook", hook.address))
        rig.store(EVENT)
        rig.desk.ask_test(target_id)
        rig.step()
        assert hook.messages == []
    (delivery,) = rig.deliveries()
    assert (delivery.kind, delivery.state) == ("test", "failed")
    assert "--deliver-simulated yes" in delivery.error


def test_an_address_of_no_service_is_said_without_it():
    error = send("nosuchservice://my-secret/token", "title", "body")
    assert error.startswith("This is no address that Apprise knows.")
    assert "secret" not in error


@pytest.mark.parametrize(
    ("text", "url", "said"),
    [
        ("cannot reach hooks.example.com: denied", "json://hooks.example.com/T0KEN", "cannot reach …: denied"),
        ("POST /T0KEN failed", "json://hooks.example.com/T0KEN", "POST /… failed"),
        ("login as me@example.com pa ss", "mailto://me%40example.com:pa%20ss@host", "login as … …"),
        ("token t0ken", "tgram://T0KEN/12", "token …"),
    ],
)
def test_no_part_of_an_address_is_said(text, url, said):
    assert redacted(text, url) == said
