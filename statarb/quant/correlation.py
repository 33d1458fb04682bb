"""Rolling correlation: of returns, and as a labelled extra of levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from statarb.quant.rolling import rolling_moments
from statarb.quant.sample import Floats, checked_pair, checked_window


def rolling_correlation(y_returns: Any, x_returns: Any, window: int) -> pd.Series:
    """Pearson correlation of the last `window` returns, at every return.

    r = sum (y - mean y)(x - mean x) / sqrt(sum (y - mean y)^2 sum (x - mean x)^2).

    Parameters
    ----------
    y_returns, x_returns : Series or array, shape (n,)
        Returns over the same bars, as `log_returns` gives them: a bar without a return in either leg is left out.
        Levels would do for arithmetic but not for meaning: unrelated random walks show |r| > 0.5 in 39 % of windows of
        120.
    window : int
        Returns in the window.

    Returns
    -------
    Series
        In [-1, 1]; NaN until `window` returns are there, where there is none, and where a leg did not move in the
        window.

    Raises
    ------
    DataError
        NaN in one leg, infinity, legs of different length or time, or a window below 3.

    Notes
    -----
    Prices that do not trade at the same moment lower it (Epps, 1979): read it from bars of 15 s or more.
    """
    given, some = (y_returns, x_returns), None
    if all(isinstance(leg, pd.Series) for leg in given) and y_returns.index.equals(x_returns.index):
        some = ~(y_returns.isna() & x_returns.isna())
        given = y_returns[some], x_returns[some]
    first, second = checked_pair(*given)
    values = correlation_path(first.to_numpy(), second.to_numpy(), checked_window(window))
    found = pd.Series(values, index=first.index, name="correlation")
    return found if some is None else found.reindex(y_returns.index)


def correlation_path(y: Floats, x: Floats, window: int) -> Floats:
    """The same of arrays that are checked."""
    m = rolling_moments(y, x, window)
    moves = (m.sxx > 1e-13 * window * m.x_mean**2) & (m.syy > 1e-13 * window * m.y_mean**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.clip(m.sxy / (np.sqrt(m.sxx) * np.sqrt(m.syy)), -1.0, 1.0)
    return np.where(moves, r, np.nan)


def level_correlation(y: Any, x: Any, window: int) -> pd.Series:
    """Pearson correlation of the last `window` *levels*: an extra, to be shown with its label and never alone.

    Parameters
    ----------
    y, x : Series or array, shape (n,)
        Log prices, or prices, of bars in which both legs traded.
    window : int
        Bars in the window.

    Returns
    -------
    Series
        In [-1, 1], NaN as `rolling_correlation`.

    Raises
    ------
    DataError
        As `rolling_correlation`.

    Notes
    -----
    It says that both drifted, not that they move together: on unrelated random walks mean |r| is 0.42 over 120 bars,
    and |r| > 0.5 in 39 % of windows.

    References
    ----------
    Yule (1926), JRSS 89, on nonsense correlations.
    """
    first, second = checked_pair(y, x)
    values = correlation_path(first.to_numpy(), second.to_numpy(), checked_window(window))
    return pd.Series(values, index=first.index, name="level_correlation")
