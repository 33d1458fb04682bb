"""The desk: one reader, its caches and its studies, shared by every session of the process."""

from __future__ import annotations

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import (
    ConfigError,
    DamagedDatabaseError,
    ForeignDatabaseError,
    MissingDatabaseError,
    StoreError,
)
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import (
    NotEnough,
    PairStudy,
    StudyStream,
    resample_bars,
    study_pair,
)
from statarb.quant.costs import fresh_quotes, market_costs
from statarb.screens.health import Health, feed_health
from statarb.screens.lazy import once
from statarb.screens.newest import FILES, MarketCosts, last_prices, reading_of
from statarb.screens.views import AlertLog, Analysis, DeskView, Glance, Quality
from statarb.screens.wording import duration_text
from statarb.settings import start_command
from statarb.store import (
    AlertEvent,
    BarCache,
    Coverage,
    IngestLock,
    LastTrade,
    Reader,
    StoredInstrument,
    disk,
    hour_rate,
    rejects,
    shortest_timeframe,
)

log = logging.getLogger(__name__)

_MAX_STUDIES = 96
_MADE_A_GLANCE = 2
"""Studies that one look at the watchlist may cost; those of more pairs follow at the next looks."""
_HOLD_S = 10.0
_COSTS_MS = 2_000
"""Quotes and funding are read again after this; they are polled every five seconds and every minute."""
_DAY_MS = 86_400_000
StudyKey = tuple[PairParams, int, str]
"""What a study depends on: the knobs, the last bar that is closed in both legs, and late trades."""


