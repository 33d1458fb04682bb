"""One pair studied: prices in, everything that the page, the report and the export show out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant.bars import bar_columns
from statarb.quant.caveats import EPPS_S, MANY_EMPTY, Ticks, caveats
from statarb.quant.cointegration import CointegrationResult
from statarb.quant.correlation import correlation_path, level_correlation
from statarb.quant.half_life import HalfLife
from statarb.quant.hedge import HedgeFit, hedge_ratio, ols_summary, residual_name
from statarb.quant.hedge_check import HEDGE_KNOB, BetaGap, HedgeQuality, beta_gap, hedge_quality, kalman_estimate
from statarb.quant.hedge_methods import HedgeEstimate
from statarb.quant.hedge_moments import moments_path
from statarb.quant.legs import RECENT_S, Legs, aligned_columns
from statarb.quant.panel import ReversionTests, half_life_of_legs, reversion_tests
from statarb.quant.sample import Floats, NotEnough, Undefined
from statarb.quant.signal import Episode, episodes
from statarb.quant.sizing import hours_beyond, recent_sizes
from statarb.quant.spread import FrozenMoments, InSample, moments_of, on_scale
from statarb.quant.stability import FIT_BARS, SINCE_BARS, Stability, stability
from statarb.quant.unitroot import UnitRootResult, adf
from statarb.quant.verdict import Verdict, WindowTest, verdict


class BarNumbers(NamedTuple):
    """What the close of each bar made known, as arrays over the rows of `prices`: the moments of the window that ends
    with it and the correlation. NaN where there are none; holes in the clock are not looked at yet."""

    alpha: Floats
    beta: Floats
    mean: Floats
    sd: Floats
    correlation: Floats


class Newest(NamedTuple):
    """What the newest close made known; NaN where it is not known, or there is no bar."""

    spread: float
    z: float
    correlation: float
    y_volume: float
    x_volume: float


@dataclass(frozen=True, eq=False)
class PairStudy:
    """All that is known of one pair at `as_of_ms`, the close of the last bar that is closed in both legs.

    `hedge` is the least-squares regression of the summary; `moments` and all series are by `params.hedge`.
    `prices`: index `ts` (bar OPEN time, UTC); columns y, x (closes of bars in which both legs traded), y_volume,
    x_volume (quote volume), provisional. `z`, `spread`, `moments_seen` and `correlation` have the same index; NaN
    means that the bars before do not fill the window yet, or that no spread exists. `spread_fixed` is in-sample.
    """

    params: PairParams
    as_of_ms: int
    n_bars: int
    legs: Legs
    hedge: HedgeFit | NotEnough
    moments: FrozenMoments | NotEnough
    moments_seen: pd.DataFrame
    z: pd.Series
    spread: pd.Series
    spread_fixed: InSample | NotEnough
    correlation: pd.Series | NotEnough
    verdict: Verdict
    numbers: BarNumbers
    ticks: Ticks = (None, None)

    @property
    def prices(self) -> pd.DataFrame:
        """The bars in which both legs traded."""
        return self.legs.prices

    @cached_property
    def newest(self) -> Newest:
        """The last values of the series; apart from them, because a page that asks twice a second makes no views."""
        series = (self.spread, self.z, self.correlation, self.prices["y_volume"], self.prices["x_volume"])
        return Newest(*(math.nan if isinstance(one, NotEnough) or one.empty else float(one.iloc[-1]) for one in series))

    @cached_property
    def scaled(self) -> tuple[Floats, Floats]:
        """Closes of y and x on the scale of the regression."""
        return scaled_legs(self.legs, self.params.price_scale)

    @cached_property
    def caveats(self) -> tuple[str, ...]:
        """What must be said beside the numbers, a sentence each."""
        return caveats(self.legs, self.params, self.moments, self.beta_gap, self.as_of_ms, self.ticks)

    @property
    def engle_granger(self) -> CointegrationResult | NotEnough:
        """The newest scheduled test, the one that the verdict rests on."""
        if self.verdict.tests:
            return self.verdict.tests[-1].result
        missing = self.legs.newest(self.params.test_window, self.as_of_ms)
        return missing if isinstance(missing, NotEnough) else NotEnough("bars", 0, self.params.test_window)

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """Every episode of |z| beyond `params.entry_z`, where there was a hedge with positive beta."""
        return episodes(self.z, self.legs.bar_ms, self.params.entry_z, self.moments_seen["beta"])

    @cached_property
    def recent_sizes(self) -> Floats:
        """|z| of the last 24 hours, or of the last 60 bars where those are more, ascending."""
        return recent_sizes(self.z, self.as_of_ms, hours_beyond(self.params.bar_s))

    @cached_property
    def beyond_hours(self) -> float:
        """The hours that `recent_sizes` covers: fewer where there are not so many bars with a z."""
        known = int(self.z.notna().sum()) * self.params.bar_s / 3600
        return min(hours_beyond(self.params.bar_s), known)

    @cached_property
    def ols_summary(self) -> str | NotEnough:
        """The summary table of the hedge regression; made when it is first read, for it costs ten milliseconds."""
        window = self.legs.newest(self.params.window, self.as_of_ms)
        if isinstance(window, NotEnough):
            return window
        y, x = self.scaled
        prefix = "log " if self.params.price_scale == "log" else ""
        pair = self.params.pair
        return ols_summary(y[window], x[window], prefix + pair.y.label, prefix + pair.x.label)

    @cached_property
    def adf(self) -> UnitRootResult | NotEnough:
        """Dickey-Fuller test of the spread over the test window, its hedge estimated on the bars before that window.

        A hedge estimated on the tested bars would make its p-value wrong; that case is `engle_granger`'s.
        """
        window, test_window = self.params.window, self.params.test_window
        bars = self.legs.newest(window + test_window, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        y, x = (leg[bars] for leg in self.scaled)
        hedge = hedge_ratio(y[:window], x[:window])
        if isinstance(hedge, NotEnough):
            return hedge
        spread = (y - hedge.beta * x)[window:]
        series = (
            f"{residual_name(hedge.beta)} over {test_window:,} bars, beta estimated on the {window:,} bars before them"
        )
        return adf(spread, series=series)

    @cached_property
    def hedge_quality(self) -> HedgeQuality | NotEnough:
        """What the hedge left of y's movement over a quarter of a window, out of sample, on the bars of the study.

        The stretches begin where the clock says, not where the bars do: one more bar leaves all of them as they were.
        """
        horizon = max(1, self.params.window // 4)
        starts = np.flatnonzero(self.legs.open_ms // self.legs.bar_ms % horizon == 0)
        y, x = (leg[starts[0] if starts.size else 0 :] for leg in self.scaled)
        return hedge_quality(y, x, self.params.window, horizon, HEDGE_KNOB[self.params.hedge])

    @cached_property
    def hedge_estimate(self) -> HedgeEstimate | NotEnough:
        """The hedge that drives z, at the newest bar, with the interval of its method.

        For least squares on levels that is `long_run_hedge`'s, far wider than the classic one in `hedge`; total least
        squares has none, and those of Huber and Theil-Sen assume independent residuals (`note` says so). These two
        are fitted to the newest bars: z is judged by their last refit.
        """
        bars = self.legs.newest(self.params.window, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        y, x = self.scaled
        if self.params.hedge == "kalman":
            return kalman_estimate(y, x, self.params.window)
        return HEDGE_KNOB[self.params.hedge](y[bars], x[bars])

    @cached_property
    def level_correlation(self) -> pd.Series | NotEnough:
        """Correlation of the prices themselves over `corr_window` bars: an extra, which says that both drifted."""
        window, (y, x) = self.params.corr_window, self.scaled
        if len(y) < window:
            return NotEnough("bars", len(y), window)
        levels = pd.Series(y, index=self.prices.index), pd.Series(x, index=self.prices.index)
        return level_correlation(*levels, window).where(self.legs.spans_at_most(window))

    @cached_property
    def beta_gap(self) -> BetaGap | NotEnough:
        """Whether levels and returns of the hedge window agree on beta."""
        bars = self.legs.newest(self.params.window, self.as_of_ms)
        return bars if isinstance(bars, NotEnough) else beta_gap(*(leg[bars] for leg in self.scaled))

    @cached_property
    def stability(self) -> Stability | NotEnough:
        """Whether the hedge of the `window` bars before the newest quarter of a window still held in that quarter."""
        window, since = self.params.window, max(SINCE_BARS, self.params.window // 4)
        if window < FIT_BARS:
            return Undefined(f"no badge: a fit of {window} bars is too short ({FIT_BARS} at least)", window, FIT_BARS)
        bars = self.legs.newest(window + since, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        y, x = (leg[bars] for leg in self.scaled)
        return stability(y, x, window)

    @cached_property
    def half_life(self) -> HalfLife | NotEnough:
        """Half-life of the newest test's window, in bars; only while the verdict reads mean-reverting.

        On any pair a number would come out, and mirror the window: about a twelfth of it.
        """
        if self.verdict.word != "mean-reverting":
            return Undefined("a half-life is shown only while the verdict reads mean-reverting", 0, 0)
        bars = self.legs.newest(self.params.test_window, self.verdict.tests[-1].as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        y, x = (leg[bars] for leg in self.scaled)
        return half_life_of_legs(y, x)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """What the other tests of the newest test's window say against a verdict of reversion, a sentence each.

        Empty while the verdict reads anything else: they can weaken it, none can make it.
        """
        if self.verdict.word != "mean-reverting":
            return ()
        test_window = self.params.test_window
        bars = self.legs.newest(test_window, self.verdict.tests[-1].as_of_ms)
        if isinstance(bars, NotEnough):
            return ()
        rows = slice(max(0, bars.start - self.params.window), bars.stop)
        y, x = (leg[rows].tobytes() for leg in self.scaled)
        return _doubts(y, x, test_window)

    @cached_property
    def reversion_tests(self) -> ReversionTests | NotEnough:
        """All tests of the newest test window, made when first read: a tenth of a second at 1,440 bars."""
        test_window = self.params.test_window
        bars = self.legs.newest(test_window, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        rows = slice(max(0, bars.start - self.params.window), bars.stop)
        y, x = (leg[rows] for leg in self.scaled)
        return reversion_tests(y, x, test_window)


@lru_cache(maxsize=256)
def _doubts(y: bytes, x: bytes, test_window: int) -> tuple[str, ...]:
    # Remembered by content, as the verdict's tests are: once a scheduled test, not once a bar.
    return reversion_tests(np.frombuffer(y), np.frombuffer(x), test_window).doubts


def study_pair(
    y_bars: pd.DataFrame,
    x_bars: pd.DataFrame,
    params: PairParams,
    closed_until_ms: int,
    y_tick: float | None = None,
    x_tick: float | None = None,
) -> PairStudy:
    """Study one pair on its closed bars.

    Parameters
    ----------
    y_bars, x_bars : DataFrame
        Stored bars as `Reader.bars` returns them, of the base of `params.timeframe`.
    params : PairParams
        Scale, windows and timeframe.
    closed_until_ms : int
        Every bar that ends at or before it is closed in both legs: the smaller of the legs' `closed_until_ms`.
    y_tick, x_tick : float, optional
        Price steps of the instruments: a caveat says where the spread is made of them.

    Returns
    -------
    PairStudy
        A typed NotEnough stands where a number has no bars to come from.

    Raises
    ------
    DataError
        Bars out of order or with prices that are not positive numbers.
    """
    frame = timeframe(params.timeframe)
    y, x = (bar_columns(bars, frame, closed_until_ms) for bars in (y_bars, x_bars))
    legs = aligned_columns(y, x, frame.ms)
    return study_of(legs, params, closed_until_ms // frame.ms * frame.ms, bar_numbers(legs, params), (y_tick, x_tick))


def bar_numbers(legs: Legs, params: PairParams) -> BarNumbers:
    """What each bar made known, of all bars at once."""
    y, x = scaled_legs(legs, params.price_scale)
    path = moments_path(y, x, params.window, params.hedge, legs.open_ms, legs.bar_ms)
    y_returns, x_returns = legs.log_steps[:, legs.is_return]
    correlation = np.full(len(y), np.nan)
    correlation[legs.is_return] = correlation_path(y_returns, x_returns, params.corr_window)
    return BarNumbers(*path, correlation)


def study_of(
    legs: Legs, params: PairParams, as_of_ms: int, numbers: BarNumbers, ticks: Ticks, tests: Sequence[WindowTest] = ()
) -> PairStudy:
    """The study of aligned bars, by what each of them made known; `tests` were made before, on the same bars."""
    y, x = scaled_legs(legs, params.price_scale)
    hedge, moments, fixed = _frozen(legs, y, x, numbers, params, as_of_ms)
    unseen = ~legs.spans_at_most(params.window + 1) | _too_empty(legs)
    alpha, beta, mean, sd = (_seen(column, unseen) for column in numbers[:4])
    spread = y - alpha - beta * x
    return PairStudy(
        params=params,
        as_of_ms=as_of_ms,
        n_bars=legs.open_ms.size,
        legs=legs,
        hedge=hedge,
        moments=moments,
        moments_seen=pd.DataFrame({"alpha": alpha, "beta": beta, "mean": mean, "sd": sd}, index=legs.index),
        z=pd.Series((spread - mean) / sd, index=legs.index, name="z"),
        spread=pd.Series(spread, index=legs.index, name="spread"),
        spread_fixed=fixed,
        correlation=_correlation(legs, numbers.correlation, params.corr_window),
        verdict=verdict(legs, params.price_scale, params.test_window, as_of_ms, tests),
        numbers=numbers,
        ticks=ticks,
    )


def scaled_legs(legs: Legs, price_scale: str) -> tuple[Floats, Floats]:
    """Closes of y and x on the scale of the regression."""
    return np.asarray(on_scale(legs.y, price_scale)), np.asarray(on_scale(legs.x, price_scale))


def _seen(known: Floats, unseen: npt.NDArray[np.bool_]) -> Floats:
    """What judges each bar: known at the bar before it."""
    seen: Floats = np.full(known.size, np.nan)
    seen[1:] = known[:-1]
    seen[unseen] = np.nan
    return seen


def _frozen(
    legs: Legs, y: Floats, x: Floats, numbers: BarNumbers, params: PairParams, as_of_ms: int
) -> tuple[HedgeFit | NotEnough, FrozenMoments | NotEnough, InSample | NotEnough]:
    bars = legs.newest(params.window, as_of_ms)
    if isinstance(bars, NotEnough):
        return bars, bars, bars
    known_ms = int(legs.open_ms[bars][-1]) + legs.bar_ms
    pair = params.pair
    hedge = hedge_ratio(y[bars], x[bars], f"{pair.y.label} on {pair.x.label}")
    if isinstance(hedge, NotEnough):
        return hedge, hedge, hedge
    moments = _off(legs, params) or moments_of(hedge, y[bars], params.price_scale, known_ms)
    line: HedgeFit | FrozenMoments = hedge
    if params.hedge != "ols":
        if isinstance(moments, NotEnough):
            return hedge, moments, moments
        alpha, beta, mean, sd = (float(column[bars.stop - 1]) for column in numbers[:4])
        if math.isnan(beta):
            undefined = Undefined(f"no spread: {params.hedge} finds no hedge here", params.window, params.window)
            return hedge, undefined, undefined
        line = moments = FrozenMoments(alpha, beta, mean, sd, known_ms, params.window, params.price_scale)
    fixed = pd.Series(y - line.alpha - line.beta * x, index=legs.index, name="spread_fixed")
    return hedge, moments, InSample(fixed, known_ms)


def _too_empty(legs: Legs) -> npt.NDArray[np.bool_]:
    """Bars too short for what traded then: by such bars nothing is judged."""
    if legs.bar_ms >= EPPS_S * 1000:
        return np.zeros(legs.open_ms.size, dtype=bool)
    return np.asarray(legs.recent_empty.max(axis=1, initial=0.0) > MANY_EMPTY)


def _off(legs: Legs, params: PairParams) -> Undefined | None:
    """Why bars this short are off just now, where they are."""
    shares = legs.recent_empty_now
    if params.bar_s >= EPPS_S or not max(shares) > MANY_EMPTY:
        return None
    leg, share = (params.pair.y, shares[0]) if shares[0] >= shares[1] else (params.pair.x, shares[1])
    tenths = int(share * 10 + 1e-9) / 10  # coarse: the words stay while the share moves by a bar
    quiet = f"{leg.label} did not trade in {100 * tenths:.0f} % or more of the last {RECENT_S} s"
    return Undefined(f"{params.timeframe} is off: {quiet}; choose longer bars", 0, 0)


def _correlation(legs: Legs, known: Floats, window: int) -> pd.Series | NotEnough:
    returns = int(legs.is_return.sum())
    if returns < window:
        return NotEnough("returns", returns, window)
    values = np.where(legs.spans_at_most(window + 1), known, np.nan)
    return pd.Series(values, index=legs.index, name="correlation")
