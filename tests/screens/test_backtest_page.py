"""The backtest page shows the simulation's own numbers, and says what makes them doubtful."""

import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from desk_database import DeskDatabase
from pages import metrics, page, ran_well, words

from statarb.params import PairParams
from statarb.quant import Rule, backtest_study
from statarb.screens import backtest_page
from statarb.screens.backtest_page import csv_name, doubts, money_text, outcome_text, trips_frame
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import GLOSSARY
from statarb.screens.stat import with_digits
from statarb.store.transfer import csv_text


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


def result_of(path, tried=1, **knobs):
    view = Desk(path).refresh(PairParams(**knobs))
    return view.study, backtest_study(view.study, Rule.of(view.params, view.costs), tried)


def true_minus(text):
    return text.replace("-", "−")


def test_the_page_shows_the_simulations_numbers(filled):
    _, result = result_of(filled.path)
    assert result.trips > 5
    at = page("backtest")
    assert ran_well(at)
    shown, said = metrics(at), words(at)
    assert shown["Round trips"] == str(result.trips)
    assert shown["Mean net a trade"] == true_minus(f"{result.mean_net_bps:+.1f} bp")
    assert shown["Win rate"] == f"{100 * result.win_rate:.0f} %"
    assert shown["Break-even cost"] == true_minus(f"{result.break_even_bps:.1f} bp")
    assert shown["Deepest drawdown"] == true_minus(f"-${-result.drawdown.min():.2f}")
    assert shown["Exposure"] == f"{100 * (result.position != 0).mean():.0f} %"
    low, high = result.interval_bps
    assert (
        true_minus(f"95 % interval of the mean: {low:+.1f} to {high:+.1f} bp, from {result.trips} round trips") in said
    )
    assert "Rule: enter at |z| above 2, leave at 0; give up at 4 or after 4 h" in said
    assert outcome_text(result) in said
    assert len(at.get("bidi_component")) == 1


def test_equity_at_the_end_is_what_the_table_adds_up_to_while_a_trade_is_open(filled):
    knobs = {"window": 60, "entry_z": 1.0}
    _, result = result_of(filled.path, **knobs)
    assert result.round_trips[-1].why == "end"
    assert "still open" in words(at := page("backtest", **{name: str(value) for name, value in knobs.items()}))
    total = sum(trip.net for trip in result.round_trips)
    assert abs(result.equity.iloc[-1] - total) > 1
    assert metrics(at)["Equity at the end"] == money_text(total)


def test_a_win_rate_never_stands_without_mean_interval_and_n(filled):
    at = page("backtest")
    cards = {metric.label: f"{metric.value} {metric.delta}" for metric in at.metric}
    assert "n " in cards["Win rate"]
    assert " to " in cards["Mean net a trade"]


def test_nothing_is_said_a_year_below_thirty_trips_and_five_days(filled):
    _, result = result_of(filled.path)
    assert result.days < 5
    cards = {metric.label: (metric.value, metric.delta) for metric in page("backtest").metric}
    assert cards["Sharpe a year"] == ("—", f"{result.sharpe.have} of {result.sharpe.need} {result.sharpe.what}")


def test_each_number_has_its_tooltip_from_the_glossary(filled):
    tips = {term.tip for term in GLOSSARY.values()}
    assert [metric.label for metric in page("backtest").metric if metric.help not in tips] == []


def test_parameter_sets_tried_in_the_session_are_counted_and_said(filled):
    at = page("backtest")
    assert "parameter sets were tried" not in words(at)
    at.slider(key="entry_z").set_value(1.5).run()
    assert "2 parameter sets were tried in this session: the best of many is partly luck." in words(at)
    at.slider(key="entry_z").set_value(2.0).run()
    assert "2 parameter sets were tried" in words(at), "the same set again is no other set"


def test_the_rule_of_the_sidebar_is_the_rule_simulated(filled):
    knobs = {"entry_z": 1.5, "exit_z": 0.5, "stop_z": 3.0, "time_stop": 60, "fee_bps": 2.0}
    _, result = result_of(filled.path, **knobs)
    at = page("backtest", **{name: str(value) for name, value in knobs.items()})
    assert metrics(at)["Mean net a trade"] == true_minus(f"{result.mean_net_bps:+.1f} bp")
    assert "enter at |z| above 1.5, leave at 0.5; give up at 3 or after 60 min" in words(at)


