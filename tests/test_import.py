"""Import: what is in a file is in the database, exactly and once, whatever happens on the way."""

from __future__ import annotations

import csv
import io
import itertools
import signal
import threading
import zipfile
from decimal import Decimal
from functools import partial

import pytest
from importing import (
    DAY_MS,
    DAYS,
    assert_sound,
    expected,
    futures_zip,
    import_into,
    live_database,
    made_up,
    ndjson,
    official_zips,
    query,
    spot_zip,
    stored,
)
from processes import running, wait_until

import ingest
from statarb.feed import Importer, plan_import
from statarb.feed.importer import line_files
from statarb.store import Inbox, InboxSink, Reader, Writer


def test_the_exchanges_own_klines_are_right_to_the_last_digit(tmp_path):
    """The second route: zipfile, csv and Decimal."""
    db = tmp_path / "import.db"
    import_into(db, *reversed(official_zips()))
    rows = []
    for path in official_zips():
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            rows += list(csv.reader(io.TextIOWrapper(file)))
    assert len(rows) == 3 * 1440
    e8 = [[int(Decimal(cell) * 10**8) for cell in row[1:5]] for row in rows]
    assert query(db, "SELECT sec, o, h, l, c, v, quote_v, taker_buy_v, n FROM bars_1m ORDER BY sec") == [
        (int(row[0]) // 1000, *prices, float(row[5]), float(row[7]), float(row[9]), int(row[8]))
        for row, prices in zip(rows, e8, strict=True)
        if int(row[8])
    ]
    assert query(db, "SELECT DISTINCT source, state FROM bars_1m") == [("kline", "final")]
    reader = Reader(db)
    assert reader.source() == "import"
    assert reader.instruments()["spot:BTCUSDT"].closed_until_ms == 1_578_096_000_000  # 2020-01-04
    bars = reader.bars("spot:BTCUSDT", "1m", 0, 2**43)
    assert bars.close.iloc[-1] == float(rows[-1][4])
    before = query(db, "SELECT * FROM bars_1m")
    import_into(db, *official_zips())
    assert query(db, "SELECT * FROM bars_1m") == before


@pytest.mark.parametrize(
    ("make", "instrument"),
    [
        (spot_zip, "spot:BTCUSDT"),
        (partial(spot_zip, zeros="123"), "spot:BTCUSDT"),
        (partial(futures_zip, header=True), "usdm:BTCUSDT"),
        (partial(futures_zip, header=False), "usdm:BTCUSDT"),
        (partial(futures_zip, header=True, content="aggTrades"), "usdm:BTCUSDT"),
    ],
    ids=["spot ms", "spot microseconds", "futures with header", "futures without", "aggregate trades"],
)
def test_every_spelling_of_a_days_trades_is_stored_exactly(tmp_path, make, instrument):
    rows = made_up(1_000, 12_345)
    db = tmp_path / "import.db"
    import_into(db, make(tmp_path, rows))
    assert stored(db) == expected(rows, instrument)
    assert query(db, "SELECT * FROM gaps") == []
    assert_sound(db)
    one = Reader(db).instruments()[instrument]
    assert one.closed_until_ms == DAY_MS + 86_400_000  # the day that the file's name says
    assert one.can_short == instrument.startswith("usdm")
    # All final, but for the first second: what was traded in it before the file begins is not known.
    states = query(db, "SELECT state, count(*) FROM bars_1s GROUP BY state ORDER BY state")
    assert states == [("final", 4938 - 1), ("provisional", 1)]


def test_days_in_any_order_join_without_a_gap_and_close_once(tmp_path, caplog):
    caplog.set_level("INFO")
    first, second = made_up(1, 6_000), made_up(6_001, 6_000, DAY_MS + 86_400_000)
    db = tmp_path / "import.db"
    import_into(db, spot_zip(tmp_path, second, DAYS[1]), spot_zip(tmp_path, first, DAYS[0]))
    assert stored(db) == expected([*first, *second])
    assert query(db, "SELECT * FROM gaps") == []
    one = Reader(db).instruments()["spot:BTCUSDT"]
    assert (one.closed_until_ms, one.bars_version) == (DAY_MS + 2 * 86_400_000, 0)
    assert "12000 trades and 0 bars read" in caplog.text
    assert f"12000 trades are new in {db}" in caplog.text


def test_a_day_imported_after_its_successor_is_judged_where_it_lies(tmp_path):
    """All final but the first second, whose beginning is not known; a hole within keeps its bars in doubt."""
    first, second = made_up(1, 6_000), made_up(6_001, 6_000, DAY_MS + 86_400_000)
    db, sql = tmp_path / "import.db", "SELECT sec*1000 FROM bars_1s WHERE state='provisional' ORDER BY sec"
    import_into(db, spot_zip(tmp_path, second, DAYS[1]))
    import_into(db, spot_zip(tmp_path, first[:2_000] + first[2_010:], DAYS[0]))
    around = range(first[1_999][1] // 1000 * 1000, first[2_010][1] + 1, 1000)
    stored_seconds = {ts // 1000 * 1000 for _, ts, *_ in first[:2_000] + first[2_010:]}
    assert [ms for (ms,) in query(db, sql)] == [DAY_MS, *(ms for ms in around if ms in stored_seconds)]
    import_into(db, spot_zip(tmp_path, first, DAYS[0]))
    assert query(db, sql) == [(DAY_MS,)]
    assert query(db, "SELECT sec*1000 FROM bars_1m WHERE state='provisional'") == [(DAY_MS,)]
    assert Reader(db).instruments()["spot:BTCUSDT"].bars_version > 0
    assert_sound(db)


def test_what_lies_between_two_distant_days_is_deferred_and_no_new_epoch(tmp_path):
    old, new = made_up(1, 100), made_up(5_000_000_000, 100, DAY_MS + 86_400_000)
    db = tmp_path / "import.db"
    import_into(db, spot_zip(tmp_path, new, DAYS[1]))
    import_into(db, spot_zip(tmp_path, old, DAYS[0]))
    assert stored(db) == expected([*old, *new])
    assert query(db, "SELECT lo, hi, state FROM gaps") == [(101, 4_999_999_999, "deferred")]
    assert query(db, "SELECT id_epoch FROM symbols") == [(0,)]
    assert_sound(db)


def test_an_archive_closes_the_gap_of_a_live_database_and_changes_nothing_else(tmp_path):
    rows, db = made_up(1, 5_000), tmp_path / "ticks.db"
    live_database(db, rows, without=range(2_000, 3_000))
    before = Reader(db).instruments()["spot:BTCUSDT"]
    assert query(db, "SELECT lo, hi, state FROM gaps") == [(2_000, 2_999, "open")]
    import_into(db, spot_zip(tmp_path, rows))
    assert stored(db) == expected(rows)
    assert query(db, "SELECT lo, hi, state FROM gaps") == [(2_000, 2_999, "filled")]
    assert_sound(db)
    after = Reader(db).instruments()["spot:BTCUSDT"]
    assert (
        (after.tick, after.lot_step, after.status)
        == (before.tick, before.lot_step, before.status)
        == (0.01, 1e-4, "BREAK")
    )
    assert Reader(db).source() == "binance"
    assert query(db, "SELECT count(*) FROM conflicts") == [(0,)]


@pytest.mark.parametrize("kind", ["archive", "lines"])
def test_an_interrupted_import_keeps_what_it_read_and_the_next_completes_it(tmp_path, kind):
    rows, db = made_up(1, 23_000), tmp_path / "import.db"
    path = spot_zip(tmp_path, rows) if kind == "archive" else ndjson(tmp_path / "x.ndjson", rows)
    inbox, stop, commits = Inbox(), threading.Event(), itertools.count(1)
    files = plan_import([path], "spot")
    for file in line_files(files):
        file.first_ids = ingest.reserve_lines(db, "import", file.sha256, file.counts)
    writer = Writer(db, "import", inbox, fillable_ids=0)

    def flush() -> None:
        writer.step(0)
        if next(commits) == 2:
            stop.set()

    assert not Importer(files, {}, partial(InboxSink, inbox), flush, stop).run()
    writer.close()
    assert len(stored(db)) == 10_000
    assert next(iter(Reader(db).instruments().values())).closed_until_ms is None
    assert_sound(db)
    other = ndjson(tmp_path / "other.ndjson", made_up(1, 10, DAY_MS + 90_000_000))
    import_into(db, other)  # what comes between takes no ids away from the rest of the first file
    import_into(db, path)
    assert sorted(row[2:5] for row in stored(db))[:23_000] == [row[2:5] for row in expected(rows)]
    assert len(stored(db)) == 23_010
    assert query(db, "SELECT * FROM gaps WHERE state<>'filled'") == []
    assert_sound(db)


@pytest.mark.slow
def test_ctrl_c_ends_an_import_in_order_and_a_kill_loses_nothing_committed(tmp_path):
    rows, db = made_up(1, 150_000, step_ms=10), tmp_path / "import.db"
    command = ["ingest.py", "--db", str(db), "--import", str(spot_zip(tmp_path, rows))]
    count = "SELECT count(*) FROM trades"
    committed = 0
    for how in ("kill", "interrupt"):
        with running(*command) as process:
            wait_until(lambda: "Import: file 1 of 1" in process.output)
            wait_until(lambda seen=committed: query(db, count)[0][0] > seen)
            committed = query(db, count)[0][0]
            if how == "kill":
                process.kill()
            else:
                assert process.stop(signal.SIGINT) == 0
                assert "the same command again goes on" in process.output
        assert committed <= query(db, count)[0][0] < len(rows)
        assert_sound(db)
        committed = query(db, count)[0][0]
    with running(*command) as process:
        assert process.child.wait(60) == 0
    assert stored(db) == expected(rows)
