"""What the desk answers: one pair at one moment, a glance at another, the quality of the record, what alerts said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from statarb.params import PairParams
from statarb.quant import Costs, Episode, LiveReading, NotEnough, PairStudy, is_warm
from statarb.screens.health import Health
from statarb.screens.newest import FILES
from statarb.store import (
    AlertEvent,
    Coverage,
    Delivery,
    Disk,
    FeedState,
    LastTrade,
    StoredInstrument,
    StoredOutcome,
    StoredQuote,
)


@dataclass(frozen=True, eq=False)
class Analysis:
    """A study with the episodes of its z, and the version of the bars it was made of."""

    study: PairStudy
    episodes: tuple[Episode, ...]
    bars_version: str

    @property
    def alert(self) -> Episode | None:
        """The episode that lasts, if one does."""
        return self.episodes[-1] if self.episodes and self.episodes[-1].until_ms is None else None


@dataclass(frozen=True, eq=False)
class DeskView:
    """All that a page shows of one pair at one moment; `reading` says why where no live number exists.

    `coverage` says of each leg how many of the seconds its numbers look back to are recorded; `stored_bars` how many
    bars files hold of both legs, of which the study has the newest.
    """

    params: PairParams
    now_ms: int
    source: str
    instruments: dict[str, StoredInstrument]
    feeds: dict[str, FeedState]
    y_last: LastTrade | None
    x_last: LastTrade | None
    analysis: Analysis
    coverage: Mapping[str, Coverage]
    reading: LiveReading | NotEnough
    health: Health
    costs: Costs
    y_quote: StoredQuote | None = None
    x_quote: StoredQuote | None = None
    stored_bars: int | None = None

    @property
    def study(self) -> PairStudy:
        return self.analysis.study

    @property
    def live(self) -> LiveReading | None:
        """The reading, None where no live number exists."""
        return None if isinstance(self.reading, NotEnough) else self.reading

    @property
    def doubts(self) -> tuple[str, ...]:
        """What other tests say against the verdict of reversion; empty until their libraries are loaded."""
        return self.study.doubts if is_warm() else ()

    @property
    def is_of_files(self) -> bool:
        """Whether the record was read from files: its last prices are then the last closes that both legs have."""
        return self.source in FILES

    @property
    def next_bar_s(self) -> float:
        """How often another bar comes; infinite where the record was read from files."""
        return math.inf if self.is_of_files else self.params.bar_s


@dataclass(frozen=True, eq=False)
class Glance:
    """A pair of the watchlist: its newest study that is made, None before the first, and the live numbers by it;
    `has_bars` whether there are bars of its timeframe at all, which files of longer ones have not."""

    params: PairParams
    study: PairStudy | None
    live: LiveReading | None
    is_live: bool
    has_bars: bool = True


@dataclass(frozen=True, eq=False)
class Quality:
    """How good the record is: coverage of the last 24 hours by instrument, gaps, rejects by reason, disk, and the
    trades a second of the last hour (None before there is an hour of record)."""

    coverage: dict[str, Coverage]
    gaps: pd.DataFrame
    rejects: pd.DataFrame
    disk: Disk
    hour_rate: float | None


@dataclass(frozen=True, eq=False)
class AlertLog:
    """What rules and pins have said, newest first; how far each message got, and what came of it."""

    now_ms: int
    feeds: dict[str, FeedState]
    events: list[AlertEvent]
    deliveries: list[Delivery]
    outcomes: list[StoredOutcome]
    source: str = ""
