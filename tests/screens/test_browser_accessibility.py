"""Every page for everybody: axe finds nothing serious in either theme, and the keyboard reaches every control."""

import hashlib
import re

import pytest
from browsing import PAGE_PATHS, all_shown, dashboard
from desk_database import DeskDatabase
from support import PROJECT
from test_page_upload import uploaded

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = next((PROJECT / "tests" / "screens" / "axe").glob("axe-core-*.min.js"))
EXCEPTIONS: dict[str, str] = {}
"""Rule -> why a violation of it is not ours to mend; there is none."""
VIOLATIONS = (
    "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})"
)
INK = "getComputedStyle(document.querySelector('.stApp')).color"
# What a hand on the keyboard must get to. A group of choices is one stop, left and right choose in it.
MARK_CONTROLS = """() => {
  const shown = (e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !e.closest('[inert]');
  const stop = (e) => e.closest('[role=radiogroup], [role=toolbar]') ?? e;
  const asked = 'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex]';
  const controls = [...document.querySelectorAll(asked)].filter((e) => e.tabIndex >= 0 && shown(e)).map(stop);
  window.__unreached = new Map(controls.map((e) => [e, e.outerHTML.slice(0, 160)]));
  document.addEventListener('focusin', (event) => window.__unreached.delete(stop(event.target)));
  return window.__unreached.size;
}"""
UNREACHED = "[...window.__unreached].filter(([e]) => e.isConnected).map(([, html]) => html)"


def serious(page) -> list[str]:
    """Violations of axe's two upper grades, each with the first element that has it."""
    found = page.evaluate(VIOLATIONS)["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical") and one["id"] not in EXCEPTIONS]
    return [f"{one['id']} x{len(one['nodes'])}: {one['nodes'][0]['html'][:200]}" for one in grave]


def serious_once_settled(page) -> list[str]:
    """The same once colours have faded in: on a busy machine that takes seconds."""
    found = []
    for _ in range(5):
        page.wait_for_timeout(400)
        if not (found := serious(page)):
            break
    return found


def unreached_by_tab(page) -> list[str]:
    """The controls that the Tab key does not come to, pressed twice as often as there are controls."""
    controls = page.evaluate(MARK_CONTROLS)
    assert controls > 10
    for press in range(2 * controls):
        page.keyboard.press("Tab")
        if press % 8 == 7 and not page.evaluate(UNREACHED):
            break
    return page.evaluate(UNREACHED)


@pytest.mark.parametrize("path", PAGE_PATHS)
def test_a_page_has_no_serious_violation_in_either_theme_and_the_tab_key_reaches_all_of_it(page, url, path):
    page.goto(f"{url}/{path}")
    all_shown(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert serious_once_settled(page) == [], "in light"
    light = page.evaluate(INK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{INK} !== {light!r}")
    assert serious_once_settled(page) == [], "in dark"
    # A live page may build a control anew while the keyboard is on its way: then it is walked once more.
    assert unreached_by_tab(page) == [] or unreached_by_tab(page) == []


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """A desk whose ingest has died, with uploads beside it: where numbers are greyed."""
    path = tmp_path_factory.mktemp("gone") / "t.db"
    database = DeskDatabase(path)
    database.heartbeat(now_ms=database.end_ms - 600_000)
    database.close()
    uploaded(path)
    with dashboard(path) as address:
        yield address


OLD_VIEWS = [
    "", "?data=uploads&timeframe=1h", "quality", "quality?data=uploads",
    "pair?section=Hedge", "pair?section=Distribution", "pair?section=Tests",
    "alerts?alerts=Rules", "alerts?alerts=Delivery", "export?data_tab=Feature+table", "export?data_tab=Upload",
]  # fmt: skip


@pytest.mark.parametrize("view", OLD_VIEWS)
def test_what_is_greyed_and_what_is_folded_away_can_be_read_in_either_theme(page, gone, view):
    page.goto(f"{gone}/{view}")
    all_shown(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert serious_once_settled(page) == [], "in light"
    light = page.evaluate(INK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{INK} !== {light!r}")
    assert serious_once_settled(page) == [], "in dark"


def test_axe_finds_what_is_wrong(page):
    page.set_content("<html lang=en><title>t</title><main><h1>h</h1><button></button><img src='data:,'></main></html>")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert {one.split()[0] for one in serious(page)} == {"button-name", "image-alt"}


def test_the_vendored_axe_is_the_one_that_its_readme_names():
    text = AXE.with_name("README.md").read_text(encoding="utf-8")
    assert re.findall(r"^    ([0-9a-f]{64})  (\S+)$", text, re.MULTILINE) == [
        (hashlib.sha256(AXE.read_bytes()).hexdigest(), AXE.name)
    ]
