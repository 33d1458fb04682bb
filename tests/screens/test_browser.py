"""The desk in a real browser, on the real pipeline: exchange in a box, ingest, database, dashboard."""

import contextlib
import io
import re
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright
from processes import Process, exchange, ingest, running, wait_until
from support import free_port

from statarb.params import PairParams
from statarb.quant import FrozenMoments
from statarb.screens.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TICKS = 20
FIGURE_BYTES = 20_000
TICK_S = 0.5
CHART = ".js-plotly-plot .main-svg"
RANGE = "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range.map(String)"
# Every frame of the screen: is the chart there, whole and opaque?
WATCH = """() => {
  document.querySelector('.js-plotly-plot').__mark = 'the same';
  window.frames_seen = window.blank_frames = 0;
  const look = () => {
    window.frames_seen++;
    const plot = document.querySelector('.js-plotly-plot');
    let opaque = true;
    for (let e = plot; e; e = e.parentElement) opaque &&= getComputedStyle(e).opacity === '1';
    if (!plot?.querySelector('.main-svg .scatterlayer .trace path') || !opaque) window.blank_frames++;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
# What reaches over the right edge without a part of the page that scrolls by itself around it.
BEYOND_THE_EDGE = """() => {
  const scrolls = (e) => e && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  return [...document.querySelectorAll('.stMainBlockContainer *')]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
    .filter((e) => !e.closest('.stDataFrame') && !scrolls(e.parentElement.closest('.stElementContainer *')))
    .map((e) => `${e.tagName} ${e.className}`).slice(0, 5);
}"""


@contextlib.contextmanager
def dashboard(db):
    """Its address, once it answers."""
    port = free_port()
    with running("-m", "streamlit", "run", "app.py", "--server.port", str(port), STATARB_DB=str(db)) as process:
        wait_until(lambda: answers(process, port))
        yield f"http://127.0.0.1:{port}"
        assert "Traceback" not in process.output, process.output


def answers(process: Process, port: int) -> bool:
    assert process.child.poll() is None, process.output
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as r,
    ):
        return r.read() == b"ok"
    return False


@pytest.fixture(scope="module")
def market():
    """Options that point ingest to the exchange in a box."""
    with exchange("--rate", "10") as (_, at):
        yield at


@pytest.fixture(scope="module")
def db(market, tmp_path_factory):
    path = tmp_path_factory.mktemp("desk") / "t.db"
    with ingest(path, *market, "--symbols", "BTCUSDT,ETHUSDT,SOLUSDT") as feed:
        feed.wait_for("feed is live")
        wait_until(lambda: isinstance(Desk(path).refresh(PairParams()).study.moments, FrozenMoments))
        yield path


@pytest.fixture(scope="module")
def url(db):
    with dashboard(db) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium_path):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that must end without an error on its console and without a request to another host."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light", accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if is_wrong(said) else None)
    page.on("request", lambda asked: wrong.append(f"asked {asked.url}") if is_foreign(asked.url) else None)
    yield page
    context.close()
    assert wrong == []


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def is_wrong(said) -> bool:
    """Two things that Streamlit itself says are no fault of ours: it looks for its server below a page's own path
    first and gets a 404, and it complains of a message that was on its way when the page was left."""
    if "when disconnected from server" in said.text:
        return False
    return said.type == "error" and not re.search(r"/(pair|quality|export)/_stcore/", said.location["url"])


def open_chart(page, address):
    page.goto(address)
    page.wait_for_selector(CHART)


def zoom(page) -> list[str]:
    """Zoom as a hand does, by dragging over the plot; the range it led to."""
    page.wait_for_selector(".js-plotly-plot .nsewdrag", state="attached")
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.3, y + 2, steps=6)
    page.mouse.up()
    page.wait_for_selector(".statarb-follow:enabled")
    page.wait_for_timeout(400)  # the plot rounds its range once more as it settles
    return page.evaluate(RANGE)


def settled(page, received) -> bool:
    """Whether the browser has acknowledged the figure, so that only tails come: two seconds without a large frame."""
    received.clear()
    page.wait_for_timeout(2_000)
    return bool(received) and max(received) < FIGURE_BYTES


def metric(page, label) -> str:
    card = page.locator("[data-testid=stMetric]").filter(has_text=label)
    return card.locator("[data-testid=stMetricValue]").inner_text()


def test_twenty_refreshes_keep_chart_and_zoom_without_a_blank_frame(page, url):
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[float] = []
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 3 / 4))
    open_chart(page, url)
    wait_until(lambda: settled(page, received))
    zoomed = zoom(page)
    page.evaluate(WATCH)
    received.clear()
    prices = set()
    for _ in range(TICKS):
        prices.add(metric(page, "BTCUSDT"))
        page.wait_for_timeout(TICK_S * 1000)
    assert len(prices) > 3, "the last price moves"
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
    assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("window.frames_seen") > 100
    assert page.evaluate("window.blank_frames") == 0
    assert sum(received) / TICKS < 20_000


def test_closed_bars_continue_the_chart_without_sending_it_again(page, url):
    """At one bar a second, eight bars later: the same node, eight points more, and no frame as large as a figure."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    received: list[float] = []
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 3 / 4))
    open_chart(page, f"{url}/?timeframe=1s&entry_z=5")
    wait_until(lambda: settled(page, received))
    last = "document.querySelector('.js-plotly-plot').data[0].x.at(-1)"
    page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'")
    received.clear()
    before = page.evaluate(last)
    wait_until(lambda: page.evaluate(last) >= before + 8_000)
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
    assert max(received) < FIGURE_BYTES
    times = page.evaluate("document.querySelector('.js-plotly-plot').data[0].x.slice(-15)")
    assert times == sorted(set(times))


