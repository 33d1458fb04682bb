"""Hostile links, files, names and texts in a real browser: nothing runs, nothing breaks, nothing is written outside."""

import random
from urllib.parse import quote, urlencode

import pytest
from browsing import PAGE_PATHS, all_shown, dashboard
from hostile import BAD, hostile, hostile_desk, hostile_file, hostile_link
from support import PROJECT
from test_fuzz import OPENED, files_of

from statarb.screens.desk import Desk
from statarb.settings import desk_path
from statarb.store import DeskFile

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINKS_A_PAGE = 5
# A payload that runs sets `window.ran`; the page's fixture takes an error on the console for a fault.
TRAP = "Object.defineProperty(window, 'ran', {set() { top.console.error('a script ran') }, get: () => 0})"
# What is not to be made of anybody's text. A link that says in full where it leads is one that Markdown makes of it.
ACTIVE = """() => [
  ...document.querySelectorAll('.stApp :is(script, iframe, object, embed, base, form[action], .katex)'),
  ...[...document.querySelectorAll('.stApp *')].filter((e) => [...e.attributes].some(({name}) => /^on/i.test(name))),
  ...[...document.querySelectorAll('.stApp :is(a[href], img[src])')]
    .filter((e) => !/^(http:\\/\\/127\\.0\\.0\\.1:|data:image|blob:)/.test(e.href ?? e.src))
    .filter((e) => !(/^http/.test(e.href) && decodeURI(e.getAttribute('href')) === e.textContent)),
].map((e) => e.outerHTML.slice(0, 200))"""
FILES = 12
RUNNING = tuple(text for text in BAD if "ran" in text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Its `data` holds a desk full of hostile texts; `home` and `tmp` are those of the dashboard's process."""
    folder = tmp_path_factory.mktemp("hostile")
    database = hostile_desk(folder / "data" / "t.db")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    yield folder
    database.close()


@pytest.fixture(scope="module")
def address(folder):
    """Of the dashboard on that desk; at the end nothing was written but into `data`."""
    before = files_of(PROJECT)
    with dashboard(folder / "data" / "t.db", HOME=str(folder / "home"), TMPDIR=str(folder / "tmp")) as address:
        yield address
    assert {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()} == {"data"}
    assert files_of(PROJECT) == before


@pytest.fixture
def trapped(page):
    """A page on which a dialog, or a payload that runs, is a fault."""
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.add_init_script(TRAP)
    page.set_default_timeout(30_000)
    yield page
    assert asked == []


def show(page, link) -> None:
    """Open a link and wait until its page is drawn to the end; it is whole, and nothing active is in it."""
    page.goto(link)
    page.wait_for_selector(".stMainBlockContainer h1")
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]")
    check(page, link)


def check(page, what) -> None:
    assert page.evaluate(ACTIVE) == [], what
    assert page.locator("[data-testid=stException]").count() == 0, what


@pytest.mark.parametrize("payload", ["<script>window.ran=1</script>", "<img src=x onerror=window.ran=1>", "alert(1)"])
def test_the_trap_springs(browser, address, payload):
    page = browser.new_page()
    page.add_init_script(TRAP)
    said = []
    page.on("console", lambda one: said.append(one.text))
    page.on("dialog", lambda dialog: (said.append("a script ran"), dialog.dismiss()))
    page.goto(address)
    page.wait_for_selector("h1")
    page.evaluate(
        """(payload) => {
            const node = document.createElement("div");
            document.querySelector(".stApp").append(node);
            if (payload.startsWith("<")) node.append(document.createRange().createContextualFragment(payload));
            else node.innerHTML = `<a href="javascript:${payload}">x</a>`;
            node.querySelector("a")?.click();
        }""",
        payload,
    )
    page.wait_for_timeout(300)
    assert "a script ran" in said
    assert page.evaluate(ACTIVE) != []
    page.close()


def test_hostile_links_show_a_page_and_run_nothing(trapped, address):
    rng = random.Random(9)
    for number, path in enumerate(PAGE_PATHS * LINKS_A_PAGE):
        query = urlencode(OPENED[number % len(OPENED)] | hostile_link(rng), errors="surrogatepass")
        show(trapped, f"{address}/{path}?{query}#{quote(hostile(rng), errors='surrogatepass')}")


PARTS = (
    "", "?y=[A](B)&x={{7*7}}", "pair?y=`C`&section=Tests", "pins", "alerts", "alerts?alerts=Rules", "quality",
    "alerts?alerts=Delivery", "export?export=Trades", "export?data_tab=Upload", "backtest?y=$HREF{X}$", "glossary",
)  # fmt: skip


def test_hostile_texts_of_the_desk_are_text_in_every_part_of_a_page(trapped, address):
    for part in PARTS:
        show(trapped, f"{address}/{part}")
        all_shown(trapped)
        check(trapped, part)


def test_hostile_names_are_shown_as_they_are(trapped, address, folder):
    page = trapped
    show(page, f"{address}/alerts?alerts=Rules")
    for rule in DeskFile(desk_path(folder / "data" / "t.db")).rules():
        name = page.locator(f".st-key-rule-{rule.rule_id} strong").first.inner_text()
        # A browser shows no NUL, and Streamlit sets dashes.
        assert "".join(name.split()).replace("—", "--") == "".join(rule.name.split()).replace("\0", "\ufffd")
    page.locator(".st-key-rule-2").get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Name").wait_for()
    check(page, "the editor")


def test_hostile_alerts_are_shown_whole_with_no_link_that_is_not_ours(trapped, address, folder):
    for event in Desk(folder / "data" / "t.db").alert_log().events[::6]:
        show(trapped, f"{address}/alerts?alert={event.event_id}-{event.at_ms}")
        code = trapped.locator(".st-key-alert-chosen .stCode code")
        code.wait_for()
        assert code.text_content().strip() == event.text.strip()
        assert trapped.get_by_role("link", name="Open the view").count() == 0
        trapped.wait_for_selector(".statarb-card")
        assert trapped.locator(".statarb-card a").count() == 0


def test_hostile_files_are_read_or_refused_and_their_names_are_text(trapped, address):
    rng, saved = random.Random(8), 0
    show(trapped, f"{address}/export?data_tab=Upload")
    for number in range(FILES):
        name = f"{rng.choice(RUNNING)}{number}.csv".replace("/", "")
        file = {"name": name, "mimeType": "text/csv", "buffer": hostile_file(rng)}
        trapped.set_input_files("input[type=file]", file)
        trapped.wait_for_selector(f".stFileChipName[title$='{number}.csv']")
        trapped.wait_for_selector(".stMainBlockContainer :is(.stAlert, .st-key-upload_save)")
        trapped.wait_for_selector(".stApp[data-test-script-state=notRunning]")
        check(trapped, name)
        if trapped.locator(".st-key-upload_save").count() and saved < 2:
            trapped.get_by_role("button", name="Save", exact=True).click()
            trapped.wait_for_selector("text=bars saved")
            trapped.wait_for_selector(".st-key-upload_save", state="detached")
            saved += 1
    for path in ("", "pair", "quality", "export?data_tab=Upload"):
        show(trapped, f"{address}/{path}{'&' if '?' in path else '?'}data=uploads")
        trapped.wait_for_selector(".stMarkdownBadge:has-text('UPLOADED')")
