"""A number computed over a hole says so, and says nothing where there is none."""

import pytest
from desk_database import DeskDatabase

from statarb.params import PairParams
from statarb.screens.coverage import coverage_text, percent_text
from statarb.screens.desk import Desk
from statarb.store import Coverage

ETH, BTC = "spot:ETHUSDT", "usdm:BTCUSDT"


@pytest.mark.parametrize(
    ("eth", "btc", "text"),
    [
        (Coverage(1000, 1000), Coverage(1000, 1000), ""),
        (Coverage(0, 0), Coverage(0, 0), ""),
        (Coverage(1000, 972), Coverage(1000, 1000), "97.2 % of the seconds behind the numbers are covered (ETHUSDT)"),
        (
            Coverage(1000, 972),
            Coverage(1000, 500),
            "50.0 % of the seconds behind the numbers are covered (usdm:BTCUSDT)",
        ),
        (Coverage(86_400, 86_399), Coverage(9, 9), "99.9 % of the seconds behind the numbers are covered (ETHUSDT)"),
    ],
)
def test_the_leg_that_lacks_most_is_told_and_never_rounded_up_to_whole(eth, btc, text):
    assert coverage_text({ETH: eth, BTC: btc}) == text


def test_nothing_has_no_percentage():
    assert percent_text(Coverage(0, 0)) == "none"


def test_a_study_knows_what_its_window_lacks(tmp_path):
    database = DeskDatabase(tmp_path / "t.db", names=("BTCUSDT", "ETHUSDT"))
    database.fresh_trades()
    desk, params = Desk(tmp_path / "t.db"), PairParams()
    whole = desk.refresh(params).coverage
    assert {one.share for one in whole.values()} == {1.0}
    end_s = database.end_ms // 1000
    database.execute("DELETE FROM bars_1m WHERE symbol_id=1 AND sec BETWEEN ? AND ?", end_s - 3600, end_s - 3000)
    for trade_id, second in ((10, end_s - 3600), (20, end_s - 3000)):
        database.trade(1, trade_id, second * 1000, 6_000_000_000_000)
    database.execute("INSERT INTO gaps VALUES(1, 11, 19, 'deferred', 'start', 0, NULL, 0, NULL)")
    database.revise("BTCUSDT", 10, 1.0)
    holed = desk.refresh(params).coverage
    lacking = holed["spot:BTCUSDT"]
    assert (lacking.seconds, lacking.seconds - lacking.covered) == (params.span_bars * 60, 601)
    assert holed["spot:ETHUSDT"].share == 1.0
    desk.close()
    database.close()
