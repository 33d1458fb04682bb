"""What the rule would have earned: entries and exits on z_seen, fills at the next bar, units frozen at entry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant.sample import Floats, NotEnough, checked_pair, checked_window, epoch_ms
from statarb.quant.spread import moments_seen, on_scale

MANY_TRIPS, MANY_DAYS = 30, 5
"""Below either, nothing is said per year."""

DAY_MS, YEAR_DAYS = 86_400_000, 365

ExitReason = Literal["mean", "stop", "time", "no hedge", "end"]


@dataclass(frozen=True)
class Rule:
    """When to be in the spread: |z| beyond `entry_z`, until it is back at `exit_z`, beyond `stop_z` or too old.

    `cost_bps` is paid on the notional of every fill: fee and slippage of one leg and side.
    """

    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float = math.inf
    time_stop: int | None = None
    cost_bps: float = 6.0
    notional: float = 10_000.0

    @classmethod
    def of(cls, params: PairParams) -> Rule:
        """The rule that an analysis' knobs describe."""
        cost_bps = params.fee_bps + params.slippage_bps
        return cls(params.entry_z, params.exit_z, params.stop_z, params.time_stop, cost_bps, params.notional)

    def __post_init__(self) -> None:
        if not (0 <= self.exit_z < self.entry_z < self.stop_z):
            raise DataError(
                f"A rule needs exit < entry < stop, not {self.exit_z:g}, {self.entry_z:g}, {self.stop_z:g}.",
                "Try 0, 2 and 4.",
            )
        if not (math.isfinite(self.cost_bps) and 0 < self.notional < math.inf):
            raise DataError("Costs and notional must be numbers, and the notional positive.", "Try 6 bp and 10000.")
        if self.time_stop is not None and self.time_stop < 1:
            raise DataError("A time stop of less than one bar never holds.", "Give 1 bar or more.")


@dataclass(frozen=True)
class RoundTrip:
    """One completed trade of the spread: +1 bought it (y long, x short), -1 sold it; rows are bars of the input."""

    side: int
    entered: int
    left: int
    y_units: float
    x_units: float
    notional: float
    gross: float
    cost: float
    turnover: float
    why: ExitReason

    @property
    def net(self) -> float:
        return self.gross - self.cost

    @property
    def net_bps(self) -> float:
        """Net result in basis points of the y notional at entry."""
        return self.net / self.notional * 1e4


@dataclass(frozen=True, eq=False)
class Backtest:
    """Equity by bar and every round trip.

    `equity` is marked at each bar's close, after the costs paid so far, in the money of the notional, from 0;
    `position` is +1, 0, -1 held into the next bar. `tried` is how many sets of parameters were tried to get here.
    """

    rule: Rule
    equity: pd.Series
    position: pd.Series
    round_trips: tuple[RoundTrip, ...]
    days: float
    tried: int
    net_bps: Floats = field(repr=False)

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
        """Sharpe ratio a year of 365 days of 24 hours, of daily changes of equity; NotEnough below 30 trips or 5 days.

        Daily, so that the autocorrelation of bars does not flatter it (Lo, 2002).
        """
        if self.trips < MANY_TRIPS:
            return NotEnough("round trips", self.trips, MANY_TRIPS)
        if self.days < MANY_DAYS:
            return NotEnough("days", int(self.days), MANY_DAYS)
        day = epoch_ms(self.equity.index) // DAY_MS
        closes = self.equity.groupby(day).last()
        change = np.diff(closes.to_numpy(), prepend=0.0)
        sd = float(change.std(ddof=1))
        return float(change.mean()) / sd * math.sqrt(YEAR_DAYS) if sd > 0 else math.nan


