"""A replay tells its recording verbatim, when it is due, and REST tells no more than was sent."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest
from boxrig import TurnedClock, line, recording_file
from support import shared_file

from statarb.errors import ConfigError
from statarb.exchange.klines import Interval, Span, klines
from statarb.exchange.protocol import in_envelope
from statarb.exchange.recording import read_recording
from statarb.exchange.replay import ReplayMarket
from statarb.exchange.trades import aggregated

BOTH = {"btcusdt@trade", "ethusdt@trade"}
LINES = [
    line(1000, "BTCUSDT", 11, "100.50", "0.1", 50_000),
    line(1010, "ETHUSDT", 7, "20.25", "2.0", 50_010),
    line(1500, "BTCUSDT", 12, "100.50", "0.2", 50_500),
    line(1500, "ETHUSDT", 8, "20.00", "1.0", 50_499, maker=False),
    line(1501, "BTCUSDT", 13, "100.50", "0.3", 50_500),
    line(3000, "BTCUSDT", 14, "100.75", "0.4", 52_000, maker=False),
]
SPOT = "recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz"


def payload(text: str) -> bytes:
    return text.split(" ", 1)[1].encode()


def replay(folder, speed=1.0, rebase=False, lines=LINES):
    clock = TurnedClock()
    return ReplayMarket(read_recording(recording_file(folder, lines)), speed, rebase, clock), clock


def sent(step) -> list[bytes]:
    return [in_envelope(stream, body) for stream, body in step.frames]


def test_it_starts_when_every_recorded_symbol_is_subscribed(tmp_path):
    market, clock = replay(tmp_path)
    for wanted in (set(), {"btcusdt@trade"}, {"ethusdt@trade", "solusdt@trade"}):
        clock.turn(60_000)
        assert market.advance(wanted).frames == []
        assert market.now_ms() == 50_001  # the first frame's event time
        assert len(market.newest("BTCUSDT", 10)) == 0
    assert sent(market.advance(BOTH)) == [payload(LINES[0])]


def test_frames_come_verbatim_at_their_receive_times(tmp_path):
    market, clock = replay(tmp_path)
    told = []
    for passed_ms in (0, 9, 1, 489, 1, 1, 1498, 1, 1000):
        clock.turn(passed_ms)
        told.append(len(market.advance(BOTH).frames))
    # Frame 3 (BTCUSDT 12) waits for frame 5: the two are one aggregate.
    assert told == [1, 0, 1, 0, 0, 3, 0, 1, 0]


def test_frames_of_overlapping_connections_come_once_and_by_id_in_the_places_they_had(tmp_path):
    """Two connections, recorded as received: 13 before 12, 12 and 7 twice."""
    doubled = [LINES[0], LINES[1], LINES[4], LINES[1], LINES[3], LINES[2], LINES[2], LINES[5]]
    market, _ = replay(tmp_path, speed=math.inf, lines=doubled)
    frames = sent(market.advance(BOTH))
    assert frames == [payload(LINES[n]) for n in (0, 1, 2, 3, 4, 5)]
    assert market.newest("BTCUSDT", 10).ids.tolist() == [11, 12, 13, 14]


def test_twenty_times_the_speed_takes_a_twentieth_of_the_time(tmp_path):
    market, clock = replay(tmp_path, speed=20.0)
    market.advance(BOTH)
    clock.turn(99)
    assert len(market.advance(BOTH).frames) == 4
    clock.turn(1)
    assert sent(market.advance(BOTH)) == [payload(LINES[-1])]


def test_max_speed_sends_everything_at_once(tmp_path):
    market, _ = replay(tmp_path, speed=math.inf)
    assert market.pause_s() > 0  # nobody listens yet
    assert sent(market.advance(BOTH)) == [payload(text) for text in LINES]
    assert market.pause_s() > 0  # and now it is over


def test_aggregates_come_where_their_last_trade_did(tmp_path):
    market, _ = replay(tmp_path, speed=math.inf)
    wanted = {"btcusdt@aggTrade", "ethusdt@trade"}
    frames = market.advance(wanted).frames
    agg, trade = "btcusdt@aggTrade", "ethusdt@trade"
    assert [stream for stream, _ in frames] == [agg, trade, trade, agg, agg]
    aggs = [json.loads(body) for stream, body in frames if stream == "btcusdt@aggTrade"]
    assert [(agg["a"], agg["f"], agg["l"], agg["q"]) for agg in aggs] == [
        (1, 11, 11, "0.10000000"),
        (2, 12, 13, "0.50000000"),
        (3, 14, 14, "0.40000000"),
    ]


def test_rest_knows_only_what_was_sent(tmp_path):
    market, clock = replay(tmp_path)
    market.advance(BOTH)
    clock.turn(501)
    market.advance(BOTH)
    assert market.newest("BTCUSDT", 10).ids.tolist() == [11, 12, 13]
    assert market.from_id("BTCUSDT", 12, 10).prices() == ["100.50000000"] * 2
    assert market.agg_at("BTCUSDT", 50_500) == 2
    assert market.agg_at("BTCUSDT", 52_000) == 3  # not made yet
    assert aggregated(market.agg_span("BTCUSDT", 2, 9)).last_ids == [13]
    assert market.close_before("ETHUSDT", 50_499) == 2025
    assert market.rules["BTCUSDT"].tick_e8 == 1_000_000


def test_the_clock_runs_with_the_replay_and_closes_every_bar_at_its_end(tmp_path):
    market, clock = replay(tmp_path, speed=2.0)
    market.advance(BOTH)
    assert market.now_ms() == 50_001
    clock.turn(100)
    assert market.now_ms() == 50_001 + 200
    clock.turn(200)
    market.advance(BOTH)
    assert market.now_ms() == 50_501 + 99  # 99 ms of the recording after its last frame made
    clock.turn(1000)
    market.advance(BOTH)
    assert market.now_ms() == 302_000
    clock.turn(1234)
    assert market.now_ms() == 303_234


def test_the_clock_never_goes_back_where_receive_times_jitter(tmp_path):
    lines = [
        line(1000, "BTCUSDT", 1, "1.0", "1.0", 5000),
        line(1400, "BTCUSDT", 2, "1.0", "1.0", 5100),
        line(1390, "BTCUSDT", 3, "1.0", "1.0", 5500),
    ]
    market, clock = replay(tmp_path, lines=lines)
    told = []
    for _ in range(60):
        market.advance({"btcusdt@trade"})
        told.append(market.now_ms())
        clock.turn(10)
    assert told == sorted(told)


def test_rebase_moves_event_and_trade_times_and_nothing_else(tmp_path):
    market, clock = replay(tmp_path, rebase=True)
    clock.turn(5000)
    assert market.now_ms() == clock.now_ms()
    started_ms = clock.now_ms()
    frames = sent(market.advance(BOTH))
    clock.turn(10_000)
    frames += sent(market.advance(BOTH))
    shift = started_ms - 50_001
    for frame, text in zip(frames, LINES, strict=True):
        was, moved = json.loads(payload(text))["data"], json.loads(frame)["data"]
        assert moved == was | {"E": was["E"] + shift, "T": was["T"] + shift}
        assert list(moved) == list(was)
    assert market.newest("BTCUSDT", 1).ts_ms[0] == 52_000 + shift
    assert klines(market, "BTCUSDT", Interval("1s"), Span(None, None, 400))[0][0] == (50_000 + shift) // 1000 * 1000


def test_prints_that_are_no_market_trades_are_sent_but_no_trades(tmp_path):
    odd = line(1002, "BTCUSDT", 12, "0", "0", 50_002).replace('"m":', '"X":"NA","m":')
    lines = [LINES[0], odd, line(1003, "BTCUSDT", 13, "101", "0.1", 50_003)]
    market, _ = replay(tmp_path, speed=math.inf, lines=lines)
    step = market.advance({"btcusdt@trade"})
    assert sent(step) == [payload(text) for text in lines]
    assert step.trades["BTCUSDT"].ids.tolist() == [11, 13]
    assert klines(market, "BTCUSDT", Interval("1m"), Span(None, None, 100))[0][3] == "100.50000000"


def test_the_shared_recording_is_told_whole_in_steps_that_keep_aggregates_whole():
    path = shared_file(SPOT)
    market = ReplayMarket(read_recording(path), math.inf, False, TurnedClock())
    told, aggs, steps = [], [], 0
    while market.newest("BTCUSDT", 1).ids.tolist() != [3735703162]:
        step = market.advance(BOTH)
        told += sent(step)
        aggs += [(symbol, agg) for symbol, trades in step.trades.items() for agg in aggregated(trades).ids]
        steps += 1
    with gzip.open(path) as lines:
        assert told == [text.rstrip(b"\n").split(b" ", 1)[1] for text in lines]
    assert steps > 20
    assert len(aggs) == len(set(aggs)) > 10_000
    assert market.rules["BTCUSDT"].tick_e8 == 1_000_000
    assert market.rules["BTCUSDT"].lot_e8 == 1000
    assert np.diff(market.newest("ETHUSDT", 20_000).ids).tolist() == [1] * 14_514


def test_the_futures_recording_is_told_whole():
    path = shared_file("recordings/usdm_btcusdt_ethusdt_trades_20240808.txt.gz")
    market = ReplayMarket(read_recording(path), math.inf, True, TurnedClock())
    count = 0
    while frames := market.advance(BOTH).frames:
        count += len(frames)
    assert count == 35_389
    assert market.now_ms() >= market.newest("ETHUSDT", 1).ts_ms[0]


def agg_line(recv_ms, symbol, a, price, qty, first, last, ts_ms, maker=True):
    data = {"e": "aggTrade", "E": ts_ms + 1, "a": a, "s": symbol, "p": price, "q": qty, "f": first, "l": last}
    data |= {"T": ts_ms, "m": maker}
    text = json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data}, separators=(",", ":"))
    return f"{recv_ms * 1_000_000} {text}"


AGGREGATES = [
    agg_line(1000, "BTCUSDT", 900, "100.50", "0.1", 11, 11, 50_000),
    agg_line(1100, "BTCUSDT", 901, "100.50", "0.5", 12, 15, 50_500),
    agg_line(1200, "BTCUSDT", 902, "100.75", "0.4", 16, 17, 52_000, maker=False),
]


def test_recorded_aggregates_come_verbatim_and_rest_lists_them_by_their_own_ids(tmp_path):
    market, clock = replay(tmp_path, lines=AGGREGATES)
    assert market.advance({"btcusdt@trade"}).frames == []
    told = market.advance({"btcusdt@aggTrade"}).frames
    clock.turn(10_000)
    told = [*told, *market.advance({"btcusdt@aggTrade"}).frames]
    assert [in_envelope(*frame) for frame in told] == [payload(text) for text in AGGREGATES]
    assert market.rules["BTCUSDT"].is_perp
    listed = aggregated(market.agg_span("BTCUSDT", 901, 950))
    assert (listed.ids, listed.first_ids, listed.last_ids) == ([901, 902], [12, 16], [15, 17])
    assert (listed.prices, listed.quantities) == (["100.50", "100.75"], ["0.5", "0.4"])
    bars = market.bars("BTCUSDT", 1000, 0, 60_000)
    assert bars.count.tolist() == [5, 2]


def test_trades_and_aggregates_in_one_recording_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="both trades and aggregate trades"):
        read_recording(recording_file(tmp_path, [LINES[0], AGGREGATES[1]]))


GOOD = LINES[0]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([GOOD, "nonsense"], "Line 2 of"),
        ([GOOD, ""], "Line 2 of"),
        ([GOOD, GOOD.split(" ", 1)[1]], "Line 2 of"),
        ([GOOD, '1 {"result":null,"id":1}'], "it is not a recorded trade"),
        ([GOOD, '1 {"stream":"btcusdt@depth","data":{"e":"depthUpdate","s":"BTCUSDT"}}'], "not a frame of an @trade"),
        ([GOOD, GOOD.replace('":"', '": "')], "not as compact"),
        ([GOOD, line(1, "BTCUSDT", 12, "1e5", "1", 1)], "it is not a recorded trade"),
        ([GOOD, line(1, "BTCUSDT", 12, "-1", "1", 1)], "it is not a recorded trade"),
        ([GOOD, "1 " + "[" * 100_000], "it is not a recorded trade"),
        ([line(1, "A", 1, "90000000.00000001", "90000000.00000001", 1)], "too large to be summed exactly"),
    ],
)
def test_a_malformed_recording_is_refused_in_one_sentence(tmp_path, lines, words):
    with pytest.raises(ConfigError, match=words):
        read_recording(recording_file(tmp_path, lines))


def test_an_unreadable_recording_is_refused_in_one_sentence(tmp_path):
    truncated = tmp_path / "cut.gz"
    truncated.write_bytes(gzip.compress(("\n".join(LINES)).encode())[:-20])
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(b"\x1f\x8b" + b"\x00" * 50)
    empty = tmp_path / "empty"
    empty.touch()
    for path, words in [
        (tmp_path / "absent", "No such file"),
        (tmp_path, "cannot be read"),
        (truncated, "damaged"),
        (damaged, "damaged"),
        (empty, "is empty"),
    ]:
        with pytest.raises(ConfigError, match=words):
            read_recording(path)
