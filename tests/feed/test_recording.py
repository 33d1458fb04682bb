"""The recorder never holds up a stream, rotates, counts what it drops, and loses at most its last second."""

from __future__ import annotations

import errno
import gzip
import io
import threading
from pathlib import Path

import pytest

from statarb.clock import utc_stamp
from statarb.errors import ConfigError
from statarb.feed import recording
from statarb.feed.recording import ROTATE_MS, Recorder

T0_MS = 1_700_000_000_000 // ROTATE_MS * ROTATE_MS
FRAME = b'{"stream":"btcusdt@trade","data":{"t":%d}}'


class HandClock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.ms = T0_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(0.01)


class Reports:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.stats: list[dict] = []

    def report(self, name, state, instruments, stats) -> None:
        assert (name, state, instruments) == ("spot recording", "live", ())
        self.stats.append(dict(stats))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def recorder(folder: Path, clock: HandClock, sink: Reports | None = None) -> Recorder:
    return Recorder(folder, "spot", sink or Reports(), clock)


def text(*paths: Path) -> bytes:
    return gzip.decompress(b"".join(path.read_bytes() for path in paths))


def lines(first: int, until: int, at_ms: int = T0_MS) -> bytes:
    return b"".join(b"%d000000 %b\n" % (at_ms, FRAME % i) for i in range(first, until))


def test_frames_are_written_verbatim_with_their_time_of_receipt(tmp_path, clock):
    tape = recorder(tmp_path / "new" / "folder", clock)
    for i in range(3):
        tape.keep(T0_MS, FRAME % i)
    tape.step()
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert path.name == f"spot-{utc_stamp(T0_MS)}.txt.gz"
    assert text(path) == lines(0, 3)
    assert path.stat().st_mode & 0o077 == path.parent.stat().st_mode & 0o077 == 0


def test_every_step_leaves_a_whole_file_behind(tmp_path, clock):
    """A kill between any two steps loses no step before it."""
    tape = recorder(tmp_path, clock)
    for i in range(20):
        tape.keep(T0_MS, FRAME % i)
        tape.step()
        (path,) = tmp_path.iterdir()
        assert text(path) == lines(0, i + 1)


def test_a_new_file_begins_each_hour_and_joined_they_are_one_recording(tmp_path, clock):
    tape = recorder(tmp_path, clock)
    for i in range(3):
        clock.ms = T0_MS + i * ROTATE_MS
        tape.keep(clock.ms, FRAME % i)
        tape.step()
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 3
    assert text(*paths) == b"".join(lines(i, i + 1, T0_MS + i * ROTATE_MS) for i in range(3))


def test_a_new_file_begins_when_one_is_full_even_within_the_same_second(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(recording, "ROTATE_TEXT_BYTES", 100)
    tape = recorder(tmp_path, clock)
    for i in range(6):
        tape.keep(T0_MS, FRAME % i)
        tape.step()
    stamp = utc_stamp(T0_MS)
    paths = [
        tmp_path / f"spot-{stamp}.txt.gz",
        tmp_path / f"spot-{stamp}_2.txt.gz",
        tmp_path / f"spot-{stamp}_3.txt.gz",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert text(*paths) == lines(0, 6)


def test_a_second_start_never_touches_the_files_of_the_first(tmp_path, clock):
    for i in range(2):
        tape = recorder(tmp_path, clock)
        tape.keep(T0_MS, FRAME % i)
        tape.step()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_waits_too_long_for_the_disk_is_dropped_counted_and_said(tmp_path, clock, monkeypatch, caplog):
    monkeypatch.setattr(recording, "MAX_WAITING_BYTES", 10 * len(FRAME % 1))
    reports = Reports()
    tape = recorder(tmp_path, clock, reports)
    for i in range(9):
        tape.keep(T0_MS, FRAME % i)
    for _ in range(4):
        tape.keep(T0_MS, FRAME % 123_456)
    tape.step()
    assert text(*tmp_path.iterdir()) == lines(0, 9)
    assert tape.stats()["dropped"] == 4
    assert reports.stats[-1] == tape.stats()
    assert "4 frames were dropped" in caplog.text
    tape.keep(T0_MS, FRAME % 9)
    tape.step()
    assert text(*tmp_path.iterdir()) == lines(0, 10)


def test_a_full_disk_spoils_no_file_and_recording_goes_on_when_there_is_room(tmp_path, clock, monkeypatch, caplog):
    """The disk takes half a member and then no more."""
    tape = recorder(tmp_path, clock)
    tape.keep(T0_MS, FRAME % 0)
    tape.step()
    real_write, sizes = io.FileIO.write, iter([20])

    class FullDisk(io.FileIO):
        def write(self, data):
            size = next(sizes, None)
            if size is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(self, bytes(data)[:size])

    with monkeypatch.context() as patch:
        patch.setattr(recording.io, "FileIO", FullDisk)
        clock.ms += ROTATE_MS
        tape.keep(T0_MS, FRAME % 1)
        tape.step()
    assert tape.stats()["dropped"] == 1
    assert "No space left" in caplog.text
    tape.keep(T0_MS, FRAME % 2)
    tape.step()
    assert text(*sorted(tmp_path.iterdir())) == lines(0, 1) + lines(2, 3)


def test_a_line_break_inside_a_frame_does_not_break_the_line(tmp_path, clock):
    tape = recorder(tmp_path, clock)
    tape.keep(T0_MS, b'{"stream":\r\n"a@trade"}')
    tape.step()
    assert text(*tmp_path.iterdir()) == b'%d000000 {"stream": "a@trade"}\n' % T0_MS


def test_its_thread_writes_by_itself_and_what_is_left_when_it_stops(tmp_path):
    tape = recorder(tmp_path, HandClock())
    tape.start()
    for i in range(5_000):
        tape.keep(T0_MS, FRAME % i)
    tape.stop()
    tape.stop()
    assert text(*tmp_path.iterdir()) == lines(0, 5_000)
    assert tape.stats()["recorded"] == 5_000


def test_a_folder_that_cannot_be_is_refused_in_one_sentence(tmp_path, clock):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be recorded into.*--record"):
        recorder(tmp_path / "file", clock)
