"""Futures from the exchange in a box to the database, beside spot: exact, whole, and a pair like any other."""

from __future__ import annotations

import gzip
import json
import signal
import sqlite3
from collections import Counter
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

import pytest
import requests
from processes import exchange, ingest, wait_until
from support import shared_file

from statarb.params import PairParams
from statarb.quant import HedgeFit, study_pair
from statarb.store import Reader

RECORDING = "recordings/usdm_btcusdt_ethusdt_trades_20240808.txt.gz"
FRAMES = 6_000

pytestmark = pytest.mark.slow


def query(db, sql):
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def count(db, table="trades"):
    return query(db, f"SELECT count(*) FROM {table}")[0][0] if db.exists() and is_made(db) else 0


def is_made(db):
    return query(db, "SELECT count(*) FROM sqlite_master WHERE name='conflicts'")[0][0]


def assert_every_id_is_accounted_for(db) -> None:
    """Invariant 1 of the design, with the ids that are no trades."""
    sql = """SELECT (SELECT count(*) FROM trades t WHERE t.symbol_id=s.symbol_id)
             + (SELECT count(*) FROM nontrades n WHERE n.symbol_id=s.symbol_id)
             + (SELECT coalesce(sum(hi-lo+1), 0) FROM gaps g WHERE g.symbol_id=s.symbol_id
                AND state IN ('open','deferred','unfillable')),
             max(i.trade_id) - min(i.trade_id) + 1
             FROM symbols s JOIN (SELECT symbol_id, trade_id FROM trades UNION ALL
                                  SELECT symbol_id, trade_id FROM nontrades) i USING(symbol_id) GROUP BY symbol_id"""
    rows = query(db, sql)
    assert rows
    assert [accounted for accounted, _ in rows] == [span for _, span in rows]


def recording_with_nontrades(folder):
    """The first frames of the real recording, each fiftieth made one of those that no two traders made."""
    path, plain = folder / "usdm.txt", []
    with gzip.open(shared_file(RECORDING), "rt") as lines, path.open("w") as out:
        for number, (line, _) in enumerate(zip(lines, range(FRAMES), strict=False)):
            recv, _, text = line.rstrip("\n").partition(" ")
            frame = json.loads(text)
            if number % 50 == 25:
                frame["data"] |= {"p": "0", "q": "0", "X": "NA"}
            out.write(f"{recv} {json.dumps(frame, separators=(',', ':'))}\n")
            plain.append(frame["data"])
    return path, plain


def test_recorded_prints_are_stored_to_the_last_digit_and_nontrades_only_count(tmp_path):
    recording, plain = recording_with_nontrades(tmp_path)
    db = tmp_path / "t.db"
    with exchange("--replay", str(recording), "--speed", "max") as (_, at):
        options = ("--venue", "usdm-trade", "--symbols", "BTCUSDT,ETHUSDT", "--history", "0")
        with ingest(db, *options, *at) as feed:
            wait_until(lambda: count(db) + (count(db) and count(db, "nontrades")) == FRAMES)
            assert feed.stop(signal.SIGINT) == 0
    stored = query(db, "SELECT name, trade_id, ts_ms, price, qty, maker FROM trades JOIN symbols USING(symbol_id)")
    assert set(stored) == {
        (d["s"], d["t"], d["T"], int(Decimal(d["p"]) * 10**8), int(Decimal(d["q"]) * 10**8), int(d["m"]))
        for d in plain
        if d["X"] == "MARKET"
    }
    others = query(db, "SELECT name, trade_id, ts_ms, kind FROM nontrades JOIN symbols USING(symbol_id)")
    assert set(others) == {(d["s"], d["t"], d["T"], "NA") for d in plain if d["X"] == "NA"}
    assert len(others) == FRAMES // 50
    assert query(db, "SELECT * FROM gaps") == []
    assert query(db, "SELECT DISTINCT id_kind FROM symbols") == [("trade",)]
    assert_every_id_is_accounted_for(db)


def recorded_aggregates() -> set[tuple]:
    """The whole recording by hand: prints that follow each other at one price, side and time are one aggregate."""
    with gzip.open(shared_file(RECORDING), "rt") as lines:
        prints = [json.loads(line.split(" ", 1)[1])["data"] for line in lines]
    prints.sort(key=lambda one: (one["s"], one["t"]))
    rows, number = set(), Counter()
    for (symbol, price, ts_ms, maker), run in groupby(prints, key=itemgetter("s", "p", "T", "m")):
        number[symbol] += 1
        qty_e8 = sum(int(Decimal(one["q"]) * 10**8) for one in run)
        rows.add((symbol, number[symbol], ts_ms, int(Decimal(price) * 10**8), qty_e8, int(maker)))
    return rows


