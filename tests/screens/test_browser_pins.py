"""A trade in a real browser: pinned on Live View, filled, noted, closed and deleted on Pins."""

import pytest
from browsing import metric
from processes import wait_until

from statarb.settings import desk_path
from statarb.store import DeskFile

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def file(db):
    """The desk file, without pins before and after."""
    file = DeskFile(desk_path(db))
    yield file
    for pin in file.pins():
        file.delete_pin(pin.pin_id)


def form(page, name):
    """Open the form of that name, once what was saved before is drawn to the end; its fields."""
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]")
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name=name, exact=True).click()
    return page.get_by_test_id("stPopoverBody")


def saved(page, fields, name):
    """Press a form's button, and wait until the forms of the pin as it now is are drawn: the old ones go with it."""
    old = page.locator("[class*=st-key-pin-delete-]").first.get_attribute("class")
    fields.get_by_role("button", name=name).click()
    is_new = (
        "(old) => { const e = document.querySelector('[class*=st-key-pin-delete-]'); return e && e.className !== old; }"
    )
    page.wait_for_function(is_new, arg=old)


def test_a_trade_from_the_button_to_its_result(page, url, file):
    page.goto(url)
    page.get_by_role("button", name="I am in").click(timeout=60_000)  # the first page of a cold dashboard
    wait_until(file.pins)
    (pin,) = file.pins()

    page.goto(f"{url}/pins")
    page.get_by_text("1 open").wait_for()
    assert metric(page, "Net P&L").startswith("−$"), "a trade begins with its costs"
    fields = form(page, "Fills")
    assert fields.get_by_role("spinbutton", name="ETHUSDT, price").get_attribute("placeholder") == (
        f"{pin.y.price:.10g} assumed"
    )
    price = fields.get_by_role("spinbutton", name="ETHUSDT, price")
    price.fill("0")
    fields.get_by_role("button", name="Save the fills").click()
    refusal = page.get_by_text("0 is not a price")
    refusal.wait_for()
    page.wait_for_timeout(1500)  # a tick or two: what is said and what is being typed stays
    refusal.wait_for()
    price.fill("3210.55")
    page.wait_for_timeout(1500)
    saved(page, fields, "Save the fills")
    wait_until(lambda: file.pins()[0].y.price == 3210.55)

    page.get_by_text("at 3,210.55").wait_for()
    fields = form(page, "Note")
    fields.get_by_role("textbox").fill("the Fed <img src=x onerror=alert(1)>")
    saved(page, fields, "Save the note")
    page.get_by_text("the Fed <img src=x onerror=alert(1)>").first.wait_for()

    fields = form(page, "Close")
    fields.get_by_role("spinbutton", name="BTCUSDT, price out").fill("61000")
    fields.get_by_role("button", name="Close the trade").click()
    page.get_by_text("1 closed").wait_for()
    (closed,) = file.pins()
    assert (closed.exit.x.price, closed.exit.x.slippage_bps) == (61_000, 0)
    assert closed.exit.y.slippage_bps > 0, "the last trade is no fill"
    page.wait_for_selector(".stDataFrame canvas")
