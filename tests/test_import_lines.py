"""Import of files of one trade a line: recordings of the stream, and NDJSON of any origin."""

from __future__ import annotations

import gzip
import json
import signal
from decimal import Decimal

import pytest
from importing import DAY_MS, assert_sound, expected, import_into, made_up, ndjson, query, stored
from processes import exchange, wait_until
from processes import ingest as ingesting
from support import shared_file

from statarb.errors import FeedError
from statarb.store import Reader

SPOT_RECORDING = "recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz"
FUTURES_RECORDING = "recordings/usdm_btcusdt_ethusdt_trades_20240808.txt.gz"


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
