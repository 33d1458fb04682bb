"""Bars of a timeframe: closed ones only, on a regular grid, with empty bars marked and never filled."""

from __future__ import annotations

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.market import Timeframe
from statarb.quant.sample import epoch_ms

PRICES = ["open", "high", "low", "close"]

_AGGREGATE = {
    "open": "first",
    "high": "max",
    "low": "min",
    "close": "last",
    "volume": "sum",
    "quote_volume": "sum",
    "taker_buy_volume": "sum",
    "trade_count": "sum",
    "provisional": "max",
    "seeded": "max",
}


def resample_bars(base_bars: pd.DataFrame, timeframe: Timeframe, closed_until_ms: int) -> pd.DataFrame:
    """Closed bars of `timeframe` from shorter stored bars.

    Open is the first, high the largest, low the smallest and close the last price of the bar; volumes and the
    trade count are sums. A bar covers [open time, open time + timeframe): a trade at exactly 12:01:00.000 belongs
    to the bar that opens at 12:01, as in the exchange's own klines. It is known at its *close* time.

    Parameters
    ----------
    base_bars : DataFrame
        Stored bars as `Reader.bars` returns them: index `ts` (open time, UTC), columns open high low close volume
        quote_volume taker_buy_volume trade_count provisional seeded. Seconds without a trade may be missing.
    timeframe : Timeframe
        A multiple of the stored bars' length.
    closed_until_ms : int
        Every bar that ends at or before it is closed; bars that end later are left out.

    Returns
    -------
    DataFrame
        One row for each bar of the grid from the first whole bar to the last closed one. `empty` marks bars
        without a trade: NaN prices and zero volume. `provisional`: part of it is not covered by consecutive
        trades yet. When the base bars begin inside a bar, that bar is dropped, for its beginning is unknown.

    Raises
    ------
    DataError
        No time zone, times out of order or doubled, missing columns, or prices that are not finite and positive.
    """
    _check(base_bars)
    end_ms = closed_until_ms // timeframe.ms * timeframe.ms
    traded = base_bars[((base_bars["trade_count"] > 0) | (base_bars["volume"] > 0)).to_numpy()]
    open_ms = epoch_ms(traded.index)
    start_ms = -(-int(epoch_ms(base_bars.index[:1])[0]) // timeframe.ms) * timeframe.ms if len(base_bars) else end_ms
    traded = traded[(open_ms >= start_ms) & (open_ms < end_ms)]
    resampled = traded.resample(pd.Timedelta(milliseconds=timeframe.ms), closed="left", label="left", origin="epoch")
    grid = pd.date_range(
        pd.Timestamp(start_ms, unit="ms", tz="UTC"),
        pd.Timestamp(max(start_ms, end_ms), unit="ms", tz="UTC"),
        freq=pd.Timedelta(milliseconds=timeframe.ms),
        inclusive="left",
        name="ts",
        unit="ms",
    )
    return _marked(resampled.agg(_AGGREGATE).reindex(grid))


def _marked(bars: pd.DataFrame) -> pd.DataFrame:
    empty = bars["close"].isna()
    sums = [name for name, how in _AGGREGATE.items() if how == "sum"]
    bars[sums] = bars[sums].fillna(0.0)
    for flag in ("provisional", "seeded"):
        bars[flag] = bars[flag].eq(True)
    return bars.astype({"trade_count": np.int64}).assign(empty=empty)


def _check(base_bars: pd.DataFrame) -> None:
    missing = [name for name in _AGGREGATE if name not in base_bars.columns]
    if missing:
        raise DataError(f"The bars lack the columns {', '.join(missing)}.", "Read them with Reader.bars.")
    index = base_bars.index
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        raise DataError("The bars' times are not UTC.", "Read them with Reader.bars.")
    if not (index.is_monotonic_increasing and index.is_unique):
        raise DataError("The bars are not in order of time, or a time comes twice.", "Sort them and drop doubles.")
    prices = base_bars[PRICES].to_numpy(dtype=np.float64)
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise DataError("Some bars have prices that are not positive numbers.", "Check the source of these bars.")
