"""The feature table: one row a minute with what was known of a pair at that minute's close."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.market import Timeframe
from statarb.params import PairParams
from statarb.quant.bars import resample_bars
from statarb.quant.legs import REACH, Legs
from statarb.quant.price_statistics import price_statistics
from statarb.quant.sample import Floats, NotEnough, epoch_ms
from statarb.quant.study import PairStudy, study_pair
from statarb.quant.verdict import TESTS_A_WINDOW, verdict

MINUTE = Timeframe("1m", 60)
FEATURES = (
    "y_close", "x_close", "spread", "z", "beta", "correlation", "y_volatility", "x_volatility",
    "y_volume", "x_volume", "verdict", "coverage",
)  # fmt: skip

Times = npt.NDArray[np.int64]


def feature_table(
    y_bars: pd.DataFrame,
    x_bars: pd.DataFrame,
    params: PairParams,
    closed_until_ms: int,
    since_ms: int = 0,
    late_s: tuple[int, int] = (0, 0),
) -> pd.DataFrame:
    """What was known of a pair at the close of each minute: features for a model, without look-ahead.

    Parameters
    ----------
    y_bars, x_bars : DataFrame
        Stored bars as `Reader.bars` returns them, of the base of `params.timeframe`. Give `params.lookback_bars` bars
        before the first minute that is wanted, so that windows are full there.
    params : PairParams
        Scale, windows and timeframe of the analysis.
    closed_until_ms : int
        Every bar that ends at or before it is closed in both legs.
    since_ms : int
        Minutes that open before it are left out.
    late_s : (int, int)
        Of bars that are longer than their base, which files may hold and which lie where they open: seconds from there
        to the base bar in which they close, for y and for x. Before that nothing is known of them.

    Returns
    -------
    DataFrame
        Index `ts`: opening time of the minute, UTC; the row is known at the minute's close. Columns:
        `y_close`, `x_close`, price of the minute's last trade (NaN where a leg did not trade);
        `spread`, `z`, `beta`, `correlation` of the newest bar of `params.timeframe` closed by then, `z` and `spread`
        judged by the moments frozen before that bar, `beta` being that judge's (NaN where that bar has none);
        `y_volatility`, `x_volatility`, of the last `params.corr_window` minute returns, for a year, as a share;
        `y_volume`, `x_volume`, quote volume of the minute;
        `verdict`, the word that stood then: of the tests that had been made by then;
        `coverage`, the share of the last `params.window` bars of the clock in which both legs traded and whose trades
        are all stored, or vouched for by an exchange kline. It rises to 1 while the window fills.

    Raises
    ------
    DataError
        As `study_pair`.

    Notes
    -----
    Values are as the record stands today: a trade stored late has revised its bar, and a closed gap its coverage.
    """
    closing = [_moved(bars, late) for bars, late in zip((y_bars, x_bars), late_s, strict=True)]
    is_split = max(late_s) >= params.bar_s  # bars of the timeframe are then pieces of a longer one
    studied_y, studied_x = closing if is_split else (y_bars, x_bars)
    study = study_pair(studied_y, studied_x, params, closed_until_ms)
    y, x = (resample_bars(bars, MINUTE, closed_until_ms) for bars in closing)
    minutes = y.index.intersection(x.index)
    minutes = minutes[epoch_ms(minutes) >= since_ms]
    closes_ms = epoch_ms(minutes) + MINUTE.ms
    legs = {"y": y.reindex(minutes), "x": x.reindex(minutes)}
    volatility = {
        name: price_statistics(bars, MINUTE, params.corr_window)["volatility"].reindex(minutes)
        for name, bars in (("y", y), ("x", x))
    }
    rows = _newest_bars(study.legs, closes_ms)
    columns = {
        **{f"{name}_close": bars["close"] for name, bars in legs.items()},
        "spread": _taken(study.spread, rows),
        "z": _taken(study.z, rows),
        "beta": _taken(study.moments_seen["beta"], rows),
        "correlation": _taken(study.correlation, rows),
        **{f"{name}_volatility": values for name, values in volatility.items()},
        **{f"{name}_volume": bars["quote_volume"] for name, bars in legs.items()},
        "verdict": _verdicts(study, closes_ms),
        "coverage": _coverage(study, closes_ms),
    }
    return pd.DataFrame({name: np.asarray(columns[name]) for name in FEATURES}, index=minutes)


def _moved(bars: pd.DataFrame, seconds: int) -> pd.DataFrame:
    return bars.set_axis(bars.index + pd.Timedelta(seconds=seconds)) if seconds else bars


def _newest_bars(legs: Legs, closes_ms: Times) -> Times:
    """For each moment the row of the bar that closed last, -1 where both legs traded in none that is recent enough.

    A bar longer than a minute stands until the next one is due; none stands for one in which a leg did not trade.
    """
    bar_closes_ms = legs.open_ms + legs.bar_ms
    rows = np.searchsorted(bar_closes_ms, closes_ms, side="right") - 1
    if not len(bar_closes_ms):
        return rows
    age_ms = closes_ms - bar_closes_ms[np.maximum(rows, 0)]
    return np.where((rows >= 0) & (age_ms < max(legs.bar_ms, MINUTE.ms)), rows, -1)


def _taken(series: pd.Series | NotEnough, rows: Times) -> Floats:
    if isinstance(series, NotEnough):
        return np.full(rows.size, np.nan)
    return np.append(series.to_numpy(np.float64), np.nan)[rows]  # row -1 is the NaN at the end


def _verdicts(study: PairStudy, closes_ms: Times) -> list[str]:
    """The word at each moment. It can only change at a scheduled test, or when the test window fills or runs empty."""
    legs, params = study.legs, study.params
    as_of_ms = closes_ms // legs.bar_ms * legs.bar_ms
    window = params.test_window
    ends = np.searchsorted(legs.open_ms, as_of_ms - legs.bar_ms, side="right")
    starts = np.searchsorted(legs.open_ms, as_of_ms - REACH * window * legs.bar_ms, side="left")
    is_full = ends - starts >= window
    step_ms = max(1, window // TESTS_A_WINDOW) * legs.bar_ms
    words: list[str] = []
    known: tuple[bool, int] | None = None
    for moment_ms, full in zip(as_of_ms.tolist(), is_full.tolist(), strict=True):
        period = (full, moment_ms // step_ms if full else 0)
        if period != known:
            word = verdict(legs, params.price_scale, window, moment_ms).word if full else "not enough data"
            known = period
        words.append(word)
    return words


def _coverage(study: PairStudy, closes_ms: Times) -> Floats:
    """Whole bars in the last window of the clock, over its length."""
    legs, window_ms = study.legs, study.params.window * study.legs.bar_ms
    whole_ms = legs.open_ms[~study.prices["provisional"].to_numpy(bool)]
    as_of_ms = closes_ms // legs.bar_ms * legs.bar_ms
    counts = np.searchsorted(whole_ms, as_of_ms, side="left") - np.searchsorted(
        whole_ms, as_of_ms - window_ms, side="left"
    )
    return counts / study.params.window
