"""The archive: closed UTC days as files, listed in a manifest, and read together with the database as one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from statarb.store.connect import make_private_folder
from statarb.store.dayfile import as_rows, read_file, sync_file, verify_file, write_file
from statarb.store.manifest import ArchivedDay, IdRange, Manifest, Series, days_within, sync_folder
from statarb.store.reader import Reader
from statarb.store.trades import trade_frame

DAY_MS = 86_400_000


def day_text(ts_ms: int) -> str:
    """The UTC day of a time, `2026-01-31`."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d")


def archive_day(
    folder: Path,
    source: str,
    series: Series,
    date: str,
    ids: IdRange,
    parts: Iterable[pa.Table],
    deferred: Sequence[IdRange] = (),
) -> ArchivedDay:
    """Archive a day: write, sync, read again and compare, give it its name, and only then list it in the manifest.

    Whatever stops it between two steps, doing it again leads to the same archive. Rows of that day that are archived
    already are merged with.

    Parameters
    ----------
    ids : (int, int)
        What the rows account for: every id in it is among them, or there is no such trade.
    parts : iterable of Table
        At least one row, in order of id.
    deferred : sequence of (int, int)
        Ids without a row whose trades nobody fetched; the manifest names them.

    Raises
    ------
    StoreError
        A folder cannot be made, or what was read again differs from what was written.
    """
    manifest = Manifest(folder)
    path = folder / series.folder / f"date={date}" / "part.parquet"
    listed = next((day for day in manifest.days() if folder / day.path == path), None)
    if listed is not None:
        ids = (min(ids[0], listed.lo), max(ids[1], listed.hi))
        parts = [_merged(read_file(path), parts)]
    folders = (path.parent, path.parent.parent, folder)
    for part in reversed(folders):
        make_private_folder(part)
    draft = path.with_name(path.name + ".tmp")
    written = write_file(draft, parts)
    sync_file(draft)
    digest = verify_file(draft, written)
    os.replace(draft, path)
    for part in folders:
        sync_folder(part)
    edges = [(ids[0], written.first_id - 1), (written.last_id + 1, ids[1])]
    day = ArchivedDay(
        path=path.relative_to(folder).as_posix(),
        source=source,
        instrument=series.instrument,
        id_kind=series.id_kind,
        id_epoch=series.id_epoch,
        date=date,
        lo=ids[0],
        hi=ids[1],
        rows=written.rows,
        first_id=written.first_id,
        last_id=written.last_id,
        sum_price_e8=written.price_e8,
        sum_qty_e8=written.qty_e8,
        absent=tuple(sorted([*written.absent, *((lo, hi) for lo, hi in edges if lo <= hi)])),
        bytes=path.stat().st_size,
        sha256=digest,
        deferred=tuple(deferred),
    )
    manifest.append(day)
    return day


def _merged(archived: pa.Table, parts: Iterable[pa.Table]) -> pa.Table:
    """All rows by id, each id once, the archived row kept."""
    both = pa.concat_tables([archived, *parts])
    _, first = np.unique(both["trade_id"].to_numpy(), return_index=True)
    return both.take(pa.array(first))


def read_trades(
    reader: Reader, archive_folder: Path | None, instrument: str, since_ms: int, until_ms: int
) -> pd.DataFrame:
    """Trades of an instrument in [since_ms, until_ms), wherever they lie: in the archive, in the database or in both.

    Parameters
    ----------
    reader : Reader
        The database.
    archive_folder : Path or None
        What ingest was given as --archive; None: only the database is read.
    instrument : str
        `venue:SYMBOL`; an unknown one has no trades.

    Returns
    -------
    DataFrame
        Index `ts`: time of the trade, UTC, datetime64[ms]. Columns id_epoch, trade_id, price_e8, qty_e8 (int64, exact
        decimals times 10^8), is_buyer_maker (bool). In order of id_epoch and trade_id, each once.

    Raises
    ------
    StoreError
        The database or the archive cannot be read, or they hold trades of different sources.
    """
    # The database first: what is pruned after this look was archived before it, so the manifest read next lists it.
    stored = reader.trades(instrument, since_ms, until_ms)
    if archive_folder is None or since_ms >= until_ms:
        return stored
    manifest = Manifest(archive_folder)
    manifest.check_source(reader.source())
    # A trade printed just before midnight may carry an id of the next day, and lies in that day's file.
    days = days_within(manifest.days(), instrument, day_text(since_ms), day_text(until_ms + DAY_MS))
    parts = [(day.id_epoch, as_rows(read_file(archive_folder / day.path, since_ms, until_ms))) for day in days]
    both = pd.concat([trade_frame(parts), stored])
    once = both[~both.duplicated(["id_epoch", "trade_id"])]
    return once.iloc[np.lexsort((once["trade_id"], once["id_epoch"]))]


_PIECE_MS = DAY_MS // 4


def trade_pieces(
    reader: Reader, archive_folder: Path | None, instrument: str, since_ms: int, until_ms: int
) -> Iterator[pd.DataFrame]:
    """The same as `read_trades`, a quarter of a day at a time, so that memory does not grow with the span."""
    for start_ms in range(since_ms, until_ms, _PIECE_MS):
        yield read_trades(reader, archive_folder, instrument, start_ms, min(start_ms + _PIECE_MS, until_ms))


def count_trades(reader: Reader, archive_folder: Path | None, instrument: str, since_ms: int, until_ms: int) -> int:
    """About how many trades `read_trades` would give: ids of the database, and of days archived their share."""
    manifest = Manifest(archive_folder) if archive_folder else None
    rows: dict[str, int] = {}
    for day in manifest.days() if manifest else ():
        if day.instrument == instrument:
            rows[day.date] = rows.get(day.date, 0) + day.rows
    count = 0.0
    for day_ms in range(since_ms // DAY_MS * DAY_MS, until_ms, DAY_MS):
        from_ms, to_ms = max(since_ms, day_ms), min(until_ms, day_ms + DAY_MS)
        archived = rows.get(day_text(day_ms))
        if archived is None:
            count += reader.id_count(instrument, from_ms, to_ms)
        else:
            count += archived * (to_ms - from_ms) / DAY_MS
    return round(count)
