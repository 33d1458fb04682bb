"""Over real sockets: streams and REST tell one story, limits hold, and no client can harm the server."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import math
import random
import re
import socket
import struct
import time

import pytest
import websocket
from boxrig import Door, TurnedClock, exchange_message, line, recording_file, served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import shared_file

from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError
from statarb.exchange.listings import SPOT
from statarb.exchange.protocol import Limits
from statarb.exchange.recording import read_recording
from statarb.exchange.replay import ReplayMarket
from statarb.exchange.server import HOST, Exchange
from statarb.exchange.synthetic import SyntheticMarket

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def synthetic(rate: float = 50.0) -> SyntheticMarket:
    return SyntheticMarket(SYMBOLS, 5, rate, SYSTEM_CLOCK)


@pytest.fixture(scope="module")
def door():
    with served(synthetic()) as door:
        yield door


def frames(ws: websocket.WebSocket, count: int) -> list[dict]:
    return [json.loads(ws.recv()) for _ in range(count)]


def upgraded(door: Door, path: str = "/ws", receive_buffer: int = 65_536) -> socket.socket:
    """A raw socket after the handshake: for what no WebSocket library would send."""
    raw = socket.socket()
    raw.settimeout(60)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", door.port))
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert head.startswith(b"HTTP/1.1 101")
    return raw


def masked(payload: bytes, opcode: int = 1, fin: bool = True) -> bytes:
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return bytes([(0x80 if fin else 0) | opcode]) + size + bytes(4) + payload


def read_until(raw: socket.socket, words: bytes, times: int = 1) -> bytes:
    data = b""
    while data.count(words) < times:
        chunk = raw.recv(4096)
        assert chunk, f"closed after {data!r}"
        data += chunk
    return data


def read_to_end(raw: socket.socket) -> bytes:
    data = b""
    while chunk := raw.recv(65_536):
        data += chunk
    return data


def test_the_stream_and_rest_tell_the_same_trades(door):
    with door.stream("/stream?streams=btcusdt@trade/ethusdt@trade") as ws:
        told = frames(ws, 200)
    for symbol in SYMBOLS:
        streamed = [frame["data"] for frame in told if frame["stream"] == f"{symbol.lower()}@trade"]
        rows = door.get(f"historicalTrades?symbol={symbol}&fromId={streamed[0]['t']}&limit={len(streamed)}").json()
        assert [(d["t"], d["p"], d["q"], d["T"], d["m"]) for d in streamed] == [
            (row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]) for row in rows
        ]
        assert all(d["E"] >= d["T"] for d in streamed)
    times = [frame["data"]["T"] for frame in told]
    assert times == sorted(times)


def test_aggregates_of_the_stream_are_those_of_rest(door):
    with door.stream("/ws/ethusdt@aggTrade") as ws:
        told = frames(ws, 60)
    rows = door.get(f"aggTrades?symbol=ETHUSDT&fromId={told[0]['a']}&limit=60").json()
    assert [{key: agg[key] for key in row} for agg, row in zip(told, rows, strict=True)] == rows


def test_frames_are_written_byte_for_byte_as_binance_writes_them(door):
    combined = rb'\{"stream":"btcusdt@trade","data":(\{.*\})\}'
    plain = (
        rb'\{"e":"trade","E":\d{13},"s":"BTCUSDT","t":\d+,"p":"\d+\.\d{8}","q":"\d+\.\d{8}",'
        rb'"T":\d{13},"m":(true|false),"M":true\}'
    )
    with door.stream("/stream?streams=btcusdt@trade") as ws:
        wrapped = re.fullmatch(combined, ws.recv().encode())
        assert wrapped
        assert re.fullmatch(plain, wrapped[1])
    with door.stream("/ws/btcusdt@trade") as ws:
        assert re.fullmatch(plain, ws.recv().encode())
    with door.stream("/ws/btcusdt@trade?timeUnit=MICROSECOND") as ws:
        fine = ws.recv().encode()
        assert re.fullmatch(plain.replace(b"{13}", b"{16}"), fine)


def test_subscribing_over_the_socket(door):
    with door.stream("/stream") as ws:
        both = ["btcusdt@trade", "nosuchcoin@trade"]
        assert exchange_message(ws, {"method": "SUBSCRIBE", "params": both, "id": 1}) == {"result": None, "id": 1}
        assert {frame["stream"] for frame in frames(ws, 5)} == {"btcusdt@trade"}
        assert exchange_message(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": both, "id": 2}
        assert exchange_message(ws, {"method": "UNSUBSCRIBE", "params": both, "id": 3}) == {"result": None, "id": 3}
        ws.settimeout(0.5)
        with pytest.raises(websocket.WebSocketTimeoutException):
            ws.recv()


def test_a_stream_subscribed_twice_is_sent_once(door):
    with door.stream("/stream?streams=btcusdt@trade/btcusdt@trade") as ws:
        exchange_message(ws, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@trade"], "id": 1})
        ids = [frame["data"]["t"] for frame in frames(ws, 50)]
    assert ids == list(range(ids[0], ids[0] + 50))


def test_keep_alive_and_the_used_weight(door):
    first, second = door.get("ping"), door.get("klines?symbol=BTCUSDT&interval=1s&limit=5")
    used = [int(answer.headers["X-MBX-USED-WEIGHT-1M"]) for answer in (first, second)]
    assert used[1] == used[0] + 2 or used[1] == 2  # or a new minute began
    assert first.text == "{}"
    assert first.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert len(second.json()) == 5
    assert door.get("nothing").status_code == 404
    assert door.session.post(f"http://127.0.0.1:{door.port}/api/v3/ping", data=b"x" * 100_000).status_code == 405
    assert door.get("trades?symbol=BTC").json() == {"code": -1121, "msg": "Invalid symbol."}


def test_weight_above_the_limit_is_refused_with_retry_after():
    with served(synthetic(), Limits(weight_a_minute=60)) as door:
        answers = [door.get("trades?symbol=BTCUSDT&limit=1") for _ in range(3)]
        if answers[-1].status_code == 200:  # a new minute began in between
            answers = [door.get("trades?symbol=BTCUSDT&limit=1") for _ in range(3)]
        assert answers[-1].status_code == 429
        assert answers[-1].json()["code"] == -1003
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_pings_carry_the_time_and_an_answered_one_keeps_the_connection():
    with served(synthetic(), Limits(ping_interval_s=0.2, pong_timeout_s=5.0)) as door, door.stream("/ws") as ws:
        began = time.monotonic()
        while time.monotonic() - began < 6.5:
            opcode, frame = ws.recv_data_frame(control_frame=True)  # answers PINGs by itself
            assert opcode == websocket.ABNF.OPCODE_PING, frame.data
            assert abs(int(frame.data) - time.time() * 1000) < 5000


def test_a_client_that_answers_no_ping_is_cut_whatever_else_it_sends():
    with served(synthetic(), Limits(ping_interval_s=0.2, pong_timeout_s=0.7)) as door:
        began = time.monotonic()
        raw = upgraded(door)
        for _ in range(3):
            raw.sendall(masked(b"unsolicited", opcode=10))
        assert b"Pong timeout" in read_to_end(raw)
        assert time.monotonic() - began > 0.7
        raw.close()


def test_a_sixth_message_within_a_second_closes_the_connection(door):
    raw = upgraded(door)
    for kind in (10, 9, 1, 10, 9):
        raw.sendall(masked(b"{}", opcode=kind))
    read_until(raw, b"\x8a\x02{}", times=2)  # the second from now on, however late they were read
    time.sleep(1.1)
    raw.sendall(masked(b"p1", opcode=9))
    assert b"Too many" not in read_until(raw, b"p1")
    raw.sendall(masked(b"p2", opcode=9) * 6)
    closing = read_to_end(raw)
    assert struct.pack("!H", 1008) + b"Too many requests" in closing
    raw.close()


def test_a_connection_ends_at_its_age():
    with served(synthetic(), Limits(lifetime_s=0.3)) as door, door.stream("/ws") as ws:
        opcode, frame = ws.recv_data_frame()
        assert opcode == websocket.ABNF.OPCODE_CLOSE
        assert struct.unpack("!H", frame.data[:2])[0] == 1001


def test_too_many_connects_are_turned_away():
    with served(synthetic(), Limits(connects_in_five_minutes=2)) as door:
        with door.stream(), door.stream():
            pass
        with pytest.raises(websocket.WebSocketBadStatusException, match="429"), door.stream():
            pass
        assert door.get("ping").status_code == 200


def test_a_path_without_streams_is_refused(door):
    with pytest.raises(websocket.WebSocketBadStatusException, match="400"), door.stream("/nothing"):
        pass


def test_the_close_handshake_is_completed(door):
    raw = upgraded(door)
    raw.sendall(masked(struct.pack("!H", 1000) + b"bye", opcode=8))
    assert read_to_end(raw).endswith(b"\x88\x05" + struct.pack("!H", 1000) + b"bye")
    raw.close()


def test_a_fragmented_message_is_one_message(door):
    raw = upgraded(door)
    raw.sendall(masked(b'{"method":"LIST_SUB', fin=False) + masked(b'SCRIPTIONS","id":9}', opcode=0))
    assert raw.recv(4096) == b'\x81\x14{"result":[],"id":9}'
    raw.close()


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_from_a_client_harm_the_server(hostile, data, after_handshake):
    address = ("127.0.0.1", hostile.port)
    with (
        contextlib.suppress(ConnectionError),
        upgraded(hostile) if after_handshake else socket.create_connection(address, timeout=60) as raw,
    ):
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        read_to_end(raw)
    assert hostile.get("ping").status_code == 200


@pytest.fixture(scope="module")
def hostile():
    # Leaving this block asserts that no connection ended with an exception of the server's.
    with served(synthetic(), Limits(connects_in_five_minutes=10_000)) as door:
        yield door


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x05hello",  # unmasked
        b"\x83\x80\x00\x00\x00\x00",  # reserved opcode
        b"\xf1\x80\x00\x00\x00\x00",  # reserved bits
        masked(b"orphan", opcode=0),
        masked(b"\xff\xfe", opcode=8),
        masked(b"x" * 126, opcode=9),  # a control frame too long
        b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4),  # a frame of 4 EB
        masked(b"\xff\xfe\xfd"),  # not UTF-8
        masked(b"\x00\x01", opcode=2),
    ],
)
def test_malformed_frames_end_at_most_their_own_connection(hostile, data):
    with hostile.stream("/ws/btcusdt@trade") as other:
        raw = upgraded(hostile)
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        read_to_end(raw)
        raw.close()
        assert len(frames(other, 3)) == 3


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\n\r\n",
        b"POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 9\r\n\r\nabc",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # TLS on the plain port
        b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000,
    ],
)
def test_bad_http_is_answered_with_an_error_and_the_end(hostile, request_):
    with socket.create_connection(("127.0.0.1", hostile.port), timeout=60) as raw:
        raw.sendall(request_)
        raw.shutdown(socket.SHUT_WR)
        assert read_to_end(raw)[:10] in (b"HTTP/1.1 4", b"")
    assert hostile.get("ping").status_code == 200


def test_a_client_that_does_not_read_is_cut_and_the_others_go_on():
    streams = "/stream?streams=btcusdt@trade/ethusdt@trade"
    with served(synthetic(rate=8000.0), Limits(unread_bytes=4_000_000)) as door:
        with upgraded(door, streams, receive_buffer=8192) as idle, upgraded(door, streams) as busy:
            size = 0
            while size < 16_000_000:  # more than is allowed and the system's buffers take
                size += len(chunk := busy.recv(65_536))
                assert chunk, "the one that reads is cut too"
            assert len(read_to_end(idle)) < 12_000_000
        with door.stream("/ws/btcusdt@trade") as other:
            assert len(frames(other, 100)) == 100


def test_thousands_of_trades_a_second_arrive_whole():
    with served(synthetic(rate=2000.0)) as door, door.stream("/stream?streams=btcusdt@trade/ethusdt@trade") as ws:
        ws.settimeout(20)
        told = frames(ws, 8000)
    for stream in ("btcusdt@trade", "ethusdt@trade"):
        ids = [frame["data"]["t"] for frame in told if frame["stream"] == stream]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_a_replay_starts_when_two_connections_together_listen_to_all(tmp_path):
    lines = [line(k, SYMBOLS[k % 2], 100 + k, "10.0", "1.0", 1_790_000_000_000 + k) for k in range(500)]
    market = ReplayMarket(read_recording(recording_file(tmp_path, lines)), math.inf, False, SYSTEM_CLOCK)
    with served(market) as door, door.stream("/ws/btcusdt@trade") as one:
        one.settimeout(0.3)
        with pytest.raises(websocket.WebSocketTimeoutException):
            one.recv()
        assert door.get("trades?symbol=BTCUSDT").json() == []
        with door.stream("/stream?streams=ethusdt@trade") as two:
            one.settimeout(10)
            assert [frame["t"] for frame in frames(one, 250)] == list(range(100, 600, 2))
            assert [frame["data"]["t"] for frame in frames(two, 250)] == list(range(101, 601, 2))
        assert len(door.get("trades?symbol=ETHUSDT&limit=1000").json()) == 250
        ended_ms = door.get("time").json()["serverTime"]
        assert ended_ms >= (1_790_000_000_499 // 300_000 + 1) * 300_000 + 2000


def test_the_shared_recording_at_max_speed_arrives_verbatim_however_slowly_it_is_read():
    path = shared_file("recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz")
    market = ReplayMarket(read_recording(path), math.inf, False, SYSTEM_CLOCK)
    with gzip.open(path) as lines:
        expected = [text.rstrip(b"\n").split(b" ", 1)[1] for text in lines]
    slow = random.Random(1)
    with served(market) as door, door.stream("/stream") as ws:
        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1}
        assert exchange_message(ws, subscribe) == {"result": None, "id": 1}
        told = []
        while len(told) < len(expected):
            if slow.random() < 0.001:
                time.sleep(0.02)
            told.append(ws.recv_data()[1])
        assert told == expected
        rows = door.get("historicalTrades?symbol=BTCUSDT&fromId=3735703100&limit=1000").json()
        assert [row["id"] for row in rows] == list(range(3735703100, 3735703163))


def test_the_port_of_another_server_is_refused_in_one_sentence(door):
    exchange = Exchange({"spot": SyntheticMarket(["BTCUSDT"], 1, 1.0, TurnedClock())})
    with pytest.raises(ConfigError, match="--port 0 for a free one"):
        asyncio.run(exchange.start(door.port))


@pytest.mark.parametrize("steps", range(6))
def test_a_connection_accepted_at_the_very_end_leaves_no_traceback(caplog, steps):
    async def stopped_in_the_middle_of_an_accept():
        exchange = Exchange({SPOT: synthetic()})
        port = await exchange.start(0)
        with contextlib.closing(socket.create_connection((HOST, port))):
            for _ in range(steps):
                await asyncio.sleep(0)
            await exchange.stop()

    asyncio.run(stopped_in_the_middle_of_an_accept())
    assert not [record for record in caplog.records if record.exc_info]
