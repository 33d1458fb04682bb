"""A recording as a market: its frames again, verbatim, at 1 to any times their speed."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from statarb.clock import Clock
from statarb.exchange.bars import BarTable, bars_of
from statarb.exchange.protocol import Frame, agg_trade_payloads, agg_trade_stream, moved
from statarb.exchange.recording import Recording, Tape
from statarb.exchange.trades import Step, Trades, aggregated

_FRAMES_A_STEP = 1024
_PAUSE_S = 0.01
# At the end the clock passes the end of the longest bar and its grace, so that all bars close.
_LONGEST_BAR_MS = 300_000
_AFTER_LAST_BAR_MS = 2000


class ReplayMarket:
    """Starts when every recorded symbol is subscribed; `speed` infinity sends as fast as clients read.

    `rebase` moves all times so that the recording starts when the replay does. Prints that are
    not market trades (futures: X other than MARKET) are sent, but are no trades in REST.
    """

    def __init__(self, recording: Recording, speed: float, rebase: bool, clock: Clock) -> None:
        self.rules = {symbol: tape.trades.rules for symbol, tape in recording.tapes.items()}
        self._recording, self._speed, self._rebase, self._clock = recording, speed, rebase, clock
        self._tapes = recording.tapes
        self._streams = frozenset(recording.streams)
        self._shift_ms = 0
        self._frames_made = 0
        self._started_s: float | None = None
        self._ended_s: float | None = None
        self._shown_ms = 0

    def now_ms(self) -> int:
        # Receive times jitter; the clock only goes forward.
        self._shown_ms = max(self._shown_ms, self._clock_ms())
        return self._shown_ms

    def pause_s(self) -> float:
        rushing = math.isinf(self._speed) and self._started_s is not None and self._ended_s is None
        return 0.0 if rushing else _PAUSE_S

    def advance(self, wanted: Collection[str]) -> Step:
        if self._started_s is None and not self._start(wanted):
            return Step({}, [])
        start, until = self._frames_made, self._due()
        if until <= start:
            return Step({}, [])
        made = {}
        for symbol, tape in self._tapes.items():
            lo, hi = np.searchsorted(tape.frame_numbers, (start, until))
            if hi > lo:
                made[symbol] = tape.trades[lo:hi]
        self._frames_made = until
        if until == len(self._recording.payloads):
            self._ended_s = self._clock.monotonic_s()
        return Step(made, self._frames(start, until, made, wanted))

    def newest(self, symbol: str, limit: int) -> Trades:
        made = self._made(symbol)
        return made[max(0, len(made) - limit) :]

    def from_id(self, symbol: str, first_id: int, limit: int) -> Trades:
        made = self._made(symbol)
        first = int(np.searchsorted(made.ids, first_id))
        return made[first : first + limit]

    def agg_at(self, symbol: str, ts_ms: int) -> int:
        made = self._made(symbol)
        at = np.flatnonzero(made.ts_ms >= ts_ms)
        if len(at):
            return int(made.agg_ids[at[0]])
        return int(made.agg_ids[-1]) + 1 if len(made) else 1

    def agg_span(self, symbol: str, first: int, last: int) -> Trades:
        made = self._made(symbol)
        lo, hi = np.searchsorted(made.agg_ids, (first, last + 1))
        return made[lo:hi]

    def listed_ms(self, symbol: str) -> int | None:
        made = self._made(symbol)
        return int(made.ts_ms.min()) if len(made) else None

    def bars(self, symbol: str, base_ms: int, since_ms: int, until_ms: int) -> BarTable:
        made = self._made(symbol)
        within = np.flatnonzero((made.ts_ms >= since_ms) & (made.ts_ms < until_ms))
        # The exchange may stamp a later id with an earlier time; bars go by time.
        in_time_order = within[np.argsort(made.ts_ms[within], kind="stable")]
        return bars_of(made[in_time_order], base_ms)

    def close_before(self, symbol: str, ts_ms: int) -> int | None:
        made = self._made(symbol)
        before = np.flatnonzero(made.ts_ms < ts_ms)
        return int(made.price[before[-1]]) if len(before) else None

    def _made(self, symbol: str) -> Trades:
        tape = self._tapes[symbol]
        return tape.trades[: int(np.searchsorted(tape.frame_numbers, self._frames_made))]

    def _start(self, wanted: Collection[str]) -> bool:
        """Start the clock if all recorded symbols are listened to."""
        if not all(stream in wanted or _agg_twin(stream) in wanted for stream in self._streams):
            return False
        if self._rebase:
            self._shift_ms = self._clock.now_ms() - int(self._recording.event_ms[0])
            self._tapes = {symbol: _shifted(tape, self._shift_ms) for symbol, tape in self._tapes.items()}
        self._started_s = self._clock.monotonic_s()
        return True

    def _due(self) -> int:
        """How many frames should be made by now, so that no aggregate is half told."""
        ends = self._recording.whole_ends
        if math.isinf(self._speed):
            at = np.searchsorted(ends, min(self._frames_made + _FRAMES_A_STEP, int(ends[-1])))
        else:
            frames = np.searchsorted(self._recording.offset_ns, self._elapsed_ns(), side="right")
            at = np.searchsorted(ends, frames, side="right") - 1
        return int(ends[at])

    def _elapsed_ns(self) -> float:
        """How far the recording has been played, in its own time."""
        started_s = self._clock.monotonic_s() if self._started_s is None else self._started_s
        return (self._clock.monotonic_s() - started_s) * 1e9 * self._speed

    def _clock_ms(self) -> int:
        recording = self._recording
        if self._started_s is None and self._rebase:
            return self._clock.now_ms()
        if self._ended_s is not None:
            last_ms = int(recording.event_ms[-1]) + self._shift_ms
            closed_ms = (last_ms // _LONGEST_BAR_MS + 1) * _LONGEST_BAR_MS + _AFTER_LAST_BAR_MS
            return closed_ms + round((self._clock.monotonic_s() - self._ended_s) * 1000)
        last = max(0, self._frames_made - 1)
        reached_ms = int(recording.event_ms[last]) + self._shift_ms
        if self._started_s is None or math.isinf(self._speed):
            return reached_ms
        return reached_ms + max(0, int((self._elapsed_ns() - recording.offset_ns[last]) / 1e6))

    def _frames(self, start: int, until: int, made: dict[str, Trades], wanted: Collection[str]) -> list[Frame]:
        recording, shift_ms = self._recording, self._shift_ms
        frames = [
            (number, (stream, moved(payload, shift_ms) if shift_ms else payload))
            for number, stream, payload in zip(
                range(start, until), recording.streams[start:until], recording.payloads[start:until], strict=True
            )
            if stream in wanted
        ]
        for symbol, trades in made.items():
            stream = agg_trade_stream(symbol)
            if stream in wanted and stream not in self._streams:
                event_ms = int(recording.event_ms[until - 1]) + shift_ms
                payloads = agg_trade_payloads(trades, event_ms)
                tape = self._tapes[symbol]
                last = np.searchsorted(tape.trades.ids, aggregated(trades).last_ids)
                numbers = tape.frame_numbers[last].tolist()
                frames += [(number, (stream, payload)) for number, payload in zip(numbers, payloads, strict=True)]
        frames.sort(key=lambda item: item[0])
        return [frame for _, frame in frames]


def _agg_twin(stream: str) -> str:
    return stream.replace("@trade", "@aggTrade")


def _shifted(tape: Tape, by_ms: int) -> Tape:
    return replace(tape, trades=replace(tape.trades, ts_ms=tape.trades.ts_ms + by_ms))
