"""What tests of the archive share: a rig that archives, and the second route to what must be read from it."""

import pandas as pd
from store.keeping import DAY_MS, KEEP_S, MIDNIGHT_MS, KeepingRig

from statarb.store import Reader, check_archive, read_trades

END_MS = MIDNIGHT_MS + 2 * DAY_MS + 12 * 3_600_000
"""By now two midnights have passed and a third day is half over."""
NAME = "spot:BTCUSDT"


def archiving_rig(tmp_path, trades=None) -> KeepingRig:
    rig = KeepingRig(tmp_path / "t.db", KEEP_S, KEEP_S, tmp_path / "cold")
    if trades is not None:
        rig.commit(*trades)
    return rig


def everything(path, folder) -> pd.DataFrame:
    return read_trades(Reader(path), folder, NAME, 0, 4_102_444_800_000)


def by_hand(trades) -> pd.DataFrame:
    """The second route: the frame that these trades must be read as."""
    ordered = sorted(trades, key=lambda t: t.trade_id)
    ts = pd.DatetimeIndex(pd.to_datetime([t.ts_ms for t in ordered], unit="ms", utc=True), name="ts").as_unit("ms")
    rows = [(0, t.trade_id, t.price_e8, t.qty_e8, bool(t.is_buyer_maker)) for t in ordered]
    return pd.DataFrame(rows, columns=["id_epoch", "trade_id", "price_e8", "qty_e8", "is_buyer_maker"], index=ts)


def assert_nothing_lost(path, folder, trades) -> None:
    pd.testing.assert_frame_equal(everything(path, folder), by_hand(trades))
    assert all(finding.is_right for finding in check_archive(folder))
