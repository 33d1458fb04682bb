"""Controls that lead beyond the page: what they are asked for is on screen, stored, and there after a reload."""

import io
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from browsing import CHART, dashboard, metric, open_chart
from desk_database import DeskDatabase
from processes import wait_until
from test_screens_notices import EVENT

from statarb.jobs.alert_text import link_of
from statarb.params import PairParams
from statarb.screens.desk import Desk
from statarb.screens.watchlist import read_pairs
from statarb.settings import desk_path
from statarb.store import DeskFile
from statarb.store.alert_log import store_alerts

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What this browser is made to sound and to show as a notice.
LISTEN = """
  window.sounded = 0; window.noticed = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.sounded++; return start.apply(this, when); };
  window.Notification = class { constructor(title, options) { window.noticed.push([title, options.body]); } };
  Notification.permission = "granted";
  Notification.requestPermission = async () => "granted";
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    database = DeskDatabase(tmp_path_factory.mktemp("controls") / "t.db", 600, ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    database.fresh_trades()
    yield database
    database.close()


@pytest.fixture(scope="module")
def address(database):
    with dashboard(database.path) as address:
        yield address


@pytest.fixture
def file(database):
    return DeskFile(desk_path(database.path))


def tell(database, name: str, **more) -> None:
    """An alert of this moment."""
    now_ms = int(time.time() * 1000)
    event = replace(EVENT, origin=f"rule:{name}", name=name, event_id=None, at_ms=now_ms, made_at_ms=now_ms, **more)
    store_alerts(database._connection, [event])


def test_swapped_legs_are_those_of_title_cards_and_link(page, address):
    open_chart(page, address)
    beta = metric(page, "Hedge ratio β")
    page.get_by_role("button", name="Swap legs").click()
    page.wait_for_selector("h1:has-text('BTCUSDT on ETHUSDT')")
    page.wait_for_function("location.search.includes('y=BTCUSDT') && location.search.includes('x=ETHUSDT')")
    wait_until(lambda: metric(page, "Hedge ratio β") != beta)
    assert page.get_by_test_id("stMetric").first.inner_text().startswith("BTCUSDT")
    page.reload()
    page.wait_for_selector("h1:has-text('BTCUSDT on ETHUSDT')")
    page.get_by_role("button", name="Swap legs").click()
    page.wait_for_selector("h1:has-text('ETHUSDT on BTCUSDT')")


OF_AN_ALERT = link_of(PairParams(y="spot:SOLUSDT", x="spot:ETHUSDT")).removeprefix(".")


@pytest.mark.parametrize("link", [OF_AN_ALERT, "/?y=spot:SOLUSDT&x=spot%3AETHUSDT"])
def test_a_link_shows_its_pair_again_after_a_reload_and_on_another_page(page, address, link):
    open_chart(page, address + link)
    for _ in range(2):
        page.wait_for_selector("h1:has-text('SOLUSDT on ETHUSDT')")
        page.wait_for_selector(CHART)
        page.wait_for_timeout(1_500)
        assert "y=SOLUSDT&x=ETHUSDT" in page.url
        page.reload()
    page.get_by_role("link", name="Pair analytics").first.click()
    page.wait_for_selector("h1:has-text('SOLUSDT on ETHUSDT')")
    page.wait_for_function("location.pathname === '/pair' && location.search.includes('y=SOLUSDT&x=ETHUSDT')")


def edited(page):
    """The watchlist's editor, open."""
    page.get_by_test_id("stPopover").get_by_role("button").click()
    page.get_by_text("Take off the list").wait_for()
    return page.get_by_test_id("stPopoverBody")


def test_a_pair_is_put_on_the_watchlist_and_taken_off(page, address, database):
    desk, pair = Desk(database.path), ("spot:SOLUSDT", "spot:ETHUSDT")
    tile = page.locator(".statarb-tile", has_text="SOL / ETH")
    open_chart(page, f"{address}/?y=SOLUSDT&x=ETHUSDT")
    edited(page).get_by_role("button", name="Add SOLUSDT on ETHUSDT").click()
    tile.wait_for()
    assert read_pairs(desk, desk.instruments())[-1] == pair
    page.reload()
    tile.wait_for()
    editor = edited(page)
    editor.get_by_role("combobox", name="Take off the list").click()
    page.get_by_role("option", name="SOLUSDT on ETHUSDT").click()
    editor.get_by_role("button", name="Take off").click()
    tile.wait_for(state="detached")
    assert pair not in read_pairs(desk, desk.instruments())
    desk.close()


