"""settings: the command line wins over the environment, and that over the default; bad values are said in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from statarb import __version__
from statarb.errors import ConfigError
from statarb.params import WATCHLIST
from statarb.settings import (
    DEFAULT_DB,
    DEMO_DB,
    SETTING,
    SETTINGS,
    base_url,
    database_from_environment,
    desk_path,
    duration_s,
    parse_settings,
    start_command,
    symbols,
)

NAMES = tuple(SETTING)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.env, raising=False)


def parse(*argv: str) -> argparse.Namespace:
    return parse_settings("ingest.py", "test", NAMES, argv)


def test_the_defaults_are_the_designs():
    options = parse()
    assert (options.db, options.symbols, options.venue) == (DEFAULT_DB, WATCHLIST, "spot")
    assert (options.history, options.run_for, options.log_level) == (3600.0, None, "INFO")
    assert (options.ws_url, options.rest_url) == (None, None)


@pytest.mark.parametrize(
    ("name", "env", "argv", "from_env", "from_argv"),
    [
        ("db", "/tmp/a.db", "/tmp/b.db", Path("/tmp/a.db"), Path("/tmp/b.db")),
        ("symbols", "A,B", "C", ("A", "B"), ("C",)),
        ("venue", "binance.us", "spot-data", "binance.us", "spot-data"),
        ("ws_url", "ws://a:1", "wss://b", "ws://a:1", "wss://b"),
        ("rest_url", "http://a:1", "https://b/", "http://a:1", "https://b"),
        ("history", "15m", "7d", 900.0, 604800.0),
        ("record", "/tmp/a", "/tmp/b", Path("/tmp/a"), Path("/tmp/b")),
        ("keep_trades", "1d", "0", 86400.0, 0.0),
        ("keep_bars", "30d", "1d", 2592000.0, 86400.0),
        ("archive", "/tmp/a", "/tmp/b", Path("/tmp/a"), Path("/tmp/b")),
        ("ping_url", "https://a.example/1", "http://b.example/2", "https://a.example/1", "http://b.example/2"),
        ("desk_url", "http://a:1", "https://b.example/desk", "http://a:1", "https://b.example/desk"),
        ("deliver_simulated", "yes", "no", "yes", "no"),
        ("run_for", "5", "1h", 5.0, 3600.0),
        ("log_level", "DEBUG", "ERROR", "DEBUG", "ERROR"),
    ],
)
def test_the_command_line_wins_over_the_environment(monkeypatch, name, env, argv, from_env, from_argv):
    monkeypatch.setenv(SETTING[name].env, env)
    assert getattr(parse(), name) == from_env
    assert getattr(parse(SETTING[name].flag, argv), name) == from_argv


def test_every_setting_is_tested_for_precedence():
    mark = test_the_command_line_wins_over_the_environment.pytestmark[0]
    assert {case[0] for case in mark.args[1]} == set(NAMES)


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("STATARB_SYMBOLS", "")
    assert parse().symbols == WATCHLIST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symbols", ","),
        ("venue", "mars"),
        ("ws_url", "http://host"),
        ("ws_url", "wss://host/stream"),
        ("rest_url", "ftp://host"),
        ("rest_url", "https://"),
        ("history", "soon"),
        ("history", "-1h"),
        ("history", "nan"),
        ("run_for", "1e99"),
        ("log_level", "LOUD"),
        ("db", "a\0b"),
        ("record", "a\0b"),
    ],
)
@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_bad_value_is_refused_with_exit_code_2_whichever_way_it_comes(monkeypatch, capsys, name, value, way):
    if way == "environment" and "\0" in value:
        pytest.skip("no environment variable can hold a NUL")
    if way == "environment":
        monkeypatch.setenv(SETTING[name].env, value)
    with pytest.raises(SystemExit) as end:
        parse(*([SETTING[name].flag, value] if way == "option" else []))
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert SETTING[name].flag in last or SETTING[name].env in last


def test_help_names_every_option_with_its_variable(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert all(setting.flag in text and setting.env in text for setting in SETTINGS)


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as end:
        parse("--version")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"statarb {__version__}\n"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("1.5h", 5400), ("0", 0)])
def test_durations_are_written_as_people_write_them(text, seconds):
    assert duration_s(text) == seconds


def test_a_symbol_given_twice_is_followed_once_in_the_order_given():
    assert symbols(" B, A ,B,,") == ("B", "A")


def test_a_base_url_loses_its_last_slash():
    assert base_url("wss", "ws")("wss://host:9443/") == "wss://host:9443"


def test_the_apps_database_is_the_environments_or_the_default(monkeypatch):
    assert database_from_environment() == DEFAULT_DB
    monkeypatch.setenv("STATARB_DB", "~/desk/ticks.db")
    assert database_from_environment() == Path.home() / "desk" / "ticks.db"
    monkeypatch.setattr("os.environ", {"STATARB_DB": "a\0b"})
    with pytest.raises(ConfigError, match="STATARB_DB"):
        database_from_environment()


@pytest.mark.parametrize(("db", "desk"), [("ticks.db", "desk.db"), ("demo.db", "demo-desk.db")])
def test_the_desks_own_file_lies_beside_the_trades(tmp_path, db, desk):
    assert desk_path(tmp_path / db) == tmp_path / desk


@pytest.mark.parametrize(
    ("db", "source", "command"),
    [
        (DEFAULT_DB, "binance", "python ingest.py"),
        (DEFAULT_DB, "", "python ingest.py"),
        (Path("/my desk/t.db"), "binance", "python ingest.py --db '/my desk/t.db'"),
        (DEMO_DB, "", "python start.py --demo"),
        (Path("/d/t.db"), "simulated", "python start.py --demo --db /d/t.db"),
    ],
)
def test_the_command_that_fills_a_database_names_it_where_it_is_not_the_default(db, source, command, monkeypatch):
    monkeypatch.setattr("os.name", "posix")
    assert start_command(db, source) == command
