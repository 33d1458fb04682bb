"""One real pipeline for all browser tests: exchange in a box, ingest, database, dashboard, browser."""

import pytest
from browsing import dashboard, is_foreign, is_wrong
from playwright.sync_api import sync_playwright
from processes import exchange, ingest, wait_until

from statarb.params import PairParams
from statarb.quant import FrozenMoments
from statarb.screens.desk import Desk


@pytest.fixture(scope="session")
def market():
    """Options that point ingest to the exchange in a box."""
    with exchange("--rate", "10") as (_, at):
        yield at


@pytest.fixture(scope="session")
def db(market, tmp_path_factory):
    path = tmp_path_factory.mktemp("desk") / "t.db"
    with ingest(path, *market, "--symbols", "BTCUSDT,ETHUSDT,SOLUSDT") as feed:
        feed.wait_for("feed is live")
        wait_until(lambda: isinstance(Desk(path).refresh(PairParams()).study.moments, FrozenMoments))
        yield path


@pytest.fixture(scope="session")
def url(db):
    with dashboard(db) as address:
        yield address


@pytest.fixture(scope="session")
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
    page.set_default_timeout(60_000)  # a busy machine draws slowly
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if is_wrong(said) else None)
    page.on("request", lambda asked: wrong.append(f"asked {asked.url}") if is_foreign(asked.url) else None)
    yield page
    context.close()
    assert wrong == []
