"""What the rule would have earned: entries and exits on z_seen, fills at the next bar, units frozen at entry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.params import YEAR_DAYS
from statarb.quant.legs import REACH
from statarb.quant.position import DAY_MS, Position, RoundTrip, Rule
from statarb.quant.sample import Floats, NotEnough, checked_pair, checked_window, epoch_ms
from statarb.quant.spread import moments_seen, on_scale
from statarb.quant.study import PairStudy

MANY_TRIPS, MANY_DAYS = 30, 5
"""Below either, nothing is said per year."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Equity by bar and every round trip.

    `equity` is marked at each bar's close, after the costs paid so far, in the money of the notional, from 0;
    `position` is +1, 0, -1 held into the next bar. `days` are those since the first bar with a z. `tried` is how many
    sets of parameters were tried to get here. `carry_known` is false where a perpetual's funding is not known, and so
    not in the result.
    """

    rule: Rule
    equity: pd.Series
    position: pd.Series
    round_trips: tuple[RoundTrip, ...]
    days: float
    tried: int
    net_bps: Floats = field(repr=False)

    @property
    def carry_known(self) -> bool:
        spent = self.rule.costs
        return spent is None or spent.carry_bps_day(1, 1.0) is not None

    @property
    def trips(self) -> int:
        """Round trips: the n beside every mean and every win rate."""
        return len(self.round_trips)

    @property
    def mean_net_bps(self) -> float:
        """Mean net result of a round trip; NaN without one."""
        return float(self.net_bps.mean()) if self.trips else math.nan

    @property
    def interval_bps(self) -> tuple[float, float]:
        """95 % interval of that mean, by Student's t; NaN below two round trips."""
        if self.trips < 2:
            return math.nan, math.nan
        from scipy.special import stdtrit

        reach = float(stdtrit(self.trips - 1, 0.975)) * float(self.net_bps.std(ddof=1)) / math.sqrt(self.trips)
        return self.mean_net_bps - reach, self.mean_net_bps + reach

    @property
    def win_rate(self) -> float:
        """Share of round trips with a gain after costs; 64 to 68 % on unrelated walks, so never alone."""
        return float((self.net_bps > 0).mean()) if self.trips else math.nan

    @property
    def break_even_bps(self) -> float:
        """Cost of a fill at which the rule earns nothing: gross over turnover. NaN without a round trip."""
        turnover = sum(trip.turnover for trip in self.round_trips)
        return sum(trip.gross for trip in self.round_trips) / turnover * 1e4 if turnover else math.nan

    @property
    def drawdown(self) -> pd.Series:
        """How far equity is below its highest so far: 0 or less."""
        highest = np.maximum(np.maximum.accumulate(self.equity.to_numpy()), 0.0) if len(self.equity) else 0.0
        return (self.equity - highest).rename("drawdown")

    @property
    def sharpe(self) -> float | NotEnough:
        """Sharpe ratio a year of 365 days of 24 hours, of daily changes of equity; NotEnough below 30 trips or
        5 days.

        Daily, so that the autocorrelation of bars does not flatter it (Lo, 2002).
        """
        if self.trips < MANY_TRIPS:
            return NotEnough("round trips", self.trips, MANY_TRIPS)
        if self.days < MANY_DAYS:
            return NotEnough("days", int(self.days), MANY_DAYS)
        # Days end at the hour of the last bar, and only whole ones count: the hour at which data begin says nothing.
        times_ms = epoch_ms(self.equity.index)
        ends = np.searchsorted(times_ms, times_ms[-1] - DAY_MS * np.arange(int(self.days), -1, -1), side="right") - 1
        change = np.diff(self.equity.to_numpy()[ends])
        sd = float(change.std(ddof=1))
        return float(change.mean()) / sd * math.sqrt(YEAR_DAYS) if sd > 0 else math.nan