def test_a_rule_that_cannot_be_is_refused_in_words(filled):
    at = page("backtest", entry_z="3", stop_z="2")
    assert ran_well(at)
    assert "A rule needs exit < entry < stop" in words(at)


def test_a_longer_span_takes_all_the_bars_that_are_stored(filled):
    at = page("backtest", span="7 d", window="60", test_window="100")
    assert ran_well(at)
    (bars,) = re.findall(r"([\d,]+) bars from", words(at))
    assert 1780 < int(bars.replace(",", "")) <= 1800, "all but those since its last step"
    assert "It moves on every" in words(at)


def test_a_span_of_nonsense_is_that_of_the_analysis(filled):
    assert metrics(page("backtest", span="<script>")) == metrics(page("backtest"))


@pytest.mark.parametrize("minutes", [0, 1, 43, 241, 242])
def test_few_bars_are_said_with_the_wait(db, minutes):
    DeskDatabase(db, minutes=minutes).close()
    at = page("backtest")
    assert ran_well(at)
    if minutes == 43:
        assert "43 of 242 bars, about 3 h 19 min" in words(at)


def test_a_rule_that_never_trades_says_so(db):
    DeskDatabase(db, minutes=260).close()
    at = page("backtest", entry_z="5", stop_z="19")
    assert ran_well(at)
    assert "The rule did not trade in these bars" in words(at)
    assert metrics(at)["Win rate"] == "—"
    assert "None in these bars." in words(at)


def test_the_table_adds_up_and_its_file_reads_back(filled):
    study, result = result_of(filled.path)
    frame = trips_frame(study, result)
    np.testing.assert_allclose(frame["gross_bps"] - frame["cost_bps"] - frame["carry_bps"], frame["net_bps"])
    by_hand = frame["y_units"] * (frame["y_out"] - frame["y_in"]) + frame["x_units"] * (frame["x_out"] - frame["x_in"])
    notional = frame["y_units"].abs() * frame["y_in"]
    np.testing.assert_allclose(by_hand / notional * 1e4, frame["gross_bps"], atol=1e-9)
    assert (frame["entered_utc"] < frame["left_utc"]).all()
    back = pd.read_csv(io.StringIO(csv_text(frame)), parse_dates=["entered_utc", "left_utc"])
    np.testing.assert_array_equal(back["net_bps"], frame["net_bps"])
    assert list(back["entered_utc"]) == list(frame["entered_utc"])
    assert csv_name(study, "simulated").startswith("simulated-backtest-ETHUSDT-BTCUSDT-1m-")


def test_the_newest_trips_come_first_on_screen(filled):
    study, result = result_of(filled.path)
    shown = page("backtest").dataframe[0].value
    np.testing.assert_allclose(shown["net_bps"], trips_frame(study, result)["net_bps"][::-1], atol=0.0501)


def test_the_tables_numbers_have_fixed_digits_and_no_zero_a_sign(filled, monkeypatch):
    whole = backtest_page.trips_frame
    monkeypatch.setattr(backtest_page, "trips_frame", lambda *of: whole(*of).assign(carry_bps=-0.0004))
    shown = page("backtest").dataframe[0].value
    assert not np.signbit(shown["carry_bps"]).any()
    for name, digits in {"net_bps": 1, "cost_bps": 1, "y_in": 2, "x_out": 2}.items():
        assert shown[name].tolist() == [float(f"{value:.{digits}f}") for value in shown[name]]


def test_what_is_doubtful_is_said(filled):
    _, result = result_of(filled.path, tried=7)
    said = " ".join(doubts(result))
    assert "7 parameter sets" in said
    assert ("Fewer than 30" in said) == (result.trips < 30)
    assert ("still open" in said) == any(trip.why == "end" for trip in result.round_trips)
    low, high = result.interval_bps
    assert ("not different from nothing" in outcome_text(result)) == (low <= 0 <= high)
    assert not math.isnan(low)


def test_the_tables_losses_are_shown_with_a_true_minus_and_stay_numbers():
    styled = with_digits(
        pd.DataFrame({"net_bps": [-12.345, -0.0, 7.0], "side": ["sold", "sold", "bought"]}), {"net_bps": 1}
    )
    cells = [row[1]["display_value"] for row in styled._translate(False, False)["body"]]
    assert cells == ["\u221212.3", "0.0", "7.0"]
    assert styled.data["net_bps"].dtype == np.float64
