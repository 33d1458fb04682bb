"""Tables as files for other programs: CSV no spreadsheet will run, Parquet that carries its facts, and both zipped."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from statarb.clock import utc_text

Facts = Mapping[str, Any]
"""What a reader of a file must know and its cells do not say: parameters, source, span, coverage, zone, version."""

FACTS_KEY = b"statarb"
"""Where a Parquet file's schema metadata holds the facts, as JSON."""

_FORMULA_STARTS = ("=", "+", "-", "@")
_ONE_LINE = str.maketrans("\t\r\n", "   ")
_DECIMAL = pa.decimal128(19, 8)


def csv_text(frame: pd.DataFrame, *, milliseconds: bool = False, header: bool = True) -> str:
    """A frame as CSV: its columns without the index, one header line, lines ended by a line feed.

    Numbers keep every digit, NaN is an empty cell, times are ISO 8601 in UTC to the second (or millisecond). Text stays
    in one line, and gets an apostrophe before it where a spreadsheet would run it as a formula.
    """
    table = {str(name): _cells(frame[name], milliseconds) for name in frame.columns}
    return pd.DataFrame(table).to_csv(index=False, lineterminator="\n", header=header)


def csv_bytes(pieces: Iterable[pd.DataFrame], *, milliseconds: bool = False) -> bytes:
    """Frames of the same columns as one CSV file in UTF-8; a frame at a time, so only the text is held whole."""
    return b"".join(_csv_parts(pieces, milliseconds))


def parquet_bytes(pieces: Iterable[pd.DataFrame], facts: Facts) -> bytes:
    """Frames of the same columns as one Parquet file, with the facts in its schema metadata under `statarb`.

    Every time is a timestamp in milliseconds, UTC, as trades have it.
    """
    file = io.BytesIO()
    writer = None
    for piece in pieces:
        table = pa.Table.from_pandas(_in_milliseconds(piece), preserve_index=False)
        if writer is None:
            known = {**(table.schema.metadata or {}), FACTS_KEY: facts_text(facts).encode()}
            schema = table.schema.with_metadata(known)
            writer = pq.ParquetWriter(file, schema, compression="zstd")
        writer.write_table(table.cast(schema))
    if writer is not None:
        writer.close()
    return file.getvalue()


def _in_milliseconds(frame: pd.DataFrame) -> pd.DataFrame:
    columns = {name: column.dt.as_unit("ms") if _is_time(column) else column for name, column in frame.items()}
    return pd.DataFrame(columns, copy=False)


def _is_time(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def zip_bytes(
    stem: str, pieces: Iterable[pd.DataFrame], facts: Facts, made_at_ms: int, *, milliseconds: bool = False
) -> bytes:
    """`stem.csv` and, beside it, `stem.json` with the facts, in one zip; compressed as it is made, dated in UTC."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open(_entry(f"{stem}.csv", made_at_ms), "w", force_zip64=True) as table:
            for part in _csv_parts(pieces, milliseconds):
                table.write(part)
        archive.writestr(_entry(f"{stem}.json", made_at_ms), facts_text(facts))
    return file.getvalue()


def _entry(name: str, made_at_ms: int) -> zipfile.ZipInfo:
    date, time = utc_text(made_at_ms).split()
    year, month, day, hour, minute, second = (int(part) for part in (*date.split("-"), *time.split(":")))
    entry = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def facts_text(facts: Facts) -> str:
    """Facts as JSON that people can read too."""
    return json.dumps(facts, indent=2, ensure_ascii=False)


def exact_decimals(values_e8: np.ndarray) -> pd.Series:
    """Prices or quantities times 10^8 as the exact decimals they are, in a column of type decimal(19, 8)."""
    low = np.ascontiguousarray(values_e8, dtype=np.int64)
    # decimal128 is a little-endian integer of 16 bytes: the value, and its sign in the upper half.
    both = np.column_stack([low, low >> 63])
    array = pa.Array.from_buffers(_DECIMAL, len(low), [None, pa.py_buffer(both.tobytes())])
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


def _csv_parts(pieces: Iterable[pd.DataFrame], milliseconds: bool) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        yield csv_text(piece, milliseconds=milliseconds, header=number == 0).encode()


def _cells(column: pd.Series, milliseconds: bool) -> Any:
    if _is_time(column):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        text = np.datetime_as_string(times, unit="ms" if milliseconds else "s").astype(object) + "Z"
        return np.where(np.isnat(times), None, text)
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_decimal(column.dtype.pyarrow_dtype):
        return column.array.__arrow_array__().cast(pa.string()).to_numpy(zero_copy_only=False)
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.reset_index(drop=True)
    return column.map(_harmless, na_action="ignore").to_numpy(dtype=object)


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    line = cell.translate(_ONE_LINE)
    return f"'{line}" if line.lstrip().startswith(_FORMULA_STARTS) else line
