"""A trade's journey over real sockets, processes and files: stored once, exact, whatever happens on the way."""

import contextlib
import csv
import gzip
import json
import re
import signal
import sqlite3
import time
from decimal import Decimal

import pandas as pd
import pytest
from processes import exchange, ingest, running, wait_until
from proxy import Proxy
from support import free_port, shared_file

from statarb.market import Instrument
from statarb.settings import SETTINGS
from statarb.store import DeskFile, Reader, create_database

pytestmark = pytest.mark.slow

RECORDING = "recordings/spot_btcusdt_ethusdt_trades_20240808.txt.gz"
PAIR = ["--symbols", "BTCUSDT,ETHUSDT", "--history", "0"]


def query(db, sql):
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(sql).fetchall()


def stored_trades(db) -> set[tuple]:
    sql = "SELECT name, trade_id, price, qty, ts_ms, maker FROM trades JOIN symbols USING(symbol_id)"
    rows = query(db, sql)
    assert len(rows) == len(set(rows))
    return set(rows)


def ledger_trades(path) -> set[tuple]:
    """The exchange's own account of every trade it made."""
    with path.open(newline="") as file:
        return {
            (row["symbol"], int(row["id"]), int(Decimal(row["price"]) * 10**8), int(Decimal(row["qty"]) * 10**8),
             int(row["time"]), int(row["is_buyer_maker"] == "true"))
            for row in csv.DictReader(file)
        }  # fmt: skip


def within_record(made: set[tuple], stored: set[tuple]) -> set[tuple]:
    """The trades made between the first and the last that is stored of each instrument."""
    ids: dict[str, list[int]] = {}
    for symbol, trade_id, *_ in stored:
        ids.setdefault(symbol, []).append(trade_id)
    ends = {symbol: (min(of), max(of)) for symbol, of in ids.items()}
    return {trade for trade in made if ends[trade[0]][0] <= trade[1] <= ends[trade[0]][1]}


def assert_every_id_is_accounted_for(db) -> None:
    """Invariant 1 of the design."""
    sql = """SELECT count(*) + (SELECT coalesce(sum(hi-lo+1), 0) FROM gaps g WHERE g.symbol_id=t.symbol_id
             AND state IN ('open','deferred','unfillable')), max(trade_id) - min(trade_id) + 1
             FROM trades t GROUP BY symbol_id"""
    for accounted, span in query(db, sql):
        assert accounted == span
    assert query(db, "PRAGMA quick_check") == [("ok",)]


def newest_ids(db) -> dict[str, int]:
    """The newest stored trade of each instrument."""
    return dict(query(db, "SELECT name, max(trade_id) FROM trades JOIN symbols USING(symbol_id) GROUP BY name"))


def wait_for_trades(db, more_than: int) -> None:
    wait_until(lambda: len(stored_trades(db)) > more_than)


def wait_for_newer(db, than: dict[str, int]) -> None:
    """Until each of these instruments has a trade after the one named."""
    wait_until(lambda: all(newest_ids(db).get(name, 0) > trade_id for name, trade_id in than.items()))


def stands_still(db, name: str, while_goes_on: str) -> bool:
    """Whether an instrument gets no trade while another, as busy as it, gets a hundred."""
    before = newest_ids(db)
    wait_for_newer(db, {while_goes_on: before[while_goes_on] + 100})
    return newest_ids(db)[name] == before[name]


def fewest_filled_gaps(db) -> int:
    """Of the instrument that has fewest."""
    sql = """SELECT min(filled) FROM (SELECT count(lo) FILTER (WHERE state='filled') AS filled
             FROM symbols LEFT JOIN gaps USING(symbol_id) GROUP BY symbol_id)"""
    return query(db, sql)[0][0]