class Desk:
    """Answers what a pair looks like now, reading only what is newer than what it holds.

    Safe to share between threads. Opens the database when it appears, and starts afresh when the file is replaced.

    Parameters
    ----------
    path : Path
        The database that ingest writes.
    """

    def __init__(self, path: Path, clock: Clock = SYSTEM_CLOCK) -> None:
        self.path = path
        self._clock = clock
        self._ingest = IngestLock(path)
        self._open_lock = threading.Lock()
        self._study_lock = threading.Lock()
        self._reader: Reader | None = None
        self._file: tuple[int, int] | None = None
        self._bars: BarCache | None = None
        self._studies: OrderedDict[PairParams, tuple[StudyKey, Analysis, StudyStream]] = OrderedDict()
        self._views: OrderedDict[PairParams, DeskView] = OrderedDict()
        self._glanced: OrderedDict[PairParams, Analysis] = OrderedDict()
        self._market_costs: MarketCosts | None = None

    def close(self) -> None:
        with self._open_lock:
            self._forget()

    def instruments(self) -> dict[str, StoredInstrument]:
        """What can be looked at: stored instruments whose name an exchange could have given.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        return self._current_reader().snapshot().instruments

    def refusals(self) -> list[str]:
        """Why the exchange will not have what ingest was asked to follow, a sentence each.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        feeds = self._current_reader().snapshot().feeds
        return [str(text) for feed in feeds.values() for text in feed.stats.get("refused", {}).values()]

    def refresh(self, params: PairParams) -> DeskView:
        """The one dashboard refresh: newest trades and heartbeats, and a study when a bar has closed.

        While the database is only busy, the last view stands for up to ten seconds, and its badge says so.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        ConfigError
            An instrument that is not stored.
        """
        try:
            view = self._view(self._current_reader(), params)
        except (MissingDatabaseError, ForeignDatabaseError, DamagedDatabaseError):
            self.close()  # what is held is of a file that is no longer there, or no longer whole
            raise
        except StoreError as error:
            log.warning("The database could not be read: %s", error)
            held = self._views.get(params)
            age_s = (self._clock.now_ms() - held.now_ms) / 1000 if held else math.inf
            if held is None or age_s > _HOLD_S:
                raise
            badge = Health("DISCONNECTED", f"NOT READ {duration_text(age_s)}", str(error), held.health.simulated)
            return replace(held, health=badge)
        with self._open_lock:
            self._views[params] = view
            self._views.move_to_end(params)
            if len(self._views) > _MAX_STUDIES:
                self._views.popitem(last=False)
        return view

    def glances(self, wanted: Sequence[PairParams]) -> list[Glance]:
        """The pairs of a watchlist, in order, without those that are not stored.

        Studies are shared with every page and made at most once a closed bar. One look makes only a few, those that
        are missing longest first; the other pairs are read by the study they have.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        reader = self._current_reader()
        now = reader.snapshot()
        instruments = now.instruments
        known = [params for params in wanted if params.y in instruments and params.x in instruments]
        whole = [params for params in known if _has_whole_bars(params, instruments)]
        behind = [params for params in whole if self._held(self._study_key(params, instruments)) is None]
        behind.sort(key=lambda params: held.study.as_of_ms if (held := self._glanced.get(params)) else 0)
        made = {params: self._analysis(params, instruments) for params in {*whole} - {*behind[_MADE_A_GLANCE:]}}
        with self._open_lock:
            self._glanced = OrderedDict([*self._glanced.items(), *made.items()][-_MAX_STUDIES:])
        now_ms, is_running = self._clock.now_ms(), self._ingest.is_held()
        measured = self._measured(reader, now_ms)
        found = []
        for params in known:
            legs = {name: now.last_trades.get(name) for name in (params.y, params.x)}
            held = self._glanced.get(params)
            quotes = fresh_quotes(params, measured.quotes, now_ms)
            spent = market_costs(params, measured.quotes, measured.funding, now_ms)
            is_live = feed_health(now.source, now.feeds, legs, now_ms, is_running=is_running).has_live_prices
            if held is None:
                found.append(Glance(params, None, None, is_live, has_bars=params in whole))
                continue
            prices = last_prices(held.study, now.source, legs)
            reading = reading_of(held.study, instruments, prices, quotes, spent)
            found.append(Glance(params, held.study, None if isinstance(reading, NotEnough) else reading, is_live))
        return found

    def closed_bars(self, view: DeskView, since_ms: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Bars of both legs of a view, in its timeframe, from `since_ms` to the last one that is closed in both.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        reader, params, until_ms = self._current_reader(), view.params, view.study.as_of_ms
        frame = timeframe(params.timeframe)
        first_ms = since_ms // frame.ms * frame.ms
        y, x = (reader.bars(leg, frame.base, first_ms, until_ms) for leg in (params.y, params.x))
        return resample_bars(y, frame, until_ms), resample_bars(x, frame, until_ms)

    def alert_log(self, limit: int = 500) -> AlertLog:
        """The newest alerts with all that belongs to them, and the heartbeats.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        reader = self._current_reader()
        events = reader.alert_events(limit=limit)
        first = events[-1] if events else None
        outcomes = reader.outcomes(first.event_id or 0) if first else []
        deliveries = reader.deliveries(first.made_at_ms if first else 0)
        return AlertLog(self._clock.now_ms(), reader.feeds(), events, deliveries, outcomes, reader.source())

    def longer_study(self, view: DeskView, since_ms: int, until_ms: int) -> PairStudy:
        """The study of a view's parameters over other bars: those that open in [since_ms, until_ms).

        `until_ms` must not exceed what is closed in both legs. Nothing is kept.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        reader, params = self._current_reader(), view.params
        frame = timeframe(params.timeframe)
        first_ms = max(0, since_ms) // frame.ms * frame.ms
        y, x = (reader.bars(leg, frame.base, first_ms, until_ms) for leg in (params.y, params.x))
        return study_pair(y, x, params, until_ms)

    def health(self) -> Health:
        """The feed as a whole, which is as live as its newest trade.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        now, now_ms = self._current_reader().snapshot(), self._clock.now_ms()
        trades: dict[str, LastTrade | None] = {**dict.fromkeys(now.instruments), **now.last_trades}
        newest = max(trades, key=lambda name: trade.ts_ms if (trade := trades[name]) else 0, default="")
        command = start_command(self.path, now.source)
        newest_leg = {newest: trades.get(newest)}
        return feed_health(
            now.source, now.feeds, newest_leg, now_ms, command=command, is_running=self._ingest.is_held()
        )

    def alerts_of_the_day(self) -> list[AlertEvent]:
        """What alerts have said in the last 24 hours, newest first.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        return self._current_reader().alert_events(limit=200, made_since_ms=self._clock.now_ms() - _DAY_MS)

    def quality(self, view: DeskView) -> Quality:
        """How good the record of a view's instruments is.

        Raises
        ------
        StoreError
            The database cannot be read; the message says what to do.
        """
        reader = self._current_reader()
        spans = {name: one.closed_until_ms or 0 for name, one in view.instruments.items()}
        covered = {name: reader.coverage(name, "1m", until - _DAY_MS, until) for name, until in spans.items()}
        rate = hour_rate(reader, max(spans.values(), default=0))
        return Quality(covered, reader.gaps(), rejects(reader), disk(self.path), rate)

    def _view(self, reader: Reader, params: PairParams) -> DeskView:
        now = reader.snapshot()
        instruments, source = now.instruments, now.source
        analysis = self._analysis(params, instruments)
        now_ms = self._clock.now_ms()
        legs = {name: now.last_trades.get(name) for name in (params.y, params.x)}
        measured = self._measured(reader, now_ms)
        quotes = fresh_quotes(params, measured.quotes, now_ms)
        spent = market_costs(params, measured.quotes, measured.funding, now_ms)
        prices = last_prices(analysis.study, source, legs)
        statuses, command = {name: instruments[name].status for name in legs}, start_command(self.path, source)
        return DeskView(
            params=params,
            now_ms=now_ms,
            source=source,
            instruments=instruments,
            feeds=now.feeds,
            y_last=prices[params.y],
            x_last=prices[params.x],
            analysis=analysis,
            coverage=once(analysis.study, "coverage", lambda: _coverage(reader, analysis.study)),
            reading=reading_of(analysis.study, instruments, prices, quotes, spent),
            health=feed_health(source, now.feeds, legs, now_ms, statuses, command, is_running=self._ingest.is_held()),
            costs=spent,
            y_quote=quotes[0],
            x_quote=quotes[1],
            stored_bars=_stored_bars(reader, analysis.study) if source in FILES else None,
        )

    def _measured(self, reader: Reader, now_ms: int) -> MarketCosts:
        held = self._market_costs
        if held is None or not 0 <= now_ms - held.read_at_ms < _COSTS_MS:
            held = self._market_costs = MarketCosts(now_ms, reader.quotes(), reader.funding())
        return held

    def _current_reader(self) -> Reader:
        with self._open_lock:
            try:
                stat = self.path.stat()
                file = (stat.st_dev, stat.st_ino)
            except OSError:
                file = None
            if self._reader is None or file != self._file:
                self._forget()
                self._reader = Reader(self.path)
                self._file, self._bars = file, BarCache(self._reader)
            return self._reader

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        with self._study_lock:
            self._studies.clear()
        self._views.clear()
        self._glanced.clear()
        self._reader, self._file, self._bars, self._market_costs = None, None, None, None

    def _analysis(self, params: PairParams, instruments: dict[str, StoredInstrument]) -> Analysis:
        if params.y not in instruments or params.x not in instruments:
            missing = params.pair.x if params.y in instruments else params.pair.y
            raise ConfigError(f"{missing.label} is not stored here.", "Choose another instrument in the sidebar.")
        if not _has_whole_bars(params, instruments):
            shortest = shortest_timeframe(instruments[params.y], instruments[params.x])
            raise ConfigError(
                f"The bars of these files are whole from {shortest} on, not at {params.timeframe}.",
                f"Choose {shortest} in the sidebar.",
            )
        key = self._study_key(params, instruments)
        if held := self._held(key):
            return held
        with self._study_lock:  # one study at a time: a second session waits for the same answer
            if held := self._held(key):
                return held
            older = self._studies.get(params)
            y, x = instruments[params.y], instruments[params.x]
            stream = older[2] if older else StudyStream(params, y.tick, x.tick)
            made = self._study(stream, key, y, x)
            self._studies[params] = key, made, stream
            self._studies.move_to_end(params)
            while len(self._studies) > _MAX_STUDIES:
                self._studies.popitem(last=False)
            return made

    def _held(self, key: StudyKey) -> Analysis | None:
        """The study of these knobs, if it is the newest there can be; an older one is not kept."""
        held = self._studies.get(key[0])
        return held[1] if held is not None and held[0] == key else None

    @staticmethod
    def _study_key(params: PairParams, instruments: dict[str, StoredInstrument]) -> StudyKey:
        y, x = instruments[params.y], instruments[params.x]
        bar_ms = timeframe(params.timeframe).ms
        closed_ms = min(y.closed_until_ms or 0, x.closed_until_ms or 0) // bar_ms * bar_ms
        return params, closed_ms, f"{y.bars_version}.{x.bars_version}"

    def _study(self, stream: StudyStream, key: StudyKey, y: StoredInstrument, x: StoredInstrument) -> Analysis:
        params, closed_ms, version = key
        if self._bars is None:
            raise StoreError("The database was closed meanwhile.", "The page tries again by itself.")
        study = stream.study(closed_ms, version, self._bars.of_pair(y, x, timeframe(params.timeframe).base))
        return Analysis(study, study.episodes, version)


def _has_whole_bars(params: PairParams, instruments: dict[str, StoredInstrument]) -> bool:
    shortest = shortest_timeframe(instruments[params.y], instruments[params.x])
    return timeframe(params.timeframe).seconds % shortest.seconds == 0


def _stored_bars(reader: Reader, study: PairStudy) -> int:
    params = study.params
    return once(
        study,
        "stored bars",
        lambda: reader.shared_bars(params.y, params.x, timeframe(params.timeframe), study.as_of_ms),
    )


def _coverage(reader: Reader, study: PairStudy) -> dict[str, Coverage]:
    params, frame, until_ms = study.params, timeframe(study.params.timeframe), study.as_of_ms
    from_ms = max(0, until_ms - params.span_bars * frame.ms)
    return {name: reader.coverage(name, frame.base, from_ms, until_ms) for name in (params.y, params.x)}
