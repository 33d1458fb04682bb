"""A table of anybody's making: bytes in, rows of cells out, whatever its packing, encoding and separator."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from statarb.errors import DataError

MAX_BYTES = 256 << 20
"""Unpacked: what packs to far less than its size must not fill the memory."""
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
_SAMPLE_ROWS = 200
_SEPARATORS = ("\t", ";", "|", ",")
"""In this order: with decimal commas a comma would separate too, and a semicolon hardly ever stands in a number."""
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_COMMA_DECIMAL = re.compile(r"[+-]?[\d. ]*\d,(\d{1,2}|\d{4,})")
_POINT_DECIMAL = re.compile(r"[+-]?[\d, ]*\d\.(\d{1,2}|\d{4,})")
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_SAVE_AGAIN = "Save it as CSV, one bar a line, and upload it again."


@dataclass(frozen=True, eq=False)
class TextTable:
    """Rows of as many cells as the header, or most rows, have; `lines` are their line numbers in the file.

    `header` is None where the first row is data; `skipped` counts the lines before the table; `ragged` are the rows
    with another number of cells, each with its line number.
    """

    header: tuple[str, ...] | None
    rows: list[list[str]]
    lines: list[int]
    ragged: list[tuple[int, list[str]]]
    skipped: int
    separator: str
    decimal_comma: bool

    @property
    def width(self) -> int:
        return len(self.rows[0])

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows]

    def name(self, index: int) -> str:
        """The column as the file calls it, or its place."""
        return self.header[index] if self.header and self.header[index] else f"column {index + 1}"


def read_table(data: bytes) -> TextTable:
    """Read a table: plain, gzipped or zipped; UTF-8, UTF-16 or Western; separated by comma, semicolon, tab or bar.

    Raises
    ------
    DataError
        It is none, with the reason.
    """
    text = _decoded(_unpacked(data))
    separator = _separator(text)
    cells, lines = _parsed(text, separator)
    if not cells:
        raise DataError("The file holds no rows.", _SAVE_AGAIN)
    width = Counter(len(row) for row in cells[:_SAMPLE_ROWS]).most_common(1)[0][0]
    if not 2 <= width <= MAX_COLUMNS:
        raise DataError(
            f"The file has {width} column{'s' * (width != 1)}, where times and prices are two at least.", _SAVE_AGAIN
        )
    first = next(i for i, row in enumerate(cells) if len(row) == width)
    header = None
    if sum(map(_is_number, cells[first])) < 2:
        header, skipped = tuple(cell.strip()[:60] for cell in cells[first]), first
        first += 1
    else:
        skipped = first
    kept = [i for i in range(first, len(cells)) if len(cells[i]) == width]
    ragged = [(lines[i], cells[i]) for i in range(first, len(cells)) if len(cells[i]) != width]
    if not kept:
        raise DataError("The file holds no rows.", _SAVE_AGAIN)
    rows = [cells[i] for i in kept]
    return TextTable(
        header, rows, [lines[i] for i in kept], ragged, skipped, separator, _has_decimal_commas(rows, separator)
    )


def numbers(cells: Sequence[str], decimal_comma: bool) -> np.ndarray:
    """Cells as float64, NaN where one is no number. Groups of thousands and either decimal mark are understood."""
    texts = pd.Series([cell.strip() for cell in cells], dtype=object)
    odd = texts.str.contains(r"[, \u00a0'_]", regex=True) | (
        texts.str.fullmatch(_POINT_GROUPS) if decimal_comma else texts.str.count(r"\.") > 1
    )
    values = pd.to_numeric(texts.where(~odd), errors="coerce").to_numpy(dtype=np.float64).copy()
    for i in np.flatnonzero(odd.to_numpy()):
        values[i] = _number(texts.iloc[i], decimal_comma)
    values[~np.isfinite(values)] = np.nan
    return values


def _number(text: str, decimal_comma: bool) -> float:
    text = re.sub(r"[ \u00a0'_]", "", text)
    if "," in text and "." in text:
        mark = max(",.", key=text.rindex)  # the last of the two is the decimal mark
    elif "," in text:
        is_decimal = text.count(",") == 1 and (decimal_comma or _COMMA_DECIMAL.fullmatch(text))
        mark = "," if is_decimal else "."
    else:
        mark = "," if decimal_comma or text.count(".") > 1 else "."
    group = "." if mark == "," else ","
    try:
        return float(text.replace(group, "").replace(mark, "."))
    except ValueError:
        return float("nan")


def _unpacked(data: bytes) -> bytes:
    try:
        if data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = [info for info in archive.infolist() if not info.is_dir()]
                if len(names) != 1:
                    raise DataError(f"The zip holds {len(names)} files, not one.", "Upload the CSV in it by itself.")
                with archive.open(names[0]) as member:
                    data = member.read(MAX_BYTES + 1)
        elif data.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as member:
                data = member.read(MAX_BYTES + 1)
    except DataError:
        raise
    except Exception as error:  # damaged bytes end in any of a dozen kinds, IndexError and LZMAError among them
        raise DataError("The file is packed and damaged, or locked by a password.", "Unpack it first.") from error
    if len(data) > MAX_BYTES:
        raise DataError(f"The file is larger than {MAX_BYTES >> 20} MB.", "Upload a part of it.")
    return data


def _decoded(data: bytes) -> str:
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise DataError("The file is no text.", _SAVE_AGAIN)
    return text


def _separator(text: str) -> str:
    """The one that cuts most of the first lines into the same number of cells."""
    lines = [line for line in text[:100_000].splitlines()[:_SAMPLE_ROWS] if line.strip()]
    best, best_share = ",", 0.0
    for separator in _SEPARATORS:
        widths = Counter(line.count(separator) for line in lines if separator in line)
        share = widths.most_common(1)[0][1] / len(lines) if widths else 0.0
        if share > best_share + 0.2:
            best, best_share = separator, share
    return best


def _parsed(text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
                if len(rows) > MAX_ROWS + 100:
                    raise DataError(f"The file has more than {MAX_ROWS:,} rows.", "Upload a part of it.")
    except csv.Error as error:
        raise DataError(f"Line {reader.line_num} cannot be read ({error}).", _SAVE_AGAIN) from error
    return rows, lines


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[\d.,' \u00a0]*\d[\d.,]*([eE][+-]?\d+)?", cell.strip()))


def _has_decimal_commas(rows: Sequence[Sequence[str]], separator: str) -> bool:
    sample = [cell.strip() for row in rows[:_SAMPLE_ROWS] for cell in row]
    commas = sum(bool(_COMMA_DECIMAL.fullmatch(cell)) for cell in sample)
    points = sum(bool(_POINT_DECIMAL.fullmatch(cell)) for cell in sample)
    return separator != "," and commas > points
