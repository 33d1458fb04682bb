"""A thousand hostile links, symbols and alert texts: each falls back or is refused in one sentence, nothing else."""

import random
import re

import pytest
from hostile import BAD, hostile, hostile_desk, hostile_file, hostile_link
from pages import page, ran_well
from support import PROJECT

from statarb.alerts import METRICS, AlertRule, Condition
from statarb.errors import StatarbError
from statarb.market import Instrument
from statarb.params import KNOBS, PairParams
from statarb.screens.wording import escape
from statarb.settings import desk_path
from statarb.store import DeskFile
from statarb.store.column_guess import guess_columns
from statarb.store.ohlcv import Layout, read_ohlcv
from statarb.store.text_table import read_table

TIMES = 1_000
PAGES = ("live", "pair", "backtest", "pins", "alerts", "quality", "data", "glossary")
ACTIVE = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()<>#+!|~$:&/]")
INSTRUMENT = re.compile(r"[a-z0-9_.-]+:[^\s/,:&?#'\"<>;\\\0]{1,40}")


def is_sentence(error: StatarbError) -> bool:
    """Whether it says what is wrong and what to do, without repeating all of a long text."""
    assert error.message, repr(error)
    assert error.hint, repr(error)
    assert len(str(error)) < 400
    return True


def test_a_thousand_links_are_parameters_in_range_that_link_back_to_themselves():
    rng = random.Random(1)
    for _ in range(TIMES):
        params = PairParams.from_query(hostile_link(rng))
        for knob in KNOBS:
            assert knob.check(getattr(params, knob.name)) == getattr(params, knob.name)
        assert all(INSTRUMENT.fullmatch(leg) for leg in (params.y, params.x))
        assert PairParams.from_query(params.to_query()) == params


def test_a_thousand_symbols_are_refused_in_a_sentence_or_name_an_instrument():
    rng = random.Random(2)
    refused = 0
    for _ in range(TIMES):
        text = hostile(rng)
        try:
            assert INSTRUMENT.fullmatch(str(Instrument.parse(text)))
        except StatarbError as error:
            refused += is_sentence(error)
    assert refused > TIMES / 2


def test_a_thousand_texts_are_shown_as_they_are():
    rng = random.Random(3)
    for _ in range(TIMES):
        text = hostile(rng)
        shown = escape(text)
        assert not ACTIVE.search(shown)
        assert re.sub(r"\\([\\`*_{}\[\]()<>#+!|~$:&/])", r"\1", shown) == text


def test_a_thousand_alert_rules_are_kept_as_they_were_written_or_refused_in_a_sentence(tmp_path):
    rng = random.Random(4)
    file = DeskFile(desk_path(tmp_path / "t.db"))
    kept, refused = [], 0
    for number in range(TIMES):
        metric = rng.choice([*METRICS, hostile(rng)])
        op, value = rng.choice(("above", "crosses", "is", hostile(rng))), rng.choice((1.5, 0, 1e308, hostile(rng)))
        try:
            rule = AlertRule(hostile(rng), (Condition(metric, op, value),), cooldown_s=rng.choice((60, 1e99, "x")))
        except StatarbError as error:
            refused += is_sentence(error)
            continue
        assert AlertRule.from_json(rule.to_json()) == rule
        if number % 10 == 0:
            kept.append(file.save_rule(rule))
    assert kept
    assert refused > TIMES / 2
    assert [rule for rule in file.rules() if rule in kept] == kept
    with pytest.raises(StatarbError):
        AlertRule.from_json(hostile(rng))


def test_a_thousand_files_are_read_or_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = random.Random(6)
    refused = 0
    for _ in range(TIMES):
        data = hostile_file(rng)
        try:
            table = read_table(data)
            assert len(read_ohlcv(table, Layout(guess_columns(table))).bars)
        except StatarbError as error:
            refused += is_sentence(error)
    assert TIMES / 5 < refused < TIMES * 4 / 5
    assert list(tmp_path.rglob("*")) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a desk that is full of hostile texts, in `data`."""
    folder = tmp_path_factory.mktemp("hostile")
    database = hostile_desk(folder / "data" / "t.db")
    yield folder
    database.close()


@pytest.fixture
def db(folder, monkeypatch):
    path = folder / "data" / "t.db"
    monkeypatch.setenv("STATARB_DB", str(path))
    monkeypatch.chdir(folder)
    return path


def files_of(folder) -> set[str]:
    """Those of the project that a page could have made; others run and edit beside us."""
    ours = ("*.db*", "*.csv", "*.parquet", "*.zip", "*.json", "passwd*", "x")
    return {str(path) for kind in ours for path in folder.glob(kind)}


OPENED = (
    {}, {"section": "Hedge", "alerts": "Rules"}, {"section": "Tests", "alerts": "Delivery", "data_tab": "Upload"},
    {"section": "Distribution", "export": "Trades", "data_tab": "Export"}, {"y": "[A](B)", "x": "{{7*7}}"},
    {"timeframe": "5m", "tz": "local", "y": "`C`", "data_tab": "Feature table"},
)  # fmt: skip
"""Parts of the pages that a link opens."""


def leaves_nothing(folder) -> bool:
    """Whether nothing was written but into its `data`."""
    return {path.relative_to(folder).parts[0] for path in folder.rglob("*")} == {"data"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_takes_hostile_links_without_a_traceback_and_leaves_no_file_outside_data(db, folder, name):
    rng = random.Random(name)
    before = files_of(PROJECT)
    for number in range(30):
        link = OPENED[number % len(OPENED)] | hostile_link(rng)
        at = page(name, **{key: value.replace("\x00", "%00") for key, value in link.items()})
        assert ran_well(at), link
    assert leaves_nothing(folder)
    assert files_of(PROJECT) == before


def test_the_page_of_uploads_takes_hostile_files_and_names(db, folder):
    rng = random.Random(7)
    at = page("data", data_tab="Upload")
    before = files_of(PROJECT)
    for _ in range(40):
        name = f"{hostile(rng)}.csv"
        at.get("file_uploader")[0].set_value((name, hostile_file(rng), "text/csv")).run()
        assert ran_well(at), name
        for head in at.header:
            assert not ACTIVE.search(head.value)
    assert leaves_nothing(folder)
    assert files_of(PROJECT) == before


def test_hostile_names_of_rules_are_shown_as_text(db):
    rules = DeskFile(desk_path(db)).rules()
    assert len(rules) > len(BAD) / 2
    at = page("alerts", alerts="Rules")
    assert ran_well(at)
    said = "\n".join(element.value for element in at.markdown)
    for rule in rules:
        assert f"**{escape(rule.name)}**" in said
