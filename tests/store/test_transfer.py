"""CSV for other programs: exact, empty where there is no number, harmless in a spreadsheet."""

import csv
import io

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as some

from statarb.store.transfer import csv_text


def test_times_are_iso_utc_and_nan_is_empty():
    frame = pd.DataFrame(
        {"ts_utc": pd.to_datetime([1_700_000_000_000], unit="ms", utc=True), "z": [np.nan], "close": [0.1]}
    )
    assert csv_text(frame) == "ts_utc,z,close\n2023-11-14T22:13:20Z,,0.1\n"


@given(some.lists(some.floats(allow_nan=True, allow_infinity=False), min_size=1))
def test_numbers_keep_every_digit(values):
    lines = csv_text(pd.DataFrame({"a": values, "b": 0})).splitlines()[1:]
    back = [float(line.split(",")[0] or "nan") for line in lines]
    np.testing.assert_array_equal(back, values)


@given(some.text(min_size=1))
def test_no_text_cell_begins_as_a_formula(text):
    _, row = csv.reader(io.StringIO(csv_text(pd.DataFrame({"a": [text], "b": ["x"]})), newline=""))
    one_line = text.replace("\t", " ").replace("\r", " ").replace("\n", " ")
    assert not row[0].lstrip().startswith(("=", "+", "-", "@"))
    assert row[0] in (one_line, f"'{one_line}")
