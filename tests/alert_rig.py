"""Ingest's alerts on a database that a test continues minute by minute, without ingest's threads."""

from __future__ import annotations

from pathlib import Path

from desk_database import DeskDatabase

from statarb.alerts import AlertRule, Condition
from statarb.jobs.alerts import Alerts
from statarb.params import PairParams
from statarb.settings import desk_path
from statarb.store import AlertEvent, DeskFile, Inbox, Reader, Writer

END_MS = 1_700_000_040_000
PARAMS = PairParams(test_window=400)


class DeskClock:
    """The local clock, which a test moves."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    def wait(self, stop, seconds: float) -> bool:
        self.ms += int(seconds * 1000)
        return stop.is_set()


class Rig:
    """Ingest's alerts on a database that the test continues minute by minute."""

    def __init__(self, path: Path, end_ms: int = END_MS, minutes: int = 900) -> None:
        self.path, self.clock = path, DeskClock(end_ms + 1_500)
        self.database = DeskDatabase(self.path, minutes, end_ms=end_ms)
        self.database.heartbeat(now_ms=self.clock.ms)
        self.desk = DeskFile(desk_path(self.path))
        self.inbox = Inbox()
        self.writer = Writer(self.path, "simulated", self.inbox, self.clock)
        self.start()

    def start(self) -> None:
        """As after a kill: nothing is left but the files."""
        self.alerts = Alerts(self.path, "simulated", self.inbox.put, "http://desk:1", clock=self.clock)

    def rule(self, *conditions: Condition, **more) -> AlertRule:
        """The only rule of the desk, saved long ago."""
        for rule in self.desk.rules():
            self.desk.delete_rule(rule.rule_id)
        return self.desk.save_rule(AlertRule("Mine", conditions, **{"params": PARAMS, "cooldown_s": 0} | more))

    def step(self) -> dict:
        stats = self.alerts.step()
        while not self.writer.step(0):
            pass
        return stats

    def minute(self, shift: float = 0.0) -> dict:
        """Another minute closes, and the alerts look a second later."""
        self.database.add_minute(shift)
        self.clock.ms += 60_000
        return self.step()

    def events(self) -> list[AlertEvent]:
        """Oldest first."""
        reader = Reader(self.path)
        try:
            return reader.alert_events()[::-1]
        finally:
            reader.close()

    def close(self) -> None:
        self.database.close()
        self.writer.close()