def recorded_frames() -> pd.DataFrame:
    """The recording by another route than the product's parser: json, Decimal, pandas."""
    with gzip.open(shared_file(RECORDING), "rt") as lines:
        rows = [json.loads(line.split(" ", 1)[1])["data"] for line in lines]
    frame = pd.DataFrame(rows)
    frame["price"] = [int(Decimal(text) * 10**8) for text in frame.p]
    frame["qty"] = [int(Decimal(text) * 10**8) for text in frame.q]
    return frame


def test_a_real_recording_is_stored_exactly_once_to_the_last_digit(tmp_path):
    """34,419 real trades, at full speed over a real socket: rows, bars, gaps and closing all right."""
    frames = recorded_frames()
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    recording = str(shared_file(RECORDING))
    with exchange("--replay", recording, "--speed", "max", "--ledger", str(ledger)) as (market, at):
        with ingest(db, *PAIR, *at) as feed:
            wait_until(lambda: db.exists() and query(db, "SELECT count(*) FROM sqlite_master")[0][0])
            wait_until(lambda: query(db, "SELECT count(*) FROM trades")[0][0] == 34_419)
            # At the end of a replay its clock passes the last five-minute bar, so that every bar closes.
            wait_until(lambda: min(one.closed_until_ms for one in Reader(db).instruments().values()) >= 1723162205000)
            assert feed.stop(signal.SIGINT) == 0
        assert market.stop() == 0
    expected = {(r.s, r.t, r.price, r.qty, r.T, int(r.m)) for r in frames.itertuples()}
    assert len(expected) == 34_419
    assert stored_trades(db) == expected == ledger_trades(ledger)
    assert query(db, "SELECT * FROM gaps") == []
    assert_every_id_is_accounted_for(db)
    for symbol, own in frames.groupby("s"):
        assert_bars_equal_pandas(db, symbol, own)


def assert_bars_equal_pandas(db, symbol, frames) -> None:
    """Every whole second: our bars against pandas' own resample of the frames."""
    frames = frames.set_index(pd.to_datetime(frames["T"], unit="ms", utc=True).astype("datetime64[ms, UTC]"))
    price = frames.price.resample("1s", closed="left", label="left").ohlc().dropna()
    whole = price.iloc[1:]  # the recording begins within its first second
    ours = Reader(db).bars(f"spot:{symbol}", "1s", 0, 2**43).loc[whole.index[0] :]
    assert not ours.provisional.any()
    pd.testing.assert_index_equal(ours.index, whole.index, check_names=False, exact=False)
    for column in ("open", "high", "low", "close"):
        assert (ours[column].to_numpy() * 1e8).round().tolist() == whole[column].tolist()
    resampled = frames.resample("1s", closed="left", label="left")
    for column, theirs in (
        ("volume", frames.qty.resample("1s").sum() / 1e8),
        ("quote_volume", (frames.price.astype(float) * frames.qty / 1e16).resample("1s").sum()),
        ("trade_count", resampled.size()),
    ):
        pd.testing.assert_series_equal(
            ours[column], theirs.loc[whole.index], check_names=False, check_dtype=False, check_freq=False,
            check_index=False, rtol=1e-9,
        )  # fmt: skip


def test_kill_9_in_the_middle_loses_nothing_committed_and_doubles_nothing(tmp_path):
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    recording = str(shared_file(RECORDING))
    with exchange("--replay", recording, "--speed", "5", "--ledger", str(ledger)) as (market, at):
        committed: set[tuple] = set()
        for _ in range(3):
            with ingest(db, *PAIR, *at) as feed:
                feed.wait_for("feed is live")
                wait_for_trades(db, len(committed) + 300)
                committed |= stored_trades(db)
                feed.kill()
            assert committed <= stored_trades(db)
            assert_every_id_is_accounted_for(db)
        with ingest(db, *PAIR, *at) as feed:
            feed.wait_for("feed is live")
            wait_for_trades(db, len(committed))
            assert feed.stop() == 0
        market.stop()
    after = stored_trades(db)
    assert committed <= after <= ledger_trades(ledger)
    assert_every_id_is_accounted_for(db)
    assert {reason for (reason,) in query(db, "SELECT reason FROM gaps")} == {"start"}


