"""Bars from a table of anybody's making: which column is what, and every row taken or refused with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from statarb.errors import ConfigError
from statarb.market import SCALE, timeframe
from statarb.store.refusals import Refusals, RefusedFileError, Sieve
from statarb.store.text_table import TextTable, numbers
from statarb.store.timestamps import NO_TIME, DateOrder, read_times

PRICES = ("open", "high", "low", "close")
AMOUNTS = ("volume", "quote_volume", "taker_buy_volume", "trades")
ROLES = ("time", "clock", *PRICES, *AMOUNTS)
"""What a column can be; `clock` is the time of day where `time` is a date alone."""
_EARLIEST_MS, _LATEST_MS = 315_532_800_000, 4_102_444_800_000  # 1980 and 2100
_LARGEST_PRICE = 9e10
_LARGEST_AMOUNT = 1e18
_ROUNDING = 1e-6
"""A price that eight decimals change by more than this share would no longer be the file's."""
_REGULAR = 0.5
_OFF_GRID = "its time is no start of a bar"
_LATENESS_MS = 1_000
"""A closing time may say 12:00:59, 12:00:59.999 or 12:01:00."""

Mask = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Layout:
    """How to read a table: the place of each column, the zone of its times, what they stamp, the order of its dates."""

    columns: Mapping[str, int]
    zone: str = "UTC"
    stamped: Literal["open", "close"] = "open"
    dates: DateOrder = "auto"


@dataclass(frozen=True, eq=False)
class Ohlcv:
    """Bars read from a table, and what became of its rows.

    `bars` has the index and the columns of `Reader.bars`, `taker_buy_volume` NaN where the file does not tell it;
    `refused` are the rows that are none; `doubled` rows came twice with the same values, `unordered` stood before an
    earlier one, `untraded` had no volume; `missing` counts the bars between the first and the last that are not
    there, `holes` are the longest stretches of them as (first, number). `notes` is what a reader of the numbers must
    know.
    """

    bars: pd.DataFrame
    bar_s: int
    rows: int
    refused: Refusals
    doubled: int
    unordered: int
    untraded: int
    missing: int
    holes: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]

    @property
    def until_ms(self) -> int:
        """When the last bar closes."""
        return int(self.bars.index.as_unit("ms").asi8[-1]) + self.bar_s * 1000  # type: ignore[attr-defined]


def read_ohlcv(table: TextTable, layout: Layout) -> Ohlcv:
    """Bars of a table.

    Raises
    ------
    RefusedFileError
        No bars in it, or bars of no fixed length, or of one that does not divide a day; with the rows to blame.
    ConfigError
        No column for the time or the close, or no such zone.
    """
    _check(table, layout)
    rows = Sieve(table)
    notes: list[str] = []
    times_ms = _times(table, layout, rows, notes)
    values = _values(table, layout, rows, notes)
    bar_ms, open_ms = _on_grid(times_ms, layout, rows)
    untraded = rows.kept & _untraded(values)
    rows.kept &= ~untraded
    unordered = int((np.diff(open_ms[rows.kept]) < 0).sum())
    doubled = _drop_doubles(open_ms, values, rows)
    bars = _frame(open_ms[rows.kept], {name: column[rows.kept] for name, column in values.items()})
    if bars.empty:
        raise RefusedFileError(
            f"None of the {len(table.rows) + len(table.ragged):,} rows is a bar.",
            "Look at the columns and the zone.",
            rows.refusals(),
        )
    if len(bars) == 1:
        raise RefusedFileError(
            "There is one bar in the file, whose length cannot be told.", "Upload two bars or more.", rows.refusals()
        )
    missing, holes = _holes(bars, bar_ms)
    return Ohlcv(
        bars=bars,
        bar_s=bar_ms // 1000,
        rows=len(table.rows) + len(table.ragged),
        refused=rows.refusals(),
        doubled=doubled,
        unordered=unordered,
        untraded=int(untraded.sum()),
        missing=missing,
        holes=holes,
        notes=tuple(notes),
    )


def _check(table: TextTable, layout: Layout) -> None:
    for role in ("time", "close"):
        if role not in layout.columns:
            raise ConfigError(f"No column is chosen for the {role}.", "Choose one.")
    taken = Counter(layout.columns.values())
    if not all(0 <= index < table.width for index in taken):
        raise ConfigError("A column is chosen that the file does not have.", "Choose another.")
    twice = next((index for index, count in taken.items() if count > 1), None)
    if twice is not None:
        raise ConfigError(f"{table.name(twice)} is chosen twice.", "Choose each column once.")
    try:
        pd.Timestamp(0, tz=layout.zone)
    except (KeyError, ValueError, TypeError, OSError):
        raise ConfigError(f"{layout.zone[:40]!r} is not a time zone.", "Choose UTC or Europe/Berlin.") from None


