"""A connection that never comes about: tried again where that helps, and said with what to do."""

import time

import pytest
from feed.rawserver import Peer, RawServer
from feed.streams import healthy, stream_of
from support import free_port

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import BlockedError, FeedError, UnreachableError
from statarb.feed import socket as trade_socket
from statarb.feed.socket import TradeSocket

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
def test_a_handshake_that_fails_is_tried_again(recorder, monkeypatch, steps):
    monkeypatch.setattr(trade_socket, "CONNECT_S", 2.0)

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


def test_tls_is_never_weakened_nor_left(recorder):
    """A server that speaks plain text on a wss address is refused."""

    def plain(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        peer.wait_closed()

    with RawServer(plain) as server, pytest.raises(UnreachableError, match="SSL"):
        TradeSocket(SYSTEM_CLOCK).open(server.url.replace("ws://", "wss://"))
