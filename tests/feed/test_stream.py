"""One connection against a server of raw bytes: everything delivered, every kind of end survived."""

import threading
import time

import pytest
from feed.rawserver import Peer, RawServer, close, frame, trade_text, trades
from processes import wait_until
from support import free_port

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import BlockedError, FeedError, UnreachableError
from statarb.feed import rhythm
from statarb.feed import socket as trade_socket
from statarb.feed import stream as streaming
from statarb.feed.backoff import ConnectBudget
from statarb.feed.binance_spot import parse_frame
from statarb.feed.connection import Connection
from statarb.feed.lookout import Lookout
from statarb.feed.rhythm import SHORTEST_S, Rhythm
from statarb.feed.socket import MAX_MESSAGE_BYTES, Overdue, TradeSocket
from statarb.feed.stream import TradeStream
from statarb.feed.venues import venue
from statarb.market import Instrument


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


def stream_of(server: RawServer, sink: Recorder, *instruments: Instrument) -> TradeStream:
    budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.1)
    return TradeStream(
        "spot-1",
        venue("spot", server.url, server.http_url),
        instruments or [Instrument("spot", "BTCUSDT")],
        sink,
        budget,
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
    "silence": (Peer.wait_closed,),
    "a stall in mid-frame": (lambda peer: peer.send(frame(trade_text(5))[:20]), Peer.wait_closed),
    "dripping bytes": (
        lambda peer: [
            (peer.send(b"\x81\x7e\xff\x00"[i : i + 1] if i < 4 else b"x"), time.sleep(0.05)) for i in range(200)
        ],
    ),
    "a flood of pings only": (lambda peer: [(peer.send(frame(b"p", opcode=9)), time.sleep(0.05)) for _ in range(100)],),
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


HANDSHAKES = {
    "silent": (Peer.wait_closed,),
    "endless headers": (
        Peer.read_request,
        lambda peer: peer.send(b"HTTP/1.1 101 Switching Protocols\r\n"),
        lambda peer: [(peer.send(b"X-A: 1\r\n"), time.sleep(0.02)) for _ in range(400)],
    ),
    "redirect": (
        Peer.read_request,
        lambda peer: peer.send(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n"),
        Peer.wait_closed,
    ),
    "HTTP 500": (Peer.read_request, lambda peer: peer.send(b"HTTP/1.1 500 Oops\r\n\r\n"), Peer.wait_closed),
    "garbage": (Peer.read_request, lambda peer: peer.send(b"\x00\xff\x00\xff\r\n\r\n"), Peer.wait_closed),
    "cut": (),
}


@pytest.mark.parametrize("steps", HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_a_handshake_that_fails_is_tried_again(recorder, steps):
    def script(peer: Peer) -> None:
        for step in steps:
            step(peer)

    with RawServer(script, healthy(range(3))) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.ids == [0, 1, 2])
        stream.stop()


@pytest.mark.parametrize(
    ("status", "error"), [(451, BlockedError), (403, BlockedError), (418, BlockedError), (500, FeedError)]
)
def test_a_refusal_says_what_to_do(recorder, status, error):
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
        peer.wait_closed()

    with RawServer(script) as server, pytest.raises(error, match=str(status)) as caught:
        TradeSocket(SYSTEM_CLOCK).open(server.url + "/stream")
    assert error is FeedError or "--venue binance.us" in str(caught.value)


def test_no_server_and_no_such_host_say_what_to_do():
    with pytest.raises(UnreachableError, match="--demo"):
        TradeSocket(SYSTEM_CLOCK).open(f"ws://127.0.0.1:{free_port()}")
    with pytest.raises(UnreachableError, match="cannot be found"):
        TradeSocket(SYSTEM_CLOCK).open("ws://no-such-host.invalid")


def test_tls_is_never_weakened_nor_left():
    """A server that speaks plain text on a wss address is refused."""
    with RawServer(healthy(range(3))) as server, pytest.raises(UnreachableError):
        TradeSocket(SYSTEM_CLOCK).open(server.url.replace("ws://", "wss://"))


def test_bad_frames_are_counted_and_the_stream_goes_on(patient):
    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(trade_text(1)) + frame(b"{nonsense") + frame(b"\x00\x01", opcode=2) + frame(b"\xff\xfe"))
        peer.send(frame(b'{"result":null,"id":1}') + frame(trade_text(2)))
        peer.wait_closed()

    with RawServer(script) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: patient.ids == [1, 2])
        assert patient.rejects == ["not JSON", "binary frame", "not JSON"]
        assert len(patient.sessions) == 1
        stream.stop()


