"""A connection takes over from another while that still delivers: renewal, shutdown, instruments that come and go."""

import threading
import time

import pytest
from feed.rawserver import Peer, RawServer, frame, trades
from feed.streams import steady, stream_of
from processes import wait_until

from statarb.feed import stream as streaming
from statarb.market import Instrument

SHUTDOWNS = {
    "combined": b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    "raw": b'{"e":"serverShutdown","E":1770123456789}',
}


@pytest.mark.parametrize("notice", SHUTDOWNS.values(), ids=SHUTDOWNS.keys())
def test_an_announced_shutdown_is_made_good_before_it_breaks(recorder, notice):
    """The old connection goes on delivering until the new one has delivered; nothing is missed."""
    takeover = threading.Event()

    def old(peer: Peer) -> None:
        peer.accept()
        peer.send(trades(range(5)) + frame(notice))
        takeover.wait(60)
        peer.send(trades(range(5, 8)))
        peer.wait_closed()

    def new(peer: Peer) -> None:
        peer.accept()
        takeover.set()
        recorder.wait(lambda: 7 in recorder.ids)
        peer.send(trades(range(7, 12)))
        peer.wait_closed()

    with RawServer(old, new) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: set(recorder.ids) == set(range(12)))
        assert recorder.ids.count(7) == 2
        assert "connecting" not in recorder.states[1:]
        wait_until(lambda: server.open_peers == 1)
        stream.stop()


def test_a_connection_is_renewed_before_the_exchange_cuts_it_after_a_day(recorder, monkeypatch):
    monkeypatch.setattr(streaming, "LIFETIME_S", 0.3)
    with RawServer(steady(0), steady(1000)) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: len(recorder.sessions) >= 2 and recorder.ids[-1] >= 1000)
        assert "connecting" not in recorder.states[1:]
        stream.stop()


def test_instruments_join_and_leave_without_a_pause_of_the_others(recorder):
    btc, eth = Instrument("spot", "BTCUSDT"), Instrument("spot", "ETHUSDT")
    paths = []

    def script(peer: Peer) -> None:
        peer.accept()
        paths.append(peer.request.split()[1].decode())
        for i in range(3000):
            peer.send(trades([i]))
            time.sleep(0.02)

    with RawServer(script) as server:
        stream = stream_of(server, recorder, btc)
        stream.start()
        recorder.wait(lambda: len(recorder.ids) > 3)
        stream.follow([btc, eth])
        recorder.wait(lambda: len(recorder.sessions) == 2)
        stream.follow([eth])
        recorder.wait(lambda: len(recorder.sessions) == 3)
        assert "connecting" not in recorder.states[1:]
        stream.stop()
    assert [path.split("=")[1] for path in paths] == ["btcusdt@trade", "btcusdt@trade/ethusdt@trade", "ethusdt@trade"]


def test_a_successor_that_fails_leaves_the_old_connection_in_place(recorder):
    """The server refuses the second connection; the first goes on delivering and a later try succeeds."""

    def refusing(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 500 Oops\r\n\r\n")

    with RawServer(steady(0), refusing, steady(1000)) as server:
        stream = stream_of(server, recorder)
        stream.start()
        recorder.wait(lambda: len(recorder.ids) > 3)
        stream.renew("a test")
        recorder.wait(lambda: recorder.ids[-1] >= 1000)
        assert len(recorder.sessions) == 2
        assert "connecting" not in recorder.states[1:]
        stream.stop()
