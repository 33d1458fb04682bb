"""Statistics of one instrument by bar: return, volatility, VWAP, volume, count, signed flow, effective spread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.market import Timeframe
from statarb.quant.legs import MAX_RETURN_BARS
from statarb.quant.rolling import rolling_moments
from statarb.quant.sample import Floats, NotEnough, checked_window, epoch_ms

YEAR_S = 365 * 24 * 3600
"""Crypto trades every second of the year."""

LEAST_RETURNS = 3
"""Fewer make no deviation."""

COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume", "vwap", "signed_volume", "trade_count", "empty")


def price_statistics(bars: pd.DataFrame, timeframe: Timeframe, window: int = 60) -> pd.DataFrame:
    """What one instrument did, bar by bar; each row uses that bar and the bars before it.

    Parameters
    ----------
    bars : DataFrame
        Closed bars from `resample_bars`.
    timeframe : Timeframe
        Of these bars.
    window : int
        Returns in the volatility and the effective spread.

    Returns
    -------
    DataFrame
        On the index of `bars`:
        `log_return` since the last bar with a trade (NaN at the first, over long gaps and in empty bars);
        `volatility`, the deviation of the last `window` such returns, each over the root of the bars it took, for a
        year of 365 days of 24 hours, as a share (0.5 is 50 %; NaN until there are `window`);
        `vwap`, quote volume over volume (NaN in empty bars); `volume`, `quote_volume`, `trade_count`;
        `signed_volume`, bought less sold by takers, and `flow`, that as a share of the volume (NaN in empty bars);
        `effective_spread_bps`, 2 sqrt(-cov(r(t), r(t-1))) of the last `window` returns (NaN until full, and where
        neighbouring returns do not turn back).

    Raises
    ------
    DataError
        Columns of `resample_bars` missing, times out of order, or a window below 3.

    References
    ----------
    Roll (1984), Journal of Finance 39, for the effective spread.
    """
    window = checked_window(window)
    missing = [name for name in COLUMNS if name not in bars.columns]
    if missing:
        raise DataError(f"The bars lack the columns {', '.join(missing)}.", "Make them with resample_bars.")
    if not (bars.index.is_monotonic_increasing and bars.index.is_unique):
        raise DataError("The bars are not in order of time, or a time comes twice.", "Sort them and drop doubles.")
    returns, elapsed = _returns(bars, timeframe)
    # A return over k bars of the clock has k times the variance of one: of a leg that trades rarely all are longer.
    deviation, _ = _rolling(returns / np.sqrt(elapsed), window)
    _, roll = _rolling(returns, window)
    volume, signed = bars["volume"].to_numpy(float), bars["signed_volume"].to_numpy(float)
    flow = np.divide(signed, volume, out=np.full(len(bars), np.nan), where=volume > 0)
    columns = {
        "log_return": returns,
        "volatility": deviation * math.sqrt(YEAR_S / timeframe.seconds),
        "vwap": bars["vwap"].to_numpy(),
        "volume": volume,
        "quote_volume": bars["quote_volume"].to_numpy(),
        "trade_count": bars["trade_count"].to_numpy(),
        "signed_volume": signed,
        "flow": flow,
        "effective_spread_bps": roll * 1e4,
    }
    return pd.DataFrame(columns, index=bars.index)


@dataclass(frozen=True)
class PriceSummary:
    """One leg over a stretch of closed bars, and in its newest bar; NaN where there is no number.

    Returns are logs; `change` is a plain share. `volatility` (for a year), `effective_spread_bps`, `vwap`, `flow` and
    the volumes are of the whole stretch, the `newest_` ones of its last bar.
    """

    newest_return: float
    change: float
    volatility: float
    newest_vwap: float
    vwap: float
    newest_quote_volume: float
    quote_volume: float
    newest_trades: int
    trades: int
    newest_flow: float
    flow: float
    effective_spread_bps: float


def price_summary(bars: pd.DataFrame, timeframe: Timeframe, before: float = math.nan) -> PriceSummary | NotEnough:
    """`price_statistics` of a whole stretch of closed bars; NotEnough with fewer than three returns.

    `change` is since `before`, the last close before the stretch; where there is none, since its first close.
    """
    closes = bars["close"].dropna().to_numpy(float)
    returns = int(np.isfinite(_returns(bars, timeframe)[0]).sum())
    if returns < LEAST_RETURNS:
        return NotEnough("returns", returns, LEAST_RETURNS)
    found = price_statistics(bars, timeframe, returns)
    newest, last = found.iloc[-1], found[["volatility", "effective_spread_bps"]].ffill().iloc[-1]
    volume, quote_volume = float(bars["volume"].sum()), float(bars["quote_volume"].sum())
    return PriceSummary(
        newest_return=float(newest["log_return"]),
        change=float(closes[-1] / (closes[0] if math.isnan(before) else before) - 1),
        volatility=float(last["volatility"]),
        newest_vwap=float(newest["vwap"]),
        vwap=quote_volume / volume if volume else math.nan,
        newest_quote_volume=float(newest["quote_volume"]),
        quote_volume=quote_volume,
        newest_trades=int(newest["trade_count"]),
        trades=int(bars["trade_count"].sum()),
        newest_flow=float(newest["flow"]),
        flow=float(bars["signed_volume"].to_numpy().sum()) / volume if volume else math.nan,
        effective_spread_bps=float(last["effective_spread_bps"]),
    )


def _returns(bars: pd.DataFrame, timeframe: Timeframe) -> tuple[Floats, Floats]:
    """Log returns since the last bar with a trade, and how many bars of the clock each took."""
    traded = np.flatnonzero(~bars["empty"].to_numpy())
    opened, logs = epoch_ms(bars.index)[traded], np.log(bars["close"].to_numpy(float)[traded])
    steps, took = np.diff(logs, prepend=np.nan), np.diff(opened, prepend=0) / timeframe.ms
    steps[took > MAX_RETURN_BARS] = np.nan
    returns, elapsed = np.full(len(bars), np.nan), np.ones(len(bars))
    returns[traded], elapsed[traded] = steps, took
    return returns, elapsed


def _rolling(returns: Floats, window: int) -> tuple[Floats, Floats]:
    """Deviation and Roll's spread of the last `window` returns there are, at each bar that has a return."""
    deviation, spread = np.full(returns.size, np.nan), np.full(returns.size, np.nan)
    at = np.flatnonzero(np.isfinite(returns))
    known = returns[at]
    if known.size >= window:
        deviation[at] = np.sqrt(rolling_moments(known, known, window).syy / (window - 1))
        pairs = rolling_moments(known[1:], known[:-1], window - 1)
        with np.errstate(invalid="ignore"):
            spread[at[1:]] = 2 * np.sqrt(np.where(pairs.sxy < 0, -pairs.sxy / (window - 1), np.nan))
    return deviation, spread