def _times(table: TextTable, layout: Layout, rows: Sieve, notes: list[str]) -> npt.NDArray[np.int64]:
    cells = table.column(layout.columns["time"])
    if "clock" in layout.columns:
        cells = [f"{day} {clock}" for day, clock in zip(cells, table.column(layout.columns["clock"]), strict=True)]
    times = read_times(cells, layout.zone, layout.dates)
    rows.refuse(times.skewed, f"this time comes twice or never in {layout.zone}, where clocks change", cells)
    rows.refuse(times.epochs_ms == NO_TIME, "its time cannot be read", cells)
    outside = (times.epochs_ms < _EARLIEST_MS) | (times.epochs_ms > _LATEST_MS)
    rows.refuse(outside, "its time is before 1980 or after 2100", cells)
    if times.is_ambiguous:
        notes.append("Day and month of its dates can be told apart by the order of the rows at best: check them.")
    return times.epochs_ms


def _values(table: TextTable, layout: Layout, rows: Sieve, notes: list[str]) -> Columns:
    values: Columns = {}
    for role in PRICES:
        index = layout.columns.get(role, layout.columns["close"])
        values[role] = numbers(table.column(index), table.decimal_comma)
        if role in layout.columns:
            rows.refuse(np.isnan(values[role]), f"its {role} is no number", table.column(index))
    given = [role for role in PRICES if role in layout.columns]
    if len(given) < len(PRICES):
        notes.append(f"The file has no {_listed([role for role in PRICES if role not in given])}: the close stands in.")
        values |= _within_the_day(values, given)
    _round_prices(values, rows)
    for role in AMOUNTS:
        values[role] = np.full(len(table.rows), np.nan)
        if role in layout.columns:
            cells = table.column(layout.columns[role])
            values[role] = numbers(cells, table.decimal_comma)
            empty = np.array([not cell.strip() for cell in cells])
            rows.refuse(np.isnan(values[role]) & ~empty, f"its {_called(role)} is no number", cells)
            rows.refuse(
                (values[role] < 0) | (values[role] > _LARGEST_AMOUNT), f"its {_called(role)} is out of range", cells
            )
    _complete_amounts(values, layout, notes)
    return values


def _within_the_day(values: Columns, given: list[str]) -> Columns:
    """High and low that the file does not have, wide enough for the open and close that it has."""
    body = [values[role] for role in ("open", "close")]
    wide = {"high": np.maximum(*body), "low": np.minimum(*body)}
    return {role: column for role, column in wide.items() if role not in given}


def _round_prices(values: Columns, rows: Sieve) -> None:
    """To the eight decimals that are stored."""
    prices = np.column_stack([values[role] for role in PRICES])
    rows.refuse((prices <= 0).any(axis=1), "a price is not positive")
    rows.refuse((prices > _LARGEST_PRICE).any(axis=1), "a price is too large to store")
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.rint(prices * SCALE) / SCALE
        rows.refuse(
            (np.abs(rounded - prices) > _ROUNDING * prices).any(axis=1),
            "a price has figures beyond the eight decimals that are stored",
        )
    values.update({role: rounded[:, i] for i, role in enumerate(PRICES)})
    low, high = values["low"], values["high"]
    body = np.column_stack([values["open"], values["close"]])
    contradict = (low > body.min(axis=1)) | (high < body.max(axis=1))
    rows.refuse(contradict, "its prices contradict each other: low, open, close and high are not in that order")


def _complete_amounts(values: Columns, layout: Layout, notes: list[str]) -> None:
    """What the file does not tell is filled so that it misleads nobody, and noted."""
    if "volume" not in layout.columns:
        notes.append("The file has no volume: volumes read 0.")
    elif not np.nansum(values["volume"]):
        notes.append("Every volume in the file is 0 or missing: volumes read 0.")
    elif "quote_volume" not in layout.columns:
        notes.append("Quote volume is estimated as volume times close.")
    if np.nansum(values["volume"]) and "taker_buy_volume" not in layout.columns:
        notes.append("The file does not tell who bought: signed volume and flow stay empty.")
    if "trades" not in layout.columns:
        notes.append("The file has no trade counts: each bar counts as one trade.")
    with np.errstate(invalid="ignore", over="ignore"):  # of rows that are refused
        estimate = values["volume"] * values["close"]
    values["quote_volume"] = np.where(np.isnan(values["quote_volume"]), estimate, values["quote_volume"])
    if "taker_buy_volume" in layout.columns:
        half = values["volume"] / 2
        values["taker_buy_volume"] = np.where(np.isnan(values["taker_buy_volume"]), half, values["taker_buy_volume"])


def _untraded(values: Columns) -> Mask:
    """Bars in which nothing traded, where the file has volumes or trade counts at all: a carried price is no trade."""
    amount = "trades" if np.nansum(values["trades"]) else "volume"
    return np.asarray((values[amount] == 0) & bool(np.nansum(values[amount])))