def test_an_outage_closes_over_rest_and_the_ledger_equals_the_database(tmp_path):
    """The cable is cut under 60 trades a second, twice; every trade that the exchange made is stored once, exact."""
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    with exchange("--symbols", "BTCUSDT,ETHUSDT", "--rate", "30", "--ledger", str(ledger)) as (market, at):
        rest = at[at.index("--rest-url") + 1]
        with (
            Proxy(int(rest.rsplit(":", 1)[1])) as proxy,
            ingest(db, *PAIR, "--ws-url", proxy.url, "--rest-url", rest) as feed,
        ):
            feed.wait_for("feed is live")
            wait_until(lambda: len(query(db, "SELECT DISTINCT symbol_id FROM trades")) == 2)
            for outages in (1, 2):
                proxy.cut()
                time.sleep(8)
                proxy.mend()
                wait_until(lambda outages=outages: fewest_filled_gaps(db) >= outages)
                wait_until(lambda: not query(db, "SELECT 1 FROM gaps WHERE state='open'"))
            assert {reason for (reason,) in query(db, "SELECT reason FROM gaps")} == {"reconnect"}
            assert feed.stop() == 0
        assert market.stop() == 0
    made, stored = ledger_trades(ledger), stored_trades(db)
    assert within_record(made, stored) == stored
    assert_every_id_is_accounted_for(db)
    assert query(db, "SELECT count(*) FROM conflicts") == [(0,)]


def test_ingest_that_was_away_comes_back_to_a_complete_record(tmp_path):
    db, ledger = tmp_path / "t.db", tmp_path / "ledger.csv"
    with exchange("--symbols", "BTCUSDT,ETHUSDT", "--rate", "30", "--ledger", str(ledger)) as (market, at):
        before = {"BTCUSDT": 0, "ETHUSDT": 0}
        for _ in range(2):
            with ingest(db, *PAIR, *at) as feed:
                feed.wait_for("feed is live")
                wait_for_newer(db, before)
                feed.kill()
            before = newest_ids(db)
            time.sleep(4)
        with ingest(db, *PAIR, *at) as feed:
            feed.wait_for("feed is live")
            wait_until(lambda: fewest_filled_gaps(db) >= 2)
            assert feed.stop() == 0
        market.stop()
    stored = stored_trades(db)
    assert within_record(ledger_trades(ledger), stored) == stored
    assert_every_id_is_accounted_for(db)


def test_the_page_asks_for_another_instrument_and_it_is_followed_within_seconds(tmp_path):
    """Added by a row in the desk file, refused in words where the exchange does not list it, removed, and kept."""
    db, desk = tmp_path / "t.db", DeskFile(tmp_path / "t-desk.db")
    with exchange("--rate", "20") as (_, at), ingest(db, *PAIR, *at) as feed:
        feed.wait_for("feed is live")
        desk.ask("add", Instrument.parse("SOLUSDT"))
        desk.ask("add", Instrument.parse("NOSUCHCOIN"))
        wait_until(lambda: "SOLUSDT" in newest_ids(db))
        feed.wait_for("NOSUCHCOIN is not listed")
        desk.ask("remove", Instrument.parse("BTCUSDT"))
        feed.wait_for("No longer following BTCUSDT")
        wait_until(lambda: stands_still(db, "BTCUSDT", while_goes_on="SOLUSDT"))
        assert feed.stop() == 0
    assert query(db, "SELECT * FROM gaps WHERE state='open'") == []
    assert_every_id_is_accounted_for(db)


def test_a_second_ingest_and_a_setup_beside_it_are_refused(tmp_path):
    db = tmp_path / "t.db"
    with exchange() as (_, at), ingest(db, *PAIR, *at) as first:
        first.wait_for("feed is live")
        with ingest(db, *PAIR, *at) as second:
            assert second.child.wait(60) == 1
            second.stop()
            assert "Another ingest is already writing" in second.output
            assert "Traceback" not in second.output
        with running("db_setup.py", "--db", str(db)) as setup:
            assert setup.child.wait(60) == 1
        assert first.child.poll() is None
        assert first.stop() == 0


