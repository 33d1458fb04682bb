"""The archiver: one thread with a read-only connection that writes closed days to the archive, oldest first."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import DamagedDatabaseError, StatarbError
from statarb.store.archive import DAY_MS, archive_day, day_text
from statarb.store.connect import make_private_folder, open_reader, plain_errors
from statarb.store.dayfile import as_table
from statarb.store.manifest import ArchivedDay, IdRange, Manifest, Series, overlap
from statarb.store.trades import DISORDER_MS, Query, first_id_at, read_ids

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
_PAUSE_S = 0.02
"""After each piece read, so that a day of millions of trades leaves the processor to the live ones."""


@dataclass(frozen=True)
class Archived:
    """The archived days that follow each other, id by id, from an instrument's oldest stored trade on."""

    days: tuple[ArchivedDay, ...]

    @property
    def stop_id(self) -> int:
        """The first id that is not archived; a stored trade."""
        return self.days[-1].hi + 1

    @property
    def until_ms(self) -> int:
        """The end of the last archived day."""
        return day_start_ms(self.days[-1].date) + DAY_MS

    def rows_in(self, lo: int, hi: int) -> int:
        """How many trades of the ids `lo..hi` are archived."""
        return sum(day.rows_in(lo, hi) for day in self.days)


class Job(NamedTuple):
    """A day to be archived: its date and the ids that its file accounts for."""

    date: str
    ids: IdRange


class _Symbol(NamedTuple):
    symbol_id: int
    series: Series
    closed_until_ms: int


class _StoppedError(Exception):
    """The thread was told to stop in the middle of a day; the day is begun anew next time."""


def day_start_ms(date: str) -> int:
    """When a UTC day, `2026-01-31`, begins."""
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1000


class Archiver:
    """Archives each closed UTC day that no open gap touches; never writes to the database.

    Parameters
    ----------
    db, folder : Path
        The database and the archive's folder, which is created as needed.
    source : str
        Where the trades come from; an archive of another source is refused.

    Raises
    ------
    StoreError
        The folder cannot be made, its manifest cannot be read, or it holds another source.
    """

    def __init__(self, db: Path, folder: Path, source: str, clock: Clock = SYSTEM_CLOCK) -> None:
        make_private_folder(folder, "Choose another folder with --archive.")
        self._db, self._folder, self._source, self._clock = db, folder, source, clock
        self._manifest = Manifest(folder)
        self._manifest.check_source(source)
        self._days = self._manifest.days()
        self._archived: dict[int, Archived] = {}
        self._error = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="archiver", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give up the day at hand, if any; safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def archived(self, symbol_id: int) -> Archived | None:
        """What of an instrument is safe in the archive, as of the last look; may be called from any thread."""
        return self._archived.get(symbol_id)

    def stats(self) -> dict[str, Any]:
        """Figures for the heartbeat; may be called from any thread."""
        days = self._days
        size = sum(day.bytes for day in days)
        return {"folder": str(self._folder), "days": len(days), "bytes": size, "error": self._error}

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                worked = self.step()
            except Exception as error:  # without its thread nothing would be archived, and nothing pruned, in silence
                log.exception("The archiver failed; it will try again.")
                worked, self._error = False, repr(error)
            if not worked:
                self._clock.wait(self._stop, LOOK_EVERY_S)

    def step(self) -> bool:
        """Archive one day, if there is one; whether there may be more. A failure is logged and tried again later."""
        try:
            with contextlib.closing(open_reader(self._db)) as connection:

                def query(sql: str, values: Sequence[Any] = ()) -> list[Any]:
                    with plain_errors(self._db):
                        return connection.execute(sql, values).fetchall()

                worked = self._work(query)
            self._error = ""
            return worked
        except _StoppedError:
            return False
        except (StatarbError, OSError, pa.ArrowException) as error:
            if str(error) != self._error:
                log.error("Archiving failed, and nothing is deleted that is not archived. %s", error)
            self._error = str(error)
            return False

    def _work(self, query: Query) -> bool:
        """The first day found to be archived, of any instrument; what is archived is published before and after."""
        symbols = _symbols(query)
        for symbol in symbols:
            self._publish(query, symbol)
        for symbol in symbols:
            job = self._next_job(query, symbol)
            if job is not None:
                self._archive(query, symbol, job)
                self._publish(query, symbol)
                return True
        return False

    def _publish(self, query: Query, symbol: _Symbol) -> None:
        ((first,),) = query("SELECT min(trade_id) FROM trades WHERE symbol_id=?", (symbol.symbol_id,))
        days = () if first is None else chain([day for day in self._days if day.series == symbol.series], first)
        fresh = {symbol.symbol_id: Archived(days)} if days else {}
        others = {key: value for key, value in self._archived.items() if key != symbol.symbol_id}
        self._archived = others | fresh  # replaced as a whole: the writer's thread reads it

    def _next_job(self, query: Query, symbol: _Symbol) -> Job | None:
        """The oldest day of an instrument that is not archived as it now is; None: not closed, or a gap is open."""
        first = _trade_from(query, symbol.symbol_id, 0)
        if first is None:
            return None
        archived = self.archived(symbol.symbol_id)
        job = _changed_day(query, symbol.symbol_id, archived, first[0]) or _new_day(query, symbol, archived, first)
        open_gaps = "SELECT 1 FROM gaps WHERE symbol_id=? AND state='open' AND lo<=? LIMIT 1"
        return None if job is None or query(open_gaps, (symbol.symbol_id, job.ids[1])) else job

    def _archive(self, query: Query, symbol: _Symbol, job: Job) -> None:
        parts = self._parts(query, symbol, job)
        deferred = _gaps(query, symbol.symbol_id, job.ids, "deferred")
        day = archive_day(self._folder, self._source, symbol.series, job.date, job.ids, parts, deferred)
        self._days = [*(other for other in self._days if other.path != day.path), day]
        log.info(
            "Archived %s of %s: %d trades, %.1f bytes each.",
            day.date, day.instrument, day.rows, day.bytes / day.rows,
        )  # fmt: skip

    def _parts(self, query: Query, symbol: _Symbol, job: Job) -> Iterator[pa.Table]:
        """The day's trades in pieces; fails if these and the known absent ids are not all there are."""
        expected = job.ids[1] - job.ids[0] + 1 - known_absent(query, symbol.symbol_id, job.ids)
        for rows in read_ids(query, symbol.symbol_id, *job.ids):
            expected -= len(rows)
            yield as_table(rows)
            if self._clock.wait(self._stop, _PAUSE_S):
                raise _StoppedError
        if expected:
            raise DamagedDatabaseError(
                f"Of {symbol.series.instrument}, {job.date} lacks {expected} trades that no gap accounts for.",
                "Run `python db_setup.py --check`.",
            )