def _on_grid(times_ms: npt.NDArray[np.int64], layout: Layout, rows: Sieve) -> tuple[int, npt.NDArray[np.int64]]:
    """The length of the bars, and when each opens; rows beside the grid of that length are refused."""
    # By every time that could be read, whatever else was wrong with its row: refused rows would stretch the steps.
    known = np.unique(times_ms[(times_ms >= _EARLIEST_MS) & (times_ms <= _LATEST_MS)])
    if len(known) < 2:
        return 60_000, times_ms  # nothing is left of the rows, or one bar
    steps, counts = np.unique(np.diff(known), return_counts=True)
    bar_ms, share = int(steps[counts.argmax()]), float(counts.max() / counts.sum())
    if share < _REGULAR:
        before = np.searchsorted(known, times_ms) - 1
        steps_ms = np.where(before >= 0, times_ms - known[before], bar_ms)
        rows.refuse(steps_ms != bar_ms, f"not {_length_text(bar_ms)} after the one before")
        raise RefusedFileError(
            "The rows are no fixed time apart: "
            f"the most frequent distance, {_length_text(bar_ms)}, fits {100 * share:.0f} %.",
            "Upload bars of one length; trades go in with `python ingest.py --import`.",
            rows.refusals(),
        )
    try:
        if bar_ms % 1000:
            raise ConfigError("not whole seconds")
        timeframe(f"{bar_ms // 1000}s")
    except ConfigError:
        raise RefusedFileError(
            f"The rows are {_length_text(bar_ms)} apart, a length of bar that does not divide a day.",
            "Upload bars of a second to a day.",
            rows.refusals(),
        ) from None
    past_ms = times_ms % bar_ms
    if layout.stamped == "close":
        open_ms = -(-times_ms // bar_ms) * bar_ms - bar_ms
        off = (past_ms > 0) & (bar_ms - past_ms > _LATENESS_MS)
    else:
        open_ms, off = times_ms, past_ms > 0
    kept_off = off & rows.kept
    if kept_off.sum() > rows.kept.sum() / 2:
        typical_ms = int(np.median(past_ms[kept_off]))
        rows.refuse(off, _OFF_GRID)
        raise RefusedFileError(
            f"Most rows begin {_length_text(typical_ms)} past a whole bar of {_length_text(bar_ms)} in UTC.",
            "Choose another time zone, UTC for days that begin at 00:00 UTC, or say that times are closing times.",
            rows.refusals(),
        )
    rows.refuse(off, _OFF_GRID)
    return bar_ms, open_ms


def _drop_doubles(open_ms: npt.NDArray[np.int64], values: Columns, rows: Sieve) -> int:
    """Of rows with the same time the first stays; how many were the same in everything. Others are refused."""
    names = [*PRICES, "volume"]
    frame = pd.DataFrame({"t": open_ms, **{name: values[name] for name in names}})[rows.kept]
    again, same = frame.duplicated("t"), frame.duplicated()
    doubled = np.zeros(len(open_ms), dtype=bool)
    doubled[frame.index[again & same]] = True
    other = np.zeros(len(open_ms), dtype=bool)
    other[frame.index[again & ~same]] = True
    rows.refuse(other, "the same time came before with other values; the first is kept")
    rows.kept &= ~doubled
    return int(doubled.sum())


def _frame(open_ms: npt.NDArray[np.int64], values: Columns) -> pd.DataFrame:
    order = np.argsort(open_ms, kind="stable")
    columns: Columns = {name: values[name][order] for name in PRICES}
    for name in ("volume", "quote_volume"):
        columns[name] = np.nan_to_num(values[name][order])
    taken = values["taker_buy_volume"][order]
    columns["taker_buy_volume"] = taken if np.isnan(taken).all() else np.nan_to_num(taken)
    columns["trade_count"] = np.maximum(np.nan_to_num(values["trades"][order]), 1).astype(np.int64)
    columns["provisional"], columns["seeded"] = np.zeros(len(order), bool), np.ones(len(order), bool)
    index = pd.DatetimeIndex(open_ms[order].astype("datetime64[ms]"), tz="UTC", name="ts")
    return pd.DataFrame(columns, index=index)


def _holes(bars: pd.DataFrame, bar_ms: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    opens = bars.index.as_unit("ms").asi8  # type: ignore[attr-defined]
    lost = np.diff(opens) // bar_ms - 1
    longest = [i for i in np.argsort(-lost, kind="stable")[:10] if lost[i] > 0]
    return int(lost.sum()), tuple((int(opens[i]) + bar_ms, int(lost[i])) for i in longest)


def _length_text(ms: int) -> str:
    """`7 d`, `90 min`, `0.5 s`: in the largest unit that it is a whole number of."""
    units = {"d": 86_400_000, "h": 3_600_000, "min": 60_000}
    unit = next((unit for unit, unit_ms in units.items() if ms and ms % unit_ms == 0), "s")
    return f"{ms / units.get(unit, 1_000):g} {unit}"


def _called(role: str) -> str:
    return {"trades": "trade count"}.get(role, role.replace("_", " "))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
