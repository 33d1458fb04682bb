"""The page for a long time: its memory stays flat over thousands of refreshes, and after a crowd has left."""

import os
import time
from statistics import median

import psutil
import pytest
from browsing import open_chart
from processes import wait_until

from bench.pipeline import dashboard
from bench.session import Session

pytestmark = [pytest.mark.soak, pytest.mark.browser, pytest.mark.timeout(7200)]

REFRESHES = int(os.environ.get("SOAK_REFRESHES", "2000"))
VIEWERS = int(os.environ.get("SOAK_VIEWERS", "50"))
LEFT_S = 180
"""Streamlit keeps the sessions that have gone for two minutes, in case they come back."""
WARM_UP_REFRESHES = 200
FLAT = 1.05


def server_mb(pid) -> float:
    """The median of some seconds: a study in the making comes and goes."""
    sizes = []
    for _ in range(20):
        sizes.append(psutil.Process(pid).memory_info().rss / 1e6)
        time.sleep(0.5)
    return median(sizes)


def browser_mb(wire) -> float:
    wire.send("HeapProfiler.collectGarbage")
    metrics = wire.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize") / 1e6


def test_memory_is_flat_over_refreshes_and_after_fifty_viewers_have_left(page, db):
    asked = []
    wire = page.context.new_cdp_session(page)
    for domain in ("Network", "Performance", "HeapProfiler"):
        wire.send(f"{domain}.enable")
    wire.on("Network.webSocketFrameSent", lambda _: asked.append(1))
    with dashboard(db) as (url, pid):
        open_chart(page, url)

        def refreshed(count):
            page.wait_for_timeout(1_000)
            return len(asked) >= count

        wait_until(lambda: refreshed(WARM_UP_REFRESHES), 3600)
        server, heap = server_mb(pid), browser_mb(wire)
        wait_until(lambda: refreshed(WARM_UP_REFRESHES + REFRESHES), 3600)
        server_after, heap_after = server_mb(pid), browser_mb(wire)
        print(f"\n{REFRESHES:,} refreshes: server {server:.0f} -> {server_after:.0f} MB, ", end="")
        print(f"browser {heap:.1f} -> {heap_after:.1f} MB")
        sessions = [Session(url) for _ in range(VIEWERS)]
        for session in sessions:
            session.start()
        time.sleep(30)
        crowded = server_mb(pid)
        for session in sessions:
            session.stop()
        page.wait_for_timeout(LEFT_S * 1000)
        left = server_mb(pid)
        page.goto("about:blank")  # before its server goes
        print(f"{VIEWERS} viewers: {crowded:.0f} MB; {LEFT_S} s after they left: {left:.0f} MB")
    assert server_after < FLAT * server
    assert heap_after < FLAT * heap
    assert left < FLAT * server_after
