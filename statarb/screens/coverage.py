"""What the numbers of a page say of holes in the record that they are computed over."""

from __future__ import annotations

import math
from collections.abc import Mapping

from statarb.market import Instrument
from statarb.store import Coverage


def coverage_text(legs: Mapping[str, Coverage]) -> str:
    """`97.2 % of the seconds behind the numbers are covered (ETHUSDT)` of the leg that lacks most, or ''."""
    lacking = {leg: one for leg, one in legs.items() if one.covered < one.seconds}
    if not lacking:
        return ""
    worst = min(lacking, key=lambda leg: lacking[leg].share)
    share, label = percent_text(lacking[worst]), Instrument.parse(worst).label
    return f"{share} of the seconds behind the numbers are covered ({label})"


def percent_text(coverage: Coverage) -> str:
    """One decimal, never rounded up to a whole that is not there."""
    return f"{math.floor(coverage.share * 1000) / 10:.1f} %" if coverage.seconds else "none"
