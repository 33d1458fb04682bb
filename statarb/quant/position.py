"""The one position of a simulated rule: what a close decides is filled at the next, and paid for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from statarb.errors import DataError
from statarb.params import PairParams
from statarb.quant.costs import Costs, costs
from statarb.quant.legs import MAX_RETURN_BARS
from statarb.quant.sample import Floats

DAY_MS = 86_400_000

ExitReason = Literal["mean", "stop", "time", "no hedge", "outage", "end"]


@dataclass(frozen=True)
class Rule:
    """When to be in the spread: |z| beyond `entry_z`, until it is back at `exit_z`, beyond `stop_z` or too old.

    `cost_bps` is paid on the notional of every fill: fee and slippage of one leg and side. `costs`, where given, take
    its place leg by leg, and add funding and borrow for the time a trade is held, at today's rates.
    """

    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float = math.inf
    time_stop: int | None = None
    cost_bps: float = 6.0
    notional: float = 10_000.0
    costs: Costs | None = None

    @classmethod
    def of(cls, params: PairParams, known: Costs | None = None) -> Rule:
        """The rule that an analysis' knobs describe; `known` are costs with what was measured."""
        spent = known or costs(params)
        return cls(
            params.entry_z, params.exit_z, params.stop_z, params.time_stop, spent.y.side_bps, params.notional, spent
        )

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

    @property
    def sides_bps(self) -> tuple[float, float]:
        """Cost of one fill of y and of x, in basis points of its own notional."""
        return (self.cost_bps, self.cost_bps) if self.costs is None else (self.costs.y.side_bps, self.costs.x.side_bps)

    def carry_bps_day(self, side: int) -> tuple[float, float]:
        """Funding and borrow a day of y and of x, of their own notionals, + paid; 0 where they are not known."""
        if self.costs is None:
            return 0.0, 0.0
        return self.costs.y.carry_bps_day(side) or 0.0, self.costs.x.carry_bps_day(-side) or 0.0


@dataclass(frozen=True)
class RoundTrip:
    """One completed trade of the spread: +1 bought it (y long, x short), -1 sold it; rows are bars of the input.

    `cost` are the four fills, `carry` what funding and borrow took while it was held (negative: gave).
    """

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
    carry: float = 0.0

    @property
    def net(self) -> float:
        return self.gross - self.cost - self.carry

    @property
    def net_bps(self) -> float:
        """Net result in basis points of the y notional at entry."""
        return self.net / self.notional * 1e4


@dataclass
class _Open:
    """The trade that is on."""

    side: int
    since: int
    y_units: float
    x_units: float
    cost: float
    carry: float = 0.0


class Position:
    """What was decided at a close is filled at the next.

    Parameters
    ----------
    rule : Rule
    y, x : array
        Plain closes.
    beta : array
        The hedge that judges each bar.
    log_scale : bool
        Whether beta is a ratio of notionals.
    open_ms : array of int, optional
        Opening times of the bars; without them nothing is carried and no outage is seen.
    bar_ms : int, optional
        Length of a bar: more than ten of them between two bars are an outage.
    """

    def __init__(
        self,
        rule: Rule,
        y: Floats,
        x: Floats,
        beta: Floats,
        log_scale: bool,
        open_ms: npt.NDArray[np.int64] | None = None,
        bar_ms: int | None = None,
    ) -> None:
        self.rule, self.y, self.x, self.beta, self.log_scale = rule, y, x, beta, log_scale
        self.equity, self.held = np.zeros(y.size), np.zeros(y.size, dtype=np.int64)
        self.trips: list[RoundTrip] = []
        self.cash = 0.0
        self.open: _Open | None = None
        self.wanted: tuple[int, float] | ExitReason | None = None  # side and beta to enter with, or why to leave
        self.armed = True
        self._elapsed_ms = np.zeros(y.size) if open_ms is None else np.diff(open_ms, prepend=open_ms[:1])
        self._outage_ms = math.inf if bar_ms is None else MAX_RETURN_BARS * bar_ms

    def close_bar(self, t: int, z: float) -> None:
        """Pay for the time held, fill what the bar before decided, mark, then decide by this bar's z."""
        self._carry(t)
        if self._elapsed_ms[t] > self._outage_ms:
            # Nobody saw the market meanwhile: what was decided before it is stale, and what was open is closed.
            self.wanted = "outage" if self.open else None
        if isinstance(self.wanted, str):
            self.leave(t, self.wanted)
        elif self.wanted is not None:
            self._enter(t, *self.wanted)
        self.wanted = self._decision(t, z)
        self.equity[t] = self.cash + self._value(t)
        self.held[t] = self.open.side if self.open else 0

    def _decision(self, t: int, z: float) -> tuple[int, float] | ExitReason | None:
        rule, beta = self.rule, float(self.beta[t])
        if self.open is not None:
            rich = -self.open.side * z  # how far the spread stands on the side on which it was entered
            if beta <= 0:
                return "no hedge"
            if rich <= rule.exit_z:
                return "mean"
            if rich >= rule.stop_z:
                return "stop"
            return "time" if rule.time_stop is not None and t - self.open.since >= rule.time_stop else None
        if abs(z) < rule.entry_z:
            self.armed = True
        if self.armed and beta > 0 and rule.entry_z < abs(z) < rule.stop_z:
            return (-1 if z > 0 else 1), beta
        return None

    def _enter(self, t: int, side: int, beta: float) -> None:
        y, x, notional = float(self.y[t]), float(self.x[t]), self.rule.notional
        y_units = side * notional / y
        x_units = -side * beta * notional / x if self.log_scale else -beta * y_units
        self.open = _Open(side, t, y_units, x_units, 0.0)
        self.open.cost = self._fill_cost(t)
        self.cash -= self.open.cost

    def leave(self, t: int, why: ExitReason) -> None:
        """Close the position at bar t's prices."""
        trade = self.open
        if trade is None:
            return
        gross, last = self._value(t), self._fill_cost(t)
        self.cash += gross - last
        notional = abs(trade.y_units) * float(self.y[trade.since])
        turnover = sum(self._notionals(trade.since)) + sum(self._notionals(t))
        cost = trade.cost + last
        self.trips.append(
            RoundTrip(
                trade.side, trade.since, t, trade.y_units, trade.x_units, notional, gross, cost, turnover, why,
                trade.carry,
            )
        )  # fmt: skip
        self.open, self.armed = None, why == "mean"

    def _carry(self, t: int) -> None:
        if self.open is None or not self._elapsed_ms[t]:
            return
        days = float(self._elapsed_ms[t]) / DAY_MS
        legs = zip(self._notionals(t - 1), self.rule.carry_bps_day(self.open.side), strict=True)
        paid = days * sum(notional * bps for notional, bps in legs) / 1e4
        self.open.carry += paid
        self.cash -= paid

    def _value(self, t: int) -> float:
        trade = self.open
        if trade is None:
            return 0.0
        y_moved, x_moved = self.y[t] - self.y[trade.since], self.x[t] - self.x[trade.since]
        return float(trade.y_units * y_moved + trade.x_units * x_moved)

    def _notionals(self, t: int) -> tuple[float, float]:
        assert self.open is not None
        return float(abs(self.open.y_units) * self.y[t]), float(abs(self.open.x_units) * self.x[t])

    def _fill_cost(self, t: int) -> float:
        return sum(n * bps for n, bps in zip(self._notionals(t), self.rule.sides_bps, strict=True)) / 1e4
