"""The Live View under a hand: keys, watchlist, time zone and the bell."""

import re
import time
from dataclasses import replace

import pytest
from browsing import CHART, RANGE, dashboard, open_chart, zoom
from desk_database import DeskDatabase
from processes import wait_until
from test_screens_notices import EVENT

from statarb.settings import desk_path
from statarb.store import DeskFile
from statarb.store.alert_log import store_alerts

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CANVAS = ".statarb-canvas"
SPAN = """(() => {
  const range = document.querySelector(".js-plotly-plot")._fullLayout.xaxis.range;
  return range.map((t) => (typeof t === "number" ? t : Date.parse(t.replace(" ", "T") + "Z")));
})()"""

# How many labels the price axes show, and those of them that a tag reaches over.
COVERED = """(() => {
  const boxes = (nodes) => [...nodes].filter((e) => getComputedStyle(e).visibility === "visible")
    .map((e) => [e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.height);
  const tags = boxes(document.querySelectorAll(".statarb-tag"));
  const labels = boxes(document.querySelectorAll(".js-plotly-plot [class*=yaxislayer] text"));
  const over = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3 && a.left < b.right;
  return [labels.length, labels.filter(([, box]) => tags.some(([, tag]) => over(tag, box))).map(([text]) => text)];
})()"""
# The parts of cards whose text reaches beyond them.
CUT = """[...document.querySelectorAll(".stMetric, .stMetric *")].filter((e) =>
  (e.clientWidth && e.scrollWidth > e.clientWidth + 1) ||
  (e.matches(".stMetric") && e.scrollHeight > e.clientHeight + 1)).map((e) => e.textContent)"""


def span_after(page, key):
    """The range in ms once a key has moved it."""
    before = page.evaluate(SPAN)
    page.keyboard.press(key)
    wait_until(lambda: page.evaluate(SPAN) != before)
    return page.evaluate(SPAN)


def test_keys_pan_zoom_follow_and_reset_while_the_chart_has_the_focus(page, url):
    open_chart(page, url)
    follow = page.locator(".statarb-follow")
    page.get_by_role("button", name="Keys").click()
    assert page.evaluate(f"document.activeElement.matches('{CANVAS}')")
    panel, button = page.locator(".statarb-help"), page.get_by_role("button", name="Keys")
    assert "pan by half" in panel.inner_text()
    assert button.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert button.get_attribute("aria-expanded") == "false"
    for close in (button.click, page.locator("h1").click):
        button.click()
        edge = panel.bounding_box()["x"] + panel.bounding_box()["width"]
        assert edge <= page.locator(".statarb-tag").first.bounding_box()["x"], "the live values stay in sight"
        close()
        assert not panel.is_visible()
    page.locator(CANVAS).focus()
    start, end = page.evaluate(SPAN)
    nearer = span_after(page, "+")
    assert nearer[1] - nearer[0] == pytest.approx(0.75 * (end - start), rel=0.02)
    assert re.fullmatch("Live paused(, 1 new bar)?: jump to now", follow.inner_text())
    left = span_after(page, "ArrowLeft")
    assert left[0] < nearer[0]
    assert left[1] - left[0] == pytest.approx(nearer[1] - nearer[0], rel=0.01)
    assert span_after(page, "ArrowRight")[0] > left[0]
    assert span_after(page, "-")[0] < nearer[0]
    page.keyboard.press("f")
    page.wait_for_selector(".statarb-follow:disabled")
    span_after(page, "Shift+ArrowLeft")
    page.keyboard.press("r")
    page.wait_for_selector(".statarb-follow:disabled")
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'") == "the same"
    page.wait_for_timeout(1_000)
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same", "R ran the app again"


def test_the_link_holds_the_span_and_the_zoom_of_the_chart(page, url):
    """Through reruns, the controls of the sidebar, another page and a reload; without a zoom the link says nothing."""
    open_chart(page, f"{url}/?span=3600")
    page.wait_for_selector(".statarb-spans [data-ms='3600000'][aria-pressed=true]")
    page.locator(".statarb-spans [data-ms='0']").click()
    page.wait_for_function("location.search.includes('span=all')")
    zoomed = zoom(page)
    page.wait_for_function("location.search.includes('from=') && !location.search.includes('span=')")
    window = page.get_by_role("spinbutton", name="Window, bars", exact=True)
    window.fill("250")
    window.press("Enter")
    page.wait_for_function("location.search.includes('window=250') && location.search.includes('from=')")
    page.reload()
    page.wait_for_selector(CHART)
    page.wait_for_selector("text=Live paused")
    assert page.evaluate(RANGE) == zoomed
    page.locator(".statarb-follow").click()
    page.wait_for_function("!location.search.includes('from=')")
    assert "window=250" in page.url


