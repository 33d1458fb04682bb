"""The jobs beside ingest's own work: alerts, and the call to an outside monitor."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from statarb.clock import Repeating
from statarb.jobs.alerts import Alerts
from statarb.jobs.ping import Ping
from statarb.store import AlertItem

STOP_S = 2.0


class Jobs:
    """Starts them with the writer, stops them before it.

    Parameters
    ----------
    options : Namespace
        Ingest's settings.
    put : callable
        Takes items for the writer.
    stats : callable
        The newest heartbeat's figures.
    """

    def __init__(
        self, options: Namespace, source: str, put: Callable[[AlertItem], None], stats: Callable[[], Mapping[str, Any]]
    ) -> None:
        delivers = options.deliver_simulated == "yes"
        self._jobs: list[Repeating] = [Alerts(options.db, source, put, options.desk_url, delivers)]
        if options.ping_url:
            self._jobs.append(Ping(options.ping_url, stats))

    def start(self) -> None:
        for job in self._jobs:
            job.start()

    def stop(self) -> None:
        """Ask all to end, and wait a moment: what one has not said yet, the next start says."""
        for wait_s in (0.0, STOP_S):
            for job in self._jobs:
                job.stop(wait_s)
