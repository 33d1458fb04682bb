"""Import: what is damaged, of another source or no file of trades is refused in one sentence, and nothing is mixed."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest
from importing import (
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
    zipped,
)
from processes import running

import ingest
from statarb.errors import ConfigError, FeedError, StatarbError
from statarb.feed import plan_import


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
