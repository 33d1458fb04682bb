"""The synthetic market: trades as a pure function of (seed, rate, symbol, time)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

import numpy as np

from statarb.clock import Clock
from statarb.exchange.bars import BarTable, bars_of, stacked
from statarb.exchange.listings import listing_of, symbol_number
from statarb.exchange.paths import DAY_MS, EPOCH_MS, Paths, generator
from statarb.exchange.protocol import frames_of
from statarb.exchange.trades import BoolArray, IntArray, Step, Trades, joined

# Every block of time holds the same number of trades, so the id at its start is a product. Longer
# blocks look more natural; the longest that holds at most so many trades is used.
_BLOCK_CHOICES_S = (3600, 600, 60, 10, 1)
_MOST_TRADES_A_BLOCK = 50_000
_AGGREGATES_A_TRADE = 0.55
_BURST_SHARE = 0.35
_STEADY_SHARE = 0.4
_MISSED_SHARE = 0.03
_DEEPEST_SWEEP = 4
_SWEEP_STEP = 2e-6
_PAUSE_S = 0.01
# Klines are summed from their trades, so they reach back a week, or less far at high rates.
_KLINE_DAYS = 7
_KLINE_TRADES = 20_000_000


class SyntheticMarket:
    """Symbols with known relations, trading since 2020 at `rate` trades a second each; `usdm:BTCUSDT` is a perpetual.

    A restart with the same seed and rate goes on with the same ids and prices.
    """

    def __init__(self, symbols: Iterable[str], seed: int, rate: float, clock: Clock) -> None:
        names = tuple(symbols)
        self._names = {listing_of(name).rules.symbol: name for name in names}
        self.rules = {symbol: listing_of(name).rules for symbol, name in self._names.items()}
        self._seed, self._rate, self._clock = seed, rate, clock
        self._block_s = next(s for s in _BLOCK_CHOICES_S if rate * s <= _MOST_TRADES_A_BLOCK or s == 1)
        self._block_ms = self._block_s * 1000
        self._trades_a_block = max(1, round(rate * self._block_s))
        self._aggs_a_block = max(1, round(self._trades_a_block * _AGGREGATES_A_TRADE))
        self._paths = Paths(seed, cached_days=3 * len(names) + 6)
        self._block = lru_cache(maxsize=2 * len(names) + 16)(self._make_block)
        self._closed_bars = lru_cache(maxsize=700 * len(names))(self._make_bars)
        self._made_ms = clock.now_ms()
        self._last_index = {symbol: self._index_at(symbol, self._made_ms + 1) - 1 for symbol in self._names}

    def now_ms(self) -> int:
        return max(self._clock.now_ms(), self._made_ms)

    def pause_s(self) -> float:
        return _PAUSE_S

    def advance(self, wanted: Collection[str]) -> Step:
        now_ms = self.now_ms()
        made = {}
        for symbol, last in self._last_index.items():
            until = self._index_at(symbol, now_ms + 1)
            if until > last + 1:
                made[symbol] = self._by_index(symbol, last + 1, until)
                self._last_index[symbol] = until - 1
        self._made_ms = now_ms
        return Step(made, frames_of(made.values(), wanted, now_ms))

    def newest(self, symbol: str, limit: int) -> Trades:
        until = self._last_index[symbol] + 1
        return self._by_index(symbol, max(0, until - limit), until)

    def from_id(self, symbol: str, first_id: int, limit: int) -> Trades:
        until = self._last_index[symbol] + 1
        first = min(max(0, first_id - _first_id(self._names[symbol])), until)
        return self._by_index(symbol, first, min(first + limit, until))

    def agg_at(self, symbol: str, ts_ms: int) -> int:
        last = self._last_index[symbol]
        index = self._index_at(symbol, min(ts_ms, self._made_ms + 1))
        if index > last:
            return int(self._by_index(symbol, last, last + 1).agg_ids[0]) + 1
        return int(self._by_index(symbol, index, index + 1).agg_ids[0])

    def agg_span(self, symbol: str, first: int, last: int) -> Trades:
        made_until = self._last_index[symbol] + 1
        start, until = (self._index_of_agg(symbol, agg) for agg in (first, last + 1))
        return self._by_index(symbol, min(start, made_until), min(until, made_until))

    def listed_ms(self, symbol: str) -> int | None:
        day_ms = self._made_ms // DAY_MS * DAY_MS - _KLINE_DAYS * DAY_MS
        affordable_ms = self._made_ms - int(_KLINE_TRADES / self._rate) * 1000
        return max(EPOCH_MS, day_ms, affordable_ms // 60_000 * 60_000)

    def bars(self, symbol: str, base_ms: int, since_ms: int, until_ms: int) -> BarTable:
        first = max(0, (since_ms - EPOCH_MS) // self._block_ms)
        last = (min(until_ms - 1, self._made_ms) - EPOCH_MS) // self._block_ms
        tables = [self._block_bars(symbol, block, base_ms) for block in range(first, last + 1)]
        return stacked(tables).between(since_ms, until_ms)

    def close_before(self, symbol: str, ts_ms: int) -> int | None:
        index = min(self._index_at(symbol, min(ts_ms, self._made_ms + 1)) - 1, self._last_index[symbol])
        return int(self._by_index(symbol, index, index + 1).price[0]) if index >= 0 else None

    def _block_bars(self, symbol: str, block: int, base_ms: int) -> BarTable:
        """Bars of one block, from the made trades only; minutes of whole blocks are remembered."""
        end_index = (block + 1) * self._trades_a_block
        if self._last_index[symbol] < end_index - 1:
            made = max(0, self._last_index[symbol] + 1 - block * self._trades_a_block)
            return bars_of(self._block(symbol, block)[:made], base_ms)
        if base_ms < 60_000:
            return bars_of(self._block(symbol, block), base_ms)
        return self._closed_bars(symbol, block)

    def _make_bars(self, symbol: str, block: int) -> BarTable:
        return bars_of(self._block(symbol, block), min(60_000, self._block_ms))

    def _index_at(self, symbol: str, ts_ms: int) -> int:
        """How many trades of the symbol happened before a time."""
        block, offset = divmod(ts_ms - EPOCH_MS, self._block_ms)
        if block < 0:
            return 0
        within = np.searchsorted(self._block(symbol, block).ts_ms, EPOCH_MS + block * self._block_ms + offset)
        return block * self._trades_a_block + int(within)

    def _index_of_agg(self, symbol: str, agg_id: int) -> int:
        """Index of the first trade of an aggregate."""
        block, _ = divmod(max(0, agg_id - _first_agg(self._names[symbol])), self._aggs_a_block)
        within = np.searchsorted(self._block(symbol, block).agg_ids, agg_id)
        return block * self._trades_a_block + int(within)

    def _by_index(self, symbol: str, start: int, until: int) -> Trades:
        return joined(list(self._parts(symbol, start, until)))

    def _parts(self, symbol: str, start: int, until: int) -> Iterator[Trades]:
        size = self._trades_a_block
        for block in range(start // size, max(until - 1, start) // size + 1):
            base = block * size
            yield self._block(symbol, block)[max(0, start - base) : max(0, min(size, until - base))]

    def _make_block(self, symbol: str, block: int) -> Trades:
        """All trades of one symbol in one block of time."""
        name = self._names[symbol]
        random = generator(self._seed, name, 3 + self._block_s, block)
        trades, aggs = self._trades_a_block, self._aggs_a_block
        block_start_ms = EPOCH_MS + block * self._block_ms
        offsets, depth = _fill_times(random, aggs, self._block_ms)
        fill_of_trade = _fill_of_each_trade(random, trades, aggs)
        ts_ms = block_start_ms + offsets
        price, sells = self._fill_prices(random, name, ts_ms, depth)
        price = price[fill_of_trade]
        ids = _first_id(name) + block * trades + np.arange(trades)
        return Trades(
            self.rules[symbol],
            ids,
            ids,
            ts_ms[fill_of_trade],
            price,
            self._quantities(random, name, price),
            sells[fill_of_trade],
            _first_agg(name) + block * aggs + fill_of_trade,
        )

    def _fill_prices(
        self, random: np.random.Generator, name: str, ts_ms: IntArray, depth: IntArray
    ) -> tuple[IntArray, BoolArray]:
        """Ticks of the bid or ask that each fill takes, and whether its taker sold.

        Takers follow the second's move somewhat; a burst is one side eating through the levels.
        """
        listing = listing_of(name)
        day, within_ms = divmod(int(ts_ms[0]) - EPOCH_MS, DAY_MS)
        seconds, ms = np.divmod(within_ms + ts_ms - ts_ms[0], 1000)
        path = self._paths.log_price(name, day)
        left, move = path[seconds], path[seconds + 1] - path[seconds]
        mid_ticks = np.exp(left + move * (ms / 1000)) / listing.tick
        sells = random.random(len(ts_ms)) < 0.5 - 0.2 * np.sign(move)
        sells = sells[np.arange(len(ts_ms)) - depth]
        bid = np.floor(mid_ticks).astype(np.int64)
        sweep = round(listing.level * _SWEEP_STEP / listing.tick) * np.minimum(depth, _DEEPEST_SWEEP)
        return np.maximum(1, np.where(sells, bid - sweep, bid + 1 + sweep)), sells

    def _quantities(self, random: np.random.Generator, name: str, price: IntArray) -> IntArray:
        listing = listing_of(name)
        notional = listing.notional * np.exp(1.2 * random.standard_normal(len(price)))
        lots = np.rint(notional / (price * listing.tick) / listing.lot)
        return np.maximum(1, lots).astype(np.int64)


def _first_id(name: str) -> int:
    return 1 + symbol_number(name) % 1_000_000_000


def _first_agg(name: str) -> int:
    return 1 + symbol_number(name) % 500_000_000


def _fill_times(random: np.random.Generator, fills: int, block_ms: int) -> tuple[IntArray, IntArray]:
    """Offsets of fills in a block, never decreasing, and how deep each is in a burst of the same millisecond.

    Activity changes slowly (tenths of the block) and quickly (its 360ths), both log-normal: quiet spells and busy ones.
    Beneath it runs a steady trickle, a fill in nearly every second where the rate allows, as liquid coins have it.
    """
    slow = np.repeat(random.standard_normal(10), 36)
    activity = np.exp(0.35 * slow + 0.5 * random.standard_normal(360))
    passed = np.concatenate(([0.0], np.cumsum(activity)))
    steady = min(int(_STEADY_SHARE * fills), block_ms // 1000)
    trickle = (np.arange(steady) + random.random(steady)) * (block_ms / max(1, steady))
    trickle = trickle[random.random(steady) >= _MISSED_SHARE]
    steady = trickle.size
    moved = np.interp(random.random(fills - steady) * passed[-1], passed, np.linspace(0, block_ms, 361))
    times = np.concatenate([trickle, moved])
    order = np.argsort(times, kind="stable")
    leads = (random.random(fills) >= _BURST_SHARE) | (order < steady)
    leads[0] = True
    place = np.arange(fills)
    leader = np.maximum.accumulate(np.where(leads, place, 0))
    offsets = np.minimum(times[order].astype(np.int64), block_ms - 1)
    return offsets[leader], place - leader


def _fill_of_each_trade(random: np.random.Generator, trades: int, fills: int) -> IntArray:
    """Deals trades to fills, at least one each and many to a few: the number of the fill of each trade."""
    starts = np.zeros(trades, np.int64)
    starts[1 + random.choice(trades - 1, fills - 1, replace=False, shuffle=False)] = 1
    filled: IntArray = np.cumsum(starts)
    return filled
