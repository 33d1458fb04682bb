"""The Data page: what is downloaded is what is on screen and in the store, and uploads become a desk of their own."""

import contextlib
import io
import json
import sqlite3
import zipfile
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from desk_database import DeskDatabase
from streamlit.testing.v1 import AppTest
from support import PROJECT
from test_pages import metrics, page, ran_well, words

from statarb.clock import utc_text
from statarb.errors import ConfigError
from statarb.market import from_e8
from statarb.params import PairParams
from statarb.pins import Fill, Pin, PinExit
from statarb.quant import study_pair
from statarb.screens.dataset_columns import COLUMNS
from statarb.screens.datasets import (
    JOURNALS,
    MAX_ROWS,
    OF_INSTRUMENTS,
    Order,
    analytics_frame,
    build,
    excess,
    expected_rows,
    features_of,
)
from statarb.screens.desk import Desk
from statarb.screens.watchlist import tile
from statarb.settings import desk_path, uploads_path
from statarb.store import AlertEvent, DeskFile, Reader, StoredOutcome
from statarb.store.alert_log import store_alerts
from statarb.store.column_guess import guess_columns
from statarb.store.ohlcv import Layout, read_ohlcv
from statarb.store.text_table import read_table
from statarb.store.transfer import FACTS_KEY
from statarb.store.uploads import read_uploads, save_upload

FIRST = ["open_utc", "close_utc", "y_close", "x_close", "spread", "zscore"]


@pytest.fixture
def db(tmp_path, monkeypatch):
    path = tmp_path / "t.db"
    monkeypatch.setenv("STATARB_DB", str(path))
    return path


