"""The rows of a file that are no bars: which line, what stands in it, and why it was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from statarb.errors import DataError
from statarb.store.text_table import TextTable

SHOWN_REFUSALS = 500
_TEXT_CHARACTERS = 80
_CELL_CHARACTERS = 40
_RAGGED = "another number of cells than the other rows"


class Refusal(NamedTuple):
    """A line of a file that is no bar: its number, its text in one line and cut, and the reason."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Refusals:
    """How many rows were refused for each reason, and the first of them in the order of the file."""

    reasons: Mapping[str, int]
    first: tuple[Refusal, ...]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.reasons.values())


class RefusedFileError(DataError):
    """A file none of whose bars can be used; `refusals` are the rows that it was refused for."""

    def __init__(self, message: str, hint: str, refusals: Refusals) -> None:
        super().__init__(message, hint)
        self.refusals = refusals


class Sieve:
    """The rows of a table while they are sorted out: `kept` marks those still in, the others have their reason."""

    def __init__(self, table: TextTable) -> None:
        self.kept = np.ones(len(table.rows), dtype=bool)
        self._table = table
        self._why = np.full(len(table.rows), -1, dtype=np.int16)
        self._reasons: list[tuple[str, Sequence[str] | None]] = []

    def refuse(self, bad: Any, reason: str, cells: Sequence[str] | None = None) -> None:
        """Take rows out; `cells` is what stood there."""
        rows: npt.NDArray[np.bool_] = np.asarray(bad) & self.kept
        self.kept &= ~rows
        self._why[rows] = len(self._reasons)
        self._reasons.append((reason, cells))

    def refusals(self) -> Refusals:
        """What was refused so far, the rows with another number of cells among it."""
        table = self._table
        out = np.flatnonzero(self._why >= 0)
        counts = Counter({self._reasons[why][0]: int(n) for why, n in _counted(self._why[out])})
        if table.ragged:
            counts[_RAGGED] = len(table.ragged)
        found = [Refusal(table.lines[i], _cut(table, table.rows[i]), self._said(i)) for i in out[:SHOWN_REFUSALS]]
        found += [Refusal(line, _cut(table, cells), _RAGGED) for line, cells in table.ragged[:SHOWN_REFUSALS]]
        return Refusals(dict(counts.most_common()), tuple(sorted(found)[:SHOWN_REFUSALS]))

    def _said(self, row: int) -> str:
        reason, cells = self._reasons[self._why[row]]
        return f"{reason}: {cells[row].strip()[:_CELL_CHARACTERS]!r}" if cells is not None else reason


def _counted(codes: npt.NDArray[np.int16]) -> list[tuple[int, int]]:
    values, counts = np.unique(codes, return_counts=True)
    return list(zip(values.tolist(), counts.tolist(), strict=True))


def _cut(table: TextTable, cells: Sequence[str]) -> str:
    """A row as the file has it, in one line; what cannot be printed as a space."""
    text = table.separator.join(cells).replace("\t", " ")[: _TEXT_CHARACTERS + 1]
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[:_TEXT_CHARACTERS]}…"
