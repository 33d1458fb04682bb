"""Pair analytics, backtest and glossary in a real browser: every control, and charts that keep node and zoom."""

import io
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest
from browsing import BEYOND_THE_EDGE, CHART, LAST_MS, RANGE, open_chart
from processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLOT = "document.querySelector('.js-plotly-plot')"
TYPES = f"{PLOT}.data.map((trace) => trace.type)"
NAMES = "[...document.querySelectorAll('.js-plotly-plot')].map((plot) => plot.data?.map((trace) => trace.name))"
# Labels of axes that reach over the edge of the first chart, that of the legs.
CUT_LABELS = """[document.querySelector('.js-plotly-plot')].flatMap((plot) => {
  const place = plot.getBoundingClientRect();
  return [...plot.querySelectorAll('.xtick text, .ytick text, .xtitle, .ytitle')].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < place.left || box.right > place.right || box.top < place.top || box.bottom > place.bottom;
  }).map((text) => text.textContent);
})"""


def drag(page):
    """Zoom by dragging over the first chart; the range it led to."""
    page.wait_for_selector(".js-plotly-plot .nsewdrag", state="attached")
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    before = page.evaluate(RANGE)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.3, y + 2, steps=6)
    page.mouse.up()
    wait_until(lambda: page.evaluate(RANGE) != before)
    page.wait_for_timeout(400)
    return page.evaluate(RANGE)


def test_prices_are_lines_or_candles_of_as_many_bars_as_wanted(page, url):
    open_chart(page, f"{url}/pair")
    assert "candlestick" not in page.evaluate(TYPES)
    assert page.evaluate(f"{PLOT}.data[0].x.length") == 480
    page.get_by_role("radio", name="Candles").click()
    page.wait_for_function(f"{TYPES}.filter((type) => type === 'candlestick').length === 2")
    page.get_by_role("radio", name="120").click()
    page.wait_for_function(f"{PLOT}.data[0].x.length === 120")
    page.wait_for_function(
        "location.search.includes('prices_as=Candles') && location.search.includes('bars_shown=120')"
    )
    page.reload()
    page.wait_for_selector(CHART)
    page.wait_for_function(f"{TYPES}.includes('candlestick') && {PLOT}.data[0].x.length === 120")


def test_new_bars_and_another_theme_leave_node_and_zoom_and_a_double_click_shows_all_again(page, url):
    page.set_default_timeout(60_000)  # a new bar each second is the most that a busy machine has to do
    open_chart(page, f"{url}/pair?timeframe=1s&bars_shown=120")
    ink = f"{PLOT}?._fullLayout?.font.color"
    page.evaluate(f"{PLOT}.__mark = 'the same'")
    zoomed = drag(page)
    before = page.evaluate(LAST_MS)
    wait_until(lambda: page.evaluate(LAST_MS) >= before + 3_000)
    assert page.evaluate(RANGE) == zoomed
    color = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{ink} && {ink} !== {color!r}")
    page.wait_for_timeout(500)
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate(f"{PLOT}.__mark") == "the same"
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until(lambda: page.evaluate(RANGE) != zoomed)


def test_what_hovers_over_a_chart_has_a_true_minus_and_its_tools_leave_the_labels_free(page, url):
    open_chart(page, f"{url}/pair")
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    said: set[str] = set()
    for step in range(12):
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.07 * step), box["y"] + box["height"] / 2)
        page.wait_for_timeout(150)
        said |= set(page.locator(".hoverlayer text").all_text_contents())
    assert any(": \u2212" in text for text in said), "z was below its mean in some of these bars"
    assert not [text for text in said if re.search(r"(?<!\w)-\d", text)]
    tools = page.locator(".js-plotly-plot .modebar").first.bounding_box()
    assert tools["x"] + tools["width"] <= box["x"] + box["width"]


