"""Which trade ids of one instrument are stored: a first, a last, and the holes between them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

NO_BOUND = 1 << 62


class Run(NamedTuple):
    """Consecutive ids `lo..hi`, both included, with the trade times at both ends."""

    lo: int
    hi: int
    lo_ms: int
    hi_ms: int


@dataclass(frozen=True)
class Hole:
    """A range of ids not stored; the missing trades lie in time between `from_ms` and `until_ms`.

    `tries` and `proof` keep how often, when and with what answer the exchange was asked and skipped them.
    """

    lo: int
    hi: int
    from_ms: int
    until_ms: int
    reason: str
    found_at_ms: int
    state: str = "open"
    tries: int = 0
    asked_at_ms: int = 0
    proof: str = ""


@dataclass(frozen=True)
class Ledger:
    """The stored ids of one instrument: first..last without the holes. Immutable: a failed commit changes nothing."""

    first: int
    last: int
    first_ms: int
    last_ms: int
    holes: tuple[Hole, ...] = ()

    @property
    def missing(self) -> int:
        """How many ids between the first and the last are not stored."""
        return sum(hole.hi - hole.lo + 1 for hole in self.holes)

    @property
    def doubtful_ms(self) -> list[tuple[int, int]]:
        """Spans of time in which trades are missing; ids that the exchange itself skips are no trades."""
        return [(hole.from_ms, hole.until_ms) for hole in self.holes if hole.state != "unfillable"]


class Placement(NamedTuple):
    """What placing ids did: the new ledger, the ids that were not stored before, and the holes gone, new and filled."""

    ledger: Ledger
    new: list[tuple[int, int]]
    gone: list[Hole]
    opened: list[Hole]
    filled: list[Hole]


def runs(ids: Sequence[int], times_ms: Sequence[int]) -> list[Run]:
    """Strictly increasing ids cut into runs of consecutive ones."""
    found, start = [], 0
    if ids and ids[-1] - ids[0] + 1 == len(ids):
        return [Run(ids[0], ids[-1], times_ms[0], times_ms[-1])]
    for end in range(1, len(ids) + 1):
        if end == len(ids) or ids[end] != ids[end - 1] + 1:
            found.append(Run(ids[start], ids[end - 1], times_ms[start], times_ms[end - 1]))
            start = end
    return found


def place(
    ledger: Ledger | None, arrived: Iterable[Run], reason: str, now_ms: int, fillable_ids: int = NO_BOUND
) -> Placement:
    """Put runs of ids into the ledger; an id is new exactly if it lies beyond either end or in a hole.

    Parameters
    ----------
    ledger : Ledger or None
        None before the instrument's first trade.
    arrived : iterable of Run
        In any order; they may overlap what is stored.
    reason : str
        Why a hole that opens here opened: 'start', 'reconnect' or 'stream'.
    now_ms : int
        When it was found, by the local clock.
    fillable_ids : int
        Of a hole that opens, so many of the newest ids are to be fetched; the older ones are deferred.
    """
    new: list[tuple[int, int]] = []
    gone: list[Hole] = []
    opened: list[Hole] = []
    filled: list[Hole] = []
    for run in arrived:
        if ledger is None:
            ledger = Ledger(run.lo, run.hi, run.lo_ms, run.hi_ms)
            new.append((run.lo, run.hi))
            continue
        ledger = _fill(ledger, run, new, gone, opened, filled)
        if run.hi > ledger.last:
            if run.lo > ledger.last + 1:
                hole = Hole(ledger.last + 1, run.lo - 1, ledger.last_ms, run.lo_ms, reason, now_ms)
                holes = _bounded(hole, fillable_ids)
                opened += holes
                ledger = replace(ledger, holes=(*ledger.holes, *holes))
            new.append((max(run.lo, ledger.last + 1), run.hi))
            ledger = replace(ledger, last=run.hi, last_ms=run.hi_ms)
        if run.lo < ledger.first:
            if run.hi < ledger.first - 1:
                hole = Hole(run.hi + 1, ledger.first - 1, run.hi_ms, ledger.first_ms, reason, now_ms)
                holes = _bounded(hole, fillable_ids)
                opened += holes
                ledger = replace(ledger, holes=(*holes, *ledger.holes))
            new.append((run.lo, min(run.hi, ledger.first - 1)))
            ledger = replace(ledger, first=run.lo, first_ms=run.lo_ms)
    if ledger is None:
        raise ValueError("no ids to place")
    return Placement(ledger, new, gone, opened, filled)


def _bounded(hole: Hole, fillable_ids: int) -> list[Hole]:
    """The hole, its part beyond the bound deferred."""
    if hole.hi - hole.lo + 1 <= fillable_ids:
        return [hole]
    split = hole.hi - fillable_ids
    deferred = replace(hole, hi=split, state="deferred")
    return [deferred, replace(hole, lo=split + 1)] if fillable_ids else [deferred]


def mark(ledger: Ledger, lo: int, hi: int, change: Callable[[Hole], Hole]) -> Placement:
    """Apply `change` to what of `lo..hi` is missing, splitting holes at its ends; nothing is stored by it."""
    gone, opened, holes = [], [], []
    for hole in ledger.holes:
        a, b = max(hole.lo, lo), min(hole.hi, hi)
        if a > b:
            holes.append(hole)
            continue
        parts = [replace(hole, hi=a - 1)] if hole.lo < a else []
        parts.append(change(replace(hole, lo=a, hi=b)))
        parts += [replace(hole, lo=b + 1)] if b < hole.hi else []
        gone.append(hole)
        opened += parts
        holes += parts
    return Placement(replace(ledger, holes=tuple(holes)), [], gone, opened, [])


def _fill(
    ledger: Ledger, run: Run, new: list[tuple[int, int]], gone: list[Hole], opened: list[Hole], filled: list[Hole]
) -> Ledger:
    """The ledger with the holes that `run` touches shrunk, split or closed."""
    holes = ledger.holes
    start = bisect_left(holes, run.lo, key=lambda hole: hole.hi)
    stop = start
    kept: list[Hole] = []
    while stop < len(holes) and holes[stop].lo <= run.hi:
        hole = holes[stop]
        lo, hi = max(hole.lo, run.lo), min(hole.hi, run.hi)
        new.append((lo, hi))
        # A hole opened by this very call is not in the database yet, so it is taken back instead of deleted.
        opened.remove(hole) if hole in opened else gone.append(hole)
        filled.append(replace(hole, lo=lo, hi=hi))
        if hole.lo < lo:
            kept.append(replace(hole, hi=lo - 1, until_ms=max(hole.from_ms, min(hole.until_ms, run.lo_ms))))
        if hi < hole.hi:
            kept.append(replace(hole, lo=hi + 1, from_ms=min(hole.until_ms, max(hole.from_ms, run.hi_ms))))
        stop += 1
    if stop == start:
        return ledger
    opened.extend(kept)
    return replace(ledger, holes=(*holes[:start], *kept, *holes[stop:]))
