"""Every page in every state of the database: data, few bars, none, no file, a broken file, a hostile URL."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from desk_database import DeskDatabase
from pages import metrics, page, ran_well, toasts, words
from streamlit.testing.v1 import AppTest
from support import PROJECT

from statarb.params import PairParams
from statarb.screens.desk import Desk
from statarb.screens.key_numbers import _money_text
from statarb.screens.quality_page import days_text
from statarb.screens.views import Quality
from statarb.screens.wording import DASH
from statarb.settings import desk_path
from statarb.store import DeskFile, Disk

PAGES = ("live", "pair", "quality", "data")


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


def app(**query):
    at = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    at.query_params.update(query)
    return at.run()


def test_live_view_shows_prices_spread_z_hedge_and_correlation(filled):
    at = app()
    assert ran_well(at)
    view = Desk(filled.path).refresh(PairParams())
    shown = metrics(at)
    assert shown["ETHUSDT"] == f"{view.y_last.price:,.2f}"
    assert shown["BTCUSDT"] == f"{view.x_last.price:,.2f}"
    assert shown["z, live"] == f"{view.live.z:+.2f}".replace("-", "−")
    assert shown["Spread, live"] == f"{view.live.spread * 1e4:+.1f} bp".replace("-", "−")
    assert shown["Hedge ratio β"] == f"{view.study.hedge.beta:.4f}"
    assert shown["Correlation"] == f"{view.study.correlation.iloc[-1]:.2f}"
    assert "SIMULATED" in words(at)
    assert "LIVE" in words(at)
    assert {part.key for part in at.get("bidi_component")} == {"notices", "watchlist", "live_chart"}


def test_the_spread_of_plain_prices_is_told_in_basis_points_and_below_in_money(filled):
    at = app(price_scale="price")
    view = Desk(filled.path).refresh(PairParams(price_scale="price"))
    card = next(metric for metric in at.metric if metric.label == "Spread, live")
    assert card.value == f"{view.live.spread / view.y_last.price * 1e4:+.1f} bp".replace("-", "−")
    assert float(card.delta.replace("$", "").replace("−", "-")) == pytest.approx(view.live.spread, rel=0.05)
    assert card.delta[1] == "$"


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [(4.213, "$", "+$4.21"), (-4.213, "EUR", "−4.21 EUR"), (0.0, "$", "$0.00"), (1.0, "", "+1.00 in price")],
)
def test_money_is_told_with_its_sign(value, sign, text):
    assert _money_text(value, 2, sign) == text


def test_a_run_that_finds_nothing_new_makes_no_view_of_a_shared_frame(filled, monkeypatch):
    """Each view leaves a weak reference in the frame; thousands of them kept memory from shrinking after a crowd."""
    at = app()
    viewed = []
    for cls, name in ((pd.DataFrame, "__getitem__"), (pd.Series, "__getitem__"), (pd.Series, "_slice")):
        made = getattr(cls, name)
        monkeypatch.setattr(cls, name, lambda self, *a, made=made, **k: (viewed.append(made), made(self, *a, **k))[1])
    assert ran_well(at.run())
    assert not viewed


def test_an_alert_is_never_shown_without_edge_cost_net_and_verdict(filled):
    for _ in range(3):
        filled.add_minute(shift=0.02)
    filled.heartbeat()
    said = words(app())
    assert re.search("ETH (rich|cheap) to BTC by", said)  # of the live prices; the alert is of closed bars
    assert "Alert since " in said
    for part in ("To the mean", "round trip", "net", "Reversion:"):
        assert part in said


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("minutes", [0, 1, 2, 43, 241])
def test_few_bars_are_said_with_the_wait_and_break_nothing(db, name, minutes):
    DeskDatabase(db, minutes=minutes).close()
    at = page(name)
    assert ran_well(at)
    if name == "live" and minutes == 43:
        assert "No z yet: 43 of 240 bars, about 3 h." in words(at)
        shown = metrics(at)  # live or not: the last trade here is as old as the present minute
        assert shown.get("z, not live", shown.get("z, live")) == "—"
    if name == "data" and minutes == 0:
        assert "no bar has closed yet" in words(at)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("timeframe", ["1s", "30s", "5m"])
def test_every_timeframe_on_every_page(filled, name, timeframe):
    """Of 1 s bars there are none here; that is said too."""
    assert ran_well(page(name, timeframe=timeframe))


def test_when_ingest_is_gone_its_rate_is_told_as_of_then(filled):
    filled.heartbeat(now_ms=filled.end_ms - 60_000)
    said = words(at := page("quality")) + " ".join(str(one.delta) for one in at.metric)
    assert "when ingest last told" in said
    assert "last ten seconds" not in said


def test_when_ingest_is_gone_nothing_is_called_live(filled):
    filled.heartbeat(now_ms=filled.end_ms - 60_000)
    at = app()
    assert ran_well(at)
    shown, said = metrics(at), words(at)
    assert "z, not live" in shown
    assert "z, live" not in shown
    assert "DISCONNECTED" in said
    assert f"start `python start.py --demo --db {filled.path}`" in said
    assert "By the last known prices" in said


def test_prices_of_two_times_show_a_reason_and_no_number(filled):
    filled.fresh_trades(filled.end_ms)
    filled.execute("DELETE FROM trades WHERE symbol_id=1 AND ts_ms>?", filled.end_ms - 1_800_000)
    at = app()
    assert ran_well(at)
    shown = metrics(at)
    assert (shown["Spread, not live"], shown["z, not live"]) == (DASH, DASH)
    assert {metric.label: metric.delta for metric in at.metric}["z, not live"] == "prices not of one time"
    assert "BTC's last price is of " in words(at)


def test_no_database_explains_how_to_begin_and_the_page_goes_on_by_itself(db):
    at = app()
    assert ran_well(at)
    assert "Nothing has been stored yet" in words(at)
    assert [code.value for code in at.code] == ["make demo", f"python ingest.py --db {db}"]
    database = DeskDatabase(db, minutes=1800)
    at.run()
    assert metrics(at)["Hedge ratio β"] != "—"
    database.close()


def test_one_instrument_is_no_pair(db):
    DeskDatabase(db, minutes=5, names=("BTCUSDT",)).close()
    at = app()
    assert ran_well(at)
    assert "a pair needs two" in words(at)


def test_a_broken_database_is_one_sentence_with_what_to_do(db):
    db.write_bytes(b"this is no database" * 1000)
    at = app()
    assert ran_well(at)
    assert "not a readable SQLite database" in words(at)
    assert "Move it aside" in words(at)


def test_a_database_that_breaks_while_the_page_is_open_is_said_and_the_page_recovers(filled, db):
    at = app()
    assert ran_well(at)
    moved = db.with_name("moved.db")
    db.rename(moved)
    at.run()
    assert ran_well(at)
    assert "Nothing has been stored yet" in words(at)
    moved.rename(db)
    at.run()
    assert ran_well(at)
    assert "z, live" in metrics(at)


def test_a_link_is_a_saved_view(filled):
    """What PairParams writes into a URL, the sidebar reads."""
    wanted = PairParams.for_timeframe(
        "5m",
        y="spot:SOLUSDT",
        x="spot:ETHUSDT",
        window=100,
        entry_z=1.5,
        price_scale="price",
        corr_window=30,
        fee_bps=2.0,
        hedge="theil_sen",
        price="mid",
        fee_preset="spot_bnb",
        stop_z=3.5,
        time_stop=60,
        notional=2500.0,
    )
    at = app(**wanted.to_query())
    assert ran_well(at)
    said = words(at)
    assert "SOLUSDT on ETHUSDT" in said
    assert "5m × 100 bars, prices" in said
    assert at.slider(key="entry_z").value == 1.5
    assert at.number_input(key="corr_window").value == 30
    assert at.number_input(key="fee_bps").value == 2.0
    assert at.number_input(key="fee_bps").disabled
    assert [at.selectbox(key=name).value for name in ("hedge", "price", "fee_preset")] == [
        "theil_sen",
        "mid",
        "spot_bnb",
    ]
    assert [at.number_input(key=name).value for name in ("stop_z", "time_stop", "notional")] == [3.5, 60, 2500]


@pytest.mark.parametrize(("asked", "shown", "window"), [("15m", "15m", 48), ("60s", "1m", 240), ("20s", "20s", 900)])
def test_a_link_may_ask_for_any_bar_that_divides_a_day(filled, asked, shown, window):
    at = app(timeframe=asked)
    assert ran_well(at)
    assert at.get_by_key("timeframe").value == shown
    assert at.number_input(key="window").value == window


def test_the_window_follows_the_timeframe(filled):
    at = app()
    assert at.number_input(key="window").value == 240
    at.get_by_key("timeframe").set_value("5m").run()
    assert at.number_input(key="window").value == 144
    assert at.number_input(key="test_window").value == 288
    at.get_by_key("timeframe").set_value("1s").run()
    assert at.number_input(key="window").value == 900


def swap(at):
    next(button for button in at.button if button.label == "Swap legs").click().run()


def test_one_click_swaps_the_legs(filled):
    at = app()
    swap(at)
    assert "BTCUSDT on ETHUSDT" in words(at)
    swap(at)
    assert "ETHUSDT on BTCUSDT" in words(at)


HOSTILE = [
    {"y": "<script>alert(1)</script>", "x": "'; DROP TABLE trades; --"},
    {"y": "spot:BTCUSDT", "x": "spot:BTCUSDT"},
    {"y": "BTCUSDT", "x": "BTCUSDT"},
    {"y": "../../etc/passwd", "timeframe": "9y"},
    {"window": "99999999", "entry_z": "nan", "corr_window": "-5"},
    {"window": "1e400", "entry_z": "inf", "price_scale": "[](javascript:alert(1))"},
    {"hedge": "<b>", "fee_preset": "free", "price": "", "exit_z": "99"},
    {"fee_bps": "-1e308", "slippage_bps": "\u0000", "test_window": "٣"},
    {"y": "A" * 10_000, "unknown": "{{7*7}}"},
]


@pytest.mark.parametrize("query", HOSTILE)
def test_nonsense_in_the_url_falls_back_to_defaults(filled, query):
    at = app(**query)
    assert ran_well(at)
    said = words(at)
    assert " on " in at.title[0].value
    for part in ("script", "DROP", "passwd", "javascript", "AAAA", "7*7"):
        assert part not in said
    assert at.number_input(key="window").value == 240
    assert at.slider(key="entry_z").value == 2.0


def test_names_from_the_database_are_shown_as_they_are(db):
    """A symbol with Markdown in it is text, not format."""
    DeskDatabase(db, minutes=20, names=("BTC*USDT*", "ETH_USDT_")).close()
    at = app()
    assert ran_well(at)
    assert at.title[0].value.count("\\") >= 4


def test_the_quality_page_says_what_is_missing_and_why_frames_were_refused(filled):
    filled.execute("INSERT INTO gaps VALUES(1, 10, 19, 'open', 'reconnect', ?, NULL, 0, NULL)", filled.end_ms)
    filled.execute("INSERT INTO gaps VALUES(2, 10, 12, 'filled', 'start', ?, ?, 0, NULL)", filled.end_ms, filled.end_ms)
    filled.execute("INSERT INTO rejects VALUES(?, 'not JSON', '<img onerror=alert(1)>')", filled.end_ms)
    filled.heartbeat(missing_ids=10, clock_offset_ms=-3, duplicates=7)
    at = page("quality")
    assert ran_well(at)
    said = words(at)
    assert "1 open** (10 ids) · **1 filled** (3 ids)" in said
    assert "1 × not JSON" in said
    assert "7 duplicates absorbed" in said
    assert metrics(at)["Missing now"] == "10"
    assert metrics(at)["Clock offset"] == "−3 ms"


def test_the_days_that_the_disk_lasts_are_told_after_an_hour_of_record():
    quality = Quality({}, pd.DataFrame(), pd.DataFrame(), Disk(0, 40 * 86_400 * 100), None)
    assert days_text(quality) == "days left: told in an hour"
    assert days_text(replace(quality, hour_rate=10.0)) == "10 days left"


def test_the_quality_page_leaves_requests_for_ingest(filled, db):
    at = page("quality")
    at.text_input(key="add_name").set_value("ltcusdt").run()
    at.button(key="add").click().run()
    at.selectbox(key="remove_name").set_value("spot:SOLUSDT").run()
    at.button(key="remove").click().run()
    assert ran_well(at)
    asked = [(request.action, str(request.instrument)) for request in DeskFile(desk_path(db)).requests()]
    assert asked == [("add", "spot:LTCUSDT"), ("remove", "spot:SOLUSDT")]
    assert "no trade of it yet: LTCUSDT" in words(at)
    at.selectbox(key="remove_name").set_value("spot:LTCUSDT").run()
    at.button(key="remove").click().run()
    assert "no trade of it yet" not in words(at.run())


def editor():
    at = app()
    at.session_state["watch_edit"] = True
    return at.run()


@pytest.mark.parametrize("show", [editor, lambda: page("quality")], ids=["the watchlist's editor", "data quality"])
def test_what_the_exchange_does_not_list_is_said_where_it_was_asked_for(filled, show):
    filled.heartbeat(refused={"ZZZUSDT": "ZZZUSDT is not listed at spot."})
    assert "ZZZUSDT is not listed at spot." in words(show())


def test_what_is_followed_already_or_not_named_is_no_request(filled, db):
    at = page("quality")
    at.button(key="add").click().run()
    assert "Type a symbol first" in toasts(at)
    at.button(key="remove").click().run()
    assert "Choose an instrument first" in toasts(at)
    at.text_input(key="add_name").set_value("ethusdt").run()
    at.button(key="add").click().run()
    assert "ETHUSDT is followed already" in toasts(at)
    assert DeskFile(desk_path(db)).requests() == []


def test_a_name_that_no_exchange_has_is_refused_in_words(filled, db):
    at = page("quality")
    at.text_input(key="add_name").set_value("<script>").run()
    at.button(key="add").click().run()
    assert "is not an instrument" in toasts(at)
    assert DeskFile(desk_path(db)).requests() == []
