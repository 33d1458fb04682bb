"""A thousand hostile links, symbols and alert texts: each falls back or is refused in one sentence, nothing else."""

import random
import re
import string

import pytest
from desk_database import DeskDatabase
from pages import page, ran_well, words
from support import PROJECT

from statarb.alerts import METRICS, AlertRule, Condition
from statarb.errors import StatarbError
from statarb.market import Instrument
from statarb.params import KNOB, KNOBS, PairParams
from statarb.screens.wording import escape
from statarb.settings import desk_path
from statarb.store import DeskFile

TIMES = 1_000
BAD = (
    "<script>window.ran=1</script>", "<img src=x onerror=window.ran=1>", "[a](javascript:window.ran=1)", "{{7*7}}",
    "'; DROP TABLE trades; --", "../../../etc/passwd", "..\\..\\x", "%00", "\x00", "\u202eTDSU", "=HYPERLINK(\"x\")",
    "nan", "inf", "-inf", "1e400", "-1", "٣", "9" * 400, "A" * 5_000, "", " ", "\n# h", "$x^2$", ":red[x]",
    ":material/bolt:", "http://evil.example", "file:///etc/passwd", "true", "null", "[]", "{}", "0x10", "1_000", "½",
)  # fmt: skip
ACTIVE = re.compile(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()<>#+!|~$:]")
INSTRUMENT = re.compile(r"[a-z0-9_.-]+:[^\s/,:&?#'\"<>;\\\0]{1,40}")


def hostile(rng) -> str:
    """One of the classics, a random text, or a classic inside one."""
    noise = "".join(rng.choice(string.printable + "€\u2028\ud7ff\U0001f4a5") for _ in range(rng.randrange(1, 30)))
    return rng.choice((rng.choice(BAD), noise, noise + rng.choice(BAD) + noise))


def hostile_link(rng) -> dict[str, str]:
    names = [*KNOB, "unknown", "tz", "page", "data", "db", "section"]
    return {rng.choice(names): hostile(rng) for _ in range(rng.randrange(1, 8))}


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
        assert re.sub(r"\\([\\`*_{}\[\]()<>#+!|~$:])", r"\1", shown) == text


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


@pytest.fixture
def filled(tmp_path, monkeypatch):
    path = tmp_path / "data" / "t.db"
    path.parent.mkdir()
    monkeypatch.setenv("STATARB_DB", str(path))
    database = DeskDatabase(path, names=("BTCUSDT", "ETHUSDT"))
    database.fresh_trades()
    yield database
    database.close()


def files_of(folder) -> set[str]:
    """Those of the project that a page could have made; others run and edit beside us."""
    ours = ("*.db*", "*.csv", "*.parquet", "*.zip", "*.json", "passwd*", "x")
    return {str(path) for kind in ours for path in folder.glob(kind)}


def test_pages_take_hostile_links_without_a_traceback_and_leave_no_file_outside_data(filled, tmp_path):
    rng = random.Random(5)
    before = files_of(PROJECT)
    for name in ("live", "pair", "backtest", "alerts", "quality", "data"):
        at = page(name, **{key: value.replace("\x00", "%00") for key, value in hostile_link(rng).items()})
        assert ran_well(at), name
        assert "evil.example" not in words(at)
        assert "passwd" not in words(at)
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"data"}
    assert files_of(PROJECT) == before


def test_hostile_names_of_rules_are_shown_as_text(filled):
    file = DeskFile(desk_path(filled.path))
    named = [file.save_rule(AlertRule(text, (Condition("abs_z", "above", 2.0),))) for text in BAD if text.split()]
    at = page("alerts", alerts="Rules")
    assert ran_well(at)
    said = "\n".join(element.value for element in at.markdown)
    for rule in named:
        assert f"**{escape(rule.name)}**" in said
