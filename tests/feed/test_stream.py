"""One connection against a server of raw bytes: everything delivered, every kind of end survived."""

import threading

import pytest
from feed.rawserver import Peer, RawServer, close, frame, trade_text, trades
from feed.streams import PATIENCE_S, LeapingClock, healthy, stream_of
from processes import wait_until

from statarb.clock import SYSTEM_CLOCK
from statarb.feed import socket as trade_socket
from statarb.feed.backoff import ConnectBudget
from statarb.feed.binance_spot import parse_frame
from statarb.feed.connection import Connection
from statarb.feed.socket import MAX_MESSAGE_BYTES, Overdue
from statarb.feed.stream import TradeStream
from statarb.feed.venues import venue
from statarb.market import Instrument


def broken(*steps):
    """A script that shakes hands, sends trades 0..4, then does what the test is about."""

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(trades(range(5)))
        for step in steps:
            step(peer)

    return script


ENDS = {
    "FIN": (),
    "RST": (Peer.reset,),
    **{
        f"close {code}": (lambda peer, code=code: peer.send(close(code, "bye")), Peer.wait_closed)
        for code in (1000, 1001, 1008, 1011, 1012, 1013)
    },
    "illegal close 1006": (lambda peer: peer.send(close(1006)), Peer.wait_closed),
    "close without code": (lambda peer: peer.send(frame(b"", opcode=8)), Peer.wait_closed),
    "reserved bits": (lambda peer: peer.send(b"\xf1\x00"), Peer.wait_closed),
    "unknown opcode": (lambda peer: peer.send(frame(b"x", opcode=3)), Peer.wait_closed),
    "a length of 2^40": (lambda peer: peer.send(frame(b"x", length=1 << 40)), Peer.wait_closed),
    "a frame of 64 MiB": (lambda peer: peer.send(frame(b"x", length=64 << 20)), Peer.wait_closed),
    "endless fragments": (
        lambda peer: peer.send(frame(b"x" * 60_000, fin=False)),
        lambda peer: [peer.send(frame(b"x" * 60_000, opcode=0, fin=False)) for _ in range(40)],
        Peer.wait_closed,
    ),
    "a continuation of nothing": (lambda peer: peer.send(frame(b"x", opcode=0)), Peer.wait_closed),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_the_stream_survives_every_way_a_connection_ends(recorder, end):
    """What came before the end is delivered, and a new connection brings the rest."""
    with RawServer(broken(*end), healthy(range(5, 10))) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.ids == list(range(10)))
        assert len(recorder.sessions) == 2
        stream.stop()
        assert recorder.states[:2] == ["connecting", "live"]


def test_bad_frames_are_counted_and_the_stream_goes_on(recorder):
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(trade_text(1)) + frame(b"{nonsense") + frame(b"\x00\x01", opcode=2) + frame(b"\xff\xfe"))
        peer.send(frame(b'{"result":null,"id":1}') + frame(trade_text(2)))
        peer.wait_closed()

    with RawServer(script) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.ids == [1, 2])
        assert recorder.rejects == ["not JSON", "binary frame", "not JSON"]
        assert len(recorder.sessions) == 1
        stream.stop()


def test_the_largest_message_allowed_arrives_in_fragments(recorder):
    text = trade_text(3)
    padded = b" " * (MAX_MESSAGE_BYTES - len(text)) + text
    half = len(padded) // 2

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(padded[:half], fin=False) + frame(b"ping", opcode=9) + frame(padded[half:], opcode=0))
        peer.wait_closed()

    with RawServer(script) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.ids == [3])
        stream.stop()


def test_pings_are_answered_with_their_payload(recorder):
    answered = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(b"1723161255343", opcode=9) + trades([1]))
        head = peer.sock.recv(2)
        mask, payload = peer.sock.recv(4), peer.sock.recv(head[1] & 127)
        if head[0] == 0x8A and bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) == b"1723161255343":
            answered.set()
        peer.wait_closed()

    with RawServer(script) as server:
        stream = stream_of(server, recorder)
        stream.start()
        assert answered.wait(60)
        stream.stop()


def test_a_full_queue_hangs_up_instead_of_dropping(recorder):
    with RawServer(healthy(range(5))) as server:
        recorder.room = False
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.states.count("live") >= 2)
        recorder.room = True
        recorder.wait(lambda: recorder.ids[:5] == list(range(5)))
        stream.stop()


def test_stop_returns_at_once_even_in_a_silent_connection(recorder, monkeypatch):
    monkeypatch.setattr(trade_socket, "POLL_S", 250.0)
    with RawServer(healthy(range(5))) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: len(recorder.ids) == 5)
        stream.stop()
        wait_until(lambda: not {"spot-1", "spot-1/1"} & {thread.name for thread in threading.enumerate()})


def test_step_delivers_what_the_socket_holds_without_a_thread(recorder):
    clock = LeapingClock()
    with RawServer(healthy(range(1200))) as server:
        connection = Connection("spot-1/1", server.url, parse_frame, recorder, lambda: None, clock)
        connection.connect()
        while len(recorder.ids) < 1200:
            connection.step()
        assert recorder.ids == list(range(1200))
        clock.ahead_s = PATIENCE_S + 1
        with pytest.raises(Overdue):
            connection.step()
        connection.stop()


@pytest.mark.parametrize(("asleep_ms", "told"), [(0, []), (119_999, []), (28_800_000, [["BTCUSDT"]])])
def test_a_return_after_a_long_absence_by_the_wall_clock_is_told(recorder, asleep_ms, told):
    class Wall:
        """The monotonic clock of a machine that slept stood still; the one on the wall did not."""

        wall_ms = 1_700_000_000_000
        monotonic_s, wait = SYSTEM_CLOCK.monotonic_s, SYSTEM_CLOCK.wait

        def now_ms(self):
            return self.wall_ms

    clock, returned = Wall(), []

    def falls_asleep(peer: Peer) -> None:
        peer.accept()
        peer.send(trades([0]))
        recorder.wait(lambda: recorder.ids == [0])
        clock.wall_ms += asleep_ms

    with RawServer(falls_asleep, healthy([1])) as server:
        budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0)
        place = venue("spot", server.url, server.http_url)
        stream = TradeStream(
            "spot-1",
            place,
            [Instrument("spot", "BTCUSDT")],
            recorder,
            budget,
            clock,
            on_return=lambda some: returned.append([one.symbol for one in some]),
        )
        stream.start()
        recorder.wait(lambda: recorder.ids == [0, 1])
        stream.stop()
    assert returned == told
