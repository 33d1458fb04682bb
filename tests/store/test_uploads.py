"""Files of anybody's making: read or refused row by row with the reason, stored by hash, and never anywhere else."""

import contextlib
import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from statarb.errors import ConfigError, DataError, StatarbError, StoreError
from statarb.store import IngestLock, Reader
from statarb.store.column_guess import guess_columns
from statarb.store.ohlcv import Layout, read_ohlcv
from statarb.store.refusals import SHOWN_REFUSALS, RefusedFileError
from statarb.store.text_table import numbers, read_table
from statarb.store.timestamps import NO_TIME, read_times
from statarb.store.uploads import delete_upload, read_uploads, save_upload, upload_instrument

KLINES = Path(__file__).resolve().parents[3] / "shared" / "klines"
HEAD = "time,open,high,low,close,volume"


def file_of(*lines: str, head: str = HEAD) -> bytes:
    return "\n".join([head, *lines]).encode()


def minutes(n: int, head: str = HEAD, close: float = 10.0) -> list[str]:
    return [f"2024-01-01 00:{i:02d}:00,{close},{close + 1},{close - 1},{close + i / 100:.2f},5" for i in range(n)]


def read(data: bytes, **layout):
    table = read_table(data)
    return read_ohlcv(table, Layout(guess_columns(table), **layout))


def ms(text: str) -> int:
    return int(pd.Timestamp(text).timestamp() * 1000)


def times(*cells: str, zone: str = "UTC", order="auto") -> list[str | None]:
    found = read_times(cells, zone, order).epochs_ms
    return [None if one == NO_TIME else str(np.datetime64(int(one), "ms")).removesuffix(".000") for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "1704110400", "1704110400000", "1704110400000000", "1704110400000000000", "1704110400.0", "1.7041104e+09",
        "2024-01-01 12:00", "2024-01-01T12:00:00Z", "2024-01-01T14:00:00+02:00", "2024-01-01 12:00:00 UTC",
        "2024/01/01 12:00", "01.01.2024 12:00", "1 Jan 2024 12:00", "Jan 1, 2024 12:00 PM", "2024.01.01 12:00:00",
        "01-Jan-2024 12:00", "202401011200", "20240101120000", "2024-01-01 12-PM", "01/01/2024 12:00:00",
        "1/1/24 12:00",
    ],
)  # fmt: skip
def test_a_time_is_read_however_it_is_written(text):
    assert times(text) == ["2024-01-01T12:00:00"]


def test_kinds_of_times_may_be_mixed_in_one_file():
    assert times("1704110400", "2024-01-01 13:00", "01.01.2024 14:00", "nonsense", "", "1e400", "12") == [
        "2024-01-01T12:00:00", "2024-01-01T13:00:00", "2024-01-01T14:00:00", None, None, None, None,
    ]  # fmt: skip


def test_day_and_month_are_told_by_what_is_possible_then_by_the_order_of_the_rows():
    assert times("13/04/2024", "05/05/2024") == ["2024-04-13T00:00:00", "2024-05-05T00:00:00"]
    assert times("04/13/2024", "05/05/2024") == ["2024-04-13T00:00:00", "2024-05-05T00:00:00"]
    assert times("03/04/2024", "04/04/2024", "05/04/2024")[2] == "2024-04-05T00:00:00"
    assert times("03/04/2024", "03/05/2024", "03/06/2024")[2] == "2024-03-06T00:00:00"
    assert times("03/04/2024", "03/05/2024", "03/06/2024", order="day")[2] == "2024-06-03T00:00:00"
    assert read_times(["03/04/2024", "03/05/2024"], "UTC").is_ambiguous


