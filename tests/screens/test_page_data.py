"""The Data page: what is downloaded is what is on screen and in the store."""

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
from test_pages import page, ran_well, words

from statarb.clock import utc_text
from statarb.market import from_e8
from statarb.params import PairParams
from statarb.pins import Fill, Pin, PinExit
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
)
from statarb.screens.desk import Desk
from statarb.settings import desk_path
from statarb.store import AlertEvent, DeskFile, Reader, StoredOutcome
from statarb.store.alert_log import store_alerts
from statarb.store.transfer import FACTS_KEY

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
