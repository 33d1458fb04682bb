"""What the tests of a stream share: a sink that keeps everything, a clock that leaps, scripts for a server."""

from __future__ import annotations

import threading
import time

from feed.rawserver import Peer, RawServer, trades

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.feed.backoff import ConnectBudget
from statarb.feed.stream import TradeStream
from statarb.feed.venues import venue
from statarb.market import Instrument

PATIENCE_S = 100.0
"""Of the streams under test; longer than a test waits for anything."""


class LeapingClock:
    """The machine's clocks, ahead by as much as a test says."""

    ahead_s = 0.0
    wait = SYSTEM_CLOCK.wait

    def now_ms(self) -> int:
        return SYSTEM_CLOCK.now_ms() + int(self.ahead_s * 1000)

    def monotonic_s(self) -> float:
        return SYSTEM_CLOCK.monotonic_s() + self.ahead_s


class Recorder:
    """A sink that keeps everything; `room` False refuses trades."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.sessions: list[str] = []
        self.rejects: list[str] = []
        self.states: list[str] = []
        self.room = True
        self.changed = threading.Condition()

    def trades(self, session, trades):
        with self.changed:
            if not self.room:
                return False
            self.ids += [trade.trade_id for trade in trades]
            self.sessions += [session] * (session not in self.sessions)
            self.changed.notify_all()
            return True

    def reject(self, seen_at_ms, reason, sample):
        with self.changed:
            self.rejects.append(reason)
            self.changed.notify_all()

    def report(self, name, state, instruments, stats):
        with self.changed:
            self.states.append(state)
            self.changed.notify_all()

    def wait(self, condition, seconds=60.0):
        with self.changed:
            assert self.changed.wait_for(condition, seconds), (self.ids[-5:], self.rejects, self.states)


def stream_of(server: RawServer, sink: Recorder, *instruments: Instrument, clock: Clock = SYSTEM_CLOCK) -> TradeStream:
    budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.1)
    return TradeStream(
        "spot-1",
        venue("spot", server.url, server.http_url),
        instruments or [Instrument("spot", "BTCUSDT")],
        sink,
        budget,
        clock,
    )


def steady(start: int):
    def script(peer: Peer) -> None:
        peer.accept()
        for i in range(start, start + 900):
            peer.send(trades([i]))
            time.sleep(0.02)

    return script


def healthy(ids):
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(trades(ids))
        peer.wait_closed()

    return script
