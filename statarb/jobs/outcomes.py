"""What alerts were worth: the outcome of each, once the bar of its horizon has closed, also after a restart."""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import parse_qsl

from statarb.clock import Clock
from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import NotEnough, TwoLegs, align_legs, outcome, resample_bars
from statarb.quant.legs import Legs
from statarb.quant.outcome import HORIZONS_BARS
from statarb.store import AlertEvent, Reader, StoredOutcome

LOOK_EVERY_S = 5.0
MAX_AGE_MS = 7 * 86_400_000
"""Older alerts are not judged any more: their bars may be gone."""


class Outcomes:
    """Looks for alerts whose horizon has passed; belongs to the thread that evaluates.

    Parameters
    ----------
    put : callable
        Takes items for the writer.
    """

    def __init__(self, reader: Reader, put: Callable[[StoredOutcome], None], clock: Clock) -> None:
        self._reader, self._put, self._clock = reader, put, clock
        self._look_at_s = -math.inf
        self._done: set[tuple[int, int]] = set()

    def step(self) -> None:
        """Judge what can be judged since the last look."""
        if self._clock.monotonic_s() < self._look_at_s:
            return
        self._look_at_s = self._clock.monotonic_s() + LOOK_EVERY_S
        events = self._reader.alerts_without_outcome(self._clock.now_ms() - MAX_AGE_MS, len(HORIZONS_BARS))
        if not events:
            return
        stored = self._reader.instruments()
        known = {(one.event_id, one.horizon_bars) for one in self._reader.outcomes(events[0].event_id or 0)}
        for event in events:
            closed_ms = min(
                ((stored[leg].closed_until_ms or 0) if leg in stored else 0 for leg in (event.y, event.x)), default=0
            )
            due = [bars for bars in HORIZONS_BARS if _exit_ms(event, bars) <= closed_ms]
            open_ones = [bars for bars in due if (event.event_id, bars) not in known | self._done]
            if open_ones and event.event_id is not None:
                self._judge(event, event.event_id, open_ones)

    def _judge(self, event: AlertEvent, event_id: int, horizons: list[int]) -> None:
        legs, params = self._bars(event, max(horizons)), _params(event)
        for bars in horizons:
            self._put(_stored(event, event_id, bars, legs, params.window))
            self._done.add((event_id, bars))

    def _bars(self, event: AlertEvent, horizon_bars: int) -> Legs:
        frame, params = timeframe(event.timeframe), _params(event)
        since_ms = max(0, event.at_ms // frame.ms * frame.ms - params.lookback_bars * frame.ms)
        until_ms = _exit_ms(event, horizon_bars)
        y, x = (
            resample_bars(self._reader.bars(leg, frame.base, since_ms, until_ms), frame, until_ms)
            for leg in (event.y, event.x)
        )
        return align_legs(y, x, frame)


def _exit_ms(event: AlertEvent, horizon_bars: int) -> int:
    """The legs are filled at the first close after the alert, and held from there."""
    bar_ms = timeframe(event.timeframe).ms
    return (event.at_ms // bar_ms + 1 + horizon_bars) * bar_ms


def _params(event: AlertEvent) -> PairParams:
    """The parameters of the rule as they were: the link holds them."""
    return PairParams.from_query(dict(parse_qsl(event.link.partition("?")[2])))


def _stored(event: AlertEvent, event_id: int, horizon_bars: int, legs: Legs, window: int) -> StoredOutcome:
    two = TwoLegs(
        side=1 if (event.y_units or 0.0) > 0 else -1,
        y_units=event.y_units or 0.0,
        x_units=event.x_units or 0.0,
        y_notional=event.y_notional or 0.0,
        x_notional=event.x_notional or 0.0,
        hedge_error_bps=0.0,
    )
    found = outcome(
        legs.prices["y"],
        legs.prices["x"],
        legs.bar_ms,
        two,
        event.at_ms,
        horizon_bars,
        event.round_trip_bps or 0.0,
        window,
        seed=event_id,
    )
    if isinstance(found, NotEnough):
        return StoredOutcome(event_id, horizon_bars, None, None, None, None, 0)
    gross, net = (found.random_gross_bps, found.random_net_bps) if found.n_random else (None, None)
    return StoredOutcome(event_id, horizon_bars, found.gross_bps, found.net_bps, gross, net, found.n_random)