def test_what_hovers_names_the_panes_from_top_to_bottom_and_no_chart_has_a_legend(page, url):
    open_chart(page, url)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".hoverlayer text:has-text('spread')", state="attached")
    said = page.locator(".hoverlayer .legendtext").all_text_contents()
    names = [text.split(" : ")[0] for text in said if " : " in text]  # a crossing marked at this bar has no name
    volumes = ["ETHUSDT volume", "BTCUSDT volume"]
    assert names == ["ETHUSDT", "BTCUSDT", "spread", "z", "correlation", *volumes]
    assert page.locator(".infolayer .legend").count() == 0
    open_chart(page, f"{url}/pair")
    assert page.locator(".infolayer .legend").count() == 0


def test_between_two_bars_a_tick_of_the_page_is_small(page, url):
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[float] = []
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 3 / 4))
    open_chart(page, f"{url}/pair")
    page.wait_for_timeout(2_000)
    spans = []
    for _ in range(2):  # a bar may close within the one, and then not within the other
        received.clear()
        page.wait_for_timeout(4_000)
        spans.append(received[:])
    quiet = min(spans, key=sum)
    assert quiet
    assert statistics.median(quiet) < 4_000
    assert sum(quiet) < 60_000


def test_the_hedge_draws_the_methods_chosen_and_compares_all_on_request(page, url):
    page.goto(f"{url}/pair?section=Hedge")
    page.wait_for_function(f"{NAMES}.length === 3 && {NAMES}.every((names) => names?.length)", timeout=60_000)
    assert page.evaluate(CUT_LABELS) == []
    page.get_by_role("button", name="Huber", exact=True).click()
    page.wait_for_function(f"{NAMES}[0].some((name) => name.startsWith('Huber, β'))")
    page.get_by_text("Levels too (misleading)").click()
    page.wait_for_function(f"{NAMES}[2].includes('of levels (misleading)')")
    assert page.get_by_text("Theil-Sen", exact=True).count() == 1, "the pill alone"
    page.get_by_role("button", name="Compare all methods").click()
    page.wait_for_selector("td:has-text('Theil-Sen')")
    page.get_by_role("button", name="Compare all methods again").wait_for()


def test_distribution_and_tests_are_a_click_away_and_the_tests_run_when_asked(page, url):
    page.goto(f"{url}/pair")
    page.get_by_role("radio", name="Distribution").click()
    page.wait_for_function(f"{NAMES}[0]?.includes('normal law')")
    page.get_by_role("radio", name="Tests").click()
    page.wait_for_selector("h2:has-text('Engle-Granger')")
    assert page.locator("td:has-text('Johansen')").count() == 0
    page.get_by_role("button", name="Run all tests").click()
    page.wait_for_selector("td:has-text('Johansen')")
    page.wait_for_selector("text=the newest closed bar")


def test_a_backtest_is_drawn_counted_and_downloaded(page, url):
    open_chart(page, f"{url}/backtest")
    assert page.evaluate(NAMES)[0][:3] == ["equity", "drawdown", "z"]
    shown = page.locator("[data-testid=stMetric]").filter(has_text="Round trips").first
    trips = int(shown.locator("[data-testid=stMetricValue]").inner_text())
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert re.fullmatch(r"simulated-backtest-ETHUSDT-BTCUSDT-1m-\d{8}T\d{6}Z\.csv", download.value.suggested_filename)
    table = pd.read_csv(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8")))
    assert abs(len(table) - trips) <= 1, "a trade may have ended in between"
    page.get_by_role("radio", name="7 d").click()
    page.wait_for_selector("text=It moves on every 20 min")
    page.wait_for_selector("text=2 parameter sets were tried in this session")


def test_the_glossary_finds_a_term_and_the_link_remembers_it(page, url):
    page.goto(f"{url}/glossary")
    page.get_by_role("textbox", name="Search").fill("kalman")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('find=kalman')")
    page.wait_for_selector("text=Kalman β and its band")
    page.wait_for_selector("text=Sharpe ratio", state="detached")


@pytest.mark.parametrize("path", ["pair?section=Hedge", "pair?section=Distribution", "pair?section=Tests", "backtest"])
def test_a_phone_shows_it_without_scrolling_sideways(page, url, path):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/{path}")
    page.wait_for_selector("h2")
    page.wait_for_timeout(1_500)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(BEYOND_THE_EDGE) == []
