"""The jobs start and stop with ingest, and ingest starts without waiting for their libraries."""

from __future__ import annotations

import subprocess
import sys
import threading
from argparse import Namespace

from processes import wait_until
from support import PROJECT

from statarb.jobs.background import Jobs
from statarb.store import AlertHealth, Inbox, Writer

OPTIONS = {"ping_url": None, "desk_url": "http://desk", "deliver_simulated": "no"}


def test_ingest_starts_without_the_statistics_and_without_apprise():
    heavy = ("statarb.quant", "scipy", "statsmodels", "apprise", "streamlit")
    code = f"import sys, ingest; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_threads_say_that_they_are_alive_and_end_when_asked(tmp_path):
    inbox = Inbox()
    writer = Writer(tmp_path / "t.db", "simulated", inbox)
    jobs = Jobs(Namespace(db=tmp_path / "t.db", **OPTIONS), "simulated", inbox.put, writer.stats)
    before = {thread.name for thread in threading.enumerate()}
    jobs.start()
    said: list[AlertHealth] = []
    wait_until(lambda: said.extend(inbox.take(100, 0)[0]) or said)
    assert said[0].stats["rules"] == 2
    assert {"alerts", "delivery"} <= {thread.name for thread in threading.enumerate()} - before
    jobs.stop()
    wait_until(lambda: not {"alerts", "delivery"} & {thread.name for thread in threading.enumerate()})
    jobs.stop()
    writer.close()
    assert not (tmp_path / "t.db-wal").exists(), "no reader is left open"