def test_local_times_are_those_of_the_zone_and_a_change_of_clocks_is_not_guessed():
    assert times("2024-07-01 12:00", "2024-01-01 12:00", zone="Europe/Berlin") == [
        "2024-07-01T10:00:00",
        "2024-01-01T11:00:00",
    ]
    skewed = read_times(["2024-03-31 02:30", "2024-10-27 02:30", "2024-07-01 00:00"], "Europe/Berlin").skewed
    assert skewed.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("text", "comma", "value"),
    [
        ("1234.5", False, 1234.5), ("1,234.5", False, 1234.5), ("1,234", False, 1234), ("1.234,5", True, 1234.5),
        ("1234,5", True, 1234.5), ("1.234", True, 1234), ("0.234", True, 0.234), ("1.234.567", False, 1234567),
        ("1 234,5", True, 1234.5), ("1e-3", False, 0.001), ("1,5", False, 1.5), ("x", False, np.nan),
        ("", False, np.nan), ("inf", False, np.nan), ("1'000.5", False, 1000.5), ("-", False, np.nan),
    ],
)  # fmt: skip
def test_a_number_is_read_with_either_mark_and_its_groups(text, comma, value):
    assert numbers([text], comma)[0] == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("packing", ["plain", "gzip", "zip"])
def test_any_separator_encoding_and_packing_gives_the_same_bars(separator, encoding, packing):
    text = "\r\n".join([HEAD + ",Ä", *(line + ",é" for line in minutes(5))]).replace(",", separator)
    data = text.encode(encoding)
    if packing == "gzip":
        data = gzip.compress(data)
    if packing == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.csv", data)
        data = file.getvalue()
    pd.testing.assert_frame_equal(read(data).bars, read(file_of(*minutes(5))).bars)


def test_decimal_commas_are_told_from_separators():
    lines = [line.replace(",", ";").replace(".", ",") for line in minutes(5)]
    found = read(file_of(*lines, head=HEAD.replace(",", ";")))
    np.testing.assert_allclose(found.bars["close"], [10.0, 10.01, 10.02, 10.03, 10.04])


def test_every_row_that_is_refused_says_its_line_and_why():
    rows = minutes(30)
    rows[3] = "nonsense,1,2,0.5,1,1"
    rows[5] = "2024-01-01 00:05:00,1,2,3,1,1"
    rows[7] = "2024-01-01 00:07:00,1,2,0.5,-1,1"
    rows[9] = "2024-01-01 00:09:00,1,2,0.5,abc,1"
    rows[11] = "2024-01-01 00:11:00,1"
    rows[13] = "2024-01-01 00:13:07,10,11,9,10,1"
    rows[15] = "2024-01-01 00:15:00,10,11,9,10,-4"
    rows[17] = "1812-01-01 00:15:00,10,11,9,10,4"
    rows[19] = "2024-01-01 00:18:00,10,11,9,10,4"
    rows[21] = "2024-01-01 00:21:00,1e-12,1e-12,1e-12,1e-12,4"
    rows[23] = "2024-01-01 00:23:00,1e12,1e12,1e12,1e12,4"
    found = read(file_of(*rows))
    reasons = {refusal.line: refusal.reason for refusal in found.refused.first}
    assert sorted(reasons) == [line + 2 for line in range(3, 25, 2)]
    for line, said in (
        (5, "its time cannot be read: 'nonsense'"), (7, "contradict"), (9, "not positive"), (11, "close is no number"),
        (13, "another number of cells"), (15, "no start of a bar"), (17, "volume is out of range"), (19, "before 1980"),
        (21, "came before with other values"), (23, "beyond the eight decimals"), (25, "too large"),
    ):  # fmt: skip
        assert said in reasons[line]
    assert found.refused.count == 11
    assert found.refused.first[0].text == rows[3]
    assert [refusal.text for refusal in found.refused.first if refusal.line == 13] == [rows[11]]
    assert len(found.bars) == 19
    assert found.missing == 11


def test_doubles_holes_disorder_and_dead_bars_are_counted_and_change_no_bar():
    rows = minutes(40)
    plain = read(file_of(*rows)).bars
    messy = [rows[5], *rows, rows[7], rows[9]]
    del messy[20:23]
    messy[30] = messy[30].rsplit(",", 1)[0] + ",0"
    found = read(file_of(*messy))
    assert (found.doubled, found.missing, found.untraded) == (3, 4, 1)
    assert found.unordered >= 1
    assert found.holes[0][1] == 3
    pd.testing.assert_frame_equal(found.bars, plain.loc[found.bars.index])


