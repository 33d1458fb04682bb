"""One WebSocket connection from its handshake to its end: receive, parse once, hand over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import websocket

from statarb.clock import Clock
from statarb.errors import FeedError
from statarb.feed.protocol import BadFrame, Notice
from statarb.feed.rhythm import Rhythm
from statarb.feed.sink import Sink
from statarb.feed.socket import Overdue, TradeSocket
from statarb.market import Print

log = logging.getLogger(__name__)

BATCH_TRADES = 500


class Connection:
    """A producer thread around one socket; every attempt to connect is a new one.

    Parameters
    ----------
    session : str
        Names this connection and attempt, `spot-1/7`.
    url : str
        The stream with its path.
    parse : callable
        What a frame says, given its bytes and the time of arrival in ms.
    sink : Sink
        Where trades and rejects go.
    on_change : callable
        Called from the thread when the connection opened, ended or should be renewed.
    vain_silences : int
        How many connections before this one ended in silence: it may be the market's own, so patience grows.
    keep : callable, optional
        Records the time of arrival and the bytes of each trade's frame; must not wait.
    """

    def __init__(
        self,
        session: str,
        url: str,
        parse: Callable[[bytes, int], Print | Notice],
        sink: Sink,
        on_change: Callable[[], None],
        clock: Clock,
        vain_silences: int = 0,
        keep: Callable[[int, bytes], None] | None = None,
    ) -> None:
        self.session = session
        self.url = url
        self._parse = parse
        self._sink = sink
        self._on_change = on_change
        self._vain_silences = vain_silences
        self._keep = keep
        self._clock = clock
        self._socket = TradeSocket(clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=session, daemon=True)
        self.opened_at_s: float | None = None
        self.trades = self.rejects = 0
        self.heard: dict[str, Rhythm] = {}
        self.heard_ms: int | None = None
        self.renewal = ""
        self.error: FeedError | None = None
        self.end = ""
        self.close_code: int | None = None
        self.was_silent = False
        self.ended = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Hang up and end the thread; what was received has been handed over."""
        self._stop.set()
        self._socket.cut()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def renew(self, reason: str) -> None:
        """Ask for a successor; this connection goes on until that one delivers."""
        if not self.renewal:
            self.renewal = reason
            self._on_change()

    def _run(self) -> None:
        try:
            self.connect()
            self._on_change()
            while not self._stop.is_set():
                self.step()
        except FeedError as error:
            self.error, self.end = error, error.message
        except (websocket.WebSocketException, OSError) as error:
            self.was_silent = isinstance(error, Overdue)
            self.end = str(error)[:120] or type(error).__name__
        except Exception:
            # Nothing that goes wrong with one connection may end the feed.
            log.exception("%s: unexpected; connecting again.", self.session)
            self.end = "an unexpected error"
        finally:
            self._socket.shutdown()
            self.ended.set()
            self._on_change()

    def connect(self) -> None:
        """Open the socket.

        Raises
        ------
        FeedError
            In words, with what to do next.
        """
        self._socket.open(self.url)
        self.opened_at_s = self._clock.monotonic_s()
        self._rhythm = Rhythm(self.opened_at_s, self._vain_silences)
        self._socket.ahead.deadline_s = self._rhythm.deadline_s

    def step(self) -> None:
        """Receive what is there, at most BATCH_TRADES, and hand it over; returns after a second when nothing came.

        Raises
        ------
        websocket.WebSocketException, OSError
            The connection is over.
        """
        batch: list[Print] = []
        try:
            while True:
                try:
                    opcode, frame = self._socket.recv_data_frame(True)
                except websocket.WebSocketTimeoutException:
                    break
                if opcode == websocket.ABNF.OPCODE_TEXT:
                    self._receive(frame.data, batch)
                elif opcode == websocket.ABNF.OPCODE_BINARY:
                    self._reject("binary frame", repr(frame.data[:100]))
                elif opcode == websocket.ABNF.OPCODE_CLOSE:
                    self._closed(frame.data)
                if self._socket.ahead.drained or len(batch) >= BATCH_TRADES:
                    break
        finally:
            # Also what came before the connection broke is delivered.
            if batch:
                self._deliver(batch)

    def _receive(self, payload: bytes, batch: list[Print]) -> None:
        try:
            message = self._parse(payload, self._clock.now_ms())
        except BadFrame as bad:
            self._reject(bad.reason, bad.sample)
            return
        if not isinstance(message, Notice):
            batch.append(message)
            if self._keep is not None:
                self._keep(message.recv_ms, payload)
        elif message.kind == "shutdown":
            self.renew("the server announced its shutdown")
        elif message.kind == "error":
            log.warning("%s: the server says: %s", self.session, message.text)

    def _deliver(self, batch: list[Print]) -> None:
        now_s = self._clock.monotonic_s()
        self._rhythm.hear(now_s)
        self._socket.ahead.deadline_s = self._rhythm.deadline_s
        for symbol in {trade.symbol for trade in batch}:
            if symbol in self.heard:
                self.heard[symbol].hear(now_s)
            else:
                self.heard[symbol] = Rhythm(now_s)
        self.trades += len(batch)
        self.heard_ms = batch[-1].recv_ms
        if not self._sink.trades(self.session, batch):
            # Never dropped in silence: the reconnect leaves a gap that is recorded.
            raise websocket.WebSocketException("the queue is full; hanging up until the writer has caught up")

    def _closed(self, data: bytes) -> None:
        self.close_code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
        reason = data[2:100].decode("utf-8", "replace")
        raise websocket.WebSocketConnectionClosedException(
            f"closed by the server with code {self.close_code} {reason}".strip()
        )

    def _reject(self, reason: str, sample: str) -> None:
        self.rejects += 1
        self._sink.reject(self._clock.now_ms(), reason, sample)