def test_an_instrument_is_asked_for_and_no_longer_and_nonsense_is_refused_in_a_sentence(page, address, file):
    page.goto(f"{address}/quality")
    name = page.get_by_label("Follow another instrument")
    for text, said in (("L T C", "is not an instrument"), ("ethusdt", "ETHUSDT is followed already.")):
        name.fill(text)
        name.press("Enter")
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_text(said).first.wait_for()
    assert file.wanted(()).names == ()
    name.fill("ltcusdt")
    name.press("Enter")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Asked for, and no trade of it yet: LTCUSDT").wait_for()
    assert file.wanted(()).names == ("spot:LTCUSDT",)
    page.get_by_role("combobox", name="Stop following").click()
    page.get_by_role("option", name="spot:LTCUSDT").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("Asked for, and no trade of it yet").wait_for(state="detached")
    assert file.wanted(()).names == ()


def test_an_alert_of_the_history_is_acknowledged_and_noted(page, address, database, file):
    tell(database, "history")
    event = Desk(database.path).alert_log().events[0]
    page.goto(f"{address}/alerts?alert={event.event_id}-{event.at_ms}")
    chosen = page.locator(".st-key-alert-chosen")
    chosen.get_by_role("button", name="Acknowledge").click()
    chosen.get_by_role("button", name="Not seen after all").wait_for()
    chosen.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note").fill("the Fed <img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Save the note").click()
    chosen.get_by_text("the Fed <img src=x onerror=alert(1)>").wait_for()
    page.reload()
    chosen.get_by_role("button", name="Not seen after all").wait_for()
    chosen.get_by_text("the Fed <img").wait_for()
    mark = file.marks()[event.event_id, event.at_ms]
    assert mark.acknowledged_at_ms
    assert mark.note == "the Fed <img src=x onerror=alert(1)>"
    page.get_by_role("radio", name="Not acknowledged").click()
    page.get_by_text("Every alert is acknowledged.").wait_for()


def test_a_span_of_ones_own_is_all_that_its_file_holds(page, address, database):
    since, until = (
        (pd.Timestamp(database.end_ms, unit="ms").floor("h") - pd.Timedelta(hours=hours)).to_pydatetime()
        for hours in (4.5, 1.5)  # never midnight, from which the page begins by itself and which no link has to say
    )
    page.goto(f"{address}/export?export=Bars")
    page.get_by_role("radio", name="Custom", exact=True).click()
    for label, moment in (("From, UTC", since), ("To, UTC (not included)", until)):
        page.get_by_role("spinbutton", name=f"year, {label}").click()
        page.keyboard.type(f"{moment:%Y%m%d%H%M}")
        page.locator("h1").click()  # the field gives its value once it is left
    told = page.get_by_text(f"from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC")
    told.wait_for()
    page.wait_for_function("['export_from', 'export_to'].every((part) => location.search.includes(part))")
    page.reload()
    told.wait_for()
    page.wait_for_timeout(2_500)  # a page that has just opened runs a few times more, and gives its buttons new files
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    table = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()), parse_dates=["open_utc"])
    times = table["open_utc"].dt.tz_localize(None)
    assert len(table) == 2 * 180
    assert times.min() == pd.Timestamp(since)
    assert times.max() == pd.Timestamp(until) - pd.Timedelta(minutes=1)


def test_sound_and_desktop_notice_tell_of_what_comes_while_they_are_on(page, address, database):
    page.add_init_script(LISTEN)
    open_chart(page, address)
    page.wait_for_selector(".statarb-bell[aria-label]")  # what is there when the page is opened is no news
    bell = page.locator(".statarb-bell")
    tell(database, "silent")
    page.locator(".statarb-card", has_text="silent").wait_for()
    assert page.evaluate("[window.sounded, window.noticed.length]") == [0, 0]
    bell.click()
    page.get_by_label("Sound").check()
    assert page.evaluate("window.sounded") == 1, "so it will sound"
    page.get_by_label("Desktop notice").check()
    tell(database, "loud")
    page.locator(".statarb-card", has_text="loud").wait_for()
    assert page.evaluate("window.sounded") == 2
    assert page.evaluate("window.noticed") == [["loud · ETHUSDT on BTCUSDT · z +2.31 · net −3.2 bp", "|z| above 2 sd"]]
    page.reload()
    open_chart(page, address)
    page.wait_for_selector(".statarb-bell[aria-label^='2 alerts wait']")
    assert page.locator(".statarb-setting input:checked").count() == 2
    assert page.evaluate("[window.sounded, window.noticed.length]") == [0, 0], "no news after a reload"


def test_a_desktop_notice_that_the_browser_refuses_stays_off(page, address):
    page.add_init_script(LISTEN.replace("granted", "denied"))
    open_chart(page, address)
    page.locator(".statarb-bell").click()
    page.get_by_label("Desktop notice").click()
    page.get_by_text("This browser does not allow notices from this address.").wait_for()
    assert not page.get_by_label("Desktop notice").is_checked()
