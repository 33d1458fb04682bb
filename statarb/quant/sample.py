"""A checked sample: finite numbers on one increasing clock, or a typed statement of what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.errors import DataError

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
"""Epoch milliseconds."""

SAME_ASSET_R2 = 1 - 1e-6
"""Above it two legs are one asset: what remains is rounding, and every test of it is degenerate."""

_ROUNDING = 1e-13
"""Relative spread below which a series is constant: some hundred units in the last place of a double."""


@dataclass(frozen=True)
class NotEnough:
    """In place of a number: `have` of the `need` things (`what`) are there."""

    what: str
    have: int
    need: int

    @property
    def text(self) -> str:
        """`not enough data: 43 of 60 bars`."""
        return f"not enough data: {self.have} of {self.need} {self.what}"

    def wait_s(self, bar_s: float) -> float:
        """Seconds until it unlocks if every bar brings one more."""
        return max(0, self.need - self.have) * bar_s


@dataclass(frozen=True)
class Undefined(NotEnough):
    """In place of a number: there are bars enough, but the number does not exist; `what` is the reason."""

    @property
    def text(self) -> str:
        return self.what

    def wait_s(self, bar_s: float) -> float:
        """Waiting does not help by itself; the next bar may."""
        return bar_s


def checked_series(values: Any, name: str = "values") -> pd.Series:
    """`values` as a float series without NaN or infinity, on a strictly increasing index.

    Raises
    ------
    DataError
        Not numbers, not one-dimensional, NaN or infinity, or an index that goes back or repeats.
    """
    array = checked_numbers(values, name)
    if array.ndim != 1:
        raise DataError(f"{name} have {array.ndim} dimensions.", "Give one column.")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise DataError(
            f"{name} hold {bad} of {array.size} values that are not finite.",
            "Use bars in which both legs traded (align_legs).",
        )
    index = values.index if isinstance(values, pd.Series) else pd.RangeIndex(array.size)
    if not _is_increasing(index):
        raise DataError(f"{name} are not in order of time, or a time comes twice.", "Sort them and drop doubles.")
    return pd.Series(array, index=index)


def checked_numbers(values: Any, name: str) -> Floats:
    """`values` as floats.

    Raises
    ------
    DataError
        Anything else: texts, dates, complex numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":  # dates, texts and complex numbers would be taken without a word
            raise TypeError(array.dtype)
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise DataError(f"{name} are not real numbers.", "Give a series or an array of prices.") from None


def _is_increasing(index: pd.Index) -> bool:
    if isinstance(index, pd.DatetimeIndex):  # at a tenth of the cost of asking the index
        return bool(np.all(np.diff(index.asi8) > 0))
    return index.is_monotonic_increasing and index.is_unique


def checked_pair(y: Any, x: Any) -> tuple[pd.Series, pd.Series]:
    """Both legs checked, and on the same clock.

    Raises
    ------
    DataError
        As `checked_series`, or different lengths or times.
    """
    first, second = checked_series(y, "y"), checked_series(x, "x")
    if len(first) != len(second):
        raise DataError(f"y has {len(first)} values and x {len(second)}.", "Align the legs first (align_legs).")
    if isinstance(y, pd.Series) and isinstance(x, pd.Series):
        if not first.index.equals(second.index):
            raise DataError("y and x are not at the same times.", "Align the legs first (align_legs).")
    elif isinstance(y, pd.Series):
        second.index = first.index
    else:
        first.index = second.index
    return first, second


def checked_table(levels: Any, name: str = "legs") -> Floats:
    """Several legs on one clock, shape (n, k).

    Raises
    ------
    DataError
        As `checked_series`, for any column, or not two-dimensional.
    """
    table = levels if isinstance(levels, pd.DataFrame) else np.asarray(levels)
    if table.ndim != 2 or not table.shape[1]:
        raise DataError(f"{name} are not a table.", "Give one column for each leg.")
    frame = pd.DataFrame(table)
    columns = [checked_series(frame.iloc[:, j], f"{name}, column {j + 1},") for j in range(frame.shape[1])]
    return np.column_stack([column.to_numpy() for column in columns])


def checked_lags(lags: Any, most: int, what: str = "lags", least: int = 0) -> int:
    """A whole number from `least` to `most`, which is what the sample has room for.

    Raises
    ------
    DataError
        Anything else.
    """
    if not _is_whole(lags) or not least <= lags <= most:
        raise DataError(f"{_shown(lags)} {what} do not suit this sample.", f"Give a whole number, {least} to {most}.")
    return int(lags)


def checked_bandwidth(bandwidth: Any, n: int) -> float:
    """The bandwidth of a kernel: finite, not negative, smaller than the sample of `n`.

    Raises
    ------
    DataError
        Anything else.
    """
    if not _is_number(bandwidth) or not 0 <= bandwidth < n:
        raise DataError(f"A bandwidth of {_shown(bandwidth)} does not suit {n} bars.", f"Give 0 to {n - 1}.")
    return float(bandwidth)


def checked_nobs(nobs: Any) -> int:
    """A number of observations: whole and above 0.

    Raises
    ------
    DataError
        Anything else.
    """
    if not _is_whole(nobs) or nobs < 1:
        raise DataError(f"{_shown(nobs)} is not a number of observations.", "Give a whole number above 0.")
    return int(nobs)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and int(value) == value


def _shown(value: Any) -> str:
    return repr(value)[:20] if isinstance(value, str) else str(value)[:20]


def checked_window(window: int, least: int = 3) -> int:
    """A window of at least `least` bars.

    Raises
    ------
    DataError
        Smaller, or not a whole number.
    """
    if not _is_whole(window) or window < least:
        raise DataError(f"A window of {_shown(window)} bars does not do.", f"Give a whole number, {least} at least.")
    return int(window)


FEWEST_BARS = 20
"""No unit root test has anything to say about a shorter sample, whoever asks."""


def checked_least(least_bars: int) -> int:
    """A caller's own minimum of bars.

    Raises
    ------
    DataError
        Below 20, or not a whole number.
    """
    if not _is_whole(least_bars) or least_bars < FEWEST_BARS:
        raise DataError(f"{_shown(least_bars)} bars are too few for any test.", f"Give {FEWEST_BARS} or more.")
    return int(least_bars)


def is_constant(values: Floats) -> bool:
    """True when what moves is rounding."""
    return bool(np.ptp(values) <= _ROUNDING * np.abs(values).max()) if values.size else True


def epoch_ms(index: pd.Index) -> Times:
    """Epoch milliseconds of a time index of any unit."""
    times = index if isinstance(index, pd.DatetimeIndex) else pd.DatetimeIndex(index)
    return np.asarray((times if times.unit == "ms" else times.as_unit("ms")).asi8, dtype=np.int64)


def utc_index(open_ms: Times) -> pd.DatetimeIndex:
    """The index of bars that open at these epoch milliseconds."""
    return pd.DatetimeIndex(open_ms.astype("datetime64[ms]"), tz="UTC", name="ts")
