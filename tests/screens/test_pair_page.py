"""Pair analytics: every section shows the study's own numbers, and nothing is computed before it is looked at."""

import sqlite3

import pandas as pd
import pytest
from desk_database import DeskDatabase
from pages import metrics, page, ran_well, words

from statarb.params import PairParams
from statarb.quant import study as study_module
from statarb.quant import z_distribution
from statarb.screens import hedge_section, pair_charts
from statarb.screens.desk import Desk
from statarb.screens.glossary_text import GLOSSARY
from statarb.screens.wording import interval_text

SECTIONS = ("Charts", "Hedge", "Distribution", "Tests")


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


def study_of(path, **knobs):
    return Desk(path).refresh(PairParams(**knobs)).study


def tables(at):
    return pd.concat([table.value.astype(str) for table in at.table]).to_string().replace("\\", "")


def charts(at):
    return len(at.get("bidi_component"))


def test_the_verdict_with_its_reasons_and_what_the_hedge_is_worth_stand_on_every_section(filled):
    study = study_of(filled.path)
    tips = {term.tip for term in GLOSSARY.values()}
    for section in SECTIONS:
        at = page("pair", section=section)
        assert ran_well(at)
        said, shown = words(at), metrics(at)
        assert [metric.label for metric in at.metric if metric.help not in tips] == [], "each has its tooltip"
        assert f"Reversion: {study.verdict.headline}" in said
        assert study.verdict.reasons[0] in said
        assert shown["Hedge ratio β"] == f"{study.hedge_estimate.beta:.4f}"
        assert shown["Left by the hedge"] == f"{100 * study.hedge_quality.ratio:.0f} %"
        assert shown["Beta gap"].endswith(f"{100 * study.beta_gap.share:.0f} %")
        assert shown["Stability"].endswith(study.stability.badge)
        assert shown["Correlation"] == f"{study.correlation.iloc[-1]:.2f}"


def test_the_hedges_interval_reads_alike_on_live_view_and_in_the_analysis(filled):
    said = {
        metric.delta for name in ("live", "pair") for metric in page(name).metric if metric.label == "Hedge ratio β"
    }
    found = study_of(filled.path).hedge_estimate
    assert said == {interval_text(found.beta_low, found.beta_high)}


def test_a_half_life_is_shown_only_while_the_verdict_stands(filled):
    study = study_of(filled.path)
    assert study.verdict.word == "mean-reverting", "the database holds a reverting pair"
    assert metrics(page("pair"))["Half-life"] != "—"
    others = study_of(filled.path, y="spot:SOLUSDT", x="spot:ETHUSDT", timeframe="5m", window=60, test_window=100)
    if others.verdict.word != "mean-reverting":
        at = page("pair", y="SOLUSDT", x="ETHUSDT", timeframe="5m", window="60", test_window="100")
        assert metrics(at)["Half-life"] == "—"


def test_the_hedge_section_holds_scatter_paths_regression_and_summary(filled):
    at = page("pair", section="Hedge")
    study = study_of(filled.path)
    assert charts(at) == 3
    assert f"{study.hedge.beta:.5g}" in tables(at)
    assert "OLS Regression Results" in at.code[0].value
    assert "standard error" in words(at)


def test_the_distribution_section_counts_z(filled):
    at = page("pair", section="Distribution")
    found = z_distribution(study_of(filled.path).z)
    assert charts(at) == 1
    assert f"{100 * found.beyond[2]:.1f} %" in words(at)
    assert f"{found.n:,} closed bars with a z" in words(at)
    for share in (*found.beyond.values(), *found.normal_beyond.values()):
        assert f"{100 * share:.1f} %" in tables(at)


def test_every_statistic_of_a_table_has_its_tooltip_below_it(filled):
    expected = {
        "Charts": {"volatility", "volume", "effective_spread"},
        "Hedge": {"alpha", "r2", "z"},
        "Tests": {
            "phillips_ouliaris", "johansen", "kpss", "phillips_perron", "df_gls", "variance_ratio", "hurst", "noise"
        },
    }  # fmt: skip
    for section, terms in expected.items():
        at = page("pair", section=section)
        if section == "Tests":
            next(button for button in at.button if button.label == "Run all tests").click().run()
        told = {(caption.value, caption.proto.help) for caption in at.caption}
        assert {(GLOSSARY[term].name, GLOSSARY[term].tip) for term in terms} <= told


