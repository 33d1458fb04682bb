"""A WebSocket server made of raw bytes, so that a test can do what no honest server does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(payload: bytes, opcode: int = 1, fin: bool = True, length: int | None = None) -> bytes:
    """An unmasked frame; `length` lies about the payload's size."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 65536:
        return head + b"\x7e" + struct.pack("!H", size) + payload
    return head + b"\x7f" + struct.pack("!Q", size) + payload


def close(code: int, reason: str = "") -> bytes:
    return frame(struct.pack("!H", code) + reason.encode(), opcode=8)


def trade_text(trade_id: int, symbol: str = "BTCUSDT", ts_ms: int = 1_700_000_000_000) -> bytes:
    data = {
        "e": "trade",
        "E": ts_ms + 1,
        "s": symbol,
        "t": trade_id,
        "p": "61837.63000000",
        "q": "0.02000000",
        "T": ts_ms,
        "m": True,
        "M": True,
    }
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": data}, separators=(",", ":")).encode()


def trades(ids: Iterable[int]) -> bytes:
    return b"".join(frame(trade_text(i)) for i in ids)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.request = b""

    def read_request(self) -> None:
        while b"\r\n\r\n" not in self.request:
            more = self.sock.recv(4096)
            if not more:
                raise ConnectionError("gone")
            self.request += more

    def accept(self) -> None:
        self.read_request()
        key = next(
            line.split(b": ")[1]
            for line in self.request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_closed(self) -> None:
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass


class RawServer:
    """Plays one script for each connection, in order; the last one for all further ones."""

    def __init__(self, *scripts: Callable[[Peer], None]) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self.connections = self.open_peers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def http_url(self) -> str:
        return self.url.replace("ws://", "http://")

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            self._peers.append(sock)
            threading.Thread(target=self._play, args=(script, sock), daemon=True).start()

    def _play(self, script: Callable[[Peer], None], sock: socket.socket) -> None:
        self.open_peers += 1
        with contextlib.suppress(OSError):
            script(Peer(sock))
        self.open_peers -= 1
        with contextlib.suppress(OSError):
            sock.close()

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the wait for a client, which `close` does not
        self._listener.close()
        for sock in self._peers:
            with contextlib.suppress(OSError):
                sock.close()