def test_closing_times_are_taken_back_by_one_bar():
    rows = [f"2024-01-01 00:{i:02d}:59.999,10,11,9,10,5" for i in range(10)]
    assert read(file_of(*rows), stamped="close").bars.index[0] == pd.Timestamp("2024-01-01", tz="UTC")
    with pytest.raises(DataError, match="closing times"):
        read(file_of(*rows))


def test_a_close_alone_will_do_and_says_so():
    found = read(file_of(*(f"2024-01-{i + 1:02d},{100 + i}" for i in range(20)), head="Date,Price"))
    assert (found.bar_s, len(found.bars)) == (86_400, 20)
    assert (found.bars[["open", "high", "low"]].to_numpy() == found.bars[["close"]].to_numpy()).all()
    assert "the close stands in" in found.notes[0]
    assert "no volume" in found.notes[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no rows"), (b"\0\1\2\3", "no text"), (b"PK\x03\x04xx", "packed and damaged"), (b"\x1f\x8bxx", "packed"),
        (b"a\nb\nc\n", "1 column"), (file_of(), "no rows"),
        (file_of("x,1,2,3,4,5", "y,1,2,3,4,5"), "None of the 2 rows is a bar"),
        (file_of(*(f"2024-01-{day},1,2,0.5,1,1" for day in ("01", "08", "15"))), "7 d apart.* does not divide a day"),
        (file_of("2024-01-01 00:00,1,2,0.5,1,1"), "one bar in the file, whose length cannot be told"),
        (file_of(*(f"2024-01-01 00:00:{i * i:02d},1,2,0.5,1,1" for i in range(8))), "no fixed time apart"),
        (file_of(*(f"2024-01-01 00:{i:02d}:30,1,2,0.5,1,1" for i in range(8))), "30 s past a whole bar of 1 min"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_bars_is_refused_in_one_sentence(data, said):
    with pytest.raises(DataError, match=said):
        read(data)


@pytest.mark.parametrize(
    ("lines", "line", "text", "reason"),
    [
        (["x,1,2,3,4,5", "y,1,2,3,4,5"], 2, "x,1,2,3,4,5", "its time cannot be read: 'x'"),
        (
            [f"2024-01-01 00:00:{i * i:02d},1,2,0.5,1,1" for i in range(8)],
            4,
            "2024-01-01 00:00:04,1,2",
            "not 1 s after",
        ),
        ([f"2024-01-01 00:{i:02d}:30,1,2,0.5,1,1" for i in range(8)], 2, "2024-01-01 00:00:30,1", "no start of a bar"),
        (["2024-01-01 00:00,0,2,0.5,1,1", "2024-01-08 00:00,1,2,0.5,1,1"], 2, "2024-01-01 00:00,0,2", "not positive"),
    ],
)
def test_a_file_refused_as_a_whole_names_the_lines_it_is_refused_for(lines, line, text, reason):
    with pytest.raises(RefusedFileError) as error:
        read(file_of(*lines))
    first = error.value.refusals.first[0]
    assert first.line == line
    assert first.text.startswith(text)
    assert reason in first.reason


def test_the_first_refused_lines_are_the_first_of_the_file_whatever_their_reason():
    rows = [f"nonsense {i},1,2,0.5,1,5" for i in range(2 * SHOWN_REFUSALS)]
    rows[3], rows[5] = "2024-01-01 00:05:00,1,2,0.5,-1,1", "2024-01-01 00:07:00,1" + "0" * 200
    found = read(file_of(*rows, *minutes(30))).refused
    assert [refusal.line for refusal in found.first] == list(range(2, 2 + SHOWN_REFUSALS))
    assert found.count == len(rows)
    assert "not positive" in found.first[3].reason
    assert "number of cells" in found.first[5].reason
    assert len(found.first[5].text) == 81


def test_columns_are_asked_for_where_they_cannot_be_told():
    table = read_table(file_of("a,b,c", "d,e,f", head="x,y,z"))
    assert guess_columns(table) == {}
    with pytest.raises(ConfigError, match="No column is chosen for the time"):
        read_ohlcv(table, Layout({}))
    with pytest.raises(ConfigError, match="chosen twice"):
        read_ohlcv(table, Layout({"time": 0, "close": 0}))
    with pytest.raises(ConfigError, match="not a time zone"):
        read_ohlcv(table, Layout({"time": 0, "close": 1}, zone="Mars/Base"))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount",
         {"time": 0, "open": 3, "high": 4, "low": 5, "close": 6, "volume": 7, "quote_volume": 8, "trades": 9}),
        ("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>",
         {"time": 0, "clock": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}),
        ("Date,Open,High,Low,Close,Adj Close,Volume",
         {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 6}),
        ("Zeitstempel,Eröffnung,Hoch,Tief,Schlußkurs,Volumen",
         {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}),
        ("DATUM;UHRZEIT;EROFFNUNG;HOCH;TIEF;SCHLUSS",
         {"time": 0, "clock": 1, "open": 2, "high": 3, "low": 4, "close": 5}),
        ("date;heure;ouverture;haut;bas;clôture;volume",
         {"time": 0, "clock": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}),
        ("Fecha;Apertura;Ma\u0301ximo;Mínimo;Cierre;Volumen",
         {"time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}),
    ],
)  # fmt: skip
def test_headers_of_well_known_sources_are_understood(head, expected):
    separator = next(one for one in "\t;," if one in head)
    cells = ["2024.01.01", "12:00:00"] + ["1"] * (head.count(separator) - 1)
    assert guess_columns(read_table(f"{head}\n{separator.join(cells)}".encode())) == expected


@pytest.fixture
def db(tmp_path):
    return tmp_path / "uploads" / "uploads.db"


def saved(db, name, data, **layout):
    return save_upload(db, name, f"{name}.csv", "UTC", data, read(data, **layout))


def test_what_is_stored_is_what_was_read(db):
    upload = saved(db, "eth", data := file_of(*minutes(30)))
    assert (upload.instrument, upload.bars, upload.bar_s) == ("upload:ETH", 30, 60)
    assert (db.parent / upload.stored_as).read_bytes() == data
    assert (db.parent / upload.stored_as).stat().st_mode & 0o777 == 0o600
    stored = Reader(db).instruments()["upload:ETH"]
    assert stored.closed_until_ms == ms("2024-01-01 00:30Z")
    bars = Reader(db).bars("upload:ETH", "1m", 0, stored.closed_until_ms)
    expected = read(data).bars
    pd.testing.assert_frame_equal(bars[list(expected.columns)], expected, check_freq=False)
    assert Reader(db).source() == "upload"
    assert read_uploads(db) == [upload]


@pytest.mark.parametrize(("step", "frame"), [("15s", "1s"), ("h", "1m"), ("D", "1m")])
def test_bars_of_any_length_lie_where_their_timeframe_is_made_of_and_are_covered(db, step, frame):
    index = pd.date_range("2024-01-01", periods=48, freq=step)
    saved(db, "a", file_of(*(f"{t},10,11,9,10.5,1" for t in index)))
    reader = Reader(db)
    assert len(reader.bars("upload:A", frame, 0, 2**42)) == 48
    since_ms, until_ms = ms(f"{index[0]}Z"), reader.instruments()["upload:A"].closed_until_ms
    assert reader.coverage("upload:A", frame, since_ms, until_ms).share == 1.0
    if step == "15s":
        assert len(reader.bars("upload:A", "1m", 0, 2**42)) == 12
        assert not reader.bars("upload:A", "1m", 0, 2**42)["provisional"].any()


def test_a_name_is_taken_once_and_deleting_leaves_nothing(db):
    data = file_of(*minutes(30))
    saved(db, "a", data)
    saved(db, "b", data)
    with pytest.raises(ConfigError, match="is there already"):
        saved(db, "a", file_of(*minutes(20)))
    reader = Reader(db)
    delete_upload(db, "upload:A")
    assert [one.instrument for one in read_uploads(db)] == ["upload:B"]
    assert len(list(db.parent.glob("*.csv"))) == 1
    delete_upload(db, "upload:B")
    delete_upload(db, "upload:B")
    assert not list(db.parent.glob("*.csv"))
    assert reader.instruments() == {}


def test_a_name_that_comes_again_shows_the_new_bars_to_a_reader_that_knew_the_old(db):
    saved(db, "a", file_of(*minutes(30)))
    saved(db, "b", file_of(*minutes(30, close=50.0)))
    reader = Reader(db)
    before = reader.instruments()["upload:A"].bars_version
    assert reader.bars("upload:A", "1m", 0, 2**42)["close"].iloc[0] == 10.0
    delete_upload(db, "upload:A")
    saved(db, "c", file_of(*minutes(30, close=70.0)))
    saved(db, "a", file_of(*minutes(30, close=90.0)))
    assert reader.instruments()["upload:A"].bars_version != before
    assert reader.bars("upload:A", "1m", 0, 2**42)["close"].iloc[0] == 90.0


def test_while_another_process_writes_uploads_it_is_said(db):
    saved(db, "a", file_of(*minutes(30)))
    with IngestLock(db), pytest.raises(StoreError, match="Another process"):
        saved(db, "b", file_of(*minutes(30)))
    assert not read_uploads(db)[1:]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "é", "x" * 31, "a:b", "'; DROP TABLE meta; --", "a\n"])
