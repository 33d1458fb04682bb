"""One pair studied: prices in, everything that the page, the report and the export show out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.clock import utc_text
from statarb.market import Timeframe, timeframe
from statarb.params import PairParams
from statarb.quant.bars import resample_bars
from statarb.quant.cointegration import CointegrationResult
from statarb.quant.correlation import level_correlation, rolling_correlation
from statarb.quant.half_life import HalfLife
from statarb.quant.hedge import HedgeFit, hedge_ratio, ols_summary
from statarb.quant.hedge_check import HEDGE_KNOB, BetaGap, HedgeQuality, beta_gap, hedge_quality, kalman_estimate
from statarb.quant.hedge_methods import HedgeEstimate
from statarb.quant.hedge_moments import hedge_moments
from statarb.quant.legs import RECENT_S, Legs, align_legs, log_returns
from statarb.quant.panel import ReversionTests, half_life_of_legs, reversion_tests
from statarb.quant.sample import Floats, NotEnough, Undefined
from statarb.quant.signal import Episode, episodes
from statarb.quant.sizing import recent_sizes
from statarb.quant.spread import FrozenMoments, InSample, frozen_moments, on_scale, spread_fixed
from statarb.quant.stability import FIT_BARS, SINCE_BARS, Stability, stability
from statarb.quant.unitroot import UnitRootResult, adf
from statarb.quant.verdict import Verdict, verdict

MANY_EMPTY = 0.10
"""Share of bars without a trade in one leg from which a caveat says so."""

EPPS_S = 15
"""Bars shorter than this make correlation read low, because the legs do not trade at the same moment; and they judge
nothing while a leg did not trade in MANY_EMPTY of the last 300 s of them."""

FEW_TICKS = 3
"""A spread whose deviation is fewer ticks of a leg than this is made of ticks."""


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
    prices: pd.DataFrame
    hedge: HedgeFit | NotEnough
    moments: FrozenMoments | NotEnough
    moments_seen: pd.DataFrame
    z: pd.Series
    spread: pd.Series
    spread_fixed: InSample | NotEnough
    correlation: pd.Series | NotEnough
    verdict: Verdict
    caveats: tuple[str, ...]

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
    def day_sizes(self) -> Floats:
        """|z| of the last 24 hours, ascending."""
        return recent_sizes(self.z, self.as_of_ms)

    @cached_property
    def z_hours(self) -> float:
        """Hours of bars that have a z."""
        return int(self.z.notna().sum()) * self.params.bar_s / 3600

    @cached_property
    def ols_summary(self) -> str | NotEnough:
        """The summary table of the hedge regression; made when it is first read, for it costs ten milliseconds."""
        window = self.legs.newest(self.params.window, self.as_of_ms)
        if isinstance(window, NotEnough):
            return window
        scaled = on_scale(self.prices[["y", "x"]].iloc[window], self.params.price_scale)
        prefix = "log " if self.params.price_scale == "log" else ""
        pair = self.params.pair
        return ols_summary(scaled["y"], scaled["x"], prefix + pair.y.label, prefix + pair.x.label)

    @cached_property
    def adf(self) -> UnitRootResult | NotEnough:
        """Dickey-Fuller test of the spread over the test window, its hedge estimated on the bars before that window.

        A hedge estimated on the tested bars would make its p-value wrong; that case is `engle_granger`'s.
        """
        window, test_window = self.params.window, self.params.test_window
        bars = self.legs.newest(window + test_window, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        scaled = on_scale(self.prices[["y", "x"]].iloc[bars], self.params.price_scale)
        hedge = hedge_ratio(scaled["y"].iloc[:window], scaled["x"].iloc[:window])
        if isinstance(hedge, NotEnough):
            return hedge
        spread = (scaled["y"] - hedge.beta * scaled["x"]).iloc[window:]
        series = f"y - {hedge.beta:.4g} x over {test_window:,} bars, beta estimated on the {window:,} bars before them"
        return adf(spread, series=series)

    @cached_property
    def hedge_quality(self) -> HedgeQuality | NotEnough:
        """What the hedge left of y's movement over a quarter of a window, out of sample, on the bars of the study.

        The stretches begin where the clock says, not where the bars do: one more bar leaves all of them as they were.
        """
        horizon = max(1, self.params.window // 4)
        starts = np.flatnonzero(self.legs.open_ms // self.legs.bar_ms % horizon == 0)
        rows = self.prices.iloc[starts[0] if starts.size else 0 :]
        y, x = (on_scale(rows[leg].to_numpy(), self.params.price_scale) for leg in ("y", "x"))
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
        y, x = (on_scale(self.prices[leg].to_numpy(), self.params.price_scale) for leg in ("y", "x"))
        if self.params.hedge == "kalman":
            return kalman_estimate(y, x, self.params.window)
        return HEDGE_KNOB[self.params.hedge](y[bars], x[bars])

    @cached_property
    def level_correlation(self) -> pd.Series | NotEnough:
        """Correlation of the prices themselves over `corr_window` bars: an extra, which says that both drifted."""
        window, scaled = self.params.corr_window, on_scale(self.prices[["y", "x"]], self.params.price_scale)
        if len(scaled) < window:
            return NotEnough("bars", len(scaled), window)
        levels = level_correlation(scaled["y"], scaled["x"], window)
        return levels.where(self.legs.spans_at_most(window))

    @cached_property
    def beta_gap(self) -> BetaGap | NotEnough:
        """Whether levels and returns of the hedge window agree on beta."""
        return _beta_gap(self.legs, self.params, self.as_of_ms)

    @cached_property
    def stability(self) -> Stability | NotEnough:
        """Whether the hedge of the `window` bars before the newest quarter of a window still held in that quarter."""
        window, since = self.params.window, max(SINCE_BARS, self.params.window // 4)
        if window < FIT_BARS:
            return Undefined(f"no badge: a fit of {window} bars is too short ({FIT_BARS} at least)", window, FIT_BARS)
        bars = self.legs.newest(window + since, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        y, x = (on_scale(self.prices[leg].to_numpy()[bars], self.params.price_scale) for leg in ("y", "x"))
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
        y, x = (on_scale(self.prices[leg].to_numpy()[bars], self.params.price_scale) for leg in ("y", "x"))
        return half_life_of_legs(y, x)

    @cached_property
    def reversion_tests(self) -> ReversionTests | NotEnough:
        """All tests of the newest test window, made when first read: a tenth of a second at 1,440 bars."""
        test_window = self.params.test_window
        bars = self.legs.newest(test_window, self.as_of_ms)
        if isinstance(bars, NotEnough):
            return bars
        rows = slice(max(0, bars.start - self.params.window), bars.stop)
        y, x = (on_scale(self.prices[leg].to_numpy()[rows], self.params.price_scale) for leg in ("y", "x"))
        return reversion_tests(y, x, test_window)


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
    y_closed = resample_bars(y_bars, frame, closed_until_ms)
    x_closed = resample_bars(x_bars, frame, closed_until_ms)
    legs = align_legs(y_closed, x_closed, frame)
    as_of_ms = closed_until_ms // frame.ms * frame.ms
    prices, window = legs.prices, params.window
    scaled = on_scale(prices[["y", "x"]], params.price_scale)
    path = hedge_moments(scaled["y"], scaled["x"], window, params.hedge, legs.bar_ms)
    hedge, moments, fixed = _frozen(legs, scaled, path, params, as_of_ms)
    seen = path.shift(1)
    seen[~legs.spans_at_most(window + 1) | _too_empty(legs, frame)] = float("nan")
    spread = (scaled["y"] - seen["alpha"] - seen["beta"] * scaled["x"]).rename("spread")
    standing = verdict(legs, params.price_scale, params.test_window, as_of_ms)
    return PairStudy(
        params=params,
        as_of_ms=as_of_ms,
        n_bars=len(prices),
        legs=legs,
        prices=prices,
        hedge=hedge,
        moments=moments,
        moments_seen=seen,
        z=((spread - seen["mean"]) / seen["sd"]).rename("z"),
        spread=spread,
        spread_fixed=fixed,
        correlation=_correlation(legs, params.corr_window),
        verdict=standing,
        caveats=_caveats(legs, params, moments, as_of_ms, (y_tick, x_tick)),
    )


def _frozen(
    legs: Legs, scaled: pd.DataFrame, path: pd.DataFrame, params: PairParams, as_of_ms: int
) -> tuple[HedgeFit | NotEnough, FrozenMoments | NotEnough, InSample | NotEnough]:
    bars = legs.newest(params.window, as_of_ms)
    if isinstance(bars, NotEnough):
        return bars, bars, bars
    y, x = (scaled[leg].iloc[bars] for leg in ("y", "x"))
    known_ms = int(legs.open_ms[bars][-1]) + legs.bar_ms
    pair = params.pair
    hedge = hedge_ratio(y, x, f"{pair.y.label} on {pair.x.label}")
    if isinstance(hedge, NotEnough):
        return hedge, hedge, hedge
    moments = _off(legs, params) or frozen_moments(y, x, params.price_scale, known_ms)
    if params.hedge == "ols":
        return hedge, moments, spread_fixed(scaled["y"], scaled["x"], hedge, known_ms)
    if isinstance(moments, NotEnough):
        return hedge, moments, moments
    alpha, beta, mean, sd = path.iloc[bars.stop - 1].tolist()
    if math.isnan(beta):
        undefined = Undefined(f"no spread: {params.hedge} finds no hedge here", params.window, params.window)
        return hedge, undefined, undefined
    chosen = FrozenMoments(alpha, beta, mean, sd, known_ms, params.window, params.price_scale)
    return hedge, chosen, spread_fixed(scaled["y"], scaled["x"], chosen, known_ms)


def _too_empty(legs: Legs, frame: Timeframe) -> npt.NDArray[np.bool_]:
    """Bars too short for what traded then: by such bars nothing is judged."""
    if frame.seconds >= EPPS_S:
        return np.zeros(len(legs.prices), dtype=bool)
    return np.asarray(legs.recent_empty.max(axis=1) > MANY_EMPTY)


def _off(legs: Legs, params: PairParams) -> Undefined | None:
    """Why bars this short are off just now, where they are."""
    shares = legs.recent_empty_now
    if params.bar_s >= EPPS_S or not max(shares) > MANY_EMPTY:
        return None
    leg, share = (params.pair.y, shares[0]) if shares[0] >= shares[1] else (params.pair.x, shares[1])
    tenths = int(share * 10 + 1e-9) / 10  # coarse: the words stay while the share moves by a bar
    reason = f"{params.timeframe} is off: {leg.label} did not trade in {tenths:.0%} or more of the last {RECENT_S} s; "
    return Undefined(reason + "choose longer bars", 0, 0)


def _correlation(legs: Legs, window: int) -> pd.Series | NotEnough:
    returns = log_returns(legs).dropna()
    correlation = rolling_correlation(returns["y"], returns["x"], window).reindex(legs.prices.index)
    correlation = correlation.where(legs.spans_at_most(window + 1))
    if len(returns) < window:
        return NotEnough("returns", len(returns), window)
    return correlation


def _beta_gap(legs: Legs, params: PairParams, as_of_ms: int) -> BetaGap | NotEnough:
    bars = legs.newest(params.window, as_of_ms)
    if isinstance(bars, NotEnough):
        return bars
    y, x = (on_scale(legs.prices[leg].to_numpy()[bars], params.price_scale) for leg in ("y", "x"))
    return beta_gap(y, x)


def _caveats(
    legs: Legs,
    params: PairParams,
    moments: FrozenMoments | NotEnough,
    as_of_ms: int,
    ticks: tuple[float | None, float | None],
) -> tuple[str, ...]:
    found = []
    gap = _beta_gap(legs, params, as_of_ms)
    pair, prices = params.pair, legs.prices
    for leg, share in ((pair.y, legs.y_empty_share), (pair.x, legs.x_empty_share)):
        if share > MANY_EMPTY:
            found.append(f"{leg.label} did not trade in {share:.0%} of the bars; those bars are left out.")
    provisional = int(prices["provisional"].sum())
    if provisional:
        found.append(f"{provisional:,} of {len(prices):,} bars are provisional: trades in them are still missing.")
    if isinstance(moments, FrozenMoments) and not moments.has_hedge:
        found.append("beta is not positive over the hedge window: there is no hedge, so z is no signal.")
    elif isinstance(gap, BetaGap) and gap.differs:
        found.append(
            f"beta by levels is {gap.level:.3g} and by returns {gap.returns:.3g}: more than 25 % apart, so this hedge "
            "may add to the risk of short moves."
        )
    for leg, traded_ms in zip((pair.y, pair.x), legs.traded_ms, strict=True):
        if traded_ms is not None and traded_ms < as_of_ms:
            found.append(f"{leg.label} last traded in the bar that closed at {utc_text(traded_ms)} UTC.")
    found += _tick_caveats(prices, params, moments, ticks)
    if params.bar_s < EPPS_S:
        found.append(
            f"{params.timeframe} bars show microstructure: correlation reads low, and a round trip usually costs more "
            "than two deviations."
        )
    return tuple(found)


def _tick_caveats(
    prices: pd.DataFrame,
    params: PairParams,
    moments: FrozenMoments | NotEnough,
    ticks: tuple[float | None, float | None],
) -> list[str]:
    """Legs whose tick is so coarse that the spread moves in steps of it."""
    if isinstance(moments, NotEnough):
        return []
    newest, log_scale = prices.iloc[-1], params.price_scale == "log"
    weights = {"y": 1.0, "x": abs(moments.beta)}
    found = []
    for name, instrument, tick in zip(weights, (params.pair.y, params.pair.x), ticks, strict=True):
        if tick is None or not tick > 0:
            continue
        step = weights[name] * (tick / float(newest[name]) if log_scale else tick)
        if moments.sd < FEW_TICKS * step:
            found.append(
                f"The spread's deviation is {moments.sd / step:.1f} ticks of {instrument.label}: z moves in steps of "
                "the tick."
            )
    return found


def warm_up() -> None:
    """Load the statistics libraries now, in a thread of the caller's choice, instead of at the first summary."""
    values = np.sin(np.arange(60.0))
    ols_summary(values, np.cos(np.arange(60.0)))
    adf(values + 0.1 * np.cos(np.arange(60.0) ** 2))
