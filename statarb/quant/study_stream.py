"""The newest study of one pair, carried from closed bar to closed bar instead of made anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant.bars import bar_columns
from statarb.quant.legs import Legs, aligned_columns, continued_legs
from statarb.quant.sample import Floats
from statarb.quant.spread import FrozenMoments
from statarb.quant.stream import STREAMED, PairStream
from statarb.quant.study import BarNumbers, PairStudy, bar_numbers, study_of, study_pair

ReadBars = Callable[[int, int], tuple[pd.DataFrame, pd.DataFrame]]
"""Stored bars of y and x that open in [since_ms, until_ms), as `Reader.bars` returns them."""


class StudyStream:
    """The study of one pair at each close, equal to `study_pair` within rounding.

    The first study is made of all bars of `params.lookback_bars`. A later one takes the bars that closed since, and
    moments and correlation of each in O(1), by hedges that moving sums give; of the others (Huber, Theil-Sen, Kalman)
    the moments are made anew of the bars it holds. Scheduled tests are kept. Everything is made anew where a bar was
    revised, and while the record is shorter than a window.

    Parameters
    ----------
    params : PairParams
        As `study_pair` takes them.
    y_tick, x_tick : float, optional
        Price steps of the instruments.
    """

    def __init__(self, params: PairParams, y_tick: float | None = None, x_tick: float | None = None) -> None:
        self.params = params
        self._ticks = y_tick, x_tick
        self._frame = timeframe(params.timeframe)
        self._study: PairStudy | None = None
        self._version = ""
        self._numbers: PairStream | None = None

    def study(self, closed_until_ms: int, version: str, read: ReadBars) -> PairStudy:
        """The study of the bars that end at or before `closed_until_ms`.

        Parameters
        ----------
        closed_until_ms : int
            What is closed in both legs.
        version : str
            Another one than before says that bars which were read were revised since.
        read : callable
            Gives the bars; asked for the newer ones only where that is enough.
        """
        as_of_ms = closed_until_ms // self._frame.ms * self._frame.ms
        before = self._study
        if before is None or version != self._version or not self._goes_on(before, as_of_ms):
            since_ms = max(0, as_of_ms - self.params.lookback_bars * self._frame.ms)
            self._numbers = None
            self._study = study_pair(*read(since_ms, as_of_ms), self.params, as_of_ms, *self._ticks)
        elif as_of_ms > before.as_of_ms:
            self._study = self._continued(before, as_of_ms, read)
        else:
            return before
        self._version = version
        return self._study

    def _goes_on(self, before: PairStudy, as_of_ms: int) -> bool:
        """Whether the study before is one to go on from: long enough, and not long ago."""
        behind = (as_of_ms - before.as_of_ms) // self._frame.ms
        return 0 <= behind < self.params.window <= before.n_bars

    def _continued(self, before: PairStudy, as_of_ms: int, read: ReadBars) -> PairStudy:
        params, frame = self.params, self._frame
        y, x = (bar_columns(bars, frame, as_of_ms, before.as_of_ms) for bars in read(before.as_of_ms, as_of_ms))
        newer = aligned_columns(y, x, frame.ms)
        legs = continued_legs(before.legs, newer, as_of_ms - params.lookback_bars * frame.ms)
        if params.hedge not in STREAMED:
            return study_of(legs, params, as_of_ms, bar_numbers(legs, params), self._ticks, before.verdict.tests)
        numbers, self._numbers = self._numbers or _seeded(params, before.legs), None  # back once nothing has failed
        known = _continued_numbers(before.numbers, _numbers_of(numbers, newer), legs, params)
        study = study_of(legs, params, as_of_ms, known, self._ticks, before.verdict.tests)
        self._numbers = numbers
        return study


def _seeded(params: PairParams, legs: Legs) -> PairStream:
    """A stream that has seen as many of the newest bars as its windows hold."""
    returns = np.flatnonzero(legs.is_return)[-params.corr_window :]
    first = max(0, min(legs.open_ms.size - params.window, int(returns[0]) - 1 if returns.size else 0))
    stream = PairStream(params)
    _numbers_of(stream, legs, first)
    return stream


def _numbers_of(stream: PairStream, legs: Legs, first: int = 0) -> Floats:
    """What each bar from `first` on makes known; rows as `BarNumbers`."""
    rows = zip(*(column[first:].tolist() for column in (legs.open_ms, legs.y, legs.x)), strict=True)
    known = [_known(stream, *row) for row in rows]
    return np.array(known, dtype=np.float64).reshape(-1, len(BarNumbers._fields)).T


def _known(stream: PairStream, open_ms: int, y_price: float, x_price: float) -> tuple[float, ...]:
    correlation = stream.update(open_ms, y_price, x_price).correlation
    m = stream.moments
    moments = (m.alpha, m.beta, m.mean, m.sd) if isinstance(m, FrozenMoments) else (math.nan,) * 4
    return *moments, correlation


def _continued_numbers(before: BarNumbers, newer: Floats, legs: Legs, params: PairParams) -> BarNumbers:
    """Numbers of the bars that are left and of the newer ones; none where the bars left do not fill a window yet."""
    kept = legs.open_ms.size - newer.shape[1]
    columns = [np.concatenate([column[len(column) - kept :], new]) for column, new in zip(before, newer, strict=True)]
    for column in columns[:4]:
        column[: params.window - 1] = np.nan
    columns[4][np.cumsum(legs.is_return) < params.corr_window] = np.nan
    return BarNumbers(*columns)
