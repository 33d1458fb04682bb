"""A browser on the desk: the dashboard as a process, and what every browser test does and forbids."""

import ast
import contextlib
import re
import urllib.request

from processes import Process, running, wait_until
from support import PROJECT, free_port

TICKS = 60
TICK_BYTES = 20_000
"""No figure is sent again and again; the budget of a tick is the bench's."""
FIGURE_BYTES = 20_000
TICK_S = 0.5
CHART = ".js-plotly-plot .main-svg"
RANGE = "document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range.map(String)"
# When the newest bar that is drawn opened, in epoch ms: Plotly is given times as text.
LAST_MS = "Date.parse(document.querySelector('.js-plotly-plot').data[0].x.at(-1).replace(' ', 'T') + 'Z')"
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


def page_paths() -> tuple[str, ...]:
    """The path of every page that app.py lists; the default one has none."""
    calls = (
        node for node in ast.walk(ast.parse((PROJECT / "app.py").read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    words = [
        {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)} for call in calls
    ]
    return tuple("" if one.get("default") else one["url_path"] for one in words if "url_path" in one)


PAGE_PATHS = page_paths()


@contextlib.contextmanager
def dashboard(db, **settings):
    """Its address, once it answers; `settings` are environment variables."""
    port = free_port()
    with running(
        "-m", "streamlit", "run", "app.py", "--server.port", str(port), STATARB_DB=str(db), **settings
    ) as process:
        wait_until(lambda: answers(process, port))
        yield f"http://127.0.0.1:{port}"
        assert "Traceback" not in process.output, process.output
        assert "missing ScriptRunContext" not in process.output, process.output


def answers(process: Process, port: int) -> bool:
    assert process.child.poll() is None, process.output
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as r,
    ):
        return r.read() == b"ok"
    return False


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def is_wrong(said) -> bool:
    """Two things that Streamlit itself says are no fault of ours: it looks for its server below a page's own path
    first and gets a 404, and it complains of a message that was on its way when the page was left."""
    if "when disconnected from server" in said.text:
        return False
    return said.type == "error" and not re.search(r"/[a-z]+/_stcore/", said.location["url"])


def all_shown(page) -> None:
    """Wait until the page's own script has ended, then open everything that can be unfolded."""
    page.wait_for_selector(".stMainBlockContainer h1")
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]")
    page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach((e) => e.click())")
    page.wait_for_timeout(500)


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