def test_run_for_ends_by_itself_with_everything_stored(tmp_path):
    db = tmp_path / "t.db"
    with exchange() as (_, at), ingest(db, *PAIR, *at, "--run-for", "6s") as feed:
        assert feed.child.wait(60) == 0
    assert query(db, "SELECT count(*) > 0 FROM trades") == [(1,)]


def _execute(db, sql):
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute(sql)


def _foreign(db):
    _execute(db, "CREATE TABLE other(x)")


def _newer(db):
    create_database(db)
    _execute(db, "PRAGMA user_version=99")


@pytest.mark.parametrize(
    ("spoil", "options", "code", "words"),
    [
        (None, ["--symbols", "NOSUCHCOIN"], 2, "NOSUCHCOIN is not listed"),
        (None, ["--symbols", "../../etc"], 2, "is not an instrument"),
        (None, ["--ws-url", "ws://127.0.0.1:1/path"], 2, "without a path"),
        (None, ["--history", "soon"], 2, "not a duration"),
        (None, ["--venue", "nowhere"], 2, "choose from"),
        (_foreign, [], 1, "belongs to another program"),
        (_newer, [], 1, "newer statarb"),
        (lambda db: db.write_bytes(b"garbage " * 1000), [], 1, "not a readable SQLite database"),
        (lambda db: create_database(db, "binance"), [], 1, "Sources are never mixed"),
        (lambda db: db.mkdir(), [], 1, "is a folder"),
    ],
    ids=[
        "unknown symbol", "hostile symbol", "path in url", "duration", "venue",
        "foreign", "newer", "corrupt", "source", "folder",
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_harms_nothing(tmp_path, spoil, options, code, words):
    db = tmp_path / "t.db"
    if spoil:
        spoil(db)
    before = db.read_bytes() if db.is_file() else None
    with exchange() as (_, at), ingest(db, *at, *options) as feed:
        assert feed.child.wait(60) == code
        feed.stop()
    assert words in feed.output
    assert "Traceback" not in feed.output
    if before is not None:
        assert db.read_bytes() == before


def test_without_a_network_it_says_so_at_once_what_to_do_and_keeps_trying(tmp_path):
    nowhere = f"127.0.0.1:{free_port()}"
    with ingest(tmp_path / "t.db", "--ws-url", f"ws://{nowhere}", "--rest-url", f"http://{nowhere}") as feed:
        assert "--demo" in feed.wait_for("cannot be reached"), "the first time already"
        wait_until(lambda: feed.output.count("cannot be reached") >= 2)
        assert feed.stop() == 0
    assert "Traceback" not in feed.output


def test_every_option_and_its_environment_variable_are_in_the_help():
    with running("ingest.py", "--help") as helper:
        assert helper.child.wait(60) == 0
        helper.stop()
    words = set(re.findall(r"[\w-]+", helper.output))
    assert {setting.flag for setting in SETTINGS} | {setting.env for setting in SETTINGS} <= words


def test_a_request_that_cannot_be_met_never_keeps_ingest_from_starting(tmp_path):
    db = tmp_path / "t.db"
    DeskFile(tmp_path / "t-desk.db").ask("add", Instrument.parse("NOSUCHCOIN"))
    DeskFile(tmp_path / "t-desk.db").ask("add", Instrument.parse("nowhere:BTCUSDT"))
    DeskFile(tmp_path / "t-desk.db").ask("add", Instrument.parse("SOLUSDT"))
    with exchange() as (_, at), ingest(db, *PAIR, *at) as feed:
        feed.wait_for("feed is live")
        feed.wait_for("is of no venue")
        feed.wait_for("Following SOLUSDT too")
        assert feed.stop() == 0
