"""One client on a WebSocket: handshake, control messages, PINGs, limits, and the way its frames go out."""

from __future__ import annotations

import asyncio
from collections import deque

from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from statarb.clock import Clock
from statarb.exchange.control import Refused, Subscriptions
from statarb.exchange.protocol import Limits, text_frame

_HIGH_WATER_BYTES = 1 << 20
_READ_BYTES = 1 << 16
# How long a peer may take to close its side after a Close frame.
_LINGER_S = 2.0
_POLICY, _GOING_AWAY = 1008, 1001


class StreamClient:
    """A connection after its handshake; the broadcaster delivers, `listen` reads."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: ServerProtocol,
        subscriptions: Subscriptions,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self.subscriptions = subscriptions
        self._reader, self._writer, self._protocol = reader, writer, protocol
        self._limits, self._clock = limits, clock
        self._opened_s = self._last_ping_s = clock.monotonic_s()
        # PINGs not answered yet: payload and when it was sent.
        self._pings: deque[tuple[bytes, float]] = deque()
        self._arrivals_s: deque[float] = deque(maxlen=limits.messages_a_second)
        self._parts: list[bytes] = []
        writer.transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)

    def deliver(self, frames: bytes) -> None:
        """Send encoded market frames. Every market frame of this client passes here, and only here."""
        if self._protocol.state is not State.OPEN or self._writer.transport.is_closing():
            return
        self._writer.write(frames)
        if self._writer.transport.get_write_buffer_size() > self._limits.unread_bytes:
            self._writer.transport.abort()

    async def drained(self) -> None:
        """Wait until the client has read enough to be sent more, or is gone."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def listen(self, data: bytes) -> None:
        """Read until the connection is over; `data` came with the handshake already."""
        while data := data or await self._reader.read(_READ_BYTES):
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, WireFrame) and self._protocol.state is State.OPEN:
                    self._on_frame(event)
            self._flush()
            data = b""
        self._protocol.receive_eof()
        self._flush()

    def keep_alive(self) -> None:
        """Send the PING that is due; end the connection at its age, or when PONGs stay out."""
        now_s = self._clock.monotonic_s()
        if self._protocol.state is not State.OPEN:
            return
        if now_s - self._opened_s >= self._limits.lifetime_s:
            self.close(_GOING_AWAY, "24 hours are over")
        elif self._pings and now_s - self._pings[0][1] >= self._limits.pong_timeout_s:
            self.close(_POLICY, "Pong timeout")
        elif now_s - self._last_ping_s >= self._limits.ping_interval_s:
            payload = str(self._clock.now_ms()).encode()
            self._last_ping_s = now_s
            self._pings.append((payload, now_s))
            self._protocol.send_ping(payload)
            self._flush()

    def close(self, code: int = _GOING_AWAY, reason: str = "") -> None:
        """Send a Close frame and end the connection."""
        self._protocol.fail(code, reason)
        self._flush()

    def _on_frame(self, frame: WireFrame) -> None:
        now_s = self._clock.monotonic_s()
        if len(self._arrivals_s) == self._limits.messages_a_second and now_s - self._arrivals_s[0] < 1.0:
            self.close(_POLICY, "Too many requests")
            return
        self._arrivals_s.append(now_s)
        if frame.opcode is Opcode.PONG:
            self._on_pong(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                self._writer.write(text_frame(self.subscriptions.reply(message)))

    def _on_pong(self, payload: bytes) -> None:
        """A PONG answers the PING whose payload it copies, and those before; any other does not count."""
        if any(payload == sent for sent, _ in self._pings):
            while self._pings.popleft()[0] != payload:
                pass

    def _flush(self) -> None:
        transport = self._writer.transport
        for data in self._protocol.data_to_send():
            if transport.is_closing():
                return
            if data:
                self._writer.write(data)
            else:
                self._writer.write_eof()
                asyncio.get_running_loop().call_later(_LINGER_S, transport.abort)


def shake_hands(
    protocol: ServerProtocol, head: bytes, limits: Limits, refused: str | None
) -> tuple[list[bytes], Subscriptions | None]:
    """Answer an upgrade request: the bytes to send, and what the client listens to if it was accepted.

    `refused` is a reason to turn it away with 429.
    """
    protocol.receive_data(head)
    request = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
    subscriptions = None
    if request is not None:
        response = protocol.accept(request)
        if refused is not None:
            response = protocol.reject(429, refused)
        else:
            try:
                subscriptions = Subscriptions.from_target(request.path, limits.streams_a_connection)
            except Refused as error:
                response = protocol.reject(400, f"{error.body['msg']}\n")
        protocol.send_response(response)
    return protocol.data_to_send(), subscriptions if protocol.state is State.OPEN else None
