"""The price statistics on the page are those of the closed bars of both legs."""

import numpy as np
import pytest
from desk_database import DeskDatabase

from statarb.market import timeframe
from statarb.params import PairParams
from statarb.quant import price_statistics
from statarb.screens.desk import Desk
from statarb.screens.price_section import _columns

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
    desk.close()
    rows = dict(zip(columns[" "], zip(columns["ETHUSDT"], columns["BTCUSDT"], strict=True), strict=True))
    assert len(y) == 1440
    volatility = [price_statistics(leg, timeframe("1m"), 1439)["volatility"].iloc[-1] for leg in (y, x)]
    assert rows["Volatility a year, 24 h"] == tuple(f"{one:.1%}".replace("%", " %") for one in volatility)
    assert rows["Quote volume, 24 h"] == tuple(f"{leg['quote_volume'].sum():,.0f}" for leg in (y, x))
    assert rows["Trades, 24 h"] == tuple(f"{leg['trade_count'].sum():,}" for leg in (y, x))
    change = np.log(y["close"].iloc[-1] / y["close"].iloc[-2]) * 1e4
    assert rows["Return, newest bar"][0].replace("\u2212", "-") == f"{change:+.1f} bp"


def test_before_there_are_bars_it_says_so(tmp_path):
    few = DeskDatabase(tmp_path / "few.db", minutes=2)
    desk = Desk(few.path)
    assert _columns(desk, desk.refresh(PARAMS)) is None
    desk.close()
    few.close()
