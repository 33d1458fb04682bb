"""One archived day as a Parquet file: written, synced and read again, so that it may replace what it holds."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from statarb.errors import DamagedDatabaseError
from statarb.store.manifest import IdRange

SCHEMA = pa.schema(
    [
        pa.field("trade_id", pa.int64(), nullable=False),
        pa.field("ts_ms", pa.int64(), nullable=False),
        pa.field("price_e8", pa.int64(), nullable=False),
        pa.field("qty_e8", pa.int64(), nullable=False),
        pa.field("is_buyer_maker", pa.bool_(), nullable=False),
    ]
)
# Ids, times and prices move by little from row to row, quantities do not.
_ENCODINGS = {
    "trade_id": "DELTA_BINARY_PACKED",
    "ts_ms": "DELTA_BINARY_PACKED",
    "price_e8": "DELTA_BINARY_PACKED",
    "qty_e8": "BYTE_STREAM_SPLIT",
}
_ROWS_A_GROUP = 1_000_000
_ROWS_A_READ = 250_000
_HASH_BYTES = 1 << 20


@dataclass
class Sums:
    """What two accounts of the same trades must agree in; Python's integers, because int64 sums of prices overflow.

    `crc32` is of each column's values in order, so no cell can differ by itself.
    """

    rows: int = 0
    first_id: int = 0
    last_id: int = 0
    price_e8: int = 0
    qty_e8: int = 0
    crc32: dict[str, int] = field(default_factory=dict)
    absent: list[IdRange] = field(default_factory=list)

    def add(self, part: pa.Table) -> None:
        """Count some rows, which come in order of id."""
        ids = part["trade_id"].to_numpy()
        if not len(ids):
            return
        before = np.concatenate(([self.last_id if self.rows else ids[0] - 1], ids[:-1]))
        jumps = np.flatnonzero(ids - before > 1)
        self.absent += [(int(before[i]) + 1, int(ids[i]) - 1) for i in jumps]
        self.first_id = self.first_id if self.rows else int(ids[0])
        self.rows, self.last_id = self.rows + len(ids), int(ids[-1])
        self.price_e8 += _exact_sum(part["price_e8"].to_numpy())
        self.qty_e8 += _exact_sum(part["qty_e8"].to_numpy())
        for name in SCHEMA.names:
            self.crc32[name] = zlib.crc32(part[name].to_numpy().tobytes(), self.crc32.get(name, 0))


def _exact_sum(values: np.ndarray) -> int:
    return (int(np.sum(values >> 32)) << 32) + int(np.sum(values & 0xFFFFFFFF))


def as_table(rows: np.ndarray) -> pa.Table:
    """Rows of trade_id, ts_ms, price, qty, maker as a table of SCHEMA."""
    columns = [pa.array(np.ascontiguousarray(rows[:, i])) for i in range(4)]
    return pa.table([*columns, pa.array(rows[:, 4].astype(bool))], schema=SCHEMA)


def as_rows(table: pa.Table) -> np.ndarray:
    """The other way round."""
    return np.column_stack([table[name].to_numpy().astype(np.int64) for name in SCHEMA.names])


def write_file(path: Path, parts: Iterable[pa.Table]) -> Sums:
    """Write rows that come in order of id, for the owner alone; what was written."""
    sums = Sums()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with (
        os.fdopen(descriptor, "wb") as file,
        pq.ParquetWriter(
            file,
            SCHEMA,
            compression="zstd",
            compression_level=3,
            use_dictionary=False,
            column_encoding=_ENCODINGS,
            write_page_checksum=True,
        ) as writer,
    ):
        for part in _grouped(parts):
            sums.add(part)
            writer.write_table(part, row_group_size=_ROWS_A_GROUP)
    return sums


def _grouped(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Small tables joined until they make a row group, so that memory stays bounded."""
    waiting: list[pa.Table] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= _ROWS_A_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def sync_file(path: Path) -> None:
    """Wait until a file is on disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def verify_file(path: Path, written: Sums) -> str:
    """Read a file again and compare; its SHA-256.

    Raises
    ------
    DamagedDatabaseError
        It does not hold what was written.
    """
    read = Sums()
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file, page_checksum_verification=True)
            for batch in parquet.iter_batches(_ROWS_A_READ) if parquet.schema_arrow == SCHEMA else ():
                read.add(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        read = Sums()
    if read != written:
        raise DamagedDatabaseError(
            f"{path} does not hold what was written to it.", "Check that disk; nothing was deleted from the database."
        )
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_file(path: Path, since_ms: int | None = None, until_ms: int | None = None) -> pa.Table:
    """The rows of an archived file, or those whose time is in [since_ms, until_ms).

    Raises
    ------
    DamagedDatabaseError
        It is missing or unreadable.
    """
    span = [bound for bound in (("ts_ms", ">=", since_ms), ("ts_ms", "<", until_ms)) if bound[2] is not None]
    try:
        with path.open("rb") as file:
            table = pq.read_table(file, filters=span or None, page_checksum_verification=True)
        if table.schema != SCHEMA:
            raise pa.ArrowInvalid("it has other columns")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DamagedDatabaseError(
            f"{path} cannot be read ({error}).", "Restore it from a copy; the manifest has its SHA-256."
        ) from error
    return table
