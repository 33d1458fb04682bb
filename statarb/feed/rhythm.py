"""How long silence is normal: learned from the gaps between deliveries."""

from __future__ import annotations

from collections import deque
from statistics import median

SHORTEST_S = 9.0
"""Noticed within ten seconds, the time to look included."""
LONGEST_S = 600.0
STEADY_GAP_S = 2.0
_GAPS = 32
_MEDIAN_GAPS = 20


class Rhythm:
    """The gaps between the deliveries of one connection or one symbol.

    Where something came every second, silence is suspicious after ten seconds; elsewhere after twenty median gaps.
    Each time the suspicion was wrong the patience doubles, until the next delivery.

    Parameters
    ----------
    now_s : float
        When listening began.
    doublings : int
        How often the suspicion was wrong just before.
    """

    def __init__(self, now_s: float, doublings: int = 0) -> None:
        self._heard_at_s = now_s
        self._gaps_s: deque[float] = deque(maxlen=_GAPS)
        self._doublings = min(doublings, 10)

    def hear(self, now_s: float) -> None:
        """Something was delivered."""
        self._gaps_s.append(now_s - self._heard_at_s)
        self._heard_at_s = now_s
        self._doublings = 0

    def be_patient(self) -> None:
        """The silence was looked into and is the market's own."""
        self._doublings = min(self._doublings + 1, 10)

    @property
    def patience_s(self) -> float:
        gaps_s = tuple(self._gaps_s)  # a copy: another thread may be hearing
        steady = not gaps_s or max(gaps_s) <= STEADY_GAP_S
        limit_s = SHORTEST_S if steady else max(SHORTEST_S, _MEDIAN_GAPS * median(gaps_s))
        return min(limit_s * float(1 << self._doublings), LONGEST_S)

    @property
    def deadline_s(self) -> float:
        """When silence becomes suspicious."""
        return self._heard_at_s + self.patience_s