def backtest(
    y: Any, x: Any, window: int, rule: Rule | None = None, price_scale: str = "log", tried: int = 1
) -> Backtest | NotEnough:
    """Simulate the rule on closed bars.

    At the close of a bar z_seen (hedge and moments of the bars before it) decides; both legs fill at the close of the
    *next* bar. Units are frozen at entry: y for the notional, x for beta times it (log prices) or beta units for one
    of y (prices); the result is q_y dPy + q_x dPx, never a difference of spreads whose beta moved. Each of the four
    fills costs its notional times `cost_bps`. Without a positive beta nothing is entered and an open trade is left.
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
    seen = moments_seen(*scaled, window)
    z = ((scaled[0] - seen["alpha"] - seen["beta"] * scaled[1] - seen["mean"]) / seen["sd"]).to_numpy()
    prices = first.to_numpy(), second.to_numpy()
    desk = _Desk(rule, *prices, seen["beta"].to_numpy(), price_scale == "log")
    for t, value in enumerate(z.tolist()):
        desk.close_bar(t, value)
    desk.leave(len(z) - 1, "end")
    ts = epoch_ms(first.index) if isinstance(first.index, pd.DatetimeIndex) else np.zeros(1, dtype=np.int64)
    return Backtest(
        rule=rule,
        equity=pd.Series(desk.equity, index=first.index, name="equity"),
        position=pd.Series(desk.held, index=first.index, name="position"),
        round_trips=tuple(desk.trips),
        days=float(ts[-1] - ts[0]) / DAY_MS,
        tried=tried,
        net_bps=np.array([trip.net_bps for trip in desk.trips]),
    )


class _Desk:
    """The one position of the simulation: what was decided at a close is filled at the next."""

    def __init__(self, rule: Rule, y: Floats, x: Floats, beta: Floats, log_scale: bool) -> None:
        self.rule, self.y, self.x, self.beta, self.log_scale = rule, y, x, beta, log_scale
        self.equity, self.held = np.zeros(y.size), np.zeros(y.size, dtype=np.int64)
        self.trips: list[RoundTrip] = []
        self.cash = 0.0
        self.open: tuple[int, int, float, float] | None = None  # side, bar of the fill, units of y and of x
        self.wanted: tuple[int, float] | ExitReason | None = None  # side and beta to enter with, or why to leave
        self.armed = True

    def close_bar(self, t: int, z: float) -> None:
        """Fill what the bar before decided, mark, then decide by this bar's z."""
        if isinstance(self.wanted, str):
            self.leave(t, self.wanted)
        elif self.wanted is not None:
            self._enter(t, *self.wanted)
        self.wanted = self._decision(t, z)
        self.equity[t] = self.cash + self._value(t)
        self.held[t] = self.open[0] if self.open else 0

    def _decision(self, t: int, z: float) -> tuple[int, float] | ExitReason | None:
        rule, beta = self.rule, float(self.beta[t])
        if self.open is not None:
            side, since = self.open[:2]
            rich = -side * z  # how far the spread stands on the side on which it was entered
            if beta <= 0:
                return "no hedge"
            if rich <= rule.exit_z:
                return "mean"
            if rich >= rule.stop_z:
                return "stop"
            return "time" if rule.time_stop is not None and t - since >= rule.time_stop else None
        if abs(z) < rule.entry_z:
            self.armed = True
        if self.armed and beta > 0 and rule.entry_z < abs(z) < rule.stop_z:
            return (-1 if z > 0 else 1), beta
        return None

    def _enter(self, t: int, side: int, beta: float) -> None:
        y, x, notional = float(self.y[t]), float(self.x[t]), self.rule.notional
        y_units = side * notional / y
        x_units = -side * beta * notional / x if self.log_scale else -beta * y_units
        self.open = (side, t, y_units, x_units)
        self.cash -= self._fill_cost(t)

    def leave(self, t: int, why: ExitReason) -> None:
        """Close the position at bar t's prices."""
        if self.open is None:
            return
        side, since, y_units, x_units = self.open
        gross = self._value(t)
        cost = self._fill_cost(since) + self._fill_cost(t)
        self.cash += gross - self._fill_cost(t)
        notional = abs(y_units) * float(self.y[since])
        turnover = self._turnover(since) + self._turnover(t)
        self.trips.append(RoundTrip(side, since, t, y_units, x_units, notional, gross, cost, turnover, why))
        self.open, self.armed = None, why == "mean"

    def _value(self, t: int) -> float:
        if self.open is None:
            return 0.0
        _, since, y_units, x_units = self.open
        return float(y_units * (self.y[t] - self.y[since]) + x_units * (self.x[t] - self.x[since]))

    def _turnover(self, t: int) -> float:
        assert self.open is not None
        return float(abs(self.open[2]) * self.y[t] + abs(self.open[3]) * self.x[t])

    def _fill_cost(self, t: int) -> float:
        return self._turnover(t) * self.rule.cost_bps / 1e4
