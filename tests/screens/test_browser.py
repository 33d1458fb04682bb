"""The desk in a real browser, on the real pipeline: exchange in a box, ingest, database, dashboard."""

import time
from collections import Counter

import pytest
from browsing import (
    BEYOND_THE_EDGE,
    CHART,
    FIGURE_BYTES,
    LAST_MS,
    PAGE_PATHS,
    RANGE,
    TICK_BYTES,
    TICK_S,
    TICKS,
    WATCH,
    dashboard,
    metric,
    open_chart,
    settled,
    zoom,
)
from processes import ingest, wait_until

from bench.screen import fragment_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.timeout(300)  # the first of its worker: the whole pipeline starts within it
def test_sixty_refreshes_keep_chart_and_zoom_without_a_blank_frame(page, url):
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[float] = []
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 3 / 4))
    open_chart(page, url)
    wait_until(lambda: settled(page, received), 90)
    zoomed = zoom(page)
    page.evaluate(WATCH)
    received.clear()
    prices, began_s = set(), time.monotonic()
    for _ in range(TICKS):
        prices.add(metric(page, "BTCUSDT"))
        page.wait_for_timeout(TICK_S * 1000)
    assert len(prices) > 3, "the last price moves"
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("window.frames_seen") > 2 * TICKS
    assert page.evaluate("window.blank_frames") == 0
    assert sum(received) / ((time.monotonic() - began_s) / TICK_S) < TICK_BYTES


@pytest.mark.timeout(300)
def test_closed_bars_continue_the_chart_without_sending_it_again(page, url):
    """At a bar each five seconds, four bars later: the same node, as many points more, and no frame as a figure's.

    A threshold crossed or a bar repaired in between is a new figure, rightly; so one spell of three must be without.
    """
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[float] = []
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 3 / 4))
    open_chart(page, f"{url}/?timeframe=5s&window=100&entry_z=5")
    page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'")
    largest: list[float] = []
    while not largest or (largest[-1] >= FIGURE_BYTES and len(largest) < 3):
        wait_until(lambda: settled(page, received))
        received.clear()
        until_ms = page.evaluate(LAST_MS) + 20_000
        wait_until(lambda until_ms=until_ms: page.evaluate(LAST_MS) >= until_ms)
        largest.append(max(received))
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
    assert largest[-1] < FIGURE_BYTES, largest
    times = page.evaluate("document.querySelector('.js-plotly-plot').data[0].x.slice(-15)")
    assert times == sorted(set(times))


def test_zoom_outlives_reruns(page, url):
    open_chart(page, url)
    zoomed = zoom(page)
    page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'")
    page.get_by_text("Costs", exact=True).click()
    for slippage in ("7.5", "2", "7.5"):
        page.get_by_role("spinbutton", name="Slippage a leg and side, bp").fill(slippage)
        page.keyboard.press("Enter")
        page.wait_for_function(f"location.search.includes('slippage_bps={slippage}')")
        page.wait_for_timeout(700)
        assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"


def test_zoom_outlives_every_change_of_theme_and_the_ink_changes_with_it(page, url):
    """Two changes in a row at once too: Streamlit then ends a call that a newer one has overtaken."""
    open_chart(page, url)
    zoomed = zoom(page)
    page.evaluate(WATCH)
    ink = "document.querySelector('.js-plotly-plot')._fullLayout.font.color"
    for theme in ("dark", "light") * 4:
        before = page.evaluate(ink)
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"{ink} !== {before!r}")
    for pause_ms in (10, 30, 60, 100, 150) * 2:
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(pause_ms)
    page.wait_for_timeout(700)
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("window.blank_frames") == 0


def test_a_zoomed_chart_is_paused_until_one_click_or_a_double_click(page, url):
    open_chart(page, url)
    follow = page.locator(".statarb-follow")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    for resume in (follow.click, plot.dblclick):
        zoom(page)
        assert "Live paused" in follow.inner_text()
        resume()
        page.wait_for_selector(".statarb-follow:disabled")
        assert follow.inner_text() == "Following"


def test_the_live_values_stand_beside_their_panes(page, url):
    open_chart(page, url)
    page.wait_for_function("document.querySelectorAll('.statarb-tag').length === 7")

    def agree():
        tags = page.locator(".statarb-tag").all_inner_texts()
        return tags[2:4] == [metric(page, "Spread, live"), metric(page, "z, live")]

    wait_until(agree)


def test_a_link_shows_the_same_view_again_after_a_reload(page, url):
    open_chart(page, f"{url}/?y=SOLUSDT&timeframe=5m&window=100&entry_z=1.5")
    for _ in range(2):
        page.wait_for_selector("h1:has-text('SOLUSDT on BTCUSDT')")
        page.wait_for_selector("text=5m × 100 bars")
        assert page.get_by_role("spinbutton", name="Window, bars", exact=True).input_value() == "100"
        page.reload()
        page.wait_for_selector(CHART)
    page.get_by_role("link", name="Pair analytics").first.click()
    page.wait_for_selector("h1:has-text('SOLUSDT on BTCUSDT')")
    page.wait_for_selector("text=Reversion:")


def test_a_hostile_link_shows_the_defaults_and_runs_nothing(page, url):
    page.on("dialog", lambda dialog: pytest.fail("a script of the link ran"))
    open_chart(page, f"{url}/?y=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&window=1e400&timeframe=%00&entry_z=nan")
    page.wait_for_selector("h1:has-text('ETHUSDT on BTCUSDT')")
    page.wait_for_selector("text=of the link is not followed here: another pair is shown.")
    assert page.locator("[data-testid=stException]").count() == 0


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_phone_shows_every_page_without_scrolling_sideways(page, url, path):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/{path}")
    page.wait_for_selector("h1")
    page.wait_for_timeout(2_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(BEYOND_THE_EDGE) == []


def refreshes_of(page):
    """How often the page has asked for its live part from now on: for what it asks for most often."""
    asked = Counter()
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.webSocketFrameSent", lambda e: asked.update([fragment_of(e["response"]["payloadData"])]))
    return lambda: max(asked.values(), default=0)


def test_from_no_database_to_full_analytics_and_through_the_loss_of_ingest_without_a_reload(page, market, tmp_path):
    path = tmp_path / "t.db"
    options = (*market, "--symbols", "BTCUSDT,ETHUSDT")
    with dashboard(path) as address:
        page.goto(address)
        page.wait_for_selector("text=Nothing has been stored yet")
        page.evaluate("window.__same_page = true")
        with ingest(path, *options) as feed:
            page.wait_for_selector(CHART)
            page.wait_for_selector("text=to the mean", timeout=60_000)
            page.wait_for_selector(".stMarkdownBadge:has-text('LIVE')")
            refreshes = refreshes_of(page)
            wait_until(lambda: page.wait_for_timeout(100) or refreshes() > 3)
            before = refreshes()
            feed.kill()
        page.wait_for_selector(".stMarkdownBadge:has-text('DISCONNECTED')")
        # Told by the lock that the kill let go of; by missed heartbeats it would be ten refreshes and more.
        assert refreshes() - before <= 2
        page.wait_for_selector(".st-key-numbers-old")
        with ingest(path, *options):
            page.wait_for_selector(".stMarkdownBadge:has-text('LIVE')")
            page.wait_for_selector(".st-key-numbers")
        assert page.evaluate("window.__same_page") is True