def _trade_from(query: Query, symbol_id: int, trade_id: int, since_ms: int = 0) -> tuple[int, int] | None:
    """Id and time of the first trade from an id and a time on; None where there is none."""
    rows = query(
        "SELECT trade_id, ts_ms FROM trades WHERE symbol_id=? AND trade_id>=? AND ts_ms>=? ORDER BY trade_id LIMIT 1",
        (symbol_id, trade_id, since_ms),
    )
    return rows[0] if rows else None


def _changed_day(query: Query, symbol_id: int, archived: Archived | None, first_id: int) -> Job | None:
    """An archived day of which a hole was filled since."""
    for day in archived.days if archived else ():
        ids = (max(day.lo, first_id), day.hi)
        if known_absent(query, symbol_id, ids) != overlap(day.absent, *ids):
            return Job(day.date, ids)
    return None


def _new_day(query: Query, symbol: _Symbol, archived: Archived | None, first: tuple[int, int]) -> Job | None:
    """The day after the archived ones, or the first of all, once it is closed and a trade after it is stored."""
    start = _trade_from(query, symbol.symbol_id, archived.stop_id) if archived else first
    if start is None:
        return None
    lo, ts_ms = start
    # A trade printed just before midnight under an id of the next day belongs to the next day's file.
    date = day_text(max(ts_ms, archived.until_ms if archived else 0))
    end_ms = day_start_ms(date) + DAY_MS
    if symbol.closed_until_ms < end_ms:
        return None
    near = max(lo, first_id_at(query, symbol.symbol_id, end_ms - DISORDER_MS) or lo)
    later = _trade_from(query, symbol.symbol_id, near, end_ms)
    return Job(date, (lo, later[0] - 1)) if later else None


def _symbols(query: Query) -> list[_Symbol]:
    rows = query(
        "SELECT symbol_id, venue || ':' || name, id_kind, id_epoch, coalesce(closed_until_ms, 0) FROM symbols", ()
    )
    return [_Symbol(symbol_id, Series(*series), closed) for symbol_id, *series, closed in rows]


def chain(days: Sequence[ArchivedDay], first_id: int) -> tuple[ArchivedDay, ...]:
    """The days that follow each other without a hole, from the one that holds `first_id` on."""
    found: list[ArchivedDay] = []
    for day in sorted(days, key=lambda day: day.lo):
        follows = day.lo == found[-1].hi + 1 if found else day.lo <= first_id <= day.hi
        if follows:
            found.append(day)
    return tuple(found)


def known_absent(query: Query, symbol_id: int, ids: IdRange) -> int:
    """How many of these ids the database has no trade of and says so: skipped, never fetched, or of another kind."""
    lo, hi = ids
    gaps = [gap for state in ("unfillable", "deferred") for gap in _gaps(query, symbol_id, ids, state)]
    ((others,),) = query(
        "SELECT count(*) FROM nontrades WHERE symbol_id=? AND trade_id BETWEEN ? AND ?", (symbol_id, lo, hi)
    )
    return overlap(gaps, lo, hi) + int(others)


def _gaps(query: Query, symbol_id: int, ids: IdRange, state: str) -> list[IdRange]:
    """The gaps of a state among these ids."""
    lo, hi = ids
    sql = "SELECT lo, hi FROM gaps WHERE symbol_id=? AND state=? AND lo<=? AND hi>=?"
    rows = query(sql, (symbol_id, state, hi, lo))
    return [(max(lo, a), min(hi, b)) for a, b in rows]