def test_the_largest_message_allowed_arrives_in_fragments(patient):
    text = trade_text(3)
    padded = b" " * (MAX_MESSAGE_BYTES - len(text)) + text
    half = len(padded) // 2

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(padded[:half], fin=False) + frame(b"ping", opcode=9) + frame(padded[half:], opcode=0))
        peer.wait_closed()

    with RawServer(script) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: patient.ids == [3])
        stream.stop()


def test_pings_are_answered_with_their_payload(patient):
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
        stream = stream_of(server, patient)
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


def test_silence_doubles_its_patience_so_that_a_halted_market_causes_no_storm(recorder, monkeypatch):
    monkeypatch.setattr(rhythm, "SHORTEST_S", 0.5)

    def silent(peer: Peer) -> None:
        peer.accept()
        peer.wait_closed()

    with RawServer(silent) as server:
        stream = stream_of(server, recorder)
        stream.start()
        time.sleep(4.0)
        stream.stop()
        # 0.5 s, then 1 s, then 2 s of patience; without doubling there would be six or more.
        assert 2 <= server.connections <= 4


def test_stop_returns_at_once_even_in_a_silent_connection(patient):
    with RawServer(healthy(range(5))) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: len(patient.ids) == 5)
        began = time.monotonic()
        stream.stop()
        assert time.monotonic() - began < 10, "long before the silence is over"


def test_step_delivers_what_the_socket_holds_without_a_thread(recorder):
    with RawServer(healthy(range(1200))) as server:
        connection = Connection("spot-1/1", server.url, parse_frame, recorder, lambda: None, SYSTEM_CLOCK)
        connection.connect()
        while len(recorder.ids) < 1200:
            connection.step()
        assert recorder.ids == list(range(1200))
        time.sleep(1.6)
        with pytest.raises(Overdue):
            connection.step()
        connection.stop()


SHUTDOWNS = {
    "combined": b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    "raw": b'{"e":"serverShutdown","E":1770123456789}',
}


@pytest.mark.parametrize("notice", SHUTDOWNS.values(), ids=SHUTDOWNS.keys())
def test_an_announced_shutdown_is_made_good_before_it_breaks(patient, notice):
    """The old connection goes on delivering until the new one has delivered; nothing is missed."""
    takeover, told = threading.Event(), threading.Event()

    def old(peer: Peer) -> None:
        peer.accept()
        peer.send(trades(range(5)) + frame(notice))
        takeover.wait(60)
        peer.send(trades(range(5, 8)))
        told.set()
        peer.wait_closed()

    def new(peer: Peer) -> None:
        peer.accept()
        takeover.set()
        told.wait(60)
        time.sleep(0.5)
        peer.send(trades(range(7, 12)))
        peer.wait_closed()

    with RawServer(old, new) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: set(patient.ids) == set(range(12)))
        assert patient.ids.count(7) == 2
        assert "connecting" not in patient.states[1:]
        wait_until(lambda: server.open_peers == 1)
        stream.stop()


@pytest.mark.parametrize(("asleep_ms", "told"), [(0, []), (119_000, []), (28_800_000, [["BTCUSDT"]])])
def test_a_return_after_a_long_absence_by_the_wall_clock_is_told(patient, asleep_ms, told):
    class Wall:
        """The monotonic clock of a machine that slept stood still; the one on the wall did not."""

        ahead_ms = 0
        monotonic_s, wait = SYSTEM_CLOCK.monotonic_s, SYSTEM_CLOCK.wait

        def now_ms(self):
            return SYSTEM_CLOCK.now_ms() + self.ahead_ms

    clock, returned = Wall(), []

    def falls_asleep(peer: Peer) -> None:
        peer.accept()
        peer.send(trades([0]))
        patient.wait(lambda: patient.ids == [0])
        clock.ahead_ms = asleep_ms

    with RawServer(falls_asleep, healthy([1])) as server:
        budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0)
        place = venue("spot", server.url, server.http_url)
        stream = TradeStream(
            "spot-1",
            place,
            [Instrument("spot", "BTCUSDT")],
            patient,
            budget,
            clock,
            on_return=lambda some: returned.append([one.symbol for one in some]),
        )
        stream.start()
        patient.wait(lambda: patient.ids == [0, 1])
        stream.stop()
    assert returned == told


def test_a_connection_is_renewed_before_the_exchange_cuts_it_after_a_day(patient, monkeypatch):
    monkeypatch.setattr(streaming, "LIFETIME_S", 0.3)
    with RawServer(steady(0), steady(1000)) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: len(patient.sessions) >= 2 and patient.ids[-1] >= 1000)
        assert "connecting" not in patient.states[1:]
        stream.stop()


