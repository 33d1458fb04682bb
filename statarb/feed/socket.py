"""A WebSocket that reads ahead, refuses what is too large and keeps its deadlines."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import certifi
import websocket
from websocket._abnf import continuous_frame, frame_buffer

from statarb.clock import Clock
from statarb.errors import BlockedError, FeedError, UnreachableError

MAX_MESSAGE_BYTES = 1 << 20
CONNECT_S = 10.0
POLL_S = 1.0
"""A read that brings nothing returns after so long, so that the reader can look at the time and at `stop`."""
_READ_BYTES = 1 << 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Overdue(websocket.WebSocketException):  # type: ignore[misc]
    """No trade came by the deadline: a silent server, a stall in mid-frame, bytes that drip, or nothing but pings."""


class _ReadAhead(frame_buffer):  # type: ignore[misc]
    """The library's frame reader over large reads: one system call for many frames instead of three for each."""

    def __init__(self, recv: Any, clock: Clock) -> None:
        super().__init__(recv, skip_utf8_validation=True)  # the check is slow, and decoding JSON checks it anyway
        self._clock = clock
        self._ahead = b""
        self._at = 0
        self.deadline_s = float("inf")

    @property
    def drained(self) -> bool:
        """Nothing is read ahead: the next frame has to be waited for."""
        return self._at >= len(self._ahead)

    def recv_strict(self, bufsize: int) -> bytes:
        end = self._at + bufsize
        while end > len(self._ahead):
            if self._clock.monotonic_s() > self.deadline_s:
                raise Overdue("no trade came in time")
            more = self.recv(_READ_BYTES)
            self._ahead = self._ahead[self._at :] + more
            self._at, end = 0, bufsize
        taken = self._ahead[self._at : end]
        self._at = end
        return taken

    def recv_length(self) -> None:
        super().recv_length()
        if self.length > MAX_MESSAGE_BYTES:
            raise websocket.WebSocketPayloadException(f"a frame of {self.length} bytes is too large")


class _CappedFragments(continuous_frame):  # type: ignore[misc]
    """The library's message assembler with a bound on the sum of the fragments."""

    def add(self, frame: Any) -> None:
        super().add(frame)
        if len(self.cont_data[1]) > MAX_MESSAGE_BYTES:
            raise websocket.WebSocketPayloadException("the fragments of a message are too large together")


class TradeSocket(websocket.WebSocket):  # type: ignore[misc]
    """One connection to a stream server; never used again after it ended."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            sslopt={"ca_certs": certifi.where()},  # the library itself loads only the system's certificates
            skip_utf8_validation=True,
        )
        self.ahead = self.frame_buffer = _ReadAhead(self._recv, clock)
        self.cont_frame = _CappedFragments(False, True)

    def open(self, url: str) -> None:
        """Connect and shake hands within CONNECT_S; redirects are refused, TLS is never weakened.

        Raises
        ------
        FeedError
            In words, with what to do next.
        """
        host = urlsplit(url).hostname or url
        late = threading.Timer(CONNECT_S, self.cut)
        late.daemon = True
        late.start()
        try:
            self.connect(
                url,
                timeout=CONNECT_S / 2,
                redirect_limit=0,
                suppress_origin=True,
                http_no_proxy=[host] if host in _LOOPBACK else None,
            )
            self.settimeout(POLL_S)
        except websocket.WebSocketBadStatusException as error:
            if error.status_code in (403, 418, 429, 451):
                raise BlockedError(
                    f"{host} refuses the connection (HTTP {error.status_code}).", BLOCKED_HINT
                ) from error
            raise FeedError(f"{host} answers HTTP {error.status_code} instead of a stream.") from error
        except (socket.gaierror, websocket.WebSocketAddressException) as error:
            raise UnreachableError(f"{host} cannot be found.", NETWORK_HINT) from error
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise UnreachableError(f"{host} cannot be reached ({_first_line(error)}).", NETWORK_HINT) from error
        finally:
            late.cancel()

    def cut(self) -> None:
        """End the connection at once, from any thread; a blocked read returns."""
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


BLOCKED_HINT = (
    "If Binance does not serve your location, use --venue binance.us, or the market-data-only hosts: --venue spot-data."
)
NETWORK_HINT = "Check the network; without one, `python start.py --demo` runs on a simulated market."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