def test_a_name_no_symbol_has_is_refused(name):
    if name == "a\n":
        assert str(upload_instrument(name)) == "upload:A"
        return
    with pytest.raises(ConfigError):
        upload_instrument(name)


CELLS = some.one_of(
    some.text(max_size=12),
    some.sampled_from(
        ["2024-01-01 00:00", "1704067200", "1,5", "1.234,5", "=1+1", "../../etc/passwd", "<script>", "nan", "-1",
         "1e400", "99999999999999999999", "\0", '"', "''", ";", "31/12/2024", "0", "10", "٣"],
    ),
    some.integers(-10, 10**19).map(str),
    some.floats().map(str),
)  # fmt: skip
ROWS = some.lists(some.lists(CELLS, min_size=1, max_size=7), max_size=8)
FILES = some.one_of(
    some.binary(max_size=200),
    some.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data),
    some.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08\x00" + data),
    some.tuples(ROWS, some.sampled_from([",", ";", "\t", "|"]), some.sampled_from(["utf-8", "utf-16"])).map(
        lambda made: "\n".join(made[1].join(row) for row in made[0]).encode(made[2], "surrogatepass")
    ),
    some.tuples(ROWS, some.integers(0, 20)).map(
        lambda made: file_of(*minutes(made[1]), *(",".join(r) for r in made[0]))
    ),
)