def backtest(
    y: Any,
    x: Any,
    window: int,
    rule: Rule | None = None,
    price_scale: str = "log",
    tried: int = 1,
    hedge: str = "ols",
    bar_ms: int | None = None,
) -> Backtest | NotEnough:
    """Simulate the rule on closed bars.

    At the close of a bar z_seen (hedge and moments of the bars before it) decides; both legs fill at the close of the
    *next* bar. Units are frozen at entry: y for the notional, x for beta times it (log prices) or beta units for one
    of y (prices); the result is q_y dPy + q_x dPx, never a difference of spreads whose beta moved. Each of the four
    fills costs its notional times its leg's cost; while a trade is held its legs pay or earn the funding and borrow of
    `rule.costs`, on a time index. Without a positive beta nothing is entered and an open trade is left.
    A hole of more than ten bars is an outage: what was decided before it is not filled after it, and what was open is
    closed at the first bar after it.
    After any exit but the one at the mean |z| must come back below the entry before the next trade. What is open at
    the end is counted as a round trip that leaves at the last close ("end"), for leaving it out would hide losers;
    equity holds it marked, its exit not yet paid.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Plain closes (not logs) of bars in which both legs traded. The annual figure needs a time index.
    window : int
        Bars of the hedge and the moments.
    rule : Rule, optional
        Without it: enter |z| > 2, exit at 0, no stop, 6 bp a fill.
    price_scale : {'log', 'price'}
        Scale of the regression.
    tried : int
        How many sets of parameters were tried; shown beside the result, for the best of many is luck.
    hedge : str
        As `hedge_moments`.
    bar_ms : int, optional
        Length of a bar, where the index is of opening times: without it no outage is seen.

    Returns
    -------
    Backtest or NotEnough
        NotEnough below window + 2 bars.

    Raises
    ------
    DataError
        As `z_seen`, prices that are not positive, or a rule that cannot be.

    References
    ----------
    Gatev, Goetzmann & Rouwenhorst (2006), Review of Financial Studies 19; Bailey & Lopez de Prado (2014), Journal of
    Portfolio Management 40, for the number of trials.
    """
    rule = rule or Rule()
    first, second = checked_pair(y, x)
    window = checked_window(window)
    scaled = on_scale(first, price_scale), on_scale(second, price_scale)
    if len(first) < window + 2:
        return NotEnough("bars", len(first), window + 2)
    seen = moments_seen(*scaled, window, hedge, bar_ms)
    open_ms = epoch_ms(first.index) if isinstance(first.index, pd.DatetimeIndex) else None
    if open_ms is not None and bar_ms is not None:
        far = open_ms[window:] - open_ms[:-window] >= REACH * (window + 1) * bar_ms
        seen[np.concatenate([np.ones(window, dtype=bool), far])] = np.nan
    z = (scaled[0] - seen["alpha"] - seen["beta"] * scaled[1] - seen["mean"]) / seen["sd"]
    return _simulated(first, second, z, seen["beta"], rule, price_scale, tried, open_ms, bar_ms)


def backtest_study(study: PairStudy, rule: Rule | None = None, tried: int = 1) -> Backtest | NotEnough:
    """The rule on a study's own bars, z and hedge: `backtest` of what the page shows.

    Parameters
    ----------
    study : PairStudy
        Its z is blank where a window spans an outage.
    rule : Rule, optional
        Without it that of the study's knobs, at their costs.
    tried : int
        As `backtest`.

    Returns
    -------
    Backtest or NotEnough
        NotEnough below window + 2 bars.

    Raises
    ------
    DataError
        Knobs that make no rule, such as a stop below the entry.

    References
    ----------
    As `backtest`.
    """
    need = study.params.window + 2
    if study.n_bars < need:
        return NotEnough("bars", study.n_bars, need)
    legs = study.prices["y"], study.prices["x"]
    scale, open_ms, bar_ms = study.params.price_scale, study.legs.open_ms, study.legs.bar_ms
    chosen = rule or Rule.of(study.params)
    return _simulated(*legs, study.z, study.moments_seen["beta"], chosen, scale, tried, open_ms, bar_ms)


def _simulated(
    y: pd.Series,
    x: pd.Series,
    z: pd.Series,
    beta: pd.Series,
    rule: Rule,
    price_scale: str,
    tried: int,
    open_ms: npt.NDArray[np.int64] | None,
    bar_ms: int | None,
) -> Backtest:
    position = Position(rule, y.to_numpy(), x.to_numpy(), beta.to_numpy(), price_scale == "log", open_ms, bar_ms)
    for t, value in enumerate(z.tolist()):
        position.close_bar(t, value)
    position.leave(len(z) - 1, "end")
    judged = np.flatnonzero(np.isfinite(z.to_numpy()))
    return Backtest(
        rule=rule,
        equity=pd.Series(position.equity, index=y.index, name="equity"),
        position=pd.Series(position.held, index=y.index, name="position"),
        round_trips=tuple(position.trips),
        days=0.0 if open_ms is None or not judged.size else float(open_ms[-1] - open_ms[judged[0]]) / DAY_MS,
        tried=tried,
        net_bps=np.array([trip.net_bps for trip in position.trips]),
    )
