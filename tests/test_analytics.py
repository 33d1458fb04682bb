"""The report from the command line, and the page that explains every statistic."""

from __future__ import annotations

import inspect
import json
import re
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support import PROJECT

import analytics
from statarb.errors import DataError
from statarb.market import timeframe
from statarb.store import create_database

START_S = 1_700_000_400
MINUTES = 300
READ = 161  # lookback_bars of these windows: 120 + 8 tests of 5 bars + 1
ARGUMENTS = ["ETHUSDT", "BTCUSDT", "--window", "40", "--test-window", "120"]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Two instruments with 300 closed minutes each, a reverting pair."""
    path = tmp_path_factory.mktemp("analytics") / "ticks.db"
    create_database(path)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(MINUTES).cumsum() * 5e-4
    closes = {"BTCUSDT": 60_000 * np.exp(x), "ETHUSDT": 3000 * np.exp(x + 1e-4 * rng.standard_normal(MINUTES))}
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES('source', 'simulated')")
        for symbol_id, (name, prices) in enumerate(closes.items(), 1):
            connection.execute(
                "INSERT INTO symbols(symbol_id, venue, name, id_kind, status, can_short, closed_until_ms) "
                "VALUES(?, 'spot', ?, 'trade', 'TRADING', 0, ?)",
                (symbol_id, name, (START_S + 60 * MINUTES) * 1000 + 4000),
            )
            e8 = np.rint(prices * 1e8).astype(int).tolist()
            connection.executemany(
                "INSERT INTO bars_1m(symbol_id, sec, o, h, l, c, v, quote_v, taker_buy_v, n, source, state) "
                "VALUES(?, ?, ?, ?, ?, ?, 1, 2, 0.5, 3, 'kline', 'final')",
                [(symbol_id, START_S + 60 * i, p, p, p, p) for i, p in enumerate(e8)],
            )
    connection.close()
    return path


def run(capsys, *argv) -> tuple[int, str, str]:
    code = analytics.main([str(a) for a in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_report_reads_from_the_database(database, capsys):
    code, out, err = run(capsys, *ARGUMENTS, "--db", database)
    assert (code, err) == (0, "")
    assert out.startswith("ETHUSDT on BTCUSDT   1m bars, log prices, source: simulated")
    assert f"{READ} closed bars" in out
    assert "mean-reverting in this window" in out
    assert "bp net of fees and slippage" in out


def test_json_has_the_numbers_of_the_study(database, capsys):
    code, out, _ = run(capsys, *ARGUMENTS, "--json", "--db", database)
    report = json.loads(out)
    assert code == 0
    assert report["source"] == "simulated"
    assert report["n_bars"] == READ
    assert report["as_of_ms"] == (START_S + 60 * MINUTES) * 1000
    assert report["hedge"]["beta"] == pytest.approx(1, abs=0.1)
    assert report["params"]["window"] == 40


def test_the_report_takes_every_knob_of_the_analysis_and_says_what_it_costs(database, capsys):
    knobs = ["--hedge", "tls", "--fee-preset", "spot_taker"]
    _, out, _ = run(capsys, *ARGUMENTS, *knobs, "--db", database)
    assert "z is by TLS" in out
    assert "Costs        ETHUSDT 11.0 bp a side (fee 10, slippage 1, spread not measured)" in out
    _, out, _ = run(capsys, *ARGUMENTS, *knobs, "--json", "--db", database)
    report = json.loads(out)
    assert report["hedge_estimate"]["method"] == "TLS"
    assert report["costs"]["x"]["fee_bps"] == 10
    beta = report["moments_seen"]["beta"]
    assert report["edge"]["round_trip_bps"] == pytest.approx(2 * (1 + beta) * 11)


def test_a_window_without_bars_is_null_with_its_reason(database, capsys):
    _, out, _ = run(capsys, "ETHUSDT", "BTCUSDT", "--window", "400", "--json", "--db", database)
    report = json.loads(out)
    assert report["hedge"] is None
    assert report["reasons"]["hedge"] == "not enough data: 300 of 400 bars"
    assert report["verdict"]["headline"] == "not enough data (300 of 1440)"


def test_seconds_without_bars_say_so(database, capsys):
    code, out, _ = run(capsys, "ETHUSDT", "BTCUSDT", "--timeframe", "1s", "--db", database)
    assert code == 0
    assert "not enough data (0 of 3600)" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["NOPEUSDT", "BTCUSDT"], ["NOPEUSDT is not in the database", "BTCUSDT, ETHUSDT", "--symbols NOPEUSDT"]),
        (["ETHUSDT", "ETHUSDT"], ["two different instruments"]),
        (["usdm:ETHUSDT", "BTCUSDT"], ["usdm:ETHUSDT is not in the database"]),
        (["ETH USDT", "BTCUSDT"], ["not an instrument"]),
        (["ETHUSDT", "BTCUSDT", "--timeframe", "7m"], ["1s, 30s, 1m, 5m"]),
        (["ETHUSDT", "BTCUSDT", "--window", "many"], ["window cannot be 'many'"]),
        (["ETHUSDT", "BTCUSDT", "--window", "1"], ["out of range"]),
        (["ETHUSDT", "BTCUSDT", "--price-scale", "odds"], ["log, price"]),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(database, capsys, argv, words):
    code, out, err = run(capsys, *argv, "--db", database)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert all(word in err for word in words)


def test_a_missing_or_empty_database_is_one_sentence(tmp_path, capsys):
    code, out, err = run(capsys, *ARGUMENTS, "--db", tmp_path / "none.db")
    assert (code, out, err.count("\n")) == (1, "", 1)
    create_database(tmp_path / "new.db")
    code, out, err = run(capsys, *ARGUMENTS, "--db", tmp_path / "new.db")
    assert (code, out) == (2, "")
    assert "it holds no instrument yet" in err


def test_an_instrument_without_a_closed_bar_is_one_sentence(database, tmp_path, capsys):
    copy = tmp_path / "young.db"
    copy.write_bytes(database.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE symbols SET closed_until_ms=NULL")
    connection.close()
    code, _, err = run(capsys, *ARGUMENTS, "--db", copy)
    assert code == 1
    assert "No bar of ETHUSDT on BTCUSDT is closed yet" in err


def test_the_command_finds_the_database_by_its_environment(database):
    done = subprocess.run(
        [sys.executable, "analytics.py", *ARGUMENTS],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "STATARB_DB": str(database)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Verdict      mean-reverting in this window" in done.stdout


def sections() -> dict[str, str]:
    """Headings of docs/methods.md by the functions they name."""
    text = (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8")
    parts = re.split(r"^###? ", text, flags=re.MULTILINE)[1:]
    return {name: part for part in parts for name in re.findall(r"`(\w+)`", part.split("\n")[0])}


FUNCTIONS = [name for name in analytics.__all__ if inspect.isfunction(getattr(analytics, name))]
TYPES = [name for name in analytics.__all__ if name not in FUNCTIONS]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_its_section(name):
    section = sections()[name]
    for label in ("Formula", "Assumes", "Caveat", "Reference"):
        assert f"**{label}.**" in section


NULLS = ["adf", "engle_granger", "verdict", "phillips_ouliaris", "johansen", "kpss", "phillips_perron", "df_gls"]
NULLS += ["variance_ratio", "stability"]


@pytest.mark.parametrize("name", NULLS)
def test_every_test_states_its_null_hypothesis(name):
    assert "**Null.**" in sections()[name]


@pytest.mark.parametrize("name", TYPES)
def test_every_result_is_mentioned(name):
    assert f"`{name}`" in (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8")


def test_no_section_is_left_over():
    assert set(sections()) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_promises_something(name):
    assert len(inspect.getdoc(getattr(analytics, name)).split("\n")[0]) > 10


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: analytics.on_scale(["a"], "log"),
        lambda x: analytics.on_scale(np.array(["2026-01-01"], "datetime64[s]"), "log"),
        lambda x: analytics.hedge_ratio(x + 1j, x),
        lambda x: analytics.align_legs(pd.DataFrame(), pd.DataFrame(), timeframe("1m")),
        lambda x: analytics.rolling_hedge(x, x, 60.5),
    ],
    ids=["texts", "dates", "complex", "no bars", "part of a bar"],
)
def test_what_is_no_sample_is_refused_in_a_sentence(ask):
    with pytest.raises(DataError, match=r"[A-Za-z ]+\. (Give|Make) "):
        ask(np.arange(1.0, 200.0))


def test_the_report_says_what_the_record_lacks(database, tmp_path, capsys):
    holed = tmp_path / "holed.db"
    with sqlite3.connect(database) as whole, sqlite3.connect(holed) as copy:
        whole.backup(copy)
    _, out, _ = run(capsys, *ARGUMENTS, "--db", holed)
    assert "not covered" not in out
    with sqlite3.connect(holed) as connection:
        newest = "(SELECT max(sec) FROM bars_1m)"
        connection.execute(f"DELETE FROM bars_1m WHERE symbol_id=1 AND sec BETWEEN {newest}-1200 AND {newest}-660")
    _, out, _ = run(capsys, *ARGUMENTS, "--db", holed)
    assert "Of the seconds of BTCUSDT that these numbers look back to, 600 of 7,200 are not covered" in out
    assert "of ETHUSDT that these" not in out
    _, out, _ = run(capsys, *ARGUMENTS, "--db", holed, "--json")
    assert json.loads(out)["coverage"] == {"spot:ETHUSDT": 1.0, "spot:BTCUSDT": 11 / 12}
