"""How often this process may connect: one token bucket for all its connections."""

from __future__ import annotations

import threading
from collections.abc import Callable

QUICK_TRIES = 5
REFILL_S = 5.4
"""Five quick tries and one each 5.4 s make at most 60 connects in any 5 minutes; the venue's limit is 300."""
_JITTER_S = 0.3


class ConnectBudget:
    """Hands out permission to connect.

    Parameters
    ----------
    monotonic_s : callable
        The clock.
    random : callable
        Uniform in [0, 1): spreads out clients that lost the same server.
    """

    def __init__(self, monotonic_s: Callable[[], float], random: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._random = random
        self._lock = threading.Lock()
        self._tokens = float(QUICK_TRIES)
        self._at_s = monotonic_s()

    def reserve(self, tokens: float = 1.0) -> float:
        """Take a token; how many seconds to wait before using it. More tokens make the next ones come later."""
        with self._lock:
            now_s = self._monotonic_s()
            self._tokens = min(QUICK_TRIES, self._tokens + (now_s - self._at_s) / REFILL_S) - tokens
            self._at_s = now_s
            return max(0.0, -self._tokens * REFILL_S) + self._random() * _JITTER_S