def test_the_futures_recording_by_its_aggregates_is_stored_to_the_last_digit_and_so_is_its_own_recording(tmp_path):
    """Replay -> ingest --record -> replay of what was recorded -> ingest: twice the aggregates of all 35,389 prints."""
    expected, folder = recorded_aggregates(), tmp_path / "frames"
    recording = shared_file(RECORDING)
    for name, record in (("first.db", ("--record", str(folder))), ("second.db", ())):
        db = tmp_path / name
        options = ("--venue", "usdm", "--symbols", "BTCUSDT,ETHUSDT", "--history", "0", *record)
        with exchange("--replay", str(recording), "--speed", "max") as (_, at), ingest(db, *options, *at) as feed:
            wait_until(lambda: count(db) == len(expected))  # noqa: B023
            assert feed.stop(signal.SIGINT) == 0
        rows = query(db, "SELECT name, trade_id, ts_ms, price, qty, maker FROM trades JOIN symbols USING(symbol_id)")
        assert set(rows) == expected
        assert query(db, "SELECT * FROM gaps") == []
        assert query(db, "SELECT DISTINCT venue, id_kind FROM symbols") == [("usdm", "aggTrade")]
        assert_every_id_is_accounted_for(db)
        recording = next(folder.iterdir())


def test_a_perpetual_beside_its_spot_survives_kill_9_and_is_a_pair(tmp_path):
    """Missed aggregates are fetched by id; what is stored equals what REST lists."""
    db = tmp_path / "t.db"
    names = "BTCUSDT,usdm:BTCUSDT"
    with exchange("--symbols", names, "--rate", "40") as (_, at):
        with ingest(db, "--symbols", names, "--history", "60", *at) as feed:
            feed.wait_for("feed is live")
            wait_until(lambda: count(db) > 300)
            feed.kill()
        before = count(db)
        with ingest(db, "--symbols", names, "--history", "60", *at) as feed:
            feed.wait_for("feed is live")
            wait_until(lambda: query(db, "SELECT count(DISTINCT symbol_id) FROM gaps WHERE state='filled'") == [(2,)])
            wait_until(lambda: query(db, "SELECT count(*) FROM gaps WHERE state='open'") == [(0,)])
            # Closed bars, and the history before them, which may come later.
            wait_until(lambda: all(one.closed_until_ms for one in Reader(db).instruments().values()))
            long_enough = "SELECT symbol_id FROM bars_1m GROUP BY symbol_id HAVING count(*) > 1000"
            wait_until(lambda: len(query(db, long_enough)) == 2)
            assert feed.stop(signal.SIGINT) == 0
        assert count(db) > before
        assert_every_id_is_accounted_for(db)
        rows = query(
            db,
            "SELECT trade_id, ts_ms, price, qty, maker FROM trades JOIN symbols USING(symbol_id) "
            "WHERE venue='usdm' ORDER BY trade_id",
        )
        assert rows == listed_aggregates(at[-1], rows[0][0], len(rows))
    reader = Reader(db)
    perp, spot = reader.instruments()["usdm:BTCUSDT"], reader.instruments()["spot:BTCUSDT"]
    assert (perp.can_short, spot.can_short) == (True, True)
    closed_ms = min(perp.closed_until_ms, spot.closed_until_ms)
    bars = [reader.bars(name, "1m", closed_ms - 86_400_000, closed_ms) for name in ("usdm:BTCUSDT", "spot:BTCUSDT")]
    study = study_pair(*bars, PairParams(y="usdm:BTCUSDT", x="spot:BTCUSDT"), closed_ms)
    assert isinstance(study.hedge, HedgeFit)
    assert study.hedge.beta == pytest.approx(1.0, abs=0.15)
    assert study.n_bars > 1_000


def listed_aggregates(url, first, how_many):
    """What the exchange's own REST lists, page by page."""
    session, rows = requests.Session(), []
    session.trust_env = False
    while len(rows) < how_many:
        params = {"symbol": "BTCUSDT", "fromId": first + len(rows), "limit": min(1000, how_many - len(rows))}
        page = session.get(f"{url}/fapi/v1/aggTrades", params=params, timeout=60).json()
        assert page
        rows += page
    return [
        (row["a"], row["T"], int(Decimal(row["p"]) * 10**8), int(Decimal(row["q"]) * 10**8), int(row["m"]))
        for row in rows
    ]
