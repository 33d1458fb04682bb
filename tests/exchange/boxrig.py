"""What tests of the exchange share: a clock to turn, small recordings, and a server in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests
import websocket

from statarb.clock import SYSTEM_CLOCK
from statarb.exchange.listings import SPOT, USDM
from statarb.exchange.protocol import Limits
from statarb.exchange.server import Exchange
from statarb.exchange.trades import Market

NOON_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
"""Noon of a day in 2026: far from the edges of blocks and days."""


class TurnedClock:
    """A clock that moves only when a test turns it."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.start_ms = now_ms
        self.passed_ms = 0

    def turn(self, ms: int) -> None:
        self.passed_ms += ms

    def now_ms(self) -> int:
        return self.start_ms + self.passed_ms

    def monotonic_s(self) -> float:
        return self.passed_ms / 1000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.turn(int(seconds * 1000))
        return stop.is_set()


def line(recv_ms: int, symbol: str, trade_id: int, price: str, qty: str, ts_ms: int, maker: bool = True) -> str:
    """One line of a recording."""
    data = {"e": "trade", "E": ts_ms + 1, "s": symbol, "t": trade_id, "p": price, "q": qty, "T": ts_ms, "m": maker}
    frame = {"stream": f"{symbol.lower()}@trade", "data": data | {"M": True}}
    return f"{recv_ms}000000 {json.dumps(frame, separators=(',', ':'))}"


def recording_file(folder: Path, lines: Sequence[str]) -> Path:
    path = folder / "recording.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Door:
    """The address of a served exchange, and clients for it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(f"http://127.0.0.1:{self.port}/api/v3/{path}", headers=headers, timeout=60)

    @contextlib.contextmanager
    def stream(self, path: str = "/stream") -> Iterator[websocket.WebSocket]:
        ws = websocket.create_connection(f"ws://127.0.0.1:{self.port}{path}", timeout=60, http_no_proxy=["127.0.0.1"])
        try:
            yield ws
        finally:
            ws.shutdown()


@contextlib.contextmanager
def served(market: Market, limits: Limits | None = None, futures: Market | None = None) -> Iterator[Door]:
    """The market on a real socket, in a thread of its own; futures beside it if given."""
    markets = {SPOT: market} | ({USDM: futures} if futures else {})
    exchange = Exchange(markets, limits=limits, clock=SYSTEM_CLOCK)
    loop = asyncio.new_event_loop()
    ports: list[int] = []
    up = threading.Event()
    failures: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: failures.append(context.get("exception", RuntimeError(str(context)))))

    async def serve() -> None:
        ports.append(await exchange.start(0))
        up.set()
        with contextlib.suppress(asyncio.CancelledError):
            await exchange.run()
        await exchange.stop()

    task = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    assert up.wait(60)
    try:
        yield Door(ports[0])
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(60)
        assert not thread.is_alive()
        loop.close()
    assert failures == []


def exchange_message(ws: websocket.WebSocket, request: object) -> object:
    """Send a control message; its reply, past any market frames."""
    ws.send(request if isinstance(request, str) else json.dumps(request))
    while True:
        answer = json.loads(ws.recv())
        if "result" in answer or "code" in answer or "error" in answer:
            return answer
