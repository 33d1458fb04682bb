"""The live page in a real browser and before ten viewers: what a tick costs, and how old a price is on the screen."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg

from bench.pipeline import dashboard, exchange, process, wait_until
from bench.result import Result
from bench.session import Session
from statarb.errors import StatarbError
from statarb.params import PairParams
from statarb.quant import FrozenMoments
from statarb.screens.desk import Desk

WARM_UP_S = 12.0
"""The first figure is acknowledged, the libraries are loaded and frozen out of garbage collection."""
WATCHED_S = 60.0
TICK_S = 0.5
SESSIONS = 10
ROUNDS = 3
CHART = ".js-plotly-plot .scatterlayer .trace path"
# Every text that the price of one leg has on the screen, with the time it got there.
WATCH_PRICE = """(name) => {
  window.__shown = [];
  const look = () => {
    const card = [...document.querySelectorAll('[data-testid=stMetric]')].find((e) => e.innerText.startsWith(name));
    const text = card?.querySelector('[data-testid=stMetricValue]')?.innerText;
    if (text && text !== window.__shown.at(-1)?.[1]) window.__shown.push([Date.now(), text]);
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
NEWER_TRADES = """SELECT ts_ms, price FROM trades JOIN symbols USING (symbol_id)
WHERE venue = 'spot' AND name = 'BTCUSDT' AND ts_ms >= ? ORDER BY trade_id"""


@dataclass(frozen=True)
class Ticks:
    """What was spent over `count` ticks of one viewer."""

    count: int
    server_cpu_ms: float
    received_kb: float
    renderer_ms: float

    def each(self, total: float) -> float:
        return total / self.count


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, as cold as it comes; CHROMIUM names another one."""
    names = [os.environ.get("CHROMIUM", "chromium"), "chromium-browser", "google-chrome", "google-chrome-stable"]
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, names)))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def fragment_of(frame: str) -> str:
    """Which fragment a frame of the browser asks for; the live one is asked for most often."""
    return str(BackMsg.FromString(base64.b64decode(frame)).rerun_script.fragment_id)


def watched(page: Page, server: int) -> Ticks:
    """Let the page tick for a while and count what that took on both sides of the wire."""
    wire = page.context.new_cdp_session(page)
    asked: Counter[str] = Counter()
    received: list[float] = []
    wire.send("Network.enable")
    wire.send("Performance.enable")
    wire.on("Network.webSocketFrameSent", lambda e: asked.update([fragment_of(e["response"]["payloadData"])]))
    wire.on("Network.webSocketFrameReceived", lambda e: received.append(len(e["response"]["payloadData"]) * 0.75))

    def spent() -> tuple[float, float]:
        metrics: list[dict[str, Any]] = wire.send("Performance.getMetrics")["metrics"]
        times = psutil.Process(server).cpu_times()
        return times.user + times.system, next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    cpu_s, renderer_s = spent()
    asked.clear()
    received.clear()
    page.wait_for_timeout(WATCHED_S * 1000)
    cpu_after_s, renderer_after_s = spent()
    wire.detach()
    count = asked.most_common(1)[0][1]
    return Ticks(count, (cpu_after_s - cpu_s) * 1000, sum(received) / 1000, (renderer_after_s - renderer_s) * 1000)


def viewed(browser: Browser, db: Path, script: str = "app.py") -> tuple[Ticks, list[tuple[int, str]]]:
    """One viewer of one page for a while; its ticks, and every price of x that it was shown."""
    with dashboard(db, script) as (url, server):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.wait_for_selector(CHART, state="attached", timeout=60_000)
        page.wait_for_timeout(WARM_UP_S * 1000)
        page.evaluate(WATCH_PRICE, "BTCUSDT")
        ticks = watched(page, server)
        shown = page.evaluate("window.__shown")
        page.close()
    return ticks, [(int(at_ms), text) for at_ms, text in shown]


def ages_ms(db: Path, shown: list[tuple[int, str]]) -> list[int]:
    """For each trade that moved the price: how long after its own time the screen showed it, or a newer one.

    A price that comes back within a moment fits several trades; the oldest one counts, so no age is made too small.
    """
    since_ms, until_ms = shown[0][0], shown[-1][0]
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        rows = connection.execute(NEWER_TRADES, (since_ms,)).fetchall()
    moves = [row for row, before in zip(rows[1:], rows, strict=False) if row[1] != before[1]]
    ages: list[int] = []
    for at_ms, text in shown:
        price_e8 = round(float(text.replace(",", "")) * 1e8)
        waiting = moves[len(ages) :]
        found = next((i for i, (ts_ms, price) in enumerate(waiting) if ts_ms <= at_ms and price == price_e8), None)
        if found is not None:
            ages += [at_ms - ts_ms for ts_ms, _ in waiting[: found + 1]]
    return ages[: sum(ts_ms <= until_ms for ts_ms, _ in moves)]


def first_chart_s(db: Path, *, fresh: bool) -> float:
    """From opening the page in a browser that has cached nothing until the chart's lines are drawn.

    A `fresh` server has served nobody yet, so this opening pays for loading pandas and the rest.
    """
    with dashboard(db) as (url, _), chromium() as browser:
        for _ in range(1 if fresh else 2):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            began_s = time.perf_counter()
            page.goto(url)
            page.wait_for_selector(CHART, state="attached", timeout=60_000)
            took_s = time.perf_counter() - began_s
            context.close()
    return took_s


def before_ten(db: Path) -> tuple[list[float], float]:
    """How long each tick took before ten viewers, who came one after the other as people do; and its mean size, kB."""
    with dashboard(db) as (url, _):
        sessions = [Session(url) for _ in range(SESSIONS)]
        for session in sessions:
            session.start()
            time.sleep(1.0 + TICK_S / SESSIONS)
        time.sleep(WARM_UP_S)
        seen, seen_bytes = [len(session.latencies_ms) for session in sessions], sum(s.received_bytes for s in sessions)
        time.sleep(WATCHED_S / 2)
        received_bytes = sum(session.received_bytes for session in sessions) - seen_bytes
        for session in sessions:
            session.stop()
        found = [ms for session, first in zip(sessions, seen, strict=True) for ms in session.latencies_ms[first:]]
        return found, received_bytes / 1000 / len(found)


def is_ready(db: Path) -> bool:
    with contextlib.suppress(StatarbError):
        return isinstance(Desk(db).refresh(PairParams()).study.moments, FrozenMoments)
    return False


def run() -> list[Result]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, exchange() as market:
        db = Path(folder) / "t.db"
        with process("ingest.py", "--db", str(db), *market):
            wait_until(lambda: is_ready(db))
            fresh_s = [first_chart_s(db, fresh=True) for _ in range(ROUNDS)]
            warm_s = [first_chart_s(db, fresh=False) for _ in range(ROUNDS)]
            with chromium() as browser:
                ours, shown = viewed(browser, db)
                plain, _ = viewed(browser, db, "bench/plain_app.py")
            ages = ages_ms(db, shown)
            ten, ten_kb = before_ten(db)
    plain_way = "the same page with its chart by st.plotly_chart, key and uirevision given"
    return [
        Result(
            "tick_cpu_ms",
            ours.each(ours.server_cpu_ms),
            "ms",
            f"{plain_way}: {plain.each(plain.server_cpu_ms):.0f} ms",
            f"the server's CPU a tick of one viewer, {ours.count} ticks in {WATCHED_S:.0f} s; closed bars, "
            "watchlist and notices included",
        ),
        Result(
            "tick_kb",
            ours.each(ours.received_kb),
            "kB",
            f"{plain_way}: {plain.each(plain.received_kb):.0f} kB",
            "what the browser's WebSocket received a tick, decompressed",
        ),
        Result(
            "tick_browser_vs_plain",
            ours.each(ours.renderer_ms) / plain.each(plain.renderer_ms),
            "ratio",
            plain_way,
            f"the renderer's main thread a tick: {ours.each(ours.renderer_ms):.0f} / "
            f"{plain.each(plain.renderer_ms):.0f} ms, Chromium without a GPU",
        ),
        Result(
            "first_chart_s",
            median(fresh_s),
            "s",
            f"the same at a server that has served somebody before: {median(warm_s):.1f} s",
            f"from opening the page in a browser without a cache, at a server that has served nobody yet, until the "
            f"lines are drawn; median of {ROUNDS}: " + ", ".join(f"{one:.1f}" for one in fresh_s),
        ),
        Result(
            "sessions10_p95_ms",
            float(np.percentile(ten, 95)),
            "ms",
            f"their median: {median(ten):.0f} ms",
            f"{SESSIONS} viewers at 2 Hz over WebSocket without a browser, from asking for a tick until its answer is "
            f"complete; {len(ten):,} ticks of {ten_kb:.0f} kB",
        ),
        Result(
            "trade_to_screen_p95_ms",
            float(np.percentile(ages, 95)),
            "ms",
            f"their median: {median(ages):.0f} ms, of which a tick of {TICK_S * 1000:.0f} ms is waited for",
            f"from a trade's own time on the exchange in a box until a real browser shows it or a newer one, whole "
            f"pipeline running; {len(ages):,} trades that moved the price",
        ),
    ]
