"""What the database holds at one look: pairs studied on their closed bars, and their newest prices."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from statarb.clock import Clock
from statarb.errors import ConfigError, DataError
from statarb.jobs.rule_watch import Sighting, Value
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import (
    Costs,
    FrozenMoments,
    LiveReading,
    NotEnough,
    PairStudy,
    StudyStream,
    edge_to_mean,
    live_reading,
    share_beyond,
    two_legs,
)
from statarb.quant.costs import fresh_quotes, live_prices, market_costs
from statarb.quant.sizing import hours_beyond
from statarb.quant.verdict import age_text
from statarb.store import BarCache, LastTrade, Reader, StoredInstrument

MAX_STUDIES = 64
LIVE_STALE_S = 30.0
"""A leg that has not traded for so long has no live price."""
CLOSED_STALE_S = 60.0
"""The same for rules on closed bars, but two bars at least: an illiquid minute is no outage."""
RECENT_BARS = 3
"""Of so many an alert may come: one that was closed is seen a moment later, not an hour."""
SEEDING_PATIENCE_MS = 120_000
"""History that takes longer is not waited for: the exchange may refuse to give it."""
COVERAGE_NEEDED = 0.9
"""Of the seconds of the z window in either leg: with less, the moments are of another market."""


_MOMENTS = ("alpha", "beta", "mean", "sd")


@dataclass(frozen=True, eq=False)
class PairSight:
    """A pair at the close of a bar, or now, with all that an alert says of it.

    `reading` is None where a bar is only judged and no alert can come of it.
    """

    at_ms: int
    study: PairStudy
    sighting: Sighting
    costs: Costs
    y_price: float
    x_price: float
    coverage: float
    reading: LiveReading | None = None

    def blinded(self, reason: str) -> PairSight:
        """The same, not to be judged."""
        return replace(self, sighting=replace(self.sighting, blind=reason))


@dataclass(frozen=True, eq=False)
class _Held:
    """The newest study of a pair, what it depends on, and the share of its z window that the record covers."""

    stream: StudyStream
    key: tuple[int, str]
    study: PairStudy
    coverage: float


class Scene:
    """Studies of pairs, one for each closed bar, and what is newer than they are; belongs to one thread.

    Parameters
    ----------
    reader : Reader
        Of that thread alone.
    """

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._bars = BarCache(reader)
        self._studies: OrderedDict[PairParams, _Held] = OrderedDict()
        self._began_ms = clock.now_ms()
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        reader = self._reader
        now = reader.snapshot()
        self._instruments, self._last, self.source = now.instruments, now.last_trades, now.source
        self._quotes, self._funding = reader.quotes(), reader.funding()
        beat = now.feeds.get("ingest")
        self._stats: Mapping[str, Any] = beat.stats if beat else {}
        self._missing: Mapping[str, int] = _missing_trades(reader) if self._stats.get("open_gaps") else {}
        self.now_ms = self._clock.now_ms() + int(self._stats.get("clock_offset_ms") or 0)

    @property
    def is_seeding(self) -> bool:
        """Whether history is still being fetched at the start: bars come then that closed long ago."""
        return bool(self._stats.get("seeding")) and self._clock.now_ms() - self._began_ms < SEEDING_PATIENCE_MS

    def instrument(self, name: str) -> StoredInstrument:
        """What is stored of an instrument.

        Raises
        ------
        ConfigError
            Nothing.
        """
        found = self._instruments.get(name)
        if found is None:
            raise ConfigError(f"{name.removeprefix('spot:')} is not followed here.", "Add it, or change the rule.")
        return found

    def last(self, params: PairParams) -> tuple[LastTrade, LastTrade] | None:
        """The newest trades of both legs, if there are."""
        y, x = self._last.get(params.y), self._last.get(params.x)
        return None if y is None or x is None else (y, x)

    def costs(self, params: PairParams) -> Costs:
        """What the pair costs now."""
        return market_costs(params, self._quotes, self._funding, self.now_ms)

    def study(self, params: PairParams) -> tuple[PairStudy, float]:
        """The study of the last closed bar, and the share of its z window that the record covers."""
        y, x = self.instrument(params.y), self.instrument(params.x)
        frame = timeframe(params.timeframe)
        closed_ms = min(y.closed_until_ms or 0, x.closed_until_ms or 0) // frame.ms * frame.ms
        key = closed_ms, f"{y.bars_version}.{x.bars_version}"
        held = self._studies.get(params)
        if held is None or held.key != key:
            stream = held.stream if held else StudyStream(params, y.tick, x.tick)
            study = stream.study(*key, self._bars.of_pair(y, x, frame.base))
            from_ms = max(0, closed_ms - params.window * frame.ms)
            covered = [self._reader.coverage(leg, frame.base, from_ms, closed_ms) for leg in (params.y, params.x)]
            held = self._studies[params] = _Held(stream, key, study, min(one.share for one in covered))
            self._studies.move_to_end(params)
            while len(self._studies) > MAX_STUDIES:
                self._studies.popitem(last=False)
        return held.study, held.coverage

    def closed(self, params: PairParams, after_ms: int) -> Iterator[PairSight]:
        """The bars that closed after then, oldest first, each by the moments frozen before it."""
        study, coverage = self.study(params)
        spent, blind = self.costs(params), self.blindness(params)
        closes_ms = study.legs.open_ms + params.bar_s * 1000
        z_seen, spreads, beta = study.z.to_numpy(), study.spread.to_numpy(), study.moments_seen["beta"].to_numpy()
        y, x = study.prices["y"].to_numpy(), study.prices["x"].to_numpy()
        correlation = study.correlation
        correlations = [] if isinstance(correlation, NotEnough) else correlation.tolist()
        for i in range(int((closes_ms <= after_ms).sum()), len(closes_ms)):
            at_ms, z, y_price, x_price = int(closes_ms[i]), float(z_seen[i]), float(y[i]), float(x[i])
            values: dict[str, Value] = {"z": z, "abs_z": abs(z), "verdict": study.verdict.word}
            if correlations:
                values["correlation"] = correlations[i]
            reading = None
            if math.isfinite(z):
                moments, spread = self._moments_seen(study, i, at_ms), float(spreads[i])
                edge = edge_to_mean(moments, spent, spread, y_price, x_price)
                values |= {"edge_bps": edge.edge_bps, "net_edge_bps": edge.net_bps}
                if i >= len(closes_ms) - RECENT_BARS:
                    legs = two_legs(moments, -1 if z > 0 else 1, params.notional, y_price, x_price, *self._lots(params))
                    hours = study.beyond_hours
                    share = share_beyond(study.z, z, at_ms, hours_beyond(params.bar_s))
                    reading = LiveReading(spread, z, edge, legs, share, hours)
            sighting = Sighting(at_ms, values, not beta[i] <= 0, blind)
            yield PairSight(at_ms, study, sighting, spent, y_price, x_price, coverage, reading)

    def _moments_seen(self, study: PairStudy, i: int, at_ms: int) -> FrozenMoments:
        """What judged a bar, known at the close before it."""
        params = study.params
        alpha, beta, mean, sd = (float(study.moments_seen[name].to_numpy()[i]) for name in _MOMENTS)
        known_ms = at_ms - params.bar_s * 1000
        return FrozenMoments(alpha, beta, mean, sd, known_ms, params.window, params.price_scale)

    def _lots(self, params: PairParams) -> tuple[float | None, float | None]:
        return self.instrument(params.y).lot_step, self.instrument(params.x).lot_step

    def live(self, params: PairParams) -> PairSight:
        """The pair by its newest prices."""
        study, coverage = self.study(params)
        values: dict[str, Value] = {
            "stale_s": self.stale_s(params),
            "gap_trades": float(sum(self._missing.get(leg, 0) for leg in (params.y, params.x))),
            "verdict": study.verdict.word,
        }
        if not isinstance(study.correlation, NotEnough) and len(study.correlation):
            values["correlation"] = study.newest.correlation
        spent, last = self.costs(params), self.last(params)
        prices = self._prices(params, last) if last else (math.nan, math.nan)
        reading = self._reading(params, study, prices, spent) if last else None
        if reading is not None:
            edge = reading.edge
            values |= {"z": reading.z, "abs_z": abs(reading.z)}
            values |= {"edge_bps": edge.edge_bps, "net_edge_bps": edge.net_bps}
        moments = study.moments
        has_hedge = isinstance(moments, NotEnough) or moments.has_hedge
        sighting = Sighting(self.now_ms, values, has_hedge, self.blindness(params, LIVE_STALE_S))
        return PairSight(self.now_ms, study, sighting, spent, *prices, coverage, reading)

    def blindness(self, params: PairParams, stale_s: float | None = None) -> str:
        """Why the pair cannot be judged now, '' where it can; without `stale_s` as for rules on closed bars."""
        study, coverage = self.study(params)
        if self.age_s(params) > (stale_s or max(CLOSED_STALE_S, 2.0 * params.bar_s)):
            quieter, age_s = self._quieter(params).removeprefix("spot:"), self.age_s(params)
            return f"{quieter} has not traded " + ("yet" if math.isinf(age_s) else f"for {_age_text(age_s)}")
        if isinstance(study.moments, NotEnough):
            return study.moments.text
        if not coverage >= COVERAGE_NEEDED:
            return f"a hole: only {100 * coverage:.0f} % of the {params.window:,} bars of the window are covered"
        return ""

    def age_s(self, params: PairParams) -> float:
        """Seconds since the last trade of the quieter leg; infinite where there is none."""
        heard_ms = self._heard_ms(self._quieter(params))
        return max(0, self.now_ms - heard_ms) / 1000 if heard_ms else math.inf

    def stale_s(self, params: PairParams) -> float:
        """The same, and never more than since this began to look: a start is no silence."""
        return min(self.age_s(params), (self._clock.now_ms() - self._began_ms) / 1000)

    def _quieter(self, params: PairParams) -> str:
        return min((params.y, params.x), key=self._heard_ms)

    def _heard_ms(self, name: str) -> int:
        last = self._last.get(name)
        return last.ts_ms if last else 0

    def _prices(self, params: PairParams, last: tuple[LastTrade, LastTrade]) -> tuple[float, float]:
        """Last trades, or the middles of fresh quotes in both legs where the rule asks for them."""
        quotes = fresh_quotes(params, self._quotes, self.now_ms)
        return live_prices(params, quotes, (last[0].price, last[1].price))

    def _reading(
        self, params: PairParams, study: PairStudy, prices: tuple[float, float], spent: Costs
    ) -> LiveReading | None:
        try:
            reading = live_reading(study, *prices, spent, *self._lots(params))
        except DataError:
            return None
        return None if isinstance(reading, NotEnough) else reading


def _age_text(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else age_text(seconds)


def _missing_trades(reader: Reader) -> dict[str, int]:
    """Trades that are missing and to be fetched, by instrument."""
    gaps = reader.gaps()
    is_open = gaps[gaps["state"] == "open"]
    missing = (is_open["hi"] - is_open["lo"] + 1).groupby(is_open["instrument"]).sum()
    return {str(name): int(count) for name, count in missing.items()}
