"""The one place that asks what time it is."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from statarb.errors import StatarbError

log = logging.getLogger(__name__)


class Clock(Protocol):
    """Wall time for ages and stamps, monotonic time for every deadline."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC, by the local clock."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Sleep until `stop` is set or `seconds` have passed; True when stopped."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


SYSTEM_CLOCK = SystemClock()


def utc_text(ts_ms: int, *, milliseconds: bool = False) -> str:
    """`2026-01-31 12:00:00` (UTC) for an epoch in milliseconds."""
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC)
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{ts_ms % 1000:03d}" if milliseconds else text


@dataclass(frozen=True)
class Zone:
    """A fixed distance from UTC, by which a screen shows times; `label` stands beside every one of them.

    One distance for all times of a screen: a night in which clocks are moved neither repeats nor loses an hour.
    """

    label: str
    offset_ms: int

    def text(self, ts_ms: int) -> str:
        """`2026-01-31 13:00:00` on clocks of this zone, without the label."""
        return utc_text(ts_ms + self.offset_ms)


UTC_ZONE = Zone("UTC", 0)


def zone_at(name: str | None, ts_ms: int) -> Zone:
    """The zone that a place such as `Europe/Berlin` has at a moment; UTC for a place that nobody knows."""
    try:
        offset = datetime.fromtimestamp(ts_ms / 1000, ZoneInfo(name or "UTC")).utcoffset()
    except (KeyError, ValueError, OSError):
        return UTC_ZONE
    minutes = round(offset.total_seconds() / 60) if offset else 0
    sign = "+" if minutes >= 0 else "\u2212"
    hours, rest = divmod(abs(minutes), 60)
    return Zone(f"UTC{sign}{hours:02d}:{rest:02d}", minutes * 60_000) if minutes else UTC_ZONE


def utc_stamp(ts_ms: int) -> str:
    """`20260131T120000Z`: the same instant in a form that is safe in a file name."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


class Worker(ABC):
    """One thread of its own, which can be asked to stop."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask it to end and wait for that; safe to call twice, and before `start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @abstractmethod
    def _run(self) -> None:
        """What the thread does until it is asked to stop."""


class Repeating(Worker):
    """A worker that takes a step every so many seconds, whatever goes wrong with one of them.

    Parameters
    ----------
    name : str
        Of the thread, as the log shows it.
    every_s : float
        Seconds between the end of a step and the next one.
    clock : Clock
    """

    def __init__(self, name: str, every_s: float, clock: Clock) -> None:
        super().__init__(name, clock)
        self._every_s = every_s

    @property
    def is_running(self) -> bool:
        """Whether its thread still takes a step."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._clock.wait(self._stop, self._every_s):
            try:
                self.step()
            except StatarbError as error:
                log.debug("%s: %s", self._thread.name, error)
            except Exception:
                log.exception("%s: unexpected; going on.", self._thread.name)

    @abstractmethod
    def step(self) -> object:
        """What is done each time."""


class ExchangeClock:
    """The exchange's clock as we know it: never ahead of what was heard from it, and running on between words.

    An event stamped E that is handled at monotonic time t says that the exchange's clock reads at least
    E + (now - t). The latest of these bounds is the clock; it is late by the fastest delivery seen, never early,
    so a backlog or a replay at any speed cannot close a bar before its trades are in.
    """

    def __init__(self) -> None:
        self._ahead_ms: float | None = None

    def hear(self, exchange_ms: int, monotonic_s: float) -> None:
        """The exchange's clock read at least `exchange_ms` at that moment."""
        ahead_ms = exchange_ms - monotonic_s * 1000
        self._ahead_ms = ahead_ms if self._ahead_ms is None else max(self._ahead_ms, ahead_ms)

    def now_ms(self, monotonic_s: float) -> int | None:
        """The exchange's time; None before its first word."""
        return None if self._ahead_ms is None else int(self._ahead_ms + monotonic_s * 1000)
