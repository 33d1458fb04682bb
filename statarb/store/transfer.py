"""Tables as files for other programs."""

from __future__ import annotations

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@")
_ONE_LINE = str.maketrans("\t\r\n", "   ")


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV: its columns without the index, one header line, lines ended by a line feed.

    Numbers keep every digit, NaN is an empty cell, times are ISO 8601 in UTC to the second. Text stays in
    one line, and gets an apostrophe before it where a spreadsheet would run it as a formula.
    """
    table = {str(name): _cells(frame[name]) for name in frame.columns}
    return pd.DataFrame(table).to_csv(index=False, lineterminator="\n")


def _cells(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(column.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column
    return column.map(_harmless, na_action="ignore")


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    line = cell.translate(_ONE_LINE)
    return f"'{line}" if line.lstrip().startswith(_FORMULA_STARTS) else line
