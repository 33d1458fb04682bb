"""One connection, one producer thread: receive, parse once, hand over; for ever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any, Literal

import websocket

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import FeedError
from statarb.feed.backoff import ConnectBudget
from statarb.feed.protocol import BadFrame, Notice, parse_frame, stream_path
from statarb.feed.sink import Sink
from statarb.feed.socket import Overdue, TradeSocket
from statarb.market import Instrument, Trade

log = logging.getLogger(__name__)

BATCH_TRADES = 500
SILENCE_S = 10.0
SILENT_GAPS = 20
LONGEST_SILENCE_S = 600.0
REPORT_S = 5.0
_POLICY_VIOLATION = 1008
_COMPLAIN_EVERY_S = 30.0


class TradeStream:
    """Keeps one combined stream of trades connected and delivers what it brings.

    Parameters
    ----------
    name : str
        As it is called in the log and in the heartbeat, `spot-1`.
    ws_url : str
        The base URL, without path.
    instruments : sequence of Instrument
        What it subscribes to.
    sink : Sink
        Where trades, rejects and states go.
    budget : ConnectBudget
        Shared by every stream of the process.
    """

    def __init__(
        self,
        name: str,
        ws_url: str,
        instruments: Sequence[Instrument],
        sink: Sink,
        budget: ConnectBudget,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = name
        self._url = ws_url + stream_path([instrument.symbol for instrument in instruments])
        self._instruments = tuple(instruments)
        self._sink = sink
        self._budget = budget
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._socket = TradeSocket(clock)
        self._connects = self._rejects = self._frames = self._silent_ends = 0
        self._last_end = ""
        self._opened_at_s = self._heard_at_s = self._reported_at_s = 0.0
        self._complained_at_s = float("-inf")

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Hang up and end the thread; what was received has been handed over."""
        self._stop.set()
        self._socket.cut()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def stats(self) -> dict[str, Any]:
        return {
            "connects": self._connects,
            "reconnects": max(0, self._connects - 1),
            "frames": self._frames,
            "rejects": self._rejects,
            "last_end": self._last_end,
        }

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._one_connection()
            except Exception:
                # Nothing that goes wrong with one connection may end the feed.
                log.exception("%s: unexpected; connecting again.", self._name)

    def _one_connection(self) -> None:
        """Connect when the budget allows, deliver until it ends, say why it ended."""
        self._report("connecting")
        if self._clock.wait(self._stop, self._budget.reserve()):
            return
        self._connects += 1
        try:
            self.connect()
            while not self._stop.is_set():
                self.step()
        except FeedError as error:
            self._complain(error)
            self._last_end = error.message
        except (websocket.WebSocketException, OSError) as error:
            self._silent_ends += isinstance(error, Overdue)
            self._last_end = str(error)[:120] or type(error).__name__
            if not self._stop.is_set():
                log.warning("%s: the connection ended (%s); connecting again.", self._name, self._last_end)
        finally:
            self._socket.shutdown()

    def connect(self) -> None:
        """Open a new connection; every attempt is a new socket."""
        self._socket = TradeSocket(self._clock)
        if self._stop.is_set():
            return
        self._socket.open(self._url)
        self._session = f"{self._name}/{self._connects}"
        self._opened_at_s = self._heard_at_s = self._clock.monotonic_s()
        self._frames = 0
        self._set_deadline()
        log.info("%s: connected to %s.", self._name, self._url.split("/stream")[0])
        self._report("live")

    def step(self) -> None:
        """Receive what is there, at most BATCH_TRADES, and hand it over; returns after POLL_S when nothing came.

        Raises
        ------
        websocket.WebSocketException, OSError
            The connection is over.
        """
        batch: list[Trade] = []
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
        if self._clock.monotonic_s() - self._reported_at_s >= REPORT_S:
            self._report("live")

    def _receive(self, payload: bytes, batch: list[Trade]) -> None:
        try:
            message = parse_frame(payload, self._clock.now_ms())
        except BadFrame as bad:
            self._reject(bad.reason, bad.sample)
            return
        if isinstance(message, Trade):
            batch.append(message)
        elif isinstance(message, Notice) and message.kind in ("error", "shutdown"):
            log.warning("%s: the server says: %s", self._name, message.text)

    def _deliver(self, batch: list[Trade]) -> None:
        self._frames += len(batch)
        self._heard_at_s = self._clock.monotonic_s()
        self._silent_ends = 0
        self._set_deadline()
        if not self._sink.trades(self._session, batch):
            # Never dropped in silence: the reconnect leaves a gap that is recorded.
            raise websocket.WebSocketException("the queue is full; hanging up until the writer has caught up")

    def _silence_limit_s(self) -> float:
        """How long nothing may come: 10 s, or 20 mean gaps of a quieter stream; twice as long after each vain try."""
        mean_gap_s = (self._heard_at_s - self._opened_at_s) / max(1, self._frames)
        return min(max(SILENCE_S, SILENT_GAPS * mean_gap_s) * float(1 << min(self._silent_ends, 10)), LONGEST_SILENCE_S)

    def _set_deadline(self) -> None:
        self._socket.ahead.deadline_s = self._heard_at_s + self._silence_limit_s()

    def _closed(self, data: bytes) -> None:
        code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
        if code == _POLICY_VIOLATION:
            self._budget.reserve(2.0)  # the server found us too busy: come back later
        raise websocket.WebSocketConnectionClosedException(
            f"closed by the server with code {code} {data[2:100].decode('utf-8', 'replace')}".strip()
        )

    def _reject(self, reason: str, sample: str) -> None:
        self._rejects += 1
        self._sink.reject(self._clock.now_ms(), reason, sample)

    def _report(self, state: Literal["connecting", "live"]) -> None:
        self._reported_at_s = self._clock.monotonic_s()
        self._sink.report(self._name, state, self._instruments, self.stats())

    def _complain(self, error: FeedError) -> None:
        """Say what is wrong at once, then no more than each half minute: it may last all night."""
        if self._clock.monotonic_s() - self._complained_at_s >= _COMPLAIN_EVERY_S:
            self._complained_at_s = self._clock.monotonic_s()
            log.error("%s: %s Trying again for ever.", self._name, error)
