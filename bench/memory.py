"""The page for a long time: its memory over thousands of refreshes, and after a crowd has left."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import CDPSession

from bench.pipeline import dashboard, exchange, process, wait_until
from bench.result import Result
from bench.screen import CHART, chromium, fragment_of, is_ready
from bench.session import Session

REFRESHES, VIEWERS = 2_000, 50
WARM_UP_REFRESHES = 200
CROWD_S = 30
LEFT_S = 180
"""Streamlit keeps the sessions that have gone for two minutes, in case they come back."""
SLOWEST_S = 1.5
"""A refresh each half a second takes no longer than this on any machine that is worth measuring on."""


def run(refreshes: int = REFRESHES, viewers: int = VIEWERS) -> list[Result]:
    """Twenty-five minutes with the usual numbers."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, exchange() as market:
        db = Path(folder) / "t.db"
        with (
            process("ingest.py", "--db", str(db), *market),
            dashboard(db) as (url, server),
            chromium() as browser,
        ):
            wait_until(lambda: is_ready(db))
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            asked: list[str] = []
            wire = page.context.new_cdp_session(page)
            for domain in ("Network", "Performance", "HeapProfiler"):
                wire.send(f"{domain}.enable")
            wire.on("Network.webSocketFrameSent", lambda e: asked.append(fragment_of(e["response"]["payloadData"])))
            page.goto(url)
            page.wait_for_selector(CHART, state="attached", timeout=60_000)

            def is_refreshed(count: int) -> bool:
                page.wait_for_timeout(1_000)
                return max((asked.count(one) for one in set(asked)), default=0) >= count

            wait_until(lambda: is_refreshed(WARM_UP_REFRESHES), WARM_UP_REFRESHES * SLOWEST_S)
            warm_mb, warm_heap_mb = _server_mb(server), _heap_mb(wire)
            count = WARM_UP_REFRESHES + refreshes
            wait_until(lambda: is_refreshed(count), count * SLOWEST_S)
            late_mb, late_heap_mb = _server_mb(server), _heap_mb(wire)
            sessions = [Session(url) for _ in range(viewers)]
            for session in sessions:
                session.start()
            time.sleep(CROWD_S)
            crowded_mb = _server_mb(server)
            for session in sessions:
                session.stop()
            page.wait_for_timeout(LEFT_S * 1000)
            left_mb = _server_mb(server)
    return [
        Result(
            "memory_of_refreshes",
            late_mb / warm_mb,
            "ratio",
            f"the page's server after {WARM_UP_REFRESHES} refreshes: {warm_mb:.0f} MB",
            f"after {refreshes:,} more, one viewer: {late_mb:.0f} MB resident",
        ),
        Result(
            "heap_of_refreshes",
            late_heap_mb / warm_heap_mb,
            "ratio",
            f"the browser's heap after {WARM_UP_REFRESHES} refreshes: {warm_heap_mb:.1f} MB",
            f"after {refreshes:,} more: {late_heap_mb:.1f} MB, garbage collected",
        ),
        Result(
            "memory_after_viewers",
            left_mb / late_mb,
            "ratio",
            f"the page's server before them: {late_mb:.0f} MB",
            f"{LEFT_S} s after {viewers} viewers have left: {left_mb:.0f} MB; with them {crowded_mb:.0f} MB",
        ),
    ]


def _server_mb(pid: int) -> float:
    """The median of some seconds: a study in the making comes and goes."""
    sizes: list[float] = []
    for _ in range(20):
        sizes.append(psutil.Process(pid).memory_info().rss / 1e6)
        time.sleep(0.5)
    return median(sizes)


def _heap_mb(wire: CDPSession) -> float:
    wire.send("HeapProfiler.collectGarbage")
    metrics = wire.send("Performance.getMetrics")["metrics"]
    size: float = next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")
    return size / 1e6
