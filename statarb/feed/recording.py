"""A recording of what the exchange sent: its trade frames, verbatim, in rotating gzip files that can be replayed."""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import os
import threading
from pathlib import Path
from typing import Any

from statarb.clock import SYSTEM_CLOCK, Clock, Worker, utc_stamp
from statarb.errors import ConfigError
from statarb.feed.sink import Sink

log = logging.getLogger(__name__)

ROTATE_MS = 3_600_000
ROTATE_TEXT_BYTES = 64 << 20
"""So much text is read back into memory by a replay without harm."""
MAX_WAITING_BYTES = 32 << 20
STEP_S = 1.0
REPORT_S = 5.0
_LEVEL = 6


class Recorder(Worker):
    """Writes `<receive ns> <frame>` lines from a thread of its own, so that no stream waits for the disk.

    A file is a chain of whole gzip members, one a second: a kill costs at most the last of them. Files of one
    recording can be joined by joining their bytes.

    Parameters
    ----------
    folder : Path
        Where the files go; made if it is not there.
    name : str
        How they begin, `spot-20260131T120000Z.txt.gz`.
    sink : Sink
        Told what was recorded and what was dropped.

    Raises
    ------
    ConfigError
        The folder cannot be made or written to.
    """

    def __init__(self, folder: Path, name: str, sink: Sink, clock: Clock = SYSTEM_CLOCK) -> None:
        self._folder = folder
        self._name = name
        self._sink = sink
        super().__init__(f"{name} recording", clock)
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0
        self._file: io.FileIO | None = None
        self._file_name = ""
        self._file_hour = self._text_bytes = 0
        self._recorded = self._dropped = self._said_dropped = 0
        self._reported_at_s = float("-inf")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{folder} cannot be recorded into ({error.strerror}).", "Choose another --record."
            ) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"{folder} cannot be recorded into (no permission).", "Choose another --record.")

    def stop(self, timeout_s: float = 10.0) -> None:
        """Write what is waiting and close the file; safe to call twice."""
        super().stop(timeout_s)

    def stats(self) -> dict[str, Any]:
        return {"file": self._file_name, "recorded": self._recorded, "dropped": self._dropped}

    def keep(self, recv_ms: int, frame: bytes) -> None:
        """Take a frame, from any thread, without waiting; when too much is waiting it is dropped and counted."""
        with self._lock:
            if self._waiting_bytes + len(frame) > MAX_WAITING_BYTES:
                self._dropped += 1
                return
            self._waiting.append((recv_ms, frame))
            self._waiting_bytes += len(frame)

    def _run(self) -> None:
        try:
            while not self._clock.wait(self._stop, STEP_S):
                self.step()
            self.step()
        except Exception:
            log.exception("The recording ended; live trades go on without it.")
        finally:
            self._close()

    def step(self) -> None:
        """Write what is waiting; what cannot be written is dropped, counted and said."""
        with self._lock:
            frames, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if frames:
            # A line break between the tokens of a frame is the same JSON as a space there.
            text = b"".join(b"%d %b\n" % (ms * 1_000_000, b" ".join(frame.splitlines())) for ms, frame in frames)
            try:
                self._write(text)
                self._recorded += len(frames)
            except OSError as error:
                with self._lock:
                    self._dropped += len(frames)
                log.error("%s cannot be recorded into (%s).", self._folder, error.strerror)
        if self._dropped > self._said_dropped:
            log.error("Recording: %d frames were dropped.", self._dropped - self._said_dropped)
            self._said_dropped = self._dropped
        if self._clock.monotonic_s() - self._reported_at_s >= REPORT_S:
            self._reported_at_s = self._clock.monotonic_s()
            self._sink.report(f"{self._name} recording", "live", (), self.stats())

    def _write(self, text: bytes) -> None:
        now_ms = self._clock.now_ms()
        if now_ms // ROTATE_MS != self._file_hour or self._text_bytes >= ROTATE_TEXT_BYTES:
            self._close()
        file = self._file or self._open(now_ms)
        member = memoryview(gzip.compress(text, _LEVEL))
        whole = file.tell()
        try:
            while member:
                member = member[file.write(member) :]
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(whole)  # half a member would spoil the file
            self._close()
            raise
        self._text_bytes += len(text)

    def _open(self, now_ms: int) -> io.FileIO:
        stamp, number = f"{self._name}-{utc_stamp(now_ms)}", 1
        while (path := self._folder / f"{stamp}{f'_{number}' if number > 1 else ''}.txt.gz").exists():
            number += 1
        self._file = io.FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))
        self._file_name, self._file_hour, self._text_bytes = path.name, now_ms // ROTATE_MS, 0
        log.info("Recording into %s.", path)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
