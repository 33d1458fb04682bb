"""Silence: a dead connection or symbol is renewed, and a market that rests is left in peace."""

import time

from feed.rawserver import Peer, RawServer, frame, trade_text
from feed.streams import healthy, stream_of

from statarb.feed import rhythm
from statarb.feed.lookout import Lookout
from statarb.feed.rhythm import SHORTEST_S, Rhythm
from statarb.market import Instrument


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
