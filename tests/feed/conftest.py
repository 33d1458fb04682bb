"""A sink for the tests of a stream, with deadlines that a busy machine keeps."""

from __future__ import annotations

import pytest
from feed.streams import PATIENCE_S, Recorder

from statarb.feed import rhythm
from statarb.feed import socket as trade_socket


@pytest.fixture
def recorder(monkeypatch):
    """Silence is noticed when a test moves the clock, and not because the machine pauses."""
    monkeypatch.setattr(trade_socket, "POLL_S", 0.1)
    monkeypatch.setattr(trade_socket, "CONNECT_S", 60.0)
    monkeypatch.setattr(rhythm, "SHORTEST_S", PATIENCE_S)
    return Recorder()
