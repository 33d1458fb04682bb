"""The alerts of ingest: one thread that judges, one that delivers, and what they say of themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statarb.clock import SYSTEM_CLOCK, Clock, Repeating
from statarb.errors import StatarbError
from statarb.jobs.delivery import DeliveryThread
from statarb.settings import desk_path
from statarb.store import AlertHealth, AlertItem, DeskFile

if TYPE_CHECKING:
    from statarb.jobs.evaluation import Evaluation

log = logging.getLogger(__name__)

EVERY_S = 1.0


class Alerts(Repeating):
    """Evaluates once a second in its own thread, with a reader of its own; delivery has another thread.

    The statistics are loaded by this thread when it takes its first step, so that trades need not wait for them.

    Parameters
    ----------
    db : Path
        The database that the writer has opened.
    source : str
        What it holds: messages about a simulated market stay here unless `deliver_simulated`.
    put : callable
        Takes items for the writer.
    desk_url : str
        Where the dashboard is, for links.
    """

    def __init__(
        self,
        db: Path,
        source: str,
        put: Callable[[AlertItem], None],
        desk_url: str,
        deliver_simulated: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__("alerts", EVERY_S, clock)
        self._db, self._put, self._desk_url = db, put, desk_url
        self._delivers = source != "simulated" or deliver_simulated
        self._desk = DeskFile(desk_path(db))
        self._evaluation: Evaluation | None = None
        self._delivery = DeliveryThread(db, self._desk, put, clock, self._delivers)
        self._error = ""

    def start(self) -> None:
        self._delivery.start()
        super().start()

    def stop(self, timeout_s: float = 5.0) -> None:
        super().stop(timeout_s)
        if self._evaluation and not self.is_running:
            self._evaluation.close()
        self._delivery.stop(timeout_s)

    def step(self) -> dict[str, Any]:
        """Judge everything once; the figures that go into the heartbeat."""
        stats: dict[str, Any] = {}
        try:
            evaluation = self._ready()
            stats, error = evaluation.step(), ""
        except StatarbError as failure:
            error = str(failure)
        except Exception:
            error = "Alerts could not be evaluated; ingest's log says why."
            if error != self._error:
                log.exception("Alerts could not be evaluated; trying again.")
        if error and error != self._error:
            log.warning("Alerts: %s", error)
        self._error = error
        stats |= {"evaluated_at_ms": self._clock.now_ms(), "error": error, "deliver": self._delivers}
        self._put(AlertHealth(stats))
        return stats

    def _ready(self) -> Evaluation:
        if self._evaluation is None:
            from statarb.jobs.evaluation import Evaluation

            self._evaluation = Evaluation(self._db, self._desk, self._put, self._clock, self._desk_url)
        return self._evaluation
