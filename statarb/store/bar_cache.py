"""Closed bars held in memory: read once, then only what is newer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import pandas as pd

from statarb.store.reader import StoredInstrument

Base = Literal["1s", "1m"]
_MAX_SERIES = 64


class BarSource(Protocol):
    """What the cache asks of a Reader."""

    def bars(self, instrument: str, base: Base, since_ms: int, until_ms: int) -> pd.DataFrame: ...


@dataclass(frozen=True, eq=False)
class _Held:
    """Bars that open in [since_ms, until_ms), as they were at one `bars_version`; `widest_ms` is the longest asked."""

    version: int
    since_ms: int
    until_ms: int
    widest_ms: int
    frame: pd.DataFrame

    def extended(self, newer: pd.DataFrame, until_ms: int) -> _Held:
        """With newer bars at the end; once it holds twice of what anybody asks for, the older half goes."""
        frame = pd.concat([self.frame, newer]) if len(self.frame) and len(newer) else self.frame
        frame = frame if len(frame) else newer
        since_ms = self.since_ms
        if until_ms - since_ms > 2 * self.widest_ms:
            since_ms = until_ms - self.widest_ms
            frame = frame.loc[_at(since_ms) :]
        return _Held(self.version, since_ms, until_ms, self.widest_ms, frame)


class BarCache:
    """The newest closed bars of the instruments that somebody looks at; not locked, its owner is."""

    def __init__(self, source: BarSource) -> None:
        self._source = source
        self._held: OrderedDict[tuple[str, Base], _Held] = OrderedDict()

    def of_pair(
        self, y: StoredInstrument, x: StoredInstrument, base: Base
    ) -> Callable[[int, int], tuple[pd.DataFrame, pd.DataFrame]]:
        """Reads both legs, given since and until when."""
        return lambda since_ms, until_ms: (
            self.bars(y, base, since_ms, until_ms),
            self.bars(x, base, since_ms, until_ms),
        )

    def bars(self, stored: StoredInstrument, base: Base, since_ms: int, until_ms: int) -> pd.DataFrame:
        """Closed bars that open in [since_ms, until_ms); `until_ms` must not exceed what is closed."""
        name = str(stored.instrument)
        held = self._held.get((name, base))
        widest_ms = max(until_ms - since_ms, held.widest_ms if held else 0)
        if held is None or held.version != stored.bars_version or since_ms < held.since_ms or until_ms < held.until_ms:
            frame = self._source.bars(name, base, since_ms, until_ms)
            held = _Held(stored.bars_version, since_ms, until_ms, widest_ms, frame)
        elif until_ms > held.until_ms:
            # A bar is closed in one instant for all readers, so what was read as closed is complete.
            newer = self._source.bars(name, base, held.until_ms, until_ms)
            held = replace(held, widest_ms=widest_ms).extended(newer, until_ms)
        self._held[(name, base)] = held
        self._held.move_to_end((name, base))
        while len(self._held) > _MAX_SERIES:
            self._held.popitem(last=False)
        return held.frame.loc[_at(since_ms) :]


def _at(ts_ms: int) -> pd.Timestamp:
    return pd.Timestamp(ts_ms, unit="ms", tz="UTC")
