"""Two sinks for the tests of a stream: one in a hurry, and one for what has nothing to do with silence."""

from __future__ import annotations

import pytest
from feed.streams import Recorder

from statarb.feed import rhythm
from statarb.feed import socket as trade_socket


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(trade_socket, "POLL_S", 0.1)
    monkeypatch.setattr(trade_socket, "CONNECT_S", 2.0)
    monkeypatch.setattr(rhythm, "SHORTEST_S", 1.5)
    return Recorder()


@pytest.fixture
def patient(recorder, monkeypatch):
    """For what has nothing to do with silence: a busy machine may pause."""
    monkeypatch.setattr(trade_socket, "CONNECT_S", 20.0)
    monkeypatch.setattr(rhythm, "SHORTEST_S", 20.0)
    return recorder
