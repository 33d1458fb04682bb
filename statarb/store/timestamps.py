"""Times as people and programs write them, as epochs: numbers of any unit, ISO, and the common dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

DateOrder = Literal["auto", "day", "month"]

_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
_UNITS_MS = ((1e11, 1000.0), (1e14, 1.0), (1e17, 1e-3), (float("inf"), 1e-6))
"""Epochs in s, ms, µs or ns by their size: as seconds the first limit is the year 5138, as milliseconds 1973."""
_SMALLEST_EPOCH = 1e8
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I-%p", " %H")
_DATES = ("%Y-%m-%d", "%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%d %B %Y", "%B %d %Y", "%Y%m%d")
_DAY_FIRST = ("%d-%m-%Y", "%d-%m-%y")
_MONTH_FIRST = ("%m-%d-%Y", "%m-%d-%y")
_ODD_TEXTS = 20
"""So many texts that fit no form are looked at; a file with more kinds of times than that is no table."""
NO_TIME = np.iinfo(np.int64).min

Epochs = npt.NDArray[np.int64]


class Times(NamedTuple):
    """Epochs in milliseconds, NO_TIME where a cell is none; `skewed` marks those that a change of clocks hides.

    `is_ambiguous`: day and month could be told only by the order of the rows, or not at all.
    """

    epochs_ms: Epochs
    skewed: npt.NDArray[np.bool_]
    is_ambiguous: bool


def read_times(cells: Sequence[str], zone: str, order: DateOrder = "auto") -> Times:
    """Times of a file.

    Parameters
    ----------
    cells : sequence of str
        Epochs in s, ms, µs or ns; ISO 8601; dates with day or month first; several kinds may be mixed.
    zone : str
        Of the times that name no offset themselves: `UTC`, `Europe/Berlin`.
    order : {'auto', 'day', 'month'}
        Of dates such as 03/04/2024; 'auto' looks at all of them.
    """
    texts = pd.Series([cell.strip() for cell in cells], dtype=object)
    found = np.full(len(texts), NO_TIME, dtype=np.int64)
    local = np.full(len(texts), np.datetime64("NaT", "ms"))
    _take_numbers(texts, found, local)
    with_offset = texts.str.replace(r"\s*UTC$", "Z", regex=True)
    open_rows = _open(found, local)
    named = open_rows & with_offset.str.contains(_OFFSET, regex=True).to_numpy(bool)
    _put(found, named, pd.to_datetime(with_offset[named], format="ISO8601", errors="coerce", utc=True))
    plain = _open(found, local)
    _put_local(local, plain, pd.to_datetime(texts[plain], format="ISO8601", errors="coerce"))
    is_ambiguous = _take_dates(texts, found, local, order)
    skewed = _localize(found, local, zone)
    return Times(found, skewed, is_ambiguous)


def _open(found: Epochs, local: np.ndarray) -> npt.NDArray[np.bool_]:
    return np.asarray((found == NO_TIME) & np.isnat(local))


def _take_numbers(texts: pd.Series, found: Epochs, local: np.ndarray) -> None:
    """Epochs, and dates written as one number: 20240131, 202401311230 or 20240131123000."""
    for digits, form in ((8, "%Y%m%d"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S")):
        rows = texts.str.fullmatch(rf"(?:19|20)\d{{{digits - 2}}}").to_numpy(bool)
        if rows.any():
            _put_local(local, rows, pd.to_datetime(texts[rows], format=form, errors="coerce"))
    rows = texts.str.fullmatch(r"\d{9,19}(?:\.\d*)?|\d\.\d+[eE]\+?\d\d").to_numpy(bool) & _open(found, local)
    values = np.nan_to_num(pd.to_numeric(texts[rows], errors="coerce").to_numpy(dtype=np.float64))
    scale = np.select([values < limit for limit, _ in _UNITS_MS], [factor for _, factor in _UNITS_MS])
    epochs = np.rint(np.minimum(values * scale, 9e15)).astype(np.int64)  # beyond any year that is taken
    found[rows] = np.where(values >= _SMALLEST_EPOCH, epochs, NO_TIME)


def _take_dates(texts: pd.Series, found: Epochs, local: np.ndarray, order: DateOrder) -> bool:
    """Dates that are no ISO; whether the order of day and month was not certain."""
    rows = _open(found, local)
    if not rows.any():
        return False
    plain = texts[rows].str.replace(r"[,\s]+|(?<=\d)T(?=\d)", " ", regex=True)
    plain = plain.str.replace(r"/|(?<=\d)\.(?=\d{1,2}\.|\d{4}|\d{2}(?: |$))", "-", regex=True)
    certain = _by_forms(plain, _DATES)
    left = plain[certain.isna()]
    day, month = (_by_forms(left, forms) for forms in (_DAY_FIRST, _MONTH_FIRST))
    if order == "auto":
        score = {"day": _score(day), "month": _score(month)}
        is_ambiguous = bool(score["day"][0] and score["day"][0] == score["month"][0])
        has_slashes = texts[rows].str.contains("/").mean() > 0.5
        chosen = month if score["month"] > score["day"] or (score["day"] == score["month"] and has_slashes) else day
    else:
        is_ambiguous, chosen = False, day if order == "day" else month
    _put_local(local, rows, certain.fillna(chosen))
    return is_ambiguous


def _by_forms(texts: pd.Series, dates: Sequence[str]) -> pd.Series:
    """Each text by the form that the first such text fits, so that few passes are made over all of them."""
    parsed = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[ms]")
    forms = [date + clock for date in dates for clock in _CLOCKS]
    left, odd = texts, 0
    while len(left) and odd < _ODD_TEXTS:
        form = next((form for form in forms if _fits(left.iloc[0], form)), None)
        if form is None:
            left, odd = left[left != left.iloc[0]], odd + 1
            continue
        times = pd.to_datetime(left, format=form, errors="coerce").astype("datetime64[ms]")
        if times.isna().iloc[0]:  # a year that pandas does not know
            left, odd = left.iloc[1:], odd + 1
            continue
        parsed = parsed.fillna(times)
        left = left[times.isna()]
    return parsed


def _fits(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _score(parsed: pd.Series) -> tuple[int, int]:
    """How many are dates, and how many of their steps are the most frequent one: the wrong order makes jumps."""
    times = parsed.dropna()
    steps = times.diff().value_counts()
    return len(times), int(steps.iloc[0]) if len(steps) else 0


def _put(found: Epochs, rows: npt.NDArray[np.bool_], times: pd.Series) -> None:
    epochs = times.dt.tz_localize(None).astype("datetime64[ms]").to_numpy() if len(times) else np.array([], "M8[ms]")
    found[rows] = np.where(np.isnat(epochs), NO_TIME, epochs.astype(np.int64))


def _put_local(local: np.ndarray, rows: npt.NDArray[np.bool_], times: pd.Series) -> None:
    local[rows] = times.astype("datetime64[ms]").to_numpy() if len(times) else np.array([], "M8[ms]")


def _localize(found: Epochs, local: np.ndarray, zone: str) -> npt.NDArray[np.bool_]:
    """Local times as epochs; those that come twice or never when the clocks change are marked."""
    rows = ~np.isnat(local)
    index = pd.DatetimeIndex(local[rows]).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    epochs = index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ms]")
    found[rows] = np.where(np.isnat(epochs), NO_TIME, epochs.astype(np.int64))
    skewed = np.zeros(len(found), dtype=bool)
    skewed[rows] = np.isnat(epochs)
    return skewed
