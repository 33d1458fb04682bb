"""The price statistics on the page are those of the closed bars of both legs."""

import numpy as np
import pytest
from desk_database import DeskDatabase
from pages import page, ran_well, words

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import price_statistics
from statarb.screens.desk import Desk
from statarb.screens.price_section import _columns, _price

PARAMS = PairParams()


@pytest.fixture
def database(tmp_path):
    made = DeskDatabase(tmp_path / "t.db")
    yield made
    made.close()


def test_a_day_of_closed_bars_is_summed_up_for_both_legs(database):
    desk = Desk(database.path)
    view = desk.refresh(PARAMS)
    columns = _columns(desk, view)
    y, x = desk.closed_bars(view, view.study.as_of_ms - 86_400_000)
    before, _ = desk.closed_bars(view, view.study.as_of_ms - 86_460_000)
    desk.close()
    rows = dict(zip(columns[" "], zip(columns["ETHUSDT"], columns["BTCUSDT"], strict=True), strict=True))
    assert len(y) == 1440
    day = y["close"].iloc[-1] / before["close"].iloc[0] - 1
    assert rows["Return, 24 h"][0].replace("\u2212", "-") == f"{day:+.2%}".replace("%", " %")
    volatility = [price_statistics(leg, timeframe("1m"), 1439)["volatility"].iloc[-1] for leg in (y, x)]
    assert rows["Volatility a year, 24 h"] == tuple(f"{one:.1%}".replace("%", " %") for one in volatility)
    assert rows["Quote volume, 24 h"] == tuple(f"{leg['quote_volume'].sum():,.0f}" for leg in (y, x))
    assert rows["Trades, 24 h"] == tuple(f"{leg['trade_count'].sum():,}" for leg in (y, x))
    change = np.log(y["close"].iloc[-1] / y["close"].iloc[-2]) * 1e4
    assert rows["Return, newest bar"][0].replace("\u2212", "-") == f"{change:+.1f} bp"


def test_the_page_shows_the_table_with_what_its_figures_mean(database, monkeypatch):
    monkeypatch.setenv("STATARB_DB", str(database.path))
    database.fresh_trades()
    at = page("pair")
    assert ran_well(at)
    (table,) = at.table
    assert list(table.value.columns) == [" ", "ETHUSDT", "BTCUSDT"]
    assert {name.split(",")[0] for name in table.value[" "]} == {
        "Return", "Volatility a year", "VWAP", "Quote volume", "Trades", "Flow", "Effective spread"
    }  # fmt: skip
    assert "365 days of 24 hours" in words(at)


def test_an_outage_of_the_day_takes_no_figure_away(database):
    first_ms, until_ms = database.end_ms - 8 * 3_600_000, database.end_ms - 7 * 3_600_000
    database.execute("DELETE FROM bars_1m WHERE sec >= ? AND sec < ?", first_ms // 1000, until_ms // 1000)
    desk = Desk(database.path)
    columns = _columns(desk, desk.refresh(PARAMS))
    desk.close()
    rows = dict(zip(columns[" "], columns["BTCUSDT"], strict=True))
    assert rows["Volatility a year, 24 h"].endswith(" %")


def test_a_price_far_below_one_keeps_its_digits():
    assert _price(0.00001234) == "0.00001234"
    assert _price(76_926.82) == "76,926.82"


def test_before_there_are_bars_it_says_so(tmp_path):
    few = DeskDatabase(tmp_path / "few.db", minutes=2)
    desk = Desk(few.path)
    assert _columns(desk, desk.refresh(PARAMS)) is None
    desk.close()
    few.close()
