"""Keeps one combined stream of trades connected, for ever, and renews it before it breaks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import FeedError
from statarb.feed.backoff import ConnectBudget
from statarb.feed.connection import Connection
from statarb.feed.rhythm import Rhythm
from statarb.feed.sink import Sink
from statarb.feed.venues import Venue
from statarb.market import Instrument

log = logging.getLogger(__name__)

LIFETIME_S = 23.5 * 3600
"""The exchange cuts a connection after 24 hours; a successor takes over before."""
TAKEOVER_S = 15.0
LONG_AWAY_MS = 120_000
"""Without trades for so long before a new connection, by the wall clock, which goes on while a machine sleeps."""
REPORT_S = 5.0
_POLICY_VIOLATION = 1008
_POLL_S = 0.5
_COMPLAIN_EVERY_S = 30.0


class TradeStream:
    """Supervises the connections of one stream: one at a time, two while one takes over from the other.

    Parameters
    ----------
    name : str
        As it is called in the log and in the heartbeat, `spot-1`.
    venue : Venue
        Where it connects to, and how frames are read there.
    instruments : sequence of Instrument
        What it subscribes to.
    sink : Sink
        Where trades, rejects and states go.
    budget : ConnectBudget
        Shared by every stream of the process.
    keep : callable, optional
        Records the time of arrival and the bytes of each trade's frame; must not wait.
    on_return : callable, optional
        Told the instruments when they are connected again after a long absence; must not wait.
    """

    def __init__(
        self,
        name: str,
        venue: Venue,
        instruments: Sequence[Instrument],
        sink: Sink,
        budget: ConnectBudget,
        clock: Clock = SYSTEM_CLOCK,
        keep: Callable[[int, bytes], None] | None = None,
        on_return: Callable[[Sequence[Instrument]], None] | None = None,
    ) -> None:
        self.name = name
        self.instruments = tuple(instruments)
        self._venue = venue
        self._host = venue.ws_url
        self._parse = venue.dialect.parse_frame
        self._sink = sink
        self._budget = budget
        self._clock = clock
        self._keep = keep
        self._on_return = on_return
        self._heard_ms: int | None = None
        self._stop = threading.Event()
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._current: Connection | None = None
        self._connects = self._past_trades = self._past_rejects = self._vain_silences = 0
        self._last_end = ""
        self._reported_at_s = self._complained_at_s = float("-inf")

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Hang up and end the threads; what was received has been handed over."""
        self._stop.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def stats(self) -> dict[str, Any]:
        current = self._current
        return {
            "connects": self._connects,
            "reconnects": max(0, self._connects - 1),
            "trades": self._past_trades + (current.trades if current else 0),
            "rejects": self._past_rejects + (current.rejects if current else 0),
            "last_end": self._last_end,
        }

    @property
    def rhythms(self) -> dict[str, Rhythm]:
        """How each symbol of the present connection delivers; those that have not yet are missing."""
        current = self._current
        return dict(current.heard) if current else {}

    def renew(self, reason: str) -> None:
        """Have a new connection take over from the present one."""
        if self._current is not None:
            self._current.renew(reason)

    def follow(self, instruments: Sequence[Instrument]) -> None:
        """Deliver these from now on: a connection that does takes over from the present one."""
        self.instruments = tuple(instruments)
        self._changed.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._report("connecting")
            current = self._open()
            while current is not None and not current.ended.is_set() and not self._stop.is_set():
                self._current = current
                self._wait()
                current = self._successor(current) or current
            if current is not None:
                current.stop()
                self._record_end(current)
        self._report("stopped")

    def _open(self) -> Connection | None:
        """A new connection that shook hands, as soon as the budget allows; None when it failed."""
        if self._clock.wait(self._stop, self._budget.reserve()):
            return None
        self._connects += 1
        connection = Connection(
            f"{self.name}/{self._connects}",
            self._url(),
            self._parse,
            self._sink,
            self._changed.set,
            self._clock,
            self._vain_silences,
            self._keep,
        )
        connection.start()
        while connection.opened_at_s is None and not connection.ended.is_set() and not self._stop.is_set():
            self._wait()
        if connection.opened_at_s is None:
            connection.stop()
            self._record_end(connection)
            return None
        log.info("%s: connected to %s.", self.name, self._host)
        self._report("live")
        heard_ms = (self._current.heard_ms if self._current else None) or self._heard_ms
        if self._on_return and heard_ms is not None and self._clock.now_ms() - heard_ms >= LONG_AWAY_MS:
            self._on_return(self.instruments)
        return connection

    def _url(self) -> str:
        return self._host + self._venue.dialect.stream_path([instrument.symbol for instrument in self.instruments])

    def _wait(self) -> None:
        """Until a connection has something to say, or a moment has passed."""
        self._changed.wait(_POLL_S)
        self._changed.clear()
        if self._current and self._clock.monotonic_s() - self._reported_at_s >= REPORT_S:
            self._report("live")

    def _successor(self, current: Connection) -> Connection | None:
        """A connection that has taken over from one that is about to end; None while there is no need or no luck."""
        age_s = self._clock.monotonic_s() - (current.opened_at_s or 0.0)
        if current.renewal:
            reason = current.renewal
        elif current.url != self._url():
            reason = "its instruments changed"
        elif age_s >= LIFETIME_S:
            reason = "it is nearly a day old"
        else:
            return None
        log.info("%s: a new connection takes over: %s.", self.name, reason)
        new = self._open()
        if new is None:
            return None
        deadline_s = self._clock.monotonic_s() + TAKEOVER_S
        while not (new.trades or new.ended.is_set() or self._stop.is_set() or self._clock.monotonic_s() > deadline_s):
            self._wait()
        if new.ended.is_set() and not current.ended.is_set():
            self._record_end(new)  # the old one goes on, and the next try comes by the budget
            return None
        current.stop()
        self._record_end(current)
        return new

    def _record_end(self, connection: Connection) -> None:
        """Keep what a connection that is over has to tell, and draw the conclusions."""
        self._current = None
        self._heard_ms = connection.heard_ms or self._heard_ms
        self._past_trades += connection.trades
        self._past_rejects += connection.rejects
        if connection.close_code == _POLICY_VIOLATION:
            self._budget.reserve(2.0)  # the server found us too busy: come back later
        in_vain = connection.was_silent and not connection.trades
        self._vain_silences = self._vain_silences + 1 if in_vain else 0
        if self._stop.is_set() or not connection.end:
            return
        self._last_end = connection.end
        if connection.error is not None:
            self._complain(connection.error)
        elif not connection.renewal:
            log.warning("%s: the connection ended (%s); connecting again.", self.name, connection.end)

    def _report(self, state: Literal["connecting", "live", "stopped"]) -> None:
        self._reported_at_s = self._clock.monotonic_s()
        self._sink.report(self.name, state, self.instruments, self.stats())

    def _complain(self, error: FeedError) -> None:
        """Say what is wrong at once, then no more than each half minute: it may last all night."""
        if self._clock.monotonic_s() - self._complained_at_s >= _COMPLAIN_EVERY_S:
            self._complained_at_s = self._clock.monotonic_s()
            log.error("%s: %s Trying again for ever.", self.name, error)
