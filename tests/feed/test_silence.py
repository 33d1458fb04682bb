"""Silence: a dead connection or symbol is renewed, and a market that rests is left in peace."""

import queue
import time

import pytest
from feed.rawserver import Peer, RawServer, frame, trade_text, trades
from feed.streams import PATIENCE_S, LeapingClock, healthy, stream_of

from statarb.feed.lookout import Lookout
from statarb.feed.rhythm import SHORTEST_S, Rhythm
from statarb.market import Instrument

BTC, ETH = Instrument("spot", "BTCUSDT"), Instrument("spot", "ETHUSDT")

SILENCES = {
    "nothing": [b""] * 30,
    "a stall in mid-frame": [frame(trade_text(5))[:20], *[b""] * 30],
    "dripping bytes": [b"\x81", b"\x7e", b"\xff", b"\x00", *[b"x"] * 26],
    "a flood of pings only": [frame(b"p", opcode=9)] * 30,
    "a stall in which pongs go on": [frame(b"", opcode=10)] * 30,
}


@pytest.mark.parametrize("pieces", SILENCES.values(), ids=SILENCES.keys())
def test_a_connection_that_brings_no_trade_is_given_up_whatever_else_it_brings(recorder, pieces):
    """Between two pieces a twentieth of the patience passes; the last come when the new connection is there."""
    clock = LeapingClock()

    def tradeless(peer: Peer) -> None:
        peer.accept()
        peer.send(trades(range(5)))
        recorder.wait(lambda: recorder.ids == list(range(5)))
        for piece in pieces:
            peer.send(piece)
            clock.ahead_s += PATIENCE_S / 20
            time.sleep(0.02)
        peer.wait_closed()

    with RawServer(tradeless, healthy(range(5, 10))) as server:
        stream = stream_of(server, recorder, clock=clock)
        stream.start()
        recorder.wait(lambda: recorder.ids == list(range(10)))
        assert len(recorder.sessions) == 2
        stream.stop()


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


def test_silence_doubles_its_patience_so_that_a_halted_market_causes_no_storm(recorder):
    clock = LeapingClock()

    def silent(peer: Peer) -> None:
        peer.accept()
        peer.wait_closed()

    def is_live(connections: int) -> bool:
        return recorder.states.count("connecting") == connections and recorder.states[-1] == "live"

    with RawServer(silent) as server:
        stream = stream_of(server, recorder, clock=clock)
        stream.start()
        for number, patience_s in enumerate((PATIENCE_S, 2 * PATIENCE_S, 4 * PATIENCE_S), 1):
            recorder.wait(lambda number=number: is_live(number))
            clock.ahead_s += patience_s - 0.6 * PATIENCE_S
            time.sleep(0.3)  # looks at the time, if it has any, and must find it too early
            assert server.connections == number
            clock.ahead_s += 0.7 * PATIENCE_S
        recorder.wait(lambda: is_live(4))
        stream.stop()


class Market:
    """Goes on in bitcoin, a trade a second, once ether has traded a single time; the test is its other side."""

    def __init__(self, recorder) -> None:
        self._recorder = recorder
        self._peers: queue.Queue[Peer] = queue.Queue()
        self.clock = LeapingClock()

    def script(self, peer: Peer) -> None:
        peer.accept()
        peer.send(frame(trade_text(1, "ETHUSDT")))
        self._peers.put(peer)
        peer.wait_closed()

    def pass_seconds(self, lookout: Lookout, seconds: int) -> None:
        """Trade by trade, each received before its second passes and the lookout looks."""
        peer = self._peers.get(timeout=60)
        for trade_id in range(2, 2 + seconds):
            peer.send(frame(trade_text(trade_id)))
            self._recorder.wait(lambda trade_id=trade_id: trade_id in self._recorder.ids)
            self.clock.ahead_s += 1
            lookout.step()


def test_a_symbol_that_fell_silent_on_a_live_connection_is_noticed_and_renewed(recorder):
    """BTC keeps coming, ETH stops; the exchange says that ETH goes on, so a new connection takes over."""
    market = Market(recorder)
    with RawServer(market.script, healthy(range(500, 503))) as server:
        stream = stream_of(server, recorder, BTC, ETH, clock=market.clock)
        stored = {str(BTC): 10**9, str(ETH): 1}
        newest_ids = {"BTCUSDT": 5, "ETHUSDT": 7}
        lookout = Lookout([stream], newest_ids.__getitem__, lambda: stored, market.clock)
        stream.start()
        market.pass_seconds(lookout, int(PATIENCE_S))
        recorder.wait(lambda: 502 in recorder.ids)
        stream.stop()
    assert len(recorder.sessions) == 2


def test_a_symbol_whose_market_is_silent_causes_no_reconnect_and_ever_fewer_questions(recorder):
    market, asked = Market(recorder), []

    def newest_id(symbol: str) -> int:
        asked.append(symbol)
        return 1

    with RawServer(market.script) as server:
        stream = stream_of(server, recorder, BTC, ETH, clock=market.clock)
        lookout = Lookout([stream], newest_id, lambda: {str(ETH): 1}, market.clock)
        stream.start()
        market.pass_seconds(lookout, int(3 * PATIENCE_S))
        stream.stop()
    assert asked == ["ETHUSDT"] * 2  # after one and two patiences of silence; the next would be after four
    assert len(recorder.sessions) == 1
