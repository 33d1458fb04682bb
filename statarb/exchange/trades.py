"""Trades as columns, and what every market can be asked about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from statarb.exchange.bars import BarTable
from statarb.market import from_e8

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """Tick and lot step of a symbol, as exact decimals times 10^8.

    Spot pads decimals to eight places; futures (`is_perp`) write those that the step has.
    """

    symbol: str
    tick_e8: int
    lot_e8: int
    is_perp: bool = False

    @property
    def instrument(self) -> str:
        """`BTCUSDT`, or `usdm:BTCUSDT` for a perpetual."""
        return f"usdm:{self.symbol}" if self.is_perp else self.symbol

    def price_text(self, ticks: int) -> str:
        return from_e8(ticks * self.tick_e8)[: self.price_cut]

    def quantity_text(self, lots: int) -> str:
        return from_e8(lots * self.lot_e8)[: self.quantity_cut]

    @cached_property
    def price_cut(self) -> int | None:
        """Where eight padded decimals of a price are cut off."""
        return _cut(self.tick_e8) if self.is_perp else None

    @cached_property
    def quantity_cut(self) -> int | None:
        """Where eight padded decimals of a quantity are cut off."""
        return _cut(self.lot_e8) if self.is_perp else None


def _cut(step_e8: int) -> int | None:
    """`0.001` needs three decimals, so five of eight are cut off; a whole number loses its point too."""
    zeros = len(str(step_e8)) - len(str(step_e8).rstrip("0"))
    return -9 if zeros >= 8 else -zeros or None


@dataclass(frozen=True, eq=False)
class Trades:
    """Consecutive trades of one symbol.

    `price` and `qty` count whole ticks and lots of `rules`, so that sums stay exact integers;
    trades of one aggregate (one fill of a taker order) share `agg_ids`, price, side and time.
    A row is one trade, `ids` and `last_ids` being the same, but where only its aggregate was recorded.
    """

    rules: Rules
    ids: IntArray
    last_ids: IntArray
    ts_ms: IntArray
    price: IntArray
    qty: IntArray
    is_buyer_maker: BoolArray
    agg_ids: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice | npt.NDArray[np.intp]) -> Trades:
        return Trades(
            self.rules,
            self.ids[part],
            self.last_ids[part],
            self.ts_ms[part],
            self.price[part],
            self.qty[part],
            self.is_buyer_maker[part],
            self.agg_ids[part],
        )

    def prices(self) -> list[str]:
        """Prices in Binance's spelling: `'61837.63000000'`."""
        tick, cut = self.rules.tick_e8, self.rules.price_cut
        return [from_e8(value * tick)[:cut] for value in self.price.tolist()]

    def quantities(self) -> list[str]:
        """Quantities in Binance's spelling."""
        lot, cut = self.rules.lot_e8, self.rules.quantity_cut
        return [from_e8(value * lot)[:cut] for value in self.qty.tolist()]

    def sides(self) -> list[str]:
        """`is_buyer_maker` as JSON and the ledger write it."""
        return ["true" if maker else "false" for maker in self.is_buyer_maker.tolist()]


class Aggregates(NamedTuple):
    """Trades merged into aggregates: the fill's price, side and time with the sum of its quantities."""

    ids: list[int]
    prices: list[str]
    quantities: list[str]
    first_ids: list[int]
    last_ids: list[int]
    ts_ms: list[int]
    sides: list[str]


def joined(parts: Sequence[Trades]) -> Trades:
    """Several runs of trades, in order, as one."""
    if len(parts) == 1:
        return parts[0]
    return Trades(
        parts[0].rules,
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.last_ids for part in parts]),
        np.concatenate([part.ts_ms for part in parts]),
        np.concatenate([part.price for part in parts]),
        np.concatenate([part.qty for part in parts]),
        np.concatenate([part.is_buyer_maker for part in parts]),
        np.concatenate([part.agg_ids for part in parts]),
    )


def aggregated(trades: Trades) -> Aggregates:
    """The aggregates of these trades; the first and last are whole only if all their trades are given."""
    if not len(trades):
        return Aggregates([], [], [], [], [], [], [])
    first = np.flatnonzero(np.diff(trades.agg_ids, prepend=trades.agg_ids[0] - 1))
    last = np.append(first[1:], len(trades)) - 1
    heads = trades[first]
    return Aggregates(
        heads.agg_ids.tolist(),
        heads.prices(),
        [trades.rules.quantity_text(qty) for qty in np.add.reduceat(trades.qty, first).tolist()],
        heads.ids.tolist(),
        trades.last_ids[last].tolist(),
        heads.ts_ms.tolist(),
        heads.sides(),
    )


class Step(NamedTuple):
    """What a market made since the step before: its new trades, and the frames of the streams asked for, in order."""

    trades: Mapping[str, Trades]
    frames: Sequence[tuple[str, bytes]]


class Market(Protocol):
    """One story of trades. Only `advance` makes new ones; every question answers with what was made so far."""

    @property
    def rules(self) -> Mapping[str, Rules]:
        """The symbols listed."""
        ...

    def now_ms(self) -> int:
        """The market's own clock."""
        ...

    def pause_s(self) -> float:
        """How long to wait before the next step; 0 means as fast as the clients take the frames."""
        ...

    def advance(self, wanted: Collection[str]) -> Step:
        """Make what is due now; `wanted` names the streams somebody listens to."""
        ...

    def newest(self, symbol: str, limit: int) -> Trades:
        """The last `limit` trades, oldest first."""
        ...

    def from_id(self, symbol: str, first_id: int, limit: int) -> Trades:
        """Up to `limit` trades with that id or a higher one, oldest first."""
        ...

    def agg_at(self, symbol: str, ts_ms: int) -> int:
        """Id of the first aggregate at or after a time; one more than the last if there is none yet."""
        ...

    def agg_span(self, symbol: str, first: int, last: int) -> Trades:
        """All trades of the aggregates `first` to `last`, both included."""
        ...

    def listed_ms(self, symbol: str) -> int | None:
        """Where klines begin; None before the first trade."""
        ...

    def bars(self, symbol: str, base_ms: int, since_ms: int, until_ms: int) -> BarTable:
        """Bars that traded in [since, until), not longer than `base_ms` each and aligned with it."""
        ...

    def close_before(self, symbol: str, ts_ms: int) -> int | None:
        """Price, in ticks, of the last trade before a time."""
        ...