def test_the_tests_section_shows_the_deciding_test_its_schedule_and_the_second_look(filled):
    at = page("pair", section="Tests")
    study, shown = study_of(filled.path), tables(at)
    assert f"{study.engle_granger.y_on_x.statistic:.3f}".replace("-", "−") in shown
    assert f"{study.adf.statistic:.3f}".replace("-", "−") in shown
    (schedule,) = [table.value for table in at.table if "Reading" in table.value]
    assert list(schedule["Reading"]) == [test.word for test in study.verdict.tests[::-1]]
    assert "More tests" in words(at)


def test_further_tests_run_when_asked_and_only_then(filled, monkeypatch):
    made = []
    real = study_module.reversion_tests
    monkeypatch.setattr(study_module, "reversion_tests", lambda *given: made.append(1) or real(*given))
    monkeypatch.setattr(study_module.PairStudy, "doubts", ())  # a standing verdict asks them too
    at = page("pair", section="Tests")
    assert made == []
    at.button(key="more_tests_button").click().run()
    assert ran_well(at)
    assert made == [1]
    tests, shown = study_of(filled.path).reversion_tests, tables(at)
    for name in ("Phillips-Ouliaris test", "Johansen test, trace", "KPSS test", "DF-GLS test", "Hurst exponent"):
        assert name in shown
    assert f"{tests.phillips_ouliaris.y_on_x.critical_values['5%']:.2f}".replace("-", "−") in shown
    assert f"{tests.variance_ratio.ratio:.2f}" in shown
    assert "the newest closed bar" in words(at)
    filled.add_minute()
    at.run()
    assert made == [1, 1], "only ours, above: a closed bar does not run them again"
    assert "1 newer bar since" in words(at)
    at.button(key="more_tests_button").click().run()
    assert "the newest closed bar" in words(at)


def test_methods_are_compared_when_asked_and_only_then(filled, monkeypatch):
    made = []
    real = hedge_section.compare_hedges
    monkeypatch.setattr(hedge_section, "compare_hedges", lambda *given: made.append(1) or real(*given))
    at = page("pair", section="Hedge")
    assert made == []
    at.button(key="compare_button").click().run()
    assert ran_well(at)
    assert made == [1]
    shown = tables(at)
    for method in ("Theil-Sen", "Huber", "DOLS", "TLS", "Kalman"):
        assert method in shown


def test_a_section_that_is_closed_costs_nothing(filled, monkeypatch):
    made = []
    monkeypatch.setattr(hedge_section, "kalman_hedge", lambda *a, **k: made.append("kalman"))
    monkeypatch.setattr(pair_charts, "z_distribution", lambda *a: made.append("z"))
    assert ran_well(page("pair", section="Charts"))
    assert ran_well(page("pair", section="Tests"))
    assert made == []


@pytest.mark.parametrize("minutes", [0, 1, 43, 241])
def test_few_bars_are_said_and_break_no_section(db, minutes):
    DeskDatabase(db, minutes=minutes).close()
    for section in SECTIONS:
        at = page("pair", section=section)
        assert ran_well(at)
        if section != "Charts" and minutes == 43:
            assert "43 of " in words(at)


def test_one_asset_twice_is_named_and_breaks_no_section(db):
    """The legs differ by a constant factor only."""
    database = DeskDatabase(db, minutes=1500)
    database.execute("DELETE FROM bars_1m WHERE symbol_id=2")
    database.execute(_doubled(database))
    database.execute("UPDATE symbols SET bars_version=bars_version+1")
    database.close()
    for section in SECTIONS:
        at = page("pair", section=section)
        assert ran_well(at)
        assert "same asset" in words(at)


def _doubled(database):
    with sqlite3.connect(database.path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(bars_1m)")]
    taken = ", ".join("2" if name == "symbol_id" else f"{name}*2" if name in "ohlc" else name for name in columns)
    return f"INSERT INTO bars_1m SELECT {taken} FROM bars_1m WHERE symbol_id=1"


def test_the_sections_and_their_controls_are_in_the_link(filled):
    at = page("pair", section="Charts", prices_as="Candles", bars_shown="120")
    assert ran_well(at)
    assert at.get_by_key("prices_as").value == "Candles"
    assert at.get_by_key("bars_shown").value == "120"
    assert ran_well(page("pair", section="<script>", prices_as="x", bars_shown="-1", lines="nothing"))