@pytest.fixture
def filled(db):
    database = DeskDatabase(db, names=("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    database.fresh_trades()
    yield database
    database.close()


@pytest.fixture
def study(filled):
    return Desk(filled.path).refresh(PairParams()).study


def order_of(what, study, *names, hours=6):
    return Order(what, PairParams(), study.as_of_ms - hours * 3_600_000, study.as_of_ms, names)


def csv_of(db, order, shown=None):
    return pd.read_csv(io.BytesIO(build(db, None, order, "csv", shown)), index_col=0, parse_dates=True)


def app(**query):
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    at.query_params.update(query)
    return at.run()


def test_export_states_rows_span_zone_source_and_parameters(filled, study):
    at = page("data")
    assert ran_well(at)
    said = words(at)
    assert f"{len(study.prices):,} rows" in said
    for part in ("UTC", "Source: simulated", "spot:ETHUSDT", "spot:BTCUSDT", "1m bars", "window 240", "of the bar"):
        assert part in said or part in at.table[0].value.to_string()
    shown = at.dataframe[0].value
    assert list(shown.columns)[:6] == FIRST
    assert shown["zscore"].iloc[0] == study.z.iloc[-1]


def test_the_file_is_the_study_to_the_last_digit(filled, study):
    order = Order("analytics", PairParams(), 0, study.as_of_ms)
    back = csv_of(filled.path, order, analytics_frame(study))
    assert ["open_utc", *back.columns][:6] == FIRST
    assert list(back.index) == list(study.prices.index)
    assert pd.Timestamp(back["close_utc"].iloc[-1]) == pd.Timestamp(study.as_of_ms, unit="ms", tz="UTC")
    known = {"y_close": study.prices["y"], "spread": study.spread, "zscore": study.z, "correlation": study.correlation}
    for column, series in (known | {name: study.moments_seen[name] for name in ("alpha", "beta", "sd")}).items():
        np.testing.assert_allclose(back[column], series, rtol=1e-15)
    assert order.stem("simulated").startswith("simulated-ETHUSDT-BTCUSDT-1m-")


def test_the_analysis_of_a_span_read_anew_equals_that_on_screen(filled, study):
    back = csv_of(filled.path, order_of("analytics", study))
    assert len(back) == 360
    np.testing.assert_allclose(back["zscore"], study.z.iloc[-360:], rtol=1e-9)


def test_parquet_and_zip_carry_the_same_rows_and_their_facts(filled, study):
    order = order_of("analytics", study)
    plain = csv_of(filled.path, order)
    parquet = build(filled.path, None, order, "parquet")
    facts = json.loads(pq.read_schema(io.BytesIO(parquet)).metadata[FACTS_KEY])
    np.testing.assert_array_equal(pd.read_parquet(io.BytesIO(parquet))["zscore"], plain["zscore"])
    with zipfile.ZipFile(io.BytesIO(build(filled.path, None, order, "zip"))) as archive:
        table, beside = archive.namelist()
        dates = {"{}-{:02}-{:02} {:02}:{:02}:{:02}".format(*entry.date_time) for entry in archive.infolist()}
        assert archive.read(table) == build(filled.path, None, order, "csv")
        zipped = json.loads(archive.read(beside))
    made_at_utc = zipped.pop("made_at_utc")
    assert made_at_utc >= facts.pop("made_at_utc")
    assert zipped == facts
    assert {text[:17] for text in dates} == {made_at_utc[:17]}
    assert facts["source"] == "simulated"
    assert facts["time_zone"] == "UTC"
    assert facts["program"].startswith("statarb ")
    assert facts["parameters"]["window"] == 240
    assert facts["coverage"] == {"spot:ETHUSDT": 1.0, "spot:BTCUSDT": 1.0}
    assert list(facts["columns"]) == ["open_utc", *plain.columns]


def test_trades_are_exact_in_csv_and_parquet(filled, study):
    filled.trade(1, 5_000_000_000_000, study.as_of_ms - 1, 9_007_199_254_740_993)
    order = order_of("trades", study, "spot:BTCUSDT", "spot:ETHUSDT")
    stored = sqlite3.connect(filled.path).execute(
        "SELECT symbol_id, trade_id, price, qty, ts_ms FROM trades WHERE symbol_id IN (1, 2) AND ts_ms>=? AND ts_ms<? "
        "ORDER BY symbol_id, trade_id",
        (order.since_ms, order.until_ms),
    )
    rows = stored.fetchall()
    text = pd.read_csv(io.BytesIO(build(filled.path, None, order, "csv")), dtype=str)
    typed = pd.read_parquet(io.BytesIO(build(filled.path, None, order, "parquet")))
    assert len(rows) == len(text) == len(typed) == 721
    assert "90071992.54740993" in set(text["price"])
    for (_, trade_id, price, qty, ts_ms), csv, exact in zip(rows, text.itertuples(), typed.itertuples(), strict=True):
        assert int(csv.trade_id) == exact.trade_id == trade_id
        assert Decimal(csv.price) == exact.price == Decimal(from_e8(price))
        assert Decimal(csv.qty) == exact.qty == Decimal(from_e8(qty))
        assert pd.Timestamp(csv.ts_utc) == exact.ts_utc == pd.Timestamp(ts_ms, unit="ms", tz="UTC")


def test_bars_of_any_length_are_those_of_the_store(filled, study):
    order = Order("bars", PairParams(timeframe="5m"), study.as_of_ms - 3_600_000, study.as_of_ms, ("spot:SOLUSDT",))
    back = csv_of(filled.path, order)
    with_minutes = Reader(filled.path).bars("spot:SOLUSDT", "1m", order.since_ms, order.until_ms)
    first = -order.since_ms // 60_000 % 5
    whole = with_minutes.iloc[first : first + len(back) * 5]
    np.testing.assert_array_equal(back["close"], whole["close"].iloc[4::5])
    np.testing.assert_allclose(back["volume"], 25.0)
    assert set(back["instrument"]) == {"spot:SOLUSDT"}


def test_the_feature_table_is_on_screen_and_in_its_file(filled, study):
    at = page("data", data_tab="Feature table")
    assert ran_well(at)
    shown = at.dataframe[0].value
    assert len(shown) == 360
    assert shown["z"].iloc[0] == pytest.approx(study.z.iloc[-1], rel=1e-9)
    assert shown["verdict"].iloc[0] == study.verdict.word
    back = csv_of(filled.path, order_of("features", study))
    np.testing.assert_array_equal(back["z"], shown["z"].iloc[::-1])
    assert list(back["verdict"]) == list(shown["verdict"].iloc[::-1])


@pytest.mark.parametrize("what", ["Alerts", "Alert outcomes", "Pins"])
def test_what_there_is_none_of_has_no_file_and_says_so(filled, what):
    at = page("data", export=what)
    assert ran_well(at)
    assert "nothing to export yet" in words(at)


def test_too_many_rows_are_told_before_and_no_file_is_made(filled, study):
    order = Order("bars", PairParams(timeframe="1s"), 0, study.as_of_ms, ("spot:ETHUSDT",))
    rows = expected_rows(Reader(filled.path), filled.path, None, order)
    assert rows > MAX_ROWS
    assert "shorter span" in excess(order, rows)
    assert excess(order_of("trades", study, "spot:ETHUSDT"), 360) == ""
    assert excess(order_of("features", study, hours=24), 1440) == ""
    assert "tests of 1,440 bars" in excess(order_of("features", study, hours=24 * 30), 43_200)


@pytest.fixture
def said(filled, study):
    """Alerts with an outcome, and an open and a closed pin, beside the market."""
    at_ms, (y, x) = study.as_of_ms - 60_000, ("spot:ETHUSDT", "spot:BTCUSDT")
    event = AlertEvent("rule:1", "Mine", "fired", at_ms, at_ms + 1, y, x, "1m", "closed", "z", "text", "./", z=2.1)
    store_alerts(filled._connection, [event, StoredOutcome(1, 5, 1.0, -1.0, 0.5, -1.5, 100)])
    pin = Pin(PairParams(), at_ms, 0.0, 0.8, 0.0, 0.001, at_ms, 240, -3.0, 0.1, Fill(3000.0, 1.0), Fill(60_000.0, 1.0))
    desk = DeskFile(desk_path(filled.path))
    desk.save_pin(pin)
    return desk, replace(pin, entered_at_ms=at_ms - 1, exit=PinExit(at_ms, Fill(1.0), Fill(1.0), 0.0))


@pytest.mark.parametrize("what", JOURNALS)
def test_a_journal_is_exported_over_any_span_with_its_instruments_and_their_coverage(filled, study, said, what):
    hour = order_of(what, study)
    before = replace(hour, since_ms=hour.since_ms - 3_600_000, until_ms=hour.until_ms - 3_600_000)
    with contextlib.closing(Reader(filled.path)) as reader:
        assert [expected_rows(reader, filled.path, None, order) for order in (hour, before)] == [1, 0]
    schema = pq.read_schema(io.BytesIO(build(filled.path, None, hour, "parquet")))
    facts = json.loads(schema.metadata[b"statarb"])
    assert facts["coverage"] == {"spot:ETHUSDT": 1.0, "spot:BTCUSDT": 1.0}
    assert (facts["from_utc"], facts["until_utc"]) == (utc_text(hour.since_ms), utc_text(hour.until_ms))
    assert hour.stem("simulated").startswith(f"simulated-{what}-")


def test_the_page_offers_a_journal_whole_and_by_span(filled, said):
    at = page("data", export="Alerts")
    assert ran_well(at)
    assert "**1 row** from" in words(at)
    for span, found in (("1 h", "**1 row** from"), ("Custom", "UTC")):
        at.get_by_key("span_alerts").set_value(span).run()
        assert ran_well(at)
        assert found in words(at)


@pytest.mark.parametrize("what", list(COLUMNS))
def test_each_download_describes_its_columns_and_has_times_of_one_unit(filled, study, said, what):
    names = ("spot:ETHUSDT",) if what in OF_INSTRUMENTS else ()
    data = build(filled.path, None, order_of(what, study, *names), "parquet")
    schema = pq.read_schema(io.BytesIO(data))
    assert len(pd.read_parquet(io.BytesIO(data))) > 0
    assert set(schema.names) == set(COLUMNS[what])
    times = {field.name for field in schema if pa.types.is_timestamp(field.type)}
    assert {str(schema.field(name).type) for name in times} <= {"timestamp[ms, tz=UTC]"}
    assert times == {name for name in schema.names if name.endswith("_utc")}


def test_what_is_on_screen_has_times_of_the_same_unit(filled, study):
    data = build(filled.path, None, order_of("analytics", study), "parquet", analytics_frame(study))
    schema = pq.read_schema(io.BytesIO(data))
    assert str(schema.field("open_utc").type) == str(schema.field("close_utc").type) == "timestamp[ms, tz=UTC]"


def test_a_file_of_pins_has_the_same_columns_before_and_after_the_first_is_closed(filled, study, said):
    desk, closed = said
    before = pd.read_parquet(io.BytesIO(build(filled.path, None, order_of("pins", study), "parquet")))
    desk.save_pin(closed)
    after = pd.read_parquet(io.BytesIO(build(filled.path, None, order_of("pins", study), "parquet")))
    assert list(before.dtypes.items()) == list(after.dtypes.items())
    assert sorted(after["exit_at_utc"].notna()) == [False, True]


@pytest.mark.parametrize("hedge", ["ols", "tls"])
def test_z_is_spread_less_mean_by_sd_and_the_page_says_when_mean_is_nothing(filled, hedge):
    table = analytics_frame(Desk(filled.path).refresh(PairParams(hedge=hedge)).study).dropna()
    np.testing.assert_allclose(table["zscore"], (table["spread"] - table["mean"]) / table["sd"], rtol=1e-9)
    is_nothing = bool((table["mean"] == 0).all())
    assert is_nothing == (hedge == "ols")
    assert not np.signbit(table["mean"][table["mean"] == 0]).any()
    assert ("`mean` is 0 by least squares" in words(page("data", hedge=hedge))) == is_nothing


def test_the_rows_told_before_are_never_fewer_than_the_file_has(filled, study):
    with_trades = order_of("trades", study, "spot:ETHUSDT")
    for order in (with_trades, order_of("features", study), order_of("bars", study, "spot:ETHUSDT", "spot:BTCUSDT")):
        rows = expected_rows(Reader(filled.path), filled.path, None, order)
        assert rows >= len(csv_of(filled.path, order)) > 300


def test_no_span_begins_before_the_record_does(filled, study):
    """A week of a day's record is that day, as *All* is; trades begin with the first of them."""
    first_ms = {"bars": filled.end_ms - 1800 * 60_000}
    with contextlib.closing(Reader(filled.path)) as reader:
        first_ms["trades"] = min(reader.first_trade_ms(name) for name in ("spot:ETHUSDT", "spot:BTCUSDT"))
        trades = reader.trades("spot:ETHUSDT", 0, filled.end_ms + 60_000).index
        assert reader.first_trade_ms("spot:ETHUSDT") == trades[0].timestamp() * 1000
        assert reader.first_trade_ms("spot:NONE") is None
    for what, since_ms in first_ms.items():
        said, at = [], page("data")
        at.selectbox(key="export").set_value(what).run()
        for span in ("7 d", "All"):
            at.get_by_key(f"span_{what}").set_value(span).run()
            assert ran_well(at)
            said.append(next(text.value for text in at.markdown if " rows**" in text.value))
        assert said[0] == said[1]
        assert f"from {utc_text(since_ms)} to " in said[0]


@pytest.mark.parametrize("name", ["=1+2", "@SUM(A1)", "\t=cmd|' /C calc'!A0"])
def test_a_hostile_name_is_text_in_every_file(db, name):
    database = DeskDatabase(db, minutes=20, names=("BTCUSDT", name))
    database.close()
    order = Order("bars", PairParams(), database.end_ms - 600_000, database.end_ms, (f"spot:{name}",))
    rows = pd.read_csv(io.BytesIO(build(db, None, order, "csv")))
    assert len(rows) == 10
    assert not rows["instrument"].str.lstrip().str.startswith(("=", "+", "-", "@")).any()
    assert all(c.isalnum() or c in "-_." for c in order.stem("simulated"))


HOURS = 600


def hourly(seed: int, level: float) -> bytes:
    """A semicolon file with decimal commas, day first, a hole, a doubled row and rows that are none."""
    steps = np.random.default_rng(seed).normal(0, 0.004, HOURS)
    closes = level * np.exp(np.cumsum(steps) if seed else np.zeros(HOURS))
    times = pd.date_range("2024-02-01", periods=HOURS, freq="h")
    lines = [
        f"{t:%d.%m.%Y %H:%M};{c:.4f};{10 + i % 7}".replace(".0000", ".0001")
        for i, (t, c) in enumerate(zip(times, closes, strict=True))
    ]
    lines = [line[:16] + line[16:].replace(".", ",") for line in lines]
    lines[100:103] = []
    lines.insert(50, lines[49])
    lines.insert(60, "nonsense;1,0;2")
    return ("Zeit;Close;Volume\n" + "\n".join(lines)).replace("Zeit", "Time").encode("utf-8-sig")


def uploaded(db):
    for name, seed, level in (("AAA", 1, 20.0), ("BBB", 2, 300.0)):
        table = read_table(hourly(seed, level))
        save_upload(
            uploads_path(db),
            name,
            f"{name}.csv",
            "UTC",
            hourly(seed, level),
            read_ohlcv(table, Layout(guess_columns(table))),
        )


def test_uploads_are_analysed_by_the_same_pages_and_equal_the_study_of_the_file(db):
    uploaded(db)
    y, x = (read_ohlcv(t := read_table(hourly(*args)), Layout(guess_columns(t))) for args in ((1, 20.0), (2, 300.0)))
    params = PairParams.for_timeframe("1h", y="upload:AAA", x="upload:BBB")
    view = Desk(uploads_path(db)).refresh(params)
    expected = study_pair(y.bars, x.bars, params, y.until_ms)
    since = expected.prices.index.get_indexer(view.study.prices.index[:1])[0]
    pd.testing.assert_frame_equal(view.study.prices, expected.prices.iloc[since:], check_freq=False)
    np.testing.assert_allclose(view.study.z.iloc[-100:], expected.z.iloc[-100:], rtol=1e-9)
    assert view.study.hedge.beta == pytest.approx(expected.hedge.beta, rel=1e-12)
    assert view.study.verdict.word == expected.verdict.word
    assert view.health.text == "UPLOADED"
    assert view.coverage["upload:AAA"].share == pytest.approx(1, abs=0.02)
    at = app(data="uploads", y="upload:AAA", x="upload:BBB", timeframe="1h", window="24", test_window="100")
    assert ran_well(at)
    assert "upload:AAA on upload:BBB" in words(at)
    shared = len(y.bars.index.intersection(x.bars.index))
    assert f"The newest {len(view.study.prices)} of {shared} bars that both hold are analysed" in words(at)
    shown = metrics(at)
    assert float(shown["upload\\:AAA"]) == pytest.approx(y.bars["close"].iloc[-1])
    assert float(shown["z, not live"].replace("−", "-")) == pytest.approx(view.live.z, abs=0.01)
    assert "UPLOADED" in words(at)


@pytest.mark.parametrize("timeframe", ["1h", "5m"])
def test_no_row_of_features_knows_an_hour_of_a_file_before_it_is_over(db, timeframe):
    uploaded(db)
    table = read_table(hourly(1, 20.0))
    hours = read_ohlcv(table, Layout(guess_columns(table))).bars["close"]
    params = PairParams(y="upload:AAA", x="upload:BBB", timeframe=timeframe, window=20, test_window=100)
    with contextlib.closing(Reader(uploads_path(db))) as reader:
        until_ms = reader.instruments()["upload:AAA"].closed_until_ms
        features = features_of(reader, Order("features", params, until_ms - 48 * 3_600_000, until_ms))
        cut = features_of(reader, Order("features", params, until_ms - 48 * 3_600_000, until_ms - 90 * 60_000))
    known = features.set_index("close_utc")["y_close"].dropna()
    ends = hours.set_axis(hours.index + pd.Timedelta("1h"))
    np.testing.assert_allclose(known, ends.reindex(known.index))  # each price stands where its hour ends
    assert len(known) == 48
    # What is told of a minute is the same when the file ends an hour and a half later.
    pd.testing.assert_frame_equal(features.iloc[: len(cut)].reset_index(drop=True), cut.reset_index(drop=True))


def test_files_are_looked_at_in_whole_bars_alone_whatever_the_link_asks_for(db, monkeypatch):
    """In pieces of an hour its close would be known at its beginning."""
    uploaded(db)
    monkeypatch.setenv("STATARB_DB", str(uploads_path(db)))
    pair = {"y": "upload:AAA", "x": "upload:BBB"}
    at = page("pair", **pair)
    assert at.get_by_key("timeframe").value == "1h"
    assert at.get_by_key("timeframe").options == ["1h", "4h", "1d"]
    assert [at.number_input(key=key).value for key in ("window", "test_window")] == [29, 149]  # by the files' length
    at = page("pair", **pair, timeframe="5m")
    assert ran_well(at)
    assert at.get_by_key("timeframe").value == "1h"
    assert [at.number_input(key=key).value for key in ("window", "test_window")] == [29, 149]  # by the files' length
    assert "These files' bars are whole from 1h on." in words(at)
    assert page("pair", **pair, timeframe="6h").get_by_key("timeframe").value == "6h"
    desk = Desk(uploads_path(db))
    short = PairParams(**pair, timeframe="5m")
    with pytest.raises(ConfigError, match=r"whole from 1h on, not at 5m\. Choose 1h"):
        desk.refresh(short)
    (glance,) = desk.glances([short])
    assert tile(glance, short)["verdict"] == "no bars of 5m"


def test_files_without_a_common_bar_say_so_and_promise_nothing(db, monkeypatch):
    for name, day in (("AAA", "2024-02-01"), ("BBB", "2025-02-01")):
        times = pd.date_range(day, periods=300, freq="h")
        lines = "\n".join(f"{t:%Y-%m-%d %H:%M},{10 + i % 7}" for i, t in enumerate(times))
        table = read_table(f"time,close\n{lines}".encode())
        read = read_ohlcv(table, Layout(guess_columns(table)))
        save_upload(uploads_path(db), name, f"{name}.csv", "UTC", lines.encode(), read)
    monkeypatch.setenv("STATARB_DB", str(uploads_path(db)))
    for name in ("live", "pair", "backtest"):
        at = page(name, y="upload:AAA", x="upload:BBB", timeframe="1h")
        assert ran_well(at)
        said = words(at)
        assert "They share no bar." in said
        assert "bars that both files share" in said or name == "pair"  # whose sections are folded
        assert "about " not in said
        assert "Waiting" not in said


def test_what_a_file_does_not_tell_of_buyers_stays_empty(db, monkeypatch):
    uploaded(db)
    with contextlib.closing(Reader(uploads_path(db))) as reader:
        until_ms = reader.instruments()["upload:AAA"].closed_until_ms
        order = Order("bars", PairParams(timeframe="4h"), until_ms - 48 * 3_600_000, until_ms, ("upload:AAA",))
        bars = csv_of(uploads_path(db), order)
    assert len(bars) > 8
    assert bars[["taker_buy_volume", "signed_volume"]].isna().all(axis=None)
    assert bars["volume"].gt(0).all()
    monkeypatch.setenv("STATARB_DB", str(uploads_path(db)))
    at = page("pair", y="upload:AAA", x="upload:BBB", timeframe="1h")
    rows = {row.iloc[0]: list(row.iloc[1:]) for table in at.table for _, row in table.value.iterrows()}
    flows = [cells for name, cells in rows.items() if str(name).startswith("Flow")]
    assert flows == [["\u2014", "\u2014"]] * 2


@pytest.mark.parametrize("name", ["live", "pair", "backtest", "quality", "data"])
def test_each_page_says_which_bars_of_files_it_analyses(db, monkeypatch, name):
    uploaded(db)
    monkeypatch.setenv("STATARB_DB", str(uploads_path(db)))
    pair = {"y": "upload:AAA", "x": "upload:BBB", "timeframe": "1h", "window": "24"}
    few, all_of_them = (words(page(name, **pair, test_window=bars)) for bars in ("100", "600"))
    assert f"The newest 133 of {HOURS - 3} bars that both hold are analysed" in few
    assert f"All {HOURS - 3} bars that both hold are analysed" in all_of_them


def test_the_quality_of_files_is_told_by_their_bars_and_not_by_trade_ids(db, monkeypatch):
    uploaded(db)
    monkeypatch.setenv("STATARB_DB", str(uploads_path(db)))
    at = page("quality", y="upload:AAA", x="upload:BBB", timeframe="1h")
    assert ran_well(at)
    assert "no trade ids that could tell of a gap" in words(at)
    assert "None was ever found" not in words(at)
    assert metrics(at) == {}
    assert not {"Last trade id", "Age", "Lag p50"} & {*at.dataframe[0].value.columns}
    assert at.dataframe[0].value["Closed to, UTC"].str.match(r"2024-02-\d\d \d\d:00:00").all()


def test_an_upload_never_reaches_the_markets_database_and_leaves_without_a_trace(filled, db):
    before = {path.name for path in db.parent.iterdir()}
    uploaded(db)
    assert {path.name for path in db.parent.iterdir()} - before == {"uploads"}
    assert "upload:AAA" not in Desk(db).instruments()
    files = {path.name for path in uploads_path(db).parent.iterdir() if path.suffix == ".csv"}
    assert files == {one.stored_as for one in read_uploads(uploads_path(db))}
    assert "upload" not in words(app())


def test_the_upload_tab_reads_reports_saves_analyses_and_deletes(filled, db):
    at = page("data", data_tab="Upload")
    assert ran_well(at)
    assert "Two make a pair" in words(at)
    for name, seed, level in (("aaa.csv", 1, 20.0), ("b b.csv", 2, 300.0)):
        at.get("file_uploader")[0].set_value((name, hourly(seed, level), "text/csv")).run()
        assert ran_well(at)
        said = words(at)
        assert f"{HOURS - 3} bars of 1h" in said
        assert "1 refused · 1 doubled" in said
        assert "3 bars missing" in said
        assert "its time cannot be read: 'nonsense'" in str(at.dataframe[1].value)
        at.button(key="upload_button").click().run()
        assert ran_well(at)
    assert {one.instrument for one in read_uploads(uploads_path(db))} == {"upload:AAA", "upload:B-B"}
    listed = at.dataframe[0].value
    assert listed[["Missing", "Refused", "Doubled"]].to_numpy().tolist() == [[3, 1, 1]] * 2
    proposed = [at.selectbox(key=key).value for key in ("upload_y", "upload_x")]
    assert proposed == ["upload:B-B", "upload:AAA"]
    at.get("file_uploader")[0].set_value(("aaa.csv", hourly(1, 20.0), "text/csv")).run()
    at.button(key="upload_button").click().run()
    assert "is there already" in words(at)
    at.selectbox(key="upload_gone").set_value("upload:B-B").run()
    at.button(key="upload_delete_button").click().run()
    assert ran_well(at)
    assert {one.instrument for one in read_uploads(uploads_path(db))} == {"upload:AAA"}
    assert len([path for path in uploads_path(db).parent.iterdir() if path.suffix == ".csv"]) == 1


def test_a_file_that_is_none_is_one_sentence(filled):
    at = page("data", data_tab="Upload")
    for data in (b"", b"\x00\x01\x02" * 50, b"PK\x03\x04broken", b"hello", b"a,b\n1,2\n3,4\n"):
        at.get("file_uploader")[0].set_value(("x.csv", data, "text/csv")).run()
        assert ran_well(at), data
        assert len(at.warning) == 1


def test_a_file_refused_as_a_whole_lists_its_lines_with_text_and_reason(filled):
    at = page("data", data_tab="Upload")
    rows = b"time,close\n<b>x</b>,1\n2024-01-01 00:00,=1+2\n2024-01-01,3,4\n"
    at.get("file_uploader")[0].set_value(("x.csv", rows, "text/csv")).run()
    assert ran_well(at)
    assert "None of the 3 rows is a bar" in at.warning[0].value
    lines = [(row.Line, row.Text) for row in at.dataframe[1].value.itertuples()]
    assert lines == [(2, "<b>x</b>,1"), (3, "2024-01-01 00:00,=1+2"), (4, "2024-01-01,3,4")]
    assert "upload_button" not in [one.key for one in at.button]


def test_without_a_database_files_can_be_uploaded_and_then_analysed(db):
    at = app()
    assert ran_well(at)
    assert "Nothing has been stored yet" in words(at)
    at = AppTest.from_function(_data_page_without_a_pair, default_timeout=60).run()
    assert ran_well(at)
    assert "no pair yet" in words(at)
    assert len(at.get("file_uploader")) == 1
    uploaded(db)
    at = app(data="uploads", timeframe="1h")
    assert ran_well(at)
    assert "UPLOADED" in words(at)


def _data_page_without_a_pair():
    from statarb.screens.data_page import show_data_page
    from statarb.screens.resources import shared_desk

    show_data_page(shared_desk(), None)
