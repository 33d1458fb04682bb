"""An outside monitor hears from ingest while all is well, and only then."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from statarb.jobs.ping import Ping, is_well


@pytest.fixture
def monitor():
    calls = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/secret", calls
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("stats", "well"),
    [
        ({"trades_per_s": 5.0, "lag_p50_ms": 80}, True),
        ({"trades_per_s": 5.0, "lag_p50_ms": None}, True),
        ({"trades_per_s": 0.0, "lag_p50_ms": 80}, False),
        ({"trades_per_s": 5.0, "lag_p50_ms": 60_000}, False),
        ({}, False),
    ],
)
def test_well_means_that_trades_come_in_and_are_stored_in_time(monitor, stats, well):
    url, calls = monitor
    assert is_well(stats) is well
    assert Ping(url, lambda: stats).step() is well
    assert calls == ["/secret"] * well


def test_a_monitor_that_is_gone_is_logged_without_its_address(caplog):
    assert not Ping("http://127.0.0.1:1/secret", lambda: {"trades_per_s": 1.0}).step()
    assert "could not be called" in caplog.text
    assert "secret" not in caplog.text
