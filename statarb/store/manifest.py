"""The archive's manifest: one line a file, written once the file is safe; what it does not list is not archived."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from statarb.errors import DamagedDatabaseError, ForeignDatabaseError, StoreError
from statarb.store.connect import make_private_folder

NAME = "manifest.jsonl"

IdRange = tuple[int, int]
"""Ids `lo..hi`, both included."""


@dataclass(frozen=True)
class Series:
    """One run of trade ids: an instrument, what its ids count, and which numbering of the exchange they belong to."""

    instrument: str
    id_kind: str = "trade"
    id_epoch: int = 0

    @property
    def folder(self) -> str:
        """`symbol=spot_BTCUSDT`; other ids than plain trades, and later numberings, carry it in the name."""
        kind = "" if self.id_kind == "trade" else f".{self.id_kind}"
        return f"symbol={quote(self.instrument.replace(':', '_'), safe='')}{kind}" + (
            f".{self.id_epoch}" if self.id_epoch else ""
        )


@dataclass(frozen=True)
class ArchivedDay:
    """One file: a UTC day of a series, the ids `lo..hi` that it accounts for, and those of them that it has no row of.

    `absent` are ids that the exchange skips, that are no trades, or, the `deferred` ones, whose trades nobody fetched.
    `sha256` is of the file.
    """

    path: str
    source: str
    instrument: str
    id_kind: str
    id_epoch: int
    date: str
    lo: int
    hi: int
    rows: int
    first_id: int
    last_id: int
    sum_price_e8: int
    sum_qty_e8: int
    absent: tuple[IdRange, ...]
    bytes: int
    sha256: str
    deferred: tuple[IdRange, ...] = ()

    @property
    def series(self) -> Series:
        return Series(self.instrument, self.id_kind, self.id_epoch)

    def rows_in(self, lo: int, hi: int) -> int:
        """How many rows the file has of the ids `lo..hi`."""
        a, b = max(lo, self.lo), min(hi, self.hi)
        return max(0, b - a + 1) - overlap(self.absent, a, b)


def overlap(ranges: Iterable[IdRange], lo: int, hi: int) -> int:
    """How many ids of `lo..hi` the ranges hold."""
    return sum(max(0, min(b, hi) - max(a, lo) + 1) for a, b in ranges)


def days_within(days: Sequence[ArchivedDay], instrument: str, first: str, last: str) -> list[ArchivedDay]:
    """Those of an instrument's archived days, ordered as the manifest has them, that may hold trades of these dates.

    Where a gap of days was closed after it had been archived, its trades lie in the file of the day it begins in, which
    therefore reaches to the next file's date.
    """
    own = [day for day in days if day.instrument == instrument]
    reach = [after.date if after.series == day.series else last for day, after in pairwise(own)] + [last]
    return [
        day
        for day, until in zip(own, reach, strict=False)
        if day.date <= last and (day.date >= first or (until >= first and until > _day_after(day.date)))
    ]


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


class Manifest:
    """The list of archived days in a folder; the newest line of a file counts.

    Raises
    ------
    StoreError
        The folder cannot be made or read, a line is unreadable, or it holds trades of another source.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / NAME

    def days(self) -> list[ArchivedDay]:
        """Every archived day, by series and ids; none where there is no manifest yet."""
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"{self._file} cannot be read ({error.strerror}).", "Check the folder given with --archive."
            ) from error
        lines = text.split(b"\n")[:-1]  # what follows the last line feed was cut off by a crash and never counted
        newest = {day.path: day for day in (self._parse(line, n) for n, line in enumerate(lines, 1))}
        return sorted(newest.values(), key=lambda day: (day.instrument, day.id_kind, day.id_epoch, day.lo))

    def _parse(self, line: bytes, number: int) -> ArchivedDay:
        try:
            fields = json.loads(line)
            ranges = {name: tuple((lo, hi) for lo, hi in fields.get(name, ())) for name in ("absent", "deferred")}
            return ArchivedDay(**{**fields, **ranges})
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedDatabaseError(
                f"Line {number} of {self._file} is unreadable.", "Restore the file from a copy; its archive is intact."
            ) from error

    def check_source(self, source: str) -> None:
        """Refuse an archive that holds trades of another source."""
        other = next((day.source for day in self.days() if day.source != source), None)
        if source and other is not None:
            raise ForeignDatabaseError(
                f"{self._folder} holds trades from {other!r}, and this database holds {source!r}.",
                "Sources are never mixed: choose another folder with --archive.",
            )

    def append(self, day: ArchivedDay) -> None:
        """Add a line and wait until it is on disk."""
        make_private_folder(self._folder)
        line = json.dumps(asdict(day), separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            file.seek(_whole_lines_end(file.read()))
            file.truncate()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._folder)


def _whole_lines_end(text: bytes) -> int:
    return text.rfind(b"\n") + 1


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk; Windows has no way and no need to ask."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
