"""Delivers alerts to the targets of the desk file through Apprise, with retries; no secret leaves this file."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from statarb.alerts import Target
from statarb.clock import Clock, Repeating, utc_text
from statarb.market import Instrument
from statarb.store import AlertEvent, Delivery, DeskFile, Reader

log = logging.getLogger(__name__)

EVERY_S = 1.0
RETRY_AFTER_S = (30.0, 180.0)
"""Pauses before the second and the third try, the last."""
FRESH_MS = 3_600_000
"""An alert older than this is not delivered any more, for instance after ingest was off."""
ERROR_CHARACTERS = 300
_SEPARATORS = re.compile(r"[/:@?&=#,+]+")
NOT_OUTSIDE = (
    "Not sent: this desk's market is simulated. Start ingest with --deliver-simulated yes to send its messages too."
)


@dataclass(frozen=True)
class Message:
    """What goes to one target: an event, or a test that was asked for."""

    kind: Literal["event", "test"]
    ref_id: int
    target: Target
    title: str
    body: str

    @property
    def key(self) -> tuple[str, int, int]:
        return self.kind, self.ref_id, self.target.target_id or 0


class DeliveryThread(Repeating):
    """Sends what is due, one message after another; what became of each goes through the writer.

    A message that was sent in the moment before a kill may come twice; none is lost.

    Parameters
    ----------
    db : Path
        The database, read only.
    put : callable
        Takes deliveries for the writer.
    is_allowed : bool
        False on a simulated market: then only the answer to a test says so.
    """

    def __init__(
        self,
        db: Path,
        desk: DeskFile,
        put: Callable[[Delivery], None],
        clock: Clock,
        is_allowed: bool,
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
    ) -> None:
        super().__init__("delivery", EVERY_S, clock)
        self._db, self._desk, self._put = db, desk, put
        self._is_allowed, self._retry_after_s = is_allowed, retry_after_s
        self._reader: Reader | None = None
        self._began_ms = clock.now_ms()
        self._tries: dict[tuple[str, int, int], int] = {}
        self._due_ms: dict[tuple[str, int, int], float] = {}
        self._done: set[tuple[str, int, int]] = set()

    def stop(self, timeout_s: float = 5.0) -> None:
        super().stop(timeout_s)
        if self._reader and not self.is_running:
            self._reader.close()

    def step(self) -> int:
        """Send what is due now; how many messages were tried."""
        targets = {target.target_id: target for target in self._desk.targets()}
        messages = [*self._tests(targets), *self._events(targets)]
        if not messages:
            return 0
        count = 0
        for message in messages:
            if message.key not in self._done and self._clock.now_ms() >= self._due_ms.get(message.key, 0):
                self._try(message)
                count += 1
            if self._stop.is_set():
                break
        return count

    def _tests(self, targets: dict[int | None, Target]) -> Iterator[Message]:
        title, body = "statarb: test", f"A test message from the desk, sent at {utc_text(self._clock.now_ms())} UTC."
        for request in self._desk.test_requests(self._began_ms):
            if request.target_id in targets:
                yield Message("test", request.request_id, targets[request.target_id], title, body)

    def _events(self, targets: dict[int | None, Target]) -> Iterator[Message]:
        wanted = [target for target in targets.values() if target.enabled]
        if not (wanted and self._is_allowed):
            return
        since_ms = self._clock.now_ms() - FRESH_MS
        reader = self._open_reader(since_ms)
        for event in reversed(reader.alert_events(made_since_ms=since_ms)):
            if event.state == "held" or event.event_id is None:
                continue
            for target in wanted:
                if event.made_at_ms >= target.created_at_ms:
                    yield Message("event", event.event_id, target, title_of(event), event.text)

    def _open_reader(self, since_ms: int) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._db)
            for one in self._reader.deliveries(since_ms):
                key = (one.kind, one.ref_id, one.target_id)
                self._tries[key] = one.tries
                if one.state != "retrying":
                    self._done.add(key)
        return self._reader

    def _try(self, message: Message) -> None:
        tries = self._tries[message.key] = self._tries.get(message.key, 0) + 1
        is_test = message.kind == "test"
        error = send(message.target.url, message.title, message.body) if self._is_allowed else NOT_OUTSIDE
        state: Literal["sent", "retrying", "failed"] = "sent" if not error else "retrying"
        if error and (is_test or tries > len(self._retry_after_s)):
            state = "failed"
        if state == "retrying":
            self._due_ms[message.key] = self._clock.now_ms() + self._retry_after_s[tries - 1] * 1000
        else:
            self._done.add(message.key)
        if error:
            log.warning("%s could not be told (try %d): %s", message.target.name, tries, error)
        _, ref_id, target_id = message.key
        self._put(
            Delivery(message.kind, ref_id, target_id, message.target.name, state, tries, error, self._clock.now_ms())
        )


def title_of(event: AlertEvent) -> str:
    """One line that names the pair and what happened, for the subject of a mail."""
    pair = f"{Instrument.parse(event.y).label} on {Instrument.parse(event.x).label}"
    if event.state in ("suppressed", "digest"):
        return f"{pair}: {event.state}"
    if event.z is None:
        return event.name if pair in event.name else f"{pair}: {event.name}"
    z = f"{event.z:+.2f}".replace("-", "−")
    return f"{pair}: z {z}, net {event.net_bps or 0.0:+.1f} bp".replace("-", "−")


def send(url: str, title: str, body: str) -> str:
    """Send one message; '' when it was taken, else why not, without any part of the address."""
    # Imported with the first message: it knows some two hundred services.
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False  # its lines name addresses in full
    logger.setLevel(logging.WARNING)
    heard = _Heard()
    logger.addHandler(heard)
    try:
        asset = apprise.AppriseAsset(async_mode=False, storage_mode=apprise.PersistentStoreMode.MEMORY)
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            return "This is no address that Apprise knows. Correct it, or see the list of services in its manual."
        if service.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT):
            return ""
    except Exception as error:
        # Whatever a service's own code raises; its text may hold the address.
        heard.lines.append(type(error).__name__)
    finally:
        logger.removeHandler(heard)
    said = redacted(" ".join(heard.lines), url) or "The service did not take it and did not say why."
    return said[:ERROR_CHARACTERS]


class _Heard(logging.Handler):
    """Keeps what Apprise says is wrong."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def redacted(text: str, url: str) -> str:
    """`text` with every part of an address, as it is written and as it is meant, replaced by `…`."""
    written = _SEPARATORS.split(url)[1:]
    meant = [unquote(part) for part in written]
    parts = {url, *written, *meant, *(piece for part in meant for piece in _SEPARATORS.split(part))}
    for part in sorted((part for part in parts if len(part) > 2), key=len, reverse=True):
        text = re.sub(re.escape(part), "…", text, flags=re.IGNORECASE)
    return text
