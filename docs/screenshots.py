"""Pictures of the running demo for the README, or of every page light, dark and on a phone: make screenshots."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from statarb.alerts import AlertRule, Condition  # noqa: E402
from statarb.params import PairParams  # noqa: E402
from statarb.settings import desk_path  # noqa: E402
from statarb.store import DeskFile  # noqa: E402

VIEWS = {
    "live": "",
    "pair": "pair",
    "pair-tests": "pair?section=Tests",
    "backtest": "backtest",
    "pins": "pins",
    "alerts": "alerts",
    "alert-rules": "alerts?alerts=Rules",
    "quality": "quality",
    "export": "export",
    "features": "export?data_tab=Feature+table",
    "upload": "export?data_tab=Upload",
    "glossary": "glossary",
}
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
README = (("live", "light"), ("live", "dark"), ("live", "phone"), ("pair", "light"), ("alerts", "light"))
TALLEST_PX = 1700
COLOURS = 255
"""Of a picture's palette: a screen of text and lines loses nothing, and a file is a third of its size."""
OFTEN = AlertRule("|z| above 2", (Condition("abs_z", "above", 2.0),), PairParams(timeframe="1s"), cooldown_s=10)
"""Of bars so short that alerts and what came of them are there within minutes."""


@contextlib.contextmanager
def demo(db: Path) -> Iterator[str]:
    """The demo on a database of its own; its address, once trades come in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--demo", "--no-browser", "--no-venv", "--port", str(port), "--db", str(db))
    with subprocess.Popen(
        [sys.executable, "start.py", *options], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout
            for line in process.stdout:
                if "the desk is" in line:
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate()


def fill(browser: Browser, url: str, desk: DeskFile, wait_s: float) -> None:
    """Be in a trade, give rules and pins some minutes to have something to show, then be done with their cards."""
    rule = desk.save_rule(OFTEN)
    page = browser.new_page(**LOOKS["light"])
    page.goto(url)
    page.get_by_role("button", name="I am in").click(timeout=120_000)
    time.sleep(wait_s)
    desk.delete_rule(rule.rule_id or 0)
    acknowledge = page.locator(".statarb-seen")
    while acknowledge.count():
        acknowledge.first.click()
        page.wait_for_timeout(4_000)
    page.close()


def settle(page: Page, address: str) -> None:
    """Wait until all of the page is drawn."""
    page.goto(address)
    page.wait_for_selector(".stMainBlockContainer h1", timeout=60_000)
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]", timeout=60_000)
    page.wait_for_timeout(3_000)


def picture(browser: Browser, url: str, view: str, look: str) -> Image.Image:
    """One page as it looks, down to its end or to a reader's patience."""
    page = browser.new_page(**LOOKS[look])
    settle(page, f"{url}/{VIEWS[view]}")
    height = int(page.evaluate("document.querySelector('.stMain').scrollHeight"))
    width = LOOKS[look]["viewport"]["width"]
    page.set_viewport_size({"width": width, "height": max(700, min(height, TALLEST_PX))})
    page.wait_for_timeout(1_500)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return shot.quantize(COLOURS, dither=Image.Dither.NONE)


def shoot(browser: Browser, url: str, wanted: Sequence[tuple[str, str]], folder: Path) -> None:
    for view, look in wanted:
        file = folder / f"{view}-{look}.png"
        picture(browser, url, view, look).save(file, optimize=True)
        print(f"{file} {file.stat().st_size // 1024} kB", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", action="store_true", help="every page in every look, not only the README's")
    parser.add_argument("--to", type=Path, default=PROJECT / "docs" / "img", help="the folder [docs/img]")
    parser.add_argument("--wait", type=float, default=300, metavar="S", help="seconds for alerts and pins [300]")
    options = parser.parse_args()
    wanted = [(view, look) for view in VIEWS for look in LOOKS] if options.every else README
    options.to.mkdir(parents=True, exist_ok=True)
    names = [os.environ.get("CHROMIUM", "chromium"), "chromium-browser", "google-chrome", "google-chrome-stable"]
    path = next(filter(None, map(shutil.which, names)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        db = Path(folder) / "demo.db"
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with demo(db) as url:
            fill(browser, url, DeskFile(desk_path(db)), options.wait)
            shoot(browser, url, wanted, options.to)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
