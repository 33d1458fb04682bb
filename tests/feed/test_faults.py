"""Faults beyond the end of one connection: a pulled cable, a false certificate, bombs, an outage of the server."""

from __future__ import annotations

import gzip
import random
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from feed.rawserver import Peer, RawServer, close, trades
from feed.streams import PATIENCE_S, LeapingClock, healthy, stream_of
from feed.test_rest import client
from proxy import Proxy

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import FeedError, UnreachableError
from statarb.feed import backoff
from statarb.feed import rest as resting
from statarb.feed.backoff import ConnectBudget
from statarb.feed.socket import TradeSocket
from statarb.feed.stream import TradeStream
from statarb.feed.venues import venue
from statarb.market import Instrument

CLOSE_CODES = (*range(1000, 1004), *range(1007, 1016), 3000, 4999)


def test_a_pulled_cable_is_noticed_and_what_comes_after_it_is_back_arrives(recorder):
    """Both sockets stay open and nothing passes, not even the end of a connection."""
    clock = LeapingClock()

    def every_moment(peer: Peer) -> None:
        peer.accept()
        for i in range(2_000):
            peer.send(trades([i]))
            time.sleep(0.02)

    with RawServer(every_moment) as server, Proxy(int(server.url.rsplit(":", 1)[1])) as proxy:
        budget = ConnectBudget(SYSTEM_CLOCK.monotonic_s, lambda: 0.0)
        place = venue("spot", proxy.url, server.http_url)
        stream = TradeStream("spot-1", place, [Instrument("spot", "BTCUSDT")], recorder, budget, clock)
        stream.start()
        recorder.wait(lambda: len(recorder.ids) > 5)
        proxy.freeze()
        while recorder.states.count("connecting") < 2:  # a trade may have been on its way in still
            clock.ahead_s += PATIENCE_S + 1
            time.sleep(0.2)
        proxy.mend()
        recorder.wait(lambda: len(recorder.sessions) == 2)
        stream.stop()


def test_every_close_code_leads_to_a_new_connection(recorder, monkeypatch):
    monkeypatch.setattr(backoff, "REFILL_S", 0.01)

    def ending(code: int, number: int):
        def script(peer: Peer) -> None:
            peer.accept()
            peer.send(trades([number]) + close(code, "bye"))
            peer.wait_closed()

        return script

    scripts = [ending(code, number) for number, code in enumerate(CLOSE_CODES)]
    with RawServer(*scripts, healthy([99])) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: recorder.ids == [*range(len(CLOSE_CODES)), 99])
        stream.stop()
    assert len(recorder.sessions) == len(CLOSE_CODES) + 1


def test_a_certificate_that_nobody_vouches_for_is_refused(recorder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("selfsigned.pem"))
    said = []

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        try:
            said.append(context.wrap_socket(peer, server_side=True).recv(10))
        except (ssl.SSLError, OSError) as error:
            said.append(str(error))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(UnreachableError, match="certificate"):
            TradeSocket(SYSTEM_CLOCK).open(f"wss://localhost:{listener.getsockname()[1]}")
        thread.join(60)
    assert "unknown ca" in said[0], "the client never sent its request"


def test_an_answer_that_unpacks_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(resting, "MAX_BODY_BYTES", 100_000)
    bomb = gzip.compress(b" " * 20_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: "

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(head + str(len(bomb)).encode() + b"\r\n\r\n" + bomb)
        peer.wait_closed()

    with RawServer(script) as server, pytest.raises(FeedError, match="more than"):
        client(server).time_ms()


@pytest.mark.parametrize("streams", [1, 2, 5])
def test_after_an_outage_the_first_connection_comes_within_6_s_and_each_further_one_within_6_more(streams):
    """Streams that all lost a server, and all try for ever, share one permission to connect."""
    now_s = 0.0
    budget = ConnectBudget(lambda: now_s, random.Random(streams).random)
    due = [budget.reserve() for _ in range(streams)]
    back_at_s, healthy_at_s = 700.0 + streams, []
    while due:
        now_s = min(due)
        due.remove(now_s)
        if now_s >= back_at_s:
            healthy_at_s.append(now_s)
        else:
            due.append(now_s + budget.reserve())
    waits_s = [at_s - back_at_s for at_s in healthy_at_s]
    assert all(wait_s <= 6 * number for number, wait_s in enumerate(waits_s, 1)), waits_s
