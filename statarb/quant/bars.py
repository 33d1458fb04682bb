"""Bars of a timeframe: closed ones only, on a regular grid, with empty bars marked and never filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.market import Timeframe
from statarb.quant.sample import epoch_ms

PRICES = ["open", "high", "low", "close"]

_FLAGS = ("provisional", "seeded")
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
    trade count are sums; `vwap` is quote volume over volume, `signed_volume` what takers bought less what they sold.
    A bar covers [open time, open time + timeframe): a trade at exactly 12:01:00.000 belongs
    to the bar that opens at 12:01, as in the exchange's own klines. It is known at its *close* time.

    Parameters
    ----------
    base_bars : DataFrame
        Stored bars as `Reader.bars` returns them: index `ts` (open time, UTC), columns open high low close volume
        quote_volume taker_buy_volume trade_count provisional seeded. Seconds without a trade may be missing.
    timeframe : Timeframe
        Any multiple of the stored bars' length, not only those on offer: `Timeframe("7s", 7)`.
    closed_until_ms : int
        Every bar that ends at or before it is closed; bars that end later are left out.

    Returns
    -------
    DataFrame
        One row for each bar of the grid from the first whole bar to the last closed one. `empty` marks bars
        without a trade: NaN prices (and VWAP) and zero volume. `provisional`: part of it is not covered by consecutive
        trades yet. When the base bars begin inside a bar, that bar is dropped, for its beginning is unknown.

    Raises
    ------
    DataError
        No time zone, times out of order or doubled, missing columns, prices that are not finite and positive, or a
        timeframe of less than a second.
    """
    _check(base_bars)
    if timeframe.seconds < 1:
        raise DataError(f"Bars of {timeframe.seconds} seconds do not exist.", "Give a whole number of seconds.")
    end_ms = closed_until_ms // timeframe.ms * timeframe.ms
    start_ms = -(-int(epoch_ms(base_bars.index[:1])[0]) // timeframe.ms) * timeframe.ms if len(base_bars) else end_ms
    open_ms = epoch_ms(base_bars.index)
    traded = (base_bars["trade_count"] > 0).to_numpy() | (base_bars["volume"] > 0).to_numpy()
    bars = base_bars[traded & (open_ms >= start_ms) & (open_ms < end_ms)]
    if np.any(open_ms % timeframe.ms):
        step = pd.Timedelta(milliseconds=timeframe.ms)
        bars = bars.resample(step, closed="left", label="left", origin="epoch").agg(_AGGREGATE)
        bars = bars[bars["close"].notna()]
    return _on_grid(bars, start_ms, end_ms, timeframe.ms)


def _on_grid(bars: pd.DataFrame, start_ms: int, end_ms: int, bar_ms: int) -> pd.DataFrame:
    grid_ms = np.arange(start_ms, max(start_ms, end_ms), bar_ms, dtype=np.int64)
    rows = (epoch_ms(bars.index) - start_ms) // bar_ms
    columns: dict[str, np.ndarray[Any, Any]] = {}
    for name, how in _AGGREGATE.items():
        blank = 0 if how == "sum" else False if name in _FLAGS else np.nan
        dtype = np.int64 if name == "trade_count" else bool if name in _FLAGS else np.float64
        columns[name] = np.full(grid_ms.size, blank, dtype=dtype)
        columns[name][rows] = bars[name].to_numpy()
    columns["empty"] = np.isnan(columns["close"])
    volume = columns["volume"]
    columns["vwap"] = np.divide(columns["quote_volume"], volume, out=np.full(grid_ms.size, np.nan), where=volume > 0)
    columns["signed_volume"] = 2 * columns["taker_buy_volume"] - volume
    index = pd.DatetimeIndex(grid_ms.astype("datetime64[ms]"), tz="UTC", name="ts")
    return pd.DataFrame(columns, index=index)


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
