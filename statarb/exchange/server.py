"""The exchange itself: one port, a spot and a futures market, every client told the same story."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from websockets.server import ServerProtocol

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import ConfigError
from statarb.exchange.http import HttpSession
from statarb.exchange.ledger import Ledger
from statarb.exchange.listings import SPOT, USDM
from statarb.exchange.protocol import Frame, Limits, in_envelope, in_microseconds, text_frame
from statarb.exchange.rest import Endpoint, answer
from statarb.exchange.streams import StreamClient, shake_hands
from statarb.exchange.trades import Market
from statarb.exchange.weight import WeightMeter

HOST = "127.0.0.1"
_KEEP_ALIVE_S = 0.1
_CONNECT_WINDOW_S = 300.0
_FAREWELL_S = 0.5
_BEGIN_S = 0.05


class Exchange:
    """Serves markets by name, SPOT and USDM, on 127.0.0.1: `start`, then `run` until it is cancelled, then `stop`."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        ledger: Ledger | None = None,
        limits: Limits | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._markets, self._ledger, self._clock = dict(markets), ledger, clock
        self._limits = limits or Limits()
        allowed = {SPOT: self._limits.weight_a_minute, USDM: self._limits.futures_weight_a_minute}
        self._weights = {name: WeightMeter(allowed[name], clock) for name in markets}
        self._clients: dict[StreamClient, asyncio.Task[None] | None] = {}
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._connects_s: deque[float] = deque()
        # One thread: a long kline request must not hold up PINGs and trades.
        self._rest = ThreadPoolExecutor(1, "rest")
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; the port, chosen by the system if it was 0.

        Raises
        ------
        ConfigError
            The port is taken or not allowed.
        """
        try:
            self._server = await asyncio.start_server(self._serve, HOST, port)
        except OSError as error:
            raise ConfigError(
                f"Port {port} of {HOST} cannot be used: {error.strerror or error}.",
                "Choose another with --port, or --port 0 for a free one.",
            ) from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def run(self) -> None:
        """Make trades and tell the clients, until cancelled."""
        await asyncio.gather(self._make(), self._keep_alive())

    async def stop(self) -> None:
        """Say goodbye to the clients and release the port."""
        if self._server is not None:
            self._server.close()
        farewells = [task for task in self._clients.values() if task is not None]
        for client in list(self._clients):
            client.close()
        if farewells:
            await asyncio.wait(farewells, timeout=_FAREWELL_S)
        # A connection without its transport ends by itself; a cancelled one would log a traceback, also one that was
        # accepted just now and has not begun.
        await asyncio.sleep(_BEGIN_S)
        left = [task for task in self._connections.values() if task is not None]
        for writer in self._connections:
            writer.transport.abort()
        await asyncio.gather(*left, return_exceptions=True)
        self._rest.shutdown(wait=False, cancel_futures=True)

    async def _make(self) -> None:
        while True:
            for name, market in self._markets.items():
                self._advance(name, market)
            pause_s = min(market.pause_s() for market in self._markets.values())
            if pause_s == 0:
                await asyncio.gather(*(client.drained() for client in self._clients))
            await asyncio.sleep(pause_s)

    def _advance(self, name: str, market: Market) -> None:
        """One step of a market: its trades into the ledger, then to those who listen."""
        clients = [client for client in self._clients if client.subscriptions.market == name]
        step = market.advance(frozenset[str]().union(*(client.subscriptions.heard for client in clients)))
        if self._ledger is not None:
            for trades in step.trades.values():
                self._ledger.add(trades)
        if step.frames:
            self._deliver(step.frames, clients)

    def _deliver(self, frames: Sequence[Frame], clients: Sequence[StreamClient]) -> None:
        """Each client gets its frames as one write; clients that listen to the same share the bytes."""
        encoded: dict[tuple[frozenset[str], bool, bool], bytes] = {}
        for client in clients:
            wants = client.subscriptions
            key = (wants.heard, wants.combined, wants.in_microseconds)
            if key not in encoded:
                encoded[key] = _encoded(frames, *key)
            if encoded[key]:
                client.deliver(encoded[key])

    async def _keep_alive(self) -> None:
        while True:
            for client in self._clients:
                client.keep_alive()
            await asyncio.sleep(_KEEP_ALIVE_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte to its last."""
        self._connections[writer] = asyncio.current_task()
        try:
            upgrade = await HttpSession(reader, writer, self._weights, self._answer).upgrade()
            if upgrade is not None:
                await self._serve_stream(reader, writer, *upgrade)
        except ConnectionError:
            pass  # The client is gone: nothing is owed to it.
        finally:
            del self._connections[writer]
            writer.close()

    async def _serve_stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, rest: bytes
    ) -> None:
        protocol = ServerProtocol()
        replies, subscriptions = shake_hands(protocol, head, self._limits, self._too_many_connects())
        writer.writelines(reply for reply in replies if reply)
        if subscriptions is None:
            await writer.drain()
            return
        client = StreamClient(reader, writer, protocol, subscriptions, self._limits, self._clock)
        self._clients[client] = asyncio.current_task()
        try:
            await client.listen(rest)
        finally:
            del self._clients[client]

    def _too_many_connects(self) -> str | None:
        now_s = self._clock.monotonic_s()
        while self._connects_s and now_s - self._connects_s[0] > _CONNECT_WINDOW_S:
            self._connects_s.popleft()
        if len(self._connects_s) >= self._limits.connects_in_five_minutes:
            return "Too many connection attempts.\n"
        self._connects_s.append(now_s)
        return None

    async def _answer(self, endpoint: Endpoint, query: str, time_unit: str) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._rest, answer, endpoint, self._markets[endpoint.market], query, time_unit
        )


def _encoded(frames: Sequence[Frame], streams: frozenset[str], combined: bool, microseconds: bool) -> bytes:
    """The frames of some streams as one run of WebSocket frames."""
    chosen = [frame for frame in frames if frame[0] in streams]
    if microseconds:
        chosen = [(stream, in_microseconds(payload)) for stream, payload in chosen]
    if combined:
        return b"".join([text_frame(in_envelope(stream, payload)) for stream, payload in chosen])
    return b"".join([text_frame(payload) for _, payload in chosen])
