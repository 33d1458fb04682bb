"""A day's file: exact sums, no change of a byte unnoticed, a few bytes a trade."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
from store.keeping import MIDNIGHT_MS
from support import shared_file

from statarb.errors import DamagedDatabaseError
from statarb.market import to_e8
from statarb.store import dayfile
from statarb.store.dayfile import Sums, as_table, read_file, write_file


def test_sums_are_exact_where_64_bits_are_not_enough():
    big = 9_000_000_000_000_000_000
    rows = np.array([[i, 1, big, big - i, 0] for i in (3, 4, 9)], dtype=np.int64)
    sums = Sums()
    sums.add(as_table(rows[:1]))
    sums.add(as_table(rows[1:]))
    assert (sums.rows, sums.first_id, sums.last_id, sums.absent) == (3, 3, 9, [(5, 8)])
    assert (sums.price_e8, sums.qty_e8) == (3 * big, 3 * big - 16)


def test_no_single_changed_byte_of_a_file_goes_unnoticed_or_ends_in_a_traceback(tmp_path):
    """Each either fails the check or left the rows as they were."""
    rows = np.array([[i, MIDNIGHT_MS + i * 7, 10**12 + i * 100, 10**8 + i % 97, i % 2] for i in range(500)])
    path = tmp_path / "part.parquet"
    written = write_file(path, [as_table(rows)])
    good = path.read_bytes()
    seen = 0
    for position in range(0, len(good), 7):
        raw = bytearray(good)
        raw[position] ^= 0x10
        path.write_bytes(raw)
        try:
            dayfile.verify_file(path, written)
        except DamagedDatabaseError:
            seen += 1
        else:
            assert np.array_equal(dayfile.as_rows(read_file(path)), rows)
    assert seen > len(good) // 14


@pytest.mark.parametrize("column", range(5))
def test_two_cells_that_change_places_are_seen_in_any_column(column):
    """The sums of a column would not see it."""
    rows = np.array([[i, i * 7, i * 100, i * 3, i % 2] for i in range(10)], dtype=np.int64)
    other = rows.copy()
    other[[4, 5], column] = other[[5, 4], column]
    one, two = Sums(), Sums()
    one.add(as_table(rows))
    two.add(as_table(other))
    assert one != two


def recorded_rows() -> np.ndarray:
    """The BTCUSDT trades of the shared recording."""
    path = shared_file("recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz")
    with gzip.open(path, "rt") as lines:
        found = [json.loads(line.split(" ", 1)[1])["data"] for line in lines]
    rows = [(d["t"], d["T"], to_e8(d["p"]), to_e8(d["q"]), d["m"]) for d in found if d["s"] == "BTCUSDT"]
    return np.array(rows, dtype=np.int64)


def test_a_real_trade_takes_at_most_eight_bytes(tmp_path):
    """Recorded trades twenty times over, each time elsewhere in price and with quantities shuffled. Measured: 5.1."""
    rows, random = recorded_rows(), np.random.default_rng(1)
    tick = 1_000_000
    repeats = []
    for number in range(20):
        again = rows.copy()
        again[:, 0] += number * len(rows)
        again[:, 1] += number * (rows[-1, 1] - rows[0, 1] + 1)
        again[:, 2] += tick * (int(random.integers(-50_000, 50_000)) + random.integers(-1, 2, len(rows)).cumsum())
        again[:, 3] = random.permutation(again[:, 3])
        repeats.append(as_table(again))
    sums = write_file(tmp_path / "part.parquet", repeats)
    size = (tmp_path / "part.parquet").stat().st_size / sums.rows
    print(f"{size:.2f} bytes a trade of {sums.rows:,}")
    assert size <= 8
    assert read_file(tmp_path / "part.parquet").equals(pa.concat_tables(repeats))