@pytest.mark.parametrize(
    "span", ["span=7", "span=%3Cimg%3E", "from=1&to=x", "from=2020-01-01T00:00Z&to=2020-01-02T00:00Z"]
)
def test_a_link_to_a_time_that_is_not_held_shows_the_newest(page, url, span):
    open_chart(page, f"{url}/?{span}")
    page.wait_for_selector(".statarb-follow:disabled")
    assert page.locator(".statarb-spans [aria-pressed=true]").count() == 1


def test_the_chart_says_that_it_loads_and_then_no_tag_covers_a_label(page, url):
    waiting = []
    page.route("**/plotly-finance*", lambda route: waiting.append(route))
    page.goto(url)
    page.wait_for_selector(".st-key-live_chart .statarb-loading")
    height = "document.querySelector('.st-key-live_chart').getBoundingClientRect().height"
    wait_until(lambda: page.evaluate(height) and waiting)
    reserved = page.evaluate(height)
    for request in waiting:
        request.continue_()
    page.unroute("**/plotly-finance*")
    page.wait_for_selector(".statarb-tag")
    page.wait_for_selector(".statarb-loading", state="detached")
    assert page.evaluate(height) == reserved
    for zoomed in range(4):  # other spans have other labels
        labels, covered = page.evaluate(COVERED)
        assert labels > 5
        assert covered == []
        page.locator(".statarb-spans button").nth(zoomed).click()
        page.wait_for_selector(f".statarb-spans button:nth-child({zoomed + 1})[aria-pressed=true]")


