"""Bars of a timeframe: closed ones only, on a regular grid, with empty bars marked and never filled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.errors import DataError
from statarb.market import Timeframe
from statarb.quant.sample import Times, epoch_ms, utc_index

Values = npt.NDArray[Any]
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
    trade count are sums; `vwap` is quote volume over volume, `signed_volume` what takers bought less what they
    sold (NaN where the stored bars do not tell it).
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
        One row for each bar of the grid, from the first whole bar with a trade to the last closed one. `empty` marks
        bars without a trade: NaN prices (and VWAP) and zero volume. `provisional`: part of it is not covered by
        consecutive trades yet. When the base bars begin inside a bar, that bar is dropped: its beginning is unknown.

    Raises
    ------
    DataError
        No time zone, times out of order or doubled, missing columns, prices that are not finite and positive, or a
        timeframe of less than a second.
    """
    columns = bar_columns(base_bars, timeframe, closed_until_ms)
    return pd.DataFrame(columns.values, index=utc_index(columns.open_ms))


class BarColumns(NamedTuple):
    """Bars as arrays, for who needs no frame of them."""

    open_ms: Times
    values: dict[str, Values]


def bar_columns(
    base_bars: pd.DataFrame, timeframe: Timeframe, closed_until_ms: int, known_from_ms: int | None = None
) -> BarColumns:
    """The columns of `resample_bars`; from `known_from_ms` on, though nothing may have traded at first, where all that
    traded since is given."""
    columns, open_ms = _checked(base_bars)
    if timeframe.seconds < 1:
        raise DataError(f"Bars of {timeframe.seconds} seconds do not exist.", "Give a whole number of seconds.")
    bar_ms = timeframe.ms
    end_ms = closed_until_ms // bar_ms * bar_ms
    traded = (columns["trade_count"] > 0) | (columns["volume"] > 0)
    first_ms = known_from_ms if known_from_ms is not None else int(open_ms[traded.argmax()]) if traded.any() else end_ms
    start_ms = -(-first_ms // bar_ms) * bar_ms
    kept = traded & (open_ms >= start_ms) & (open_ms < end_ms)
    if np.any(open_ms % bar_ms):
        step = pd.Timedelta(milliseconds=bar_ms)
        groups = base_bars[kept].resample(step, closed="left", label="left", origin="epoch")
        bars = groups.agg(_AGGREGATE)
        bars["taker_buy_volume"] = groups["taker_buy_volume"].sum(min_count=1)  # unknown is not none
        bars = bars[bars["close"].notna()]
        columns, kept_ms = {name: bars[name].to_numpy() for name in _AGGREGATE}, epoch_ms(bars.index)
    else:
        columns, kept_ms = {name: values[kept] for name, values in columns.items()}, open_ms[kept]
    return _on_grid(columns, kept_ms, np.arange(start_ms, max(start_ms, end_ms), bar_ms, dtype=np.int64), bar_ms)


def _on_grid(traded: dict[str, Values], traded_ms: Times, grid_ms: Times, bar_ms: int) -> BarColumns:
    rows = (traded_ms - grid_ms[0]) // bar_ms if traded_ms.size else traded_ms
    columns: dict[str, Values] = {}
    for name, how in _AGGREGATE.items():
        blank = 0 if how == "sum" else False if name in _FLAGS else np.nan
        dtype = np.int64 if name == "trade_count" else bool if name in _FLAGS else np.float64
        columns[name] = np.full(grid_ms.size, blank, dtype=dtype)
        columns[name][rows] = traded[name]
    columns["empty"] = np.isnan(columns["close"])
    volume = columns["volume"]
    columns["vwap"] = np.divide(columns["quote_volume"], volume, out=np.full(grid_ms.size, np.nan), where=volume > 0)
    columns["signed_volume"] = 2 * columns["taker_buy_volume"] - volume
    return BarColumns(grid_ms, columns)


def _checked(base_bars: pd.DataFrame) -> tuple[dict[str, Values], Times]:
    """Columns and opening times of bars that are in order."""
    missing = [name for name in _AGGREGATE if name not in base_bars.columns]
    if missing:
        raise DataError(f"The bars lack the columns {', '.join(missing)}.", "Read them with Reader.bars.")
    index = base_bars.index
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        raise DataError("The bars' times are not UTC.", "Read them with Reader.bars.")
    open_ms = epoch_ms(index)
    if np.any(np.diff(open_ms) <= 0):
        raise DataError("The bars are not in order of time, or a time comes twice.", "Sort them and drop doubles.")
    columns = {name: base_bars[name].to_numpy() for name in _AGGREGATE}
    prices = np.array([columns[name] for name in PRICES], dtype=np.float64)
    if not (np.isfinite(prices).all() and (prices > 0).all()):
        raise DataError("Some bars have prices that are not positive numbers.", "Check the source of these bars.")
    return columns, open_ms
