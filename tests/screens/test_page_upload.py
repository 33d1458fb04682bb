"""Uploads become a desk of their own: files read, refused in sentences, analysed by the same pages, and deleted."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from desk_database import DeskDatabase
from streamlit.testing.v1 import AppTest
from support import PROJECT
from test_pages import metrics, page, ran_well, words

from statarb.errors import ConfigError
from statarb.params import PairParams
from statarb.quant import study_pair
from statarb.screens.datasets import Order, build, features_of
from statarb.screens.desk import Desk
from statarb.screens.watchlist import tile
from statarb.settings import uploads_path
from statarb.store import Reader
from statarb.store.column_guess import guess_columns
from statarb.store.ohlcv import Layout, read_ohlcv
from statarb.store.text_table import read_table
from statarb.store.uploads import read_uploads, save_upload

HOURS = 600


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


def csv_of(db, order, shown=None):
    return pd.read_csv(io.BytesIO(build(db, None, order, "csv", shown)), index_col=0, parse_dates=True)


def app(**query):
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    at.query_params.update(query)
    return at.run()


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