def test_nothing_on_a_card_or_a_choice_is_cut_at_any_width(page, url):
    for path in ("?timeframe=1h", "pair"):  # too few bars of an hour make the longest words
        page.goto(f"{url}/{path}")
        page.wait_for_selector("[data-testid=stMetric]")
        if "1h" in path:
            choices = page.get_by_role("radiogroup", name="Timeframe").get_by_role("radio")
            assert len({choice.bounding_box()["y"] for choice in choices.all()}) == 1
        for width in (390, 1280, 1440, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            wait_until(lambda: page.evaluate(CUT) == [])  # at once, but for the moment of the change


def test_the_watchlist_fades_where_it_goes_on(page, url):
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(url)
    strip = page.locator(".statarb-watch")
    edges = "(e) => ['left', 'right'].map((side) => e.style.getPropertyValue(`--fade-${side}`) !== '0px')"
    wait_until(lambda: strip.locator(".statarb-tile").count() > 1)
    wait_until(lambda: strip.evaluate(edges) == [False, True])
    strip.locator(".statarb-tile").last.focus()
    wait_until(lambda: strip.evaluate(edges) == [True, False])
    row = page.locator(".st-key-watch").bounding_box()["width"]
    assert strip.bounding_box()["width"] > 0.75 * row, "the strip has all that its button leaves"


def test_a_click_in_the_watchlist_makes_a_pair_the_current_one_and_the_link_follows(page, url):
    open_chart(page, url)
    page.get_by_role("button", name="SOL / BTC").click()
    page.wait_for_selector("h1:has-text('SOLUSDT on BTCUSDT')")
    page.wait_for_function("location.search.includes('y=')")
    page.wait_for_selector(".statarb-tile[aria-current]:has-text('SOL / BTC')")
    page.reload()
    page.wait_for_selector("h1:has-text('SOLUSDT on BTCUSDT')")
    tile = page.get_by_role("button", name="SOL / BTC")
    wait_until(lambda: "not read yet" not in tile.inner_text())
    assert tile.locator(".statarb-spark-line").get_attribute("d").startswith("M")
    assert re.fullmatch(r"[+−]?\d+\.\d\d", tile.locator(".statarb-tile-z").inner_text())


def test_what_the_exchange_answers_is_said_while_the_editor_of_the_watchlist_is_open(page, tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=300)
    database.fresh_trades()
    with dashboard(tmp_path / "t.db") as address:
        open_chart(page, address)
        page.get_by_test_id("stPopover").get_by_role("button").click()
        name = page.get_by_label("Follow another instrument")
        name.fill("ZZZUSDT")
        name.press("Enter")
        page.get_by_role("button", name="Add", exact=True).click()
        page.wait_for_selector("text=Asked for, and no trade of it yet: ZZZUSDT")
        database.heartbeat(refused={"ZZZUSDT": "ZZZUSDT is not listed at spot."})
        page.wait_for_selector("text=ZZZUSDT is not listed at spot.")
        page.goto("about:blank")  # before its server is gone
    database.close()


def test_the_zone_of_the_browser_moves_the_axis_and_not_the_data(browser, url):
    context = browser.new_context(timezone_id="Asia/Kolkata", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(90_000)
    open_chart(page, url)
    axis = "document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis.title.text"
    assert page.evaluate(axis) == "UTC"
    zoom(page)
    before = page.evaluate(SPAN)
    page.locator("[data-testid=stSidebar]").get_by_text("local", exact=True).click()
    page.wait_for_function(f"{axis} === 'UTC+05:30'")
    assert "tz=local" in page.url
    moved = page.evaluate(SPAN)
    assert [after - was for after, was in zip(moved, before, strict=True)] == pytest.approx([19_800_000] * 2, abs=2)
    page.wait_for_selector("text=/closed bars to .* UTC\\+05:30/")
    page.reload()
    page.wait_for_selector(CHART)
    page.wait_for_function(f"{axis} === 'UTC+05:30'")
    context.close()


@pytest.mark.parametrize("path", ["", "pair"])
@pytest.mark.parametrize("place", ["Asia/Kolkata", "America/New_York"])
def test_the_axis_is_of_the_zone_that_it_names_wherever_the_browser_is(browser, url, place, path):
    """The newest bar stands at its own time in UTC, and a zoom shows what was dragged over."""
    context = browser.new_context(timezone_id=place, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(90_000)
    page = context.new_page()
    open_chart(page, f"{url}/{path}")
    page.wait_for_selector(".js-plotly-plot .scatterlayer .trace path", state="attached")
    whole = page.evaluate(SPAN)
    assert whole[1] == pytest.approx(time.time() * 1000, abs=15 * 60_000)
    drawn = page.evaluate(
        "document.querySelector('.js-plotly-plot').calcdata[0].map((one) => one.x).filter(Number.isFinite)"
    )
    assert whole[1] - 0.1 * (whole[1] - whole[0]) < drawn[-1] <= whole[1]
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2 + 2, steps=6)
    page.mouse.up()
    wait_until(lambda: page.evaluate(SPAN) != whole)
    page.wait_for_timeout(800)
    part, width = page.evaluate(SPAN), whole[1] - whole[0]
    assert part == pytest.approx([whole[0] + 0.3 * width, whole[0] + 0.6 * width], abs=0.03 * width)
    if not path:
        asked = page.evaluate("new Date(new URLSearchParams(location.search).get('from')).getTime()")
        assert asked == pytest.approx(part[0], abs=1000)
        assert page.locator(".statarb-point").count() == 7
    context.close()


def test_the_bell_rings_until_the_alert_is_acknowledged(page, tmp_path):
    database = DeskDatabase(tmp_path / "t.db", minutes=300)
    database.fresh_trades()
    now_ms = int(time.time() * 1000)
    fired = [
        replace(EVENT, origin=f"rule:{i}", name=name, event_id=None, at_ms=now_ms, made_at_ms=now_ms)
        for i, name in enumerate(["first", "<img src=x onerror=alert(1)>"])
    ]
    page.on("dialog", lambda dialog: pytest.fail("the name of an alert ran"))
    with dashboard(tmp_path / "t.db") as address:
        page.goto(f"{address}/glossary")
        page.wait_for_selector(".statarb-bell[aria-label='No alert waits']")
        store_alerts(database._connection, fired)
        page.wait_for_selector(".statarb-bell[aria-label^='2 alerts wait']")
        page.wait_for_function("document.title.startsWith('(2) ')")
        assert page.locator(".statarb-card b").first.inner_text().startswith("<img src=x onerror=alert(1)> · ETHUSDT")
        page.locator(".statarb-card").first.get_by_role("button", name="Acknowledge").click()
        page.wait_for_selector(".statarb-bell[aria-label^='1 alert waits']")
        page.get_by_role("link", name="Live View").first.click()
        page.wait_for_selector(CHART)
        page.wait_for_function("document.title.startsWith('(1) ')")
        page.locator(".statarb-card").get_by_role("button", name="Put aside").click()
        wait_until(lambda: page.locator(".statarb-card").count() == 0)
        page.reload()
        page.wait_for_selector(".statarb-bell[aria-label^='1 alert waits']")
        assert page.locator(".statarb-card").count() == 0, "put aside in this browser, and still waiting"
        page.evaluate("localStorage.removeItem('statarb.aside')")
        page.reload()
        page.wait_for_selector(".statarb-card")
        page.locator(".statarb-bell").click()
        assert page.locator(".statarb-list").inner_text() == "1 alert waits: open Alerts"
        assert page.locator(".statarb-list").get_attribute("href").endswith("/alerts")
        page.keyboard.press("Escape")
        page.locator(".statarb-card").get_by_role("button", name="Acknowledge").click()
        page.wait_for_selector(".statarb-bell[aria-label='No alert waits']")
        page.wait_for_function("!document.title.startsWith('(')")
        assert page.locator(".statarb-card").count() == 0
        page.goto("about:blank")  # before its server is gone
    assert len(DeskFile(desk_path(tmp_path / "t.db")).marks()) == 2
    database.close()
