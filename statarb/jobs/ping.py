"""Calls a URL each minute while all is well, so that an outside monitor notices when ingest is not."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating

log = logging.getLogger(__name__)

EVERY_S = 60.0
TIMEOUT_S = 10.0
LONGEST_LAG_MS = 10_000


def is_well(stats: Mapping[str, Any]) -> bool:
    """Whether trades come in and are stored in time: what the heartbeat says of itself."""
    lag_ms = stats.get("lag_p50_ms")
    return bool(stats.get("trades_per_s")) and (lag_ms is None or lag_ms <= LONGEST_LAG_MS)


class Ping(Repeating):
    """One thread that calls the URL; what goes wrong with it is logged and never disturbs ingest.

    Parameters
    ----------
    url : str
        Called with GET.
    stats : callable
        The newest heartbeat's figures.
    """

    def __init__(self, url: str, stats: Callable[[], Mapping[str, Any]], clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__("ping", EVERY_S, clock)
        self._url = url
        self._stats = stats

    def step(self) -> bool:
        """Call once if all is well; True when the monitor answered."""
        if not is_well(self._stats()):
            return False
        try:
            with urllib.request.urlopen(self._url, timeout=TIMEOUT_S) as answer:
                return bool(answer.status < 400)
        except (urllib.error.URLError, OSError, ValueError) as error:
            # Without the URL: it may hold a secret.
            log.warning("The monitor could not be called (%s).", type(error).__name__)
            return False
