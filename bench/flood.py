"""A flood of trade frames encoded beforehand, sent as fast as one connection takes them, from a process of its own."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from websockets.utils import accept_key

SYMBOLS = ("BTCUSDT", "ETHUSDT")
START_MS = 1_760_000_000_000
TRADES_A_SECOND = 1_000
"""In market time; the real recording peaks at 997."""


def frames(count: int) -> bytes:
    """`count` trades of two symbols in turn as unmasked WebSocket text frames, spelled as Binance spells them."""
    parts = []
    for i in range(count):
        symbol, trade_id = SYMBOLS[i % 2], i // 2
        ts_ms = START_MS + i * 1000 // TRADES_A_SECOND
        text = (
            f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":{ts_ms + 1},"s":"{symbol}",'
            f'"t":{3_735_683_259 + trade_id},"p":"{61837 + i % 50}.{i % 100:02d}000000",'
            f'"q":"0.{i % 99_999 + 1:05d}000","T":{ts_ms},"m":{"true" if i % 3 else "false"},"M":true}}}}'
        ).encode()
        parts.append(b"\x81\x7e" + struct.pack("!H", len(text)) + text)
    return b"".join(parts)


def serve(count: int) -> None:
    """Print the address; then give every connection the whole flood, one after the other."""
    flood = frames(count)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"ws://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request:
                    request += sock.recv(4096)
                lines = request.decode().split("\r\n")
                key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key"))
                sock.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
                )
                sock.sendall(flood)
                while sock.recv(4096):
                    pass


@contextlib.contextmanager
def flooding(count: int) -> Iterator[str]:
    """The flood as a process; its base URL."""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "bench.flood", str(count)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