def test_a_symbol_that_fell_silent_on_a_live_connection_is_noticed_and_renewed(recorder):
    """BTC keeps coming, ETH stops; the exchange says that ETH goes on, so a new connection takes over."""
    btc, eth = Instrument("spot", "BTCUSDT"), Instrument("spot", "ETHUSDT")

    def half_dead(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(trade_text(1, "ETHUSDT")))
        for i in range(2, 3000):
            peer.send(frame(trade_text(i)))
            time.sleep(0.02)

    with RawServer(half_dead, healthy(range(500, 503))) as server:
        stream = stream_of(server, recorder, btc, eth)
        stored = {str(btc): 10**9, str(eth): 1}
        lookout = Lookout([stream], lambda symbol: {"BTCUSDT": 5, "ETHUSDT": 7}[symbol], lambda: stored)
        stream.start()
        recorder.wait(lambda: len(recorder.ids) > 5)
        lookout.start()
        recorder.wait(lambda: 502 in recorder.ids)
        lookout.stop()
        stream.stop()
    assert len(recorder.sessions) == 2


def test_a_symbol_whose_market_is_silent_causes_no_reconnect_and_ever_fewer_questions(recorder, monkeypatch):
    monkeypatch.setattr(rhythm, "SHORTEST_S", 1.0)
    eth = Instrument("spot", "ETHUSDT")
    asked = []

    def newest_id(symbol):
        asked.append(symbol)
        return 1

    def quiet(peer: Peer) -> None:
        peer.accept()
        peer.send(frame(trade_text(1, "ETHUSDT")))
        for i in range(2, 3000):
            peer.send(frame(trade_text(i)))
            time.sleep(0.02)

    with RawServer(quiet) as server:
        stream = stream_of(server, recorder, Instrument("spot", "BTCUSDT"), eth)
        lookout = Lookout([stream], newest_id, lambda: {str(eth): 1})
        stream.start()
        recorder.wait(lambda: len(recorder.ids) > 5)
        lookout.start()
        time.sleep(5)
        lookout.stop()
        stream.stop()
    assert asked.count("ETHUSDT") in (2, 3)  # after 1 s, 2 s and 4 s of silence
    assert len(recorder.sessions) == 1


def test_patience_is_ten_seconds_where_something_came_every_second_and_twenty_gaps_elsewhere():
    every_second, slow, bursty = Rhythm(0.0), Rhythm(0.0), Rhythm(0.0)
    for i in range(1, 60):
        every_second.hear(float(i))
        slow.hear(i * 7.0)
    for s in (0.0, 0.1, 0.2, 30.0, 30.1, 30.2, 60.0):
        bursty.hear(s)
    assert every_second.patience_s == bursty.patience_s == SHORTEST_S < 10
    assert slow.patience_s == 140
    slow.be_patient()
    assert slow.patience_s == 280
    slow.hear(420.0)
    assert slow.patience_s == 140
    assert Rhythm(0.0, doublings=99).patience_s == 600


def test_instruments_join_and_leave_without_a_pause_of_the_others(patient):
    btc, eth = Instrument("spot", "BTCUSDT"), Instrument("spot", "ETHUSDT")
    paths = []

    def script(peer: Peer) -> None:
        peer.accept()
        paths.append(peer.request.split()[1].decode())
        for i in range(3000):
            peer.send(trades([i]))
            time.sleep(0.02)

    with RawServer(script) as server:
        stream = stream_of(server, patient, btc)
        stream.start()
        patient.wait(lambda: len(patient.ids) > 3)
        stream.follow([btc, eth])
        patient.wait(lambda: len(patient.sessions) == 2)
        stream.follow([eth])
        patient.wait(lambda: len(patient.sessions) == 3)
        assert "connecting" not in patient.states[1:]
        stream.stop()
    assert [path.split("=")[1] for path in paths] == ["btcusdt@trade", "btcusdt@trade/ethusdt@trade", "ethusdt@trade"]


def test_a_successor_that_fails_leaves_the_old_connection_in_place(patient):
    """The server refuses the second connection; the first goes on delivering and a later try succeeds."""

    def refusing(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 500 Oops\r\n\r\n")

    with RawServer(steady(0), refusing, steady(1000)) as server:
        stream = stream_of(server, patient)
        stream.start()
        patient.wait(lambda: len(patient.ids) > 3)
        stream.renew("a test")
        patient.wait(lambda: patient.ids[-1] >= 1000)
        assert len(patient.sessions) == 2
        assert "connecting" not in patient.states[1:]
        stream.stop()