@settings(max_examples=1_000, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
@given(data=FILES, name=some.text(max_size=40), columns=some.lists(some.integers(-1, 8), min_size=2, max_size=6))
def test_a_thousand_hostile_files_give_bars_or_a_sentence_and_write_nowhere_else(data, name, columns):
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "uploads" / "uploads.db"
        with contextlib.suppress(StatarbError):
            table = read_table(data)
            places = zip(("time", "close", "open", "high", "low", "volume"), columns, strict=False)
            found = read_ohlcv(table, Layout(guess_columns(table) or dict(places)))
            assert len(found.bars) > 0
            assert np.isfinite(found.bars[["open", "high", "low", "close", "volume"]].to_numpy()).all()
            save_upload(db, name, name, "UTC", data, found)
        outside = [path for path in Path(folder).rglob("*") if db.parent not in (path, *path.parents)]
        assert outside == []
        names = {path.name for path in db.parent.glob("*")} - {"uploads.db", "uploads.db.lock"}
        assert all(path.split(".")[0].isalnum() for path in names)


@pytest.mark.parametrize("name", ["btc-1h-with-outages.csv", "eth-1h-with-outages.csv", "BTCUSDT-1m-2020-01-01.zip"])
def test_real_files_are_read_whole(name):
    path = KLINES / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    found = read(path.read_bytes())
    assert found.refused.count == 0
    if path.suffix == ".csv":
        raw = pd.read_csv(path, header=None).drop_duplicates(0).query("`5` > 0")
        assert (len(found.bars), found.doubled, found.untraded, found.missing) == (4307, 5, 2, 14)
        np.testing.assert_array_equal(found.bars["close"], raw[2])
        np.testing.assert_array_equal(found.bars["high"], raw[4])
        np.testing.assert_array_equal(found.bars["trade_count"], raw[6])
    else:
        assert (len(found.bars), found.missing, found.notes) == (1440, 0, ())
