"""Alerts in a real browser: a rule written, changed and deleted; an address that no byte of the page repeats."""

import base64

import pytest
from processes import wait_until

from statarb.alerts import DEFAULT_RULES, Condition
from statarb.settings import desk_path
from statarb.store import DeskFile

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRET = "hunter2secret"


@pytest.fixture
def file(db):
    """The desk file, with the default rules and without targets before and after."""
    file = DeskFile(desk_path(db))
    yield file
    for rule in file.rules():
        if rule.rule_id not in {one.rule_id for one in DEFAULT_RULES}:
            file.delete_rule(rule.rule_id)
    for target in file.targets():
        file.delete_target(target.target_id)


def test_a_rule_is_written_changed_and_deleted(page, url, file):
    page.goto(f"{url}/alerts")
    page.get_by_text("evaluated by ingest each second").wait_for()
    page.wait_for_function("/^(LIVE|CATCHING UP)$/.test(document.querySelector('.statarb-health')?.innerText)")
    page.get_by_role("tab", name="Rules").click()
    page.get_by_role("button", name="New rule").click()
    page.get_by_role("textbox", name="Name").fill("Deep <b>one</b>")
    page.get_by_role("spinbutton", name="|z|, sd").fill("3.5")
    page.get_by_role("button", name="And another condition").click()
    page.get_by_text("|z| above 3.5 sd and net edge above 0 bp · ETHUSDT on BTCUSDT, closed 1m bars").wait_for()
    page.get_by_role("button", name="Save the rule").click()
    wait_until(lambda: len(file.rules()) == 3)
    rule = file.rules()[-1]
    assert rule.name == "Deep <b>one</b>"
    assert rule.conditions == (Condition("abs_z", "above", 3.5), Condition("net_edge_bps", "above", 0.0))

    page.reload()  # the address holds the tab
    card = page.locator(f".st-key-rule-{rule.rule_id}")
    card.get_by_role("button", name="Edit").click()
    card.get_by_role("button", name="Remove").nth(1).click()  # of the second condition
    card.get_by_text("|z| above 3.5 sd · ETHUSDT on BTCUSDT, closed 1m bars").wait_for()
    card.get_by_role("radio", name="Live prices").click()
    card.get_by_text("|z| above 3.5 sd · ETHUSDT on BTCUSDT, live, 1m").wait_for()
    card.get_by_role("button", name="Save the rule").click()
    wait_until(lambda: file.rules()[-1].basis == "live")
    assert file.rules()[-1].conditions == (Condition("abs_z", "above", 3.5),)

    card.get_by_text("On", exact=True).click()
    wait_until(lambda: not file.rules()[-1].enabled)
    card.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the rule").click()
    wait_until(lambda: [one.rule_id for one in file.rules()] == [one.rule_id for one in DEFAULT_RULES])


def test_a_saved_address_is_in_nothing_that_the_browser_is_sent(page, url, file):
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[str] = []
    wire.on("Network.webSocketFrameReceived", lambda frame: received.append(frame["response"]["payloadData"]))
    page.goto(f"{url}/alerts?alerts=Delivery")
    page.get_by_text("New target").click()
    page.get_by_role("textbox", name="Name").fill("Hook")
    page.get_by_role("textbox", name="Apprise address").fill(f"json://robot:{SECRET}@127.0.0.1:9/hook")
    page.get_by_role("button", name="Save the target").click()
    page.get_by_text("json://…").wait_for()
    assert SECRET in file.targets()[0].url
    page.get_by_role("button", name="Send a test").click()
    wait_until(lambda: file.test_requests(0))
    page.get_by_text("Not sent: this desk's market is simulated").wait_for()
    assert SECRET not in page.content()
    assert SECRET not in page.url
    assert page.get_by_role("textbox", name="Apprise address").input_value() == ""
    page.reload()
    page.get_by_text("json://…").wait_for()
    assert SECRET not in page.content()
    sent = b"".join(base64.b64decode(frame) for frame in received)
    assert b"Hook" in sent
    assert SECRET.encode() not in sent
