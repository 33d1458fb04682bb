"""Import: what is in a file is in the database, exactly and once, whatever happens on the way."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
import shutil
import signal
import sqlite3
import threading
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from processes import exchange, running, wait_until
from processes import ingest as ingesting
from support import shared_file

import ingest
from statarb.errors import ConfigError, FeedError, StatarbError
from statarb.feed import Importer, plan_import
from statarb.feed import importer as importing
from statarb.market import Instrument, InstrumentRules, Trade
from statarb.store import ExchangeTime, FeedReport, Inbox, InboxSink, Listing, Reader, TradeBatch, Writer

DAY_MS = 1_704_067_200_000
"""2024-01-01."""
DAYS = ["2024-01-01", "2024-01-02"]
SPOT_RECORDING = "recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz"
FUTURES_RECORDING = "recordings/usdm_btcusdt_ethusdt_trades_20240808.txt.gz"


@pytest.fixture(autouse=True)
def signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def import_into(db: Path, *paths: Path) -> None:
    ingest.import_files(db, paths, "spot")


def query(db: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(sql).fetchall()


def stored(db: Path) -> list[tuple]:
    return query(
        db,
        "SELECT venue || ':' || name, trade_id, ts_ms, price, qty, maker FROM trades JOIN symbols USING(symbol_id) "
        "ORDER BY 1, 2",
    )


def assert_sound(db: Path) -> None:
    """Invariants 1 and 2 of the design: every id accounted for; bars of seconds equal the sum of their trades."""
    sql = """SELECT count(*) + (SELECT coalesce(sum(hi-lo+1), 0) FROM gaps g WHERE g.symbol_id=t.symbol_id
             AND state IN ('open','deferred','unfillable')), max(trade_id) - min(trade_id) + 1
             FROM trades t GROUP BY symbol_id"""
    assert all(accounted == span for accounted, span in query(db, sql))
    from_trades = query(
        db, "SELECT symbol_id, ts_ms/1000, count(*), min(price), max(price) FROM trades GROUP BY 1, 2 ORDER BY 1, 2"
    )
    bars = query(db, "SELECT symbol_id, sec, n, l, h FROM bars_1s WHERE source='trades' ORDER BY 1, 2")
    assert bars == from_trades
    assert query(db, "PRAGMA quick_check") == [("ok",)]


Row = tuple[int, int, str, str, bool]
"""Id, time in ms, price, quantity, whether the buyer was the maker."""


def made_up(first_id: int, count: int, since_ms: int = DAY_MS, step_ms: int = 400) -> list[Row]:
    return [
        (
            first_id + i,
            since_ms + i * step_ms,
            f"{42_000 + i % 97}.{i % 100:02d}000000",
            f"0.{1 + i % 9}0000000",
            i % 3 == 0,
        )
        for i in range(count)
    ]


def expected(rows: Sequence[Row], instrument: str = "spot:BTCUSDT") -> list[tuple]:
    return [
        (instrument, i, ts, int(Decimal(price) * 10**8), int(Decimal(qty) * 10**8), int(maker))
        for i, ts, price, qty, maker in rows
    ]


def zipped(path: Path, lines: Sequence[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", "\n".join(lines) + "\n")
    return path


def spot_zip(folder: Path, rows: Sequence[Row], day: str = DAYS[0], symbol: str = "BTCUSDT", zeros: str = "") -> Path:
    lines = [f"{i},{p},{q},1.0,{ts}{zeros},{maker},True" for i, ts, p, q, maker in rows]
    return zipped(folder / f"{symbol}-trades-{day}.zip", lines)


def futures_zip(folder: Path, rows: Sequence[Row], header: bool, content: str = "trades") -> Path:
    extra = ["1.0"] if content == "trades" else ["1", "2"]
    names = {"trades": "id,price,qty,quote_qty,time,is_buyer_maker"}.get(
        content, "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    )
    lines = [",".join([str(i), p, q, *extra, str(ts), str(maker).lower()]) for i, ts, p, q, maker in rows]
    return zipped(folder / f"BTCUSDT-{content}-{DAYS[0]}.zip", [names, *lines] if header else lines)


# --- archive files ---------------------------------------------------------------------------------------------------


def official_zips() -> list[Path]:
    return [shared_file(f"klines/BTCUSDT-1m-2020-01-0{day}.zip") for day in (1, 2, 3)]


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


def copied(folder: Path, source: Path) -> Path:
    for path in (source, source.with_name(source.name + ".CHECKSUM")):
        shutil.copyfile(path, folder / path.name)
    return folder / source.name


def test_a_file_that_is_not_what_its_checksum_says_is_refused_and_nothing_is_made(tmp_path):
    path = copied(tmp_path, official_zips()[0])
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(FeedError, match=r"does not have the checksum in BTCUSDT-1m-2020-01-01.zip.CHECKSUM"):
        import_into(tmp_path / "import.db", path)
    assert not (tmp_path / "import.db").exists()


@pytest.mark.parametrize("checksum", ["", "nonsense", "{sha}x  BTCUSDT-1m-2020-01-01.zip"])
def test_a_checksum_file_that_says_nothing_vouches_for_nothing(tmp_path, checksum):
    path = copied(tmp_path, official_zips()[0])
    text = checksum.format(sha=hashlib.sha256(path.read_bytes()).hexdigest())
    path.with_name(path.name + ".CHECKSUM").write_text(text)
    with pytest.raises(FeedError, match="does not have the checksum"):
        plan_import([path], "spot")


def test_damage_without_a_checksum_is_found_by_the_zip_itself(tmp_path):
    path = tmp_path / official_zips()[0].name
    data = bytearray(official_zips()[0].read_bytes())
    data[30_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(FeedError, match=r"damaged|breaks off|cannot be read"):
        import_into(tmp_path / "import.db", path)


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


def live_database(path: Path, rows: Sequence[Row], *, without: range, source: str = "binance") -> None:
    """As ingest leaves it: live trades with a gap in them, rules known, bars closed."""
    btc = Instrument("spot", "BTCUSDT")
    trades = [Trade("BTCUSDT", i, ts, p, q, bool(m), ts, ts) for _, i, ts, p, q, m in expected(rows)]
    inbox = Inbox()
    writer = Writer(path, source, inbox)
    inbox.put(Listing([InstrumentRules(btc, "BREAK", 1_000_000, 10_000)]))
    inbox.put(FeedReport("spot-1", "live", [btc], {}))
    parts = ([t for t in trades if t.trade_id < without.start], [t for t in trades if t.trade_id >= without.stop])
    for part in filter(None, parts):
        assert inbox.put_trades(TradeBatch("spot", "spot-1/1", part))
        writer.step(0)
    inbox.put(ExchangeTime("spot", trades[-1].ts_ms + 10_000, 0, 1e9))
    writer.close()


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


def test_a_row_that_is_none_is_said_with_its_number_and_what_came_before_stays(tmp_path):
    rows, db = made_up(1, 11_000), tmp_path / "import.db"
    path = spot_zip(tmp_path, rows)
    lines = zipfile.ZipFile(path).read(f"{path.stem}.csv").decode().splitlines()
    lines[10_500] = "oops," + lines[10_500]
    zipped(path, lines)
    with pytest.raises(
        FeedError, match=r"Line 10501 of BTCUSDT-trades-2024-01-01\.zip cannot be read: it has 8 columns"
    ):
        import_into(db, path)
    assert stored(db) == expected(rows[:10_000])
    assert query(db, "SELECT DISTINCT state FROM feeds") == [("stopped",)]
    import_into(db, spot_zip(tmp_path, rows))
    assert stored(db) == expected(rows)
    assert_sound(db)


# --- recordings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "market"), [(SPOT_RECORDING, "spot"), (FUTURES_RECORDING, "usdm")])
def test_an_imported_recording_equals_the_file(tmp_path, name, market):
    """The second route: gzip, json and Decimal."""
    db = tmp_path / "import.db"
    import_into(db, shared_file(name))
    with gzip.open(shared_file(name), "rt") as lines:
        frames = [json.loads(line.split(" ", 1)[1])["data"] for line in lines]
    assert stored(db) == sorted(
        (f"{market}:{f['s']}", f["t"], f["T"], int(Decimal(f["p"]) * 10**8), int(Decimal(f["q"]) * 10**8), int(f["m"]))
        for f in frames
    )
    assert query(db, "SELECT * FROM gaps") == []
    assert_sound(db)
    newest_ms = max(frame["T"] for frame in frames)
    for one in Reader(db).instruments().values():
        assert one.closed_until_ms is not None
        assert newest_ms - 600_000 < one.closed_until_ms <= newest_ms + 300_000


def test_frames_of_two_streams_in_one_file_are_refused_with_the_line(tmp_path):
    """Their ids are not of one sequence."""
    path = tmp_path / "joined.gz"
    with gzip.open(shared_file(SPOT_RECORDING), "rb") as spot, gzip.open(shared_file(FUTURES_RECORDING), "rb") as usdm:
        path.write_bytes(gzip.compress(b"".join([spot.readline(), spot.readline(), usdm.readline()])))
    with pytest.raises(FeedError, match=r"Line 3 of joined.gz cannot be read: it is of another stream"):
        import_into(tmp_path / "import.db", path)


@pytest.mark.slow
def test_what_is_recorded_replays_as_the_same_trades(tmp_path):
    """Exchange -> ingest --record -> exchange --replay -> ingest, and the recording imported: three equal databases."""
    pair = ["--symbols", "BTCUSDT,ETHUSDT", "--history", "0"]
    live, replayed, imported, folder = tmp_path / "1.db", tmp_path / "2.db", tmp_path / "3.db", tmp_path / "frames"
    with exchange("--rate", "50") as (_, at), ingesting(live, *pair, *at, "--record", str(folder)) as feed:
        wait_until(lambda: live.exists() and query(live, "SELECT count(*) FROM sqlite_master")[0][0])
        wait_until(lambda: query(live, "SELECT count(*) > 400 FROM trades") == [(1,)])
        assert feed.stop(signal.SIGINT) == 0
    (recording,) = folder.iterdir()
    assert recording.name.startswith("spot-")
    assert recording.stat().st_mode & 0o777 == 0o600
    assert query(live, "SELECT stats FROM feeds WHERE name='spot recording'") != []
    with exchange("--replay", str(recording), "--speed", "max") as (_, at), ingesting(replayed, *pair, *at) as feed:
        feed.wait_for("feed is live")
        wait_until(lambda: len(stored(replayed)) == len(stored(live)))
        assert feed.stop() == 0
    import_into(imported, recording)
    assert stored(live) == stored(replayed) == stored(imported)
    assert_sound(imported)


# --- NDJSON ----------------------------------------------------------------------------------------------------------


def ndjson(path: Path, rows: Sequence[Row], symbols: Sequence[str] = ("GOLD",)) -> Path:
    names = itertools.cycle(symbols)
    lines = [json.dumps({"symbol": next(names), "ts": ts, "price": p, "size": q}) for _, ts, p, q, _ in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_lines_are_numbered_by_their_file_and_a_second_import_adds_nothing(tmp_path):
    rows, later = made_up(1, 7_001), made_up(1, 500, DAY_MS + 86_400_000)
    db = tmp_path / "import.db"
    one = ndjson(tmp_path / "one.ndjson", rows, ("GOLD", "OIL"))
    two = ndjson(tmp_path / "two.jsonl", later)
    import_into(db, two, one)
    gold = [row[1:5] for row in expected(rows)][::2] + [row[1:5] for row in expected(later)]
    everything = [(i, *row[1:]) for i, row in enumerate(gold, 1)]
    assert [row[1:5] for row in stored(db) if row[0] == "import:GOLD"] == everything
    assert len([row for row in stored(db) if row[0] == "import:OIL"]) == 3_500
    assert query(db, "SELECT DISTINCT id_kind FROM symbols") == [("line",)]
    before = stored(db)
    packed = tmp_path / "renamed.gz"
    packed.write_bytes(gzip.compress(one.read_bytes()))
    import_into(db, packed, two)
    assert stored(db) == before
    assert query(db, "SELECT * FROM gaps") == query(db, "SELECT * FROM conflicts") == []
    assert_sound(db)


def test_a_bad_line_is_found_before_anything_is_stored(tmp_path):
    path = ndjson(tmp_path / "x.ndjson", made_up(1, 10))
    path.write_text(path.read_text() + '{"symbol":"GOLD"}\n')
    with pytest.raises(FeedError, match=r"Line 11 of x.ndjson cannot be read"):
        import_into(tmp_path / "import.db", path)
    assert not (tmp_path / "import.db").exists()


# --- interrupt and resume --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["archive", "lines"])
def test_an_interrupted_import_keeps_what_it_read_and_the_next_completes_it(tmp_path, kind):
    rows, db = made_up(1, 23_000), tmp_path / "import.db"
    path = spot_zip(tmp_path, rows) if kind == "archive" else ndjson(tmp_path / "x.ndjson", rows)
    inbox, stop, commits = Inbox(), threading.Event(), itertools.count(1)
    files = plan_import([path], "spot")
    for file in importing.line_files(files):
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


# --- refusals --------------------------------------------------------------------------------------------------------


def live_db(folder: Path, source: str) -> Path:
    db = folder / "ticks.db"
    live_database(db, made_up(1, 10), without=range(0), source=source)
    return db


@pytest.mark.parametrize(
    ("held", "make", "words"),
    [
        ("simulated", spot_zip, "holds trades from 'simulated'.*--db .*import.db"),
        ("binance.us", spot_zip, "holds trades from 'binance.us'.*--db .*import.db"),
        ("binance", lambda folder, rows: ndjson(folder / "x.ndjson", rows), "is not from binance's archive"),
        ("binance", partial(futures_zip, header=True, content="aggTrades"), None),
        ("import", partial(spot_zip, symbol="ETHUSDT"), None),
    ],
)  # fmt: skip
def test_sources_are_never_mixed(tmp_path, held, make, words):
    db = live_db(tmp_path, held)
    before = stored(db)
    path = make(tmp_path, made_up(1, 10))
    if words is None:
        import_into(db, path)
        assert len(stored(db)) == len(before) + 10
        return
    with pytest.raises(ConfigError, match=words):
        import_into(db, path)
    assert stored(db) == before


def test_the_database_of_live_trades_is_not_begun_by_an_import(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "DEFAULT_DB", tmp_path / "ticks.db")
    with pytest.raises(ConfigError, match=r"is for live trades.*import\.db"):
        import_into(tmp_path / "ticks.db", spot_zip(tmp_path, made_up(1, 10)))
    assert not (tmp_path / "ticks.db").exists()


def agg_zip(folder: Path) -> Path:
    rows = made_up(1, 10)
    lines = [f"{i},{p},{q},1,2,{ts},{maker},True" for i, ts, p, q, maker in rows]
    return zipped(folder / f"BTCUSDT-aggTrades-{DAYS[1]}.zip", lines)


def test_two_kinds_of_ids_never_meet(tmp_path):
    trades, aggregates = spot_zip(tmp_path, made_up(1, 10)), agg_zip(tmp_path)
    with pytest.raises(ConfigError, match="ids"):
        import_into(tmp_path / "together.db", trades, aggregates)
    assert not (tmp_path / "together.db").exists() or not query(tmp_path / "together.db", "SELECT * FROM trades")
    import_into(tmp_path / "one.db", trades)
    with pytest.raises(ConfigError, match=r"aggTrade ids, and spot:BTCUSDT is stored by trade ids"):
        import_into(tmp_path / "one.db", aggregates)
    import_into(tmp_path / "other.db", aggregates)
    assert query(tmp_path / "other.db", "SELECT id_kind FROM symbols") == [("aggTrade",)]


def _two_files(folder: Path) -> Path:
    path = folder / "BTCUSDT-trades-2024-01-01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    return path


def _written(name: str, data: bytes):
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "absent.zip", "absent.zip"),
        (lambda folder: folder / "absent.ndjson", "cannot be read"),
        (lambda folder: folder, "cannot be read"),
        (_written("BTCUSDT-trades-2024-01-01.zip", b"no zip"), "is not a zip file"),
        (_written("BTCUSDT-trades-2024-01-01.zip", b""), "is not a zip file"),
        (_written("trades.zip", b""), "not the name of an archive file"),
        (_written("x.txt", b"a,b,c\n"), "neither an archive zip, nor a recording, nor NDJSON"),
        (_written("x.txt", b""), "neither an archive zip, nor a recording, nor NDJSON"),
        (_written("x.gz", b"\x1f\x8bgarbage"), "breaks off or is damaged"),
        (_written("x.gz", gzip.compress(b"{}" * 9999)[:-20]), "breaks off|cannot be read"),
        (_written("x.ndjson", b"{" + b" " * (1 << 20)), "too long"),
        (_two_files, "holds 2 files"),
        (lambda folder: zipped(folder / "BTCUSDT-trades-2024-01-01.zip", []), "Line 1 of"),
        (lambda folder: zipped(folder / "BTCUSDT-trades-2024-01-01.zip", ["1,2,3"]), "it has 3 columns"),
    ],
)
def test_a_file_that_cannot_be_imported_is_said_in_one_sentence(tmp_path, make, words):
    with pytest.raises(StatarbError, match=words):
        import_into(tmp_path / "import.db", make(tmp_path))
    assert not (tmp_path / "import.db").exists()


@pytest.mark.slow
def test_the_command_says_what_is_wrong_in_one_line_and_keeps_out_of_a_running_ingest(tmp_path):
    db = tmp_path / "t.db"
    with running("ingest.py", "--db", str(db), "--import", str(tmp_path / "BTCUSDT-1h-2024-01-01.zip")) as process:
        assert process.child.wait(60) == 2
        process.stop()
    assert [line for line in process.lines if "klines of 1h are not stored" in line]
    assert "Traceback" not in process.output
    with ingest.IngestLock(db), running("ingest.py", "--db", str(db), "--import", str(_two_files(tmp_path))) as process:
        assert process.child.wait(60) == 1
        process.stop()
    assert "Another ingest is already writing" in process.output
