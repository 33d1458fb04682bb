"""A benchmark's figure with its baseline and how it was measured."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """One figure."""

    name: str
    value: float
    unit: str
    baseline: str
    how: str
