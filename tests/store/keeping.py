"""What tests of retention and archive share: a writer that prunes when a test lets time pass, and a day's end."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from store.rig import BTC, T0_MS, ManualClock, Rig, trade

from statarb.market import InstrumentRules, Trade
from statarb.store import Archiver, FeedReport, Inbox, Listing, Reader, Retention, Writer, check_database
from statarb.store.gaps import read_ledger
from statarb.store.ledger import Ledger

DAY_MS = 86_400_000
MIDNIGHT_MS = T0_MS // DAY_MS * DAY_MS
KEEP_S = 3600.0


class KeepingRig(Rig):
    """A writer that prunes at once whenever a test lets time pass; its archiver's steps are the test's to call."""

    def __init__(
        self, path: Path, keep_trades_s: float = 600.0, keep_bars_s: float = 1200.0, archive: Path | None = None
    ) -> None:
        self.path = path
        self.clock = ManualClock()
        self.inbox = Inbox()
        self.archiver = Archiver(path, archive, "simulated", self.clock) if archive else None
        self.retention = Retention(keep_trades_s, keep_bars_s, self.archiver)
        self.writer = Writer(path, "simulated", self.inbox, self.clock, retention=self.retention)
        self.inbox.put(Listing([InstrumentRules(BTC, tick_e8=1_000_000)]))
        self.inbox.put(FeedReport("spot-1", "live", [BTC], {"reconnects": 0}))
        self.writer.step(0)

    def pass_to(self, ms_after_t0: int, all_pieces: bool = True) -> None:
        """Let both clocks reach this time; then everything that is due is pruned, or just a piece or two."""
        self.clock.s = 1000.0 + ms_after_t0 / 1000
        for _ in range(3):
            self.writer.step(0)
        while all_pieces and self.retention._waiting:
            self.writer.step(0)

    def archive_and_prune(self, now_ms: int) -> None:
        """Close what ends by now, archive every day there is, and prune."""
        self.pass_to(now_ms - T0_MS)
        assert self.archiver
        while self.archiver.step():
            pass
        self.clock.s += 61
        self.pass_to(int(self.clock.s * 1000) - 1_000_000)

    def kill(self) -> None:
        """As kill -9 would end it: nothing is drained, nothing said."""
        if self.writer._connection.in_transaction:
            self.writer._connection.rollback()
        self.writer._connection.close()

    def ledger(self) -> Ledger | None:
        return self.writer._books["spot:BTCUSDT"].ledger

    def reopened_ledger(self) -> Ledger | None:
        with contextlib.closing(Reader(self.path)) as reader:
            return read_ledger(reader._connection, 1)


def three_days(step_ms: int = 100_000) -> list[Trade]:
    """A trade each `step_ms` from an hour before a midnight, for three days, ids from 1."""
    return [trade(i, MIDNIGHT_MS - 3_600_000 + i * step_ms) for i in range(1, 3 * DAY_MS // step_ms)]


def assert_true(rig: Rig) -> None:
    """Both invariants: by the product's own check, and the ids by hand."""
    assert [finding.text for finding in check_database(rig.path, None) if not finding.is_right] == []
    assert_oracle(rig)


def assert_oracle(rig: Rig) -> None:
    with contextlib.closing(sqlite3.connect(rig.path)) as connection:
        ((count, low, high),) = connection.execute("SELECT count(*), min(trade_id), max(trade_id) FROM trades")
        ((missing,),) = connection.execute("SELECT coalesce(sum(hi-lo+1),0) FROM gaps WHERE state<>'filled'")
    assert count + missing == high - low + 1