def test_zoom_outlives_reruns(page, url):
    open_chart(page, url)
    zoomed = zoom(page)
    page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'")
    page.get_by_text("Correlation, tests, costs").click()
    for fee in ("7.5", "2", "7.5"):
        page.get_by_role("spinbutton", name="Fee a leg and side, bp").fill(fee)
        page.keyboard.press("Enter")
        page.wait_for_function(f"location.search.includes('fee_bps={fee}')")
        page.wait_for_timeout(700)
        assert page.evaluate(RANGE) == zoomed
    assert page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"


def test_zoom_outlives_a_change_of_theme_and_the_ink_changes_with_it(page, url):
    """Streamlit runs the app again on a new theme, and about once in sixty times builds the page anew with it.

    So one of three changes in a row has to leave the chart as it is; the ink has to change each time.
    """
    open_chart(page, url)
    zoomed = zoom(page)
    ink = "document.querySelector('.js-plotly-plot')?._fullLayout?.font.color"
    kept = []
    for theme in ("dark", "light", "dark"):
        page.evaluate("document.querySelector('.js-plotly-plot').__mark = 'the same'")
        before = page.evaluate(ink)
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"{ink} && {ink} !== {before!r}")
        page.wait_for_timeout(700)
        same = page.evaluate("document.querySelector('.js-plotly-plot').__mark") == "the same"
        kept.append(same and page.evaluate(RANGE) == zoomed)
    assert any(kept)


def test_a_zoomed_chart_is_paused_until_one_click_or_a_double_click(page, url):
    open_chart(page, url)
    follow = page.locator(".statarb-follow")
    for resume in (follow.click, lambda: page.mouse.dblclick(700, 450)):
        zoom(page)
        assert "Paused" in follow.inner_text()
        resume()
        page.wait_for_selector(".statarb-follow:disabled")
        assert follow.inner_text() == "Following"


def test_the_live_values_stand_beside_their_panes(page, url):
    open_chart(page, url)
    page.wait_for_function("document.querySelectorAll('.statarb-tag').length === 4")

    def agree():
        tags = page.locator(".statarb-tag").all_inner_texts()
        return tags[2:] == [metric(page, "Spread, live"), metric(page, "z, live")]

    wait_until(agree, 15)


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
    page.wait_for_selector("text=OLS summary")


def test_a_hostile_link_shows_the_defaults_and_runs_nothing(page, url):
    page.on("dialog", lambda dialog: pytest.fail("a script of the link ran"))
    open_chart(page, f"{url}/?y=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&window=1e400&timeframe=%00&entry_z=nan")
    page.wait_for_selector("h1:has-text('ETHUSDT on BTCUSDT')")
    assert page.locator("[data-testid=stException]").count() == 0


def test_the_downloaded_csv_is_what_the_page_shows(page, url, db):
    page.goto(f"{url}/export")
    page.wait_for_selector("text=rows")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert re.fullmatch(r"simulated-ETHUSDT-BTCUSDT-1m-\d{8}T\d{6}Z\.csv", download.value.suggested_filename)
    table = pd.read_csv(io.StringIO(text), parse_dates=["ts_utc"])
    assert list(table.columns) == ["ts_utc", "y_close", "x_close", "spread", "zscore"]
    study = Desk(db).refresh(PairParams()).study
    shared = study.prices.index.intersection(table["ts_utc"])
    assert len(shared) >= len(table) - 1 > 1000
    ours = study.z.loc[shared].to_numpy()
    theirs = table.set_index("ts_utc")["zscore"].loc[shared].to_numpy()
    assert pd.Series(ours).equals(pd.Series(theirs))


@pytest.mark.parametrize("path", ["", "pair", "quality", "export"])
def test_a_phone_shows_every_page_without_scrolling_sideways(page, url, path):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/{path}")
    page.wait_for_selector("h1")
    page.wait_for_timeout(2_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(BEYOND_THE_EDGE) == []


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
            feed.kill()
        page.wait_for_selector(".stMarkdownBadge:has-text('DISCONNECTED')", timeout=10_000)
        page.wait_for_selector(".st-key-numbers-old")
        with ingest(path, *options):
            page.wait_for_selector(".stMarkdownBadge:has-text('LIVE')", timeout=30_000)
            page.wait_for_selector(".st-key-numbers")
        assert page.evaluate("window.__same_page") is True
