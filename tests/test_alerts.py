"""Alert rules: what cannot be is refused in one sentence, and a rule reads back as it was written."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statarb.alerts import DEFAULT_RULES, METRICS, AlertRule, Condition, Target
from statarb.errors import ConfigError
from statarb.params import PairParams

BEYOND = Condition("abs_z", "above", 2)
NUMBERS = [metric for metric in METRICS.values() if not metric.choices]


@st.composite
def conditions(draw) -> Condition:
    metric = draw(st.sampled_from(list(METRICS.values())))
    value = st.sampled_from(metric.choices) if metric.choices else st.floats(metric.low, metric.high)
    return Condition(metric.name, draw(st.sampled_from(metric.ops)), draw(value))


@settings(max_examples=40)
@given(
    st.lists(conditions(), min_size=1, max_size=6),
    st.sampled_from(["closed", "live"]),
    st.floats(0, 0.95),
    st.floats(0, 86_400),
    st.integers(1, 1000),
    st.text(max_size=120).filter(lambda text: text.split()),
)
def test_a_rule_reads_back_as_it_was_written(parts, basis, hysteresis, seconds, cap, name):
    basis = basis if all(METRICS[part.metric].needs_prices for part in parts) else "live"
    rule = AlertRule(name, tuple(parts), PairParams(window=100), basis, hysteresis, seconds, seconds, cap, False, 3, 17)
    assert AlertRule.from_json(rule.to_json(), 3, 17) == rule
    assert rule.text.count(" and ") == len(parts) - 1
    assert "\n" not in rule.name


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_what_is_no_rule_is_one_sentence(body):
    with pytest.raises(ConfigError):
        AlertRule.from_json(json.dumps(body))


def test_a_rule_of_another_version_keeps_what_is_known():
    body = json.loads(DEFAULT_RULES[0].to_json())
    del body["params"]["window"], body["cooldown_s"]
    body["params"]["of_tomorrow"], body["colour"] = 1, "red"
    rule = AlertRule.from_json(json.dumps(body))
    assert (rule.params.window, rule.cooldown_s) == (240, 900.0)


def test_the_default_rules_are_the_designs():
    signal, stale = DEFAULT_RULES
    assert signal.text == "|z| above 2 sd and net edge above 0 bp · ETHUSDT on BTCUSDT, closed 1m bars"
    assert stale.text == "silence above 30 s · ETHUSDT on BTCUSDT, live, 1m"
    assert (signal.cooldown_s, signal.hysteresis) == (900, 0.5)
    assert (signal.needs_prices, stale.needs_prices) == (True, False)


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_has_a_default_that_a_condition_takes(metric):
    assert Condition(metric.name, metric.ops[0], metric.default)
    assert metric.help.endswith(".")


@pytest.mark.parametrize("metric", NUMBERS, ids=[metric.name for metric in NUMBERS])
@pytest.mark.parametrize("value", ["many", None, float("nan"), float("inf"), 1e12, [1]])
def test_a_value_that_is_no_number_in_range_is_refused(metric, value):
    with pytest.raises(ConfigError, match="Give a number from"):
        Condition(metric.name, metric.ops[0], value)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (("colour", "above", 1), "no metric"),
        (("z", "is", 1), "Choose above or below or crosses"),
        (("verdict", "above", 1), "Choose is or is not"),
        (("verdict", "is", "lovely"), "Choose one of mean-reverting"),
        (("stale_s", "below", 5), "Choose above"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(condition, words):
    with pytest.raises(ConfigError, match=words):
        Condition(*condition)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"conditions": ()}, "1 to 6 conditions"),
        ({"conditions": (BEYOND,) * 7}, "1 to 6 conditions"),
        ({"name": "  "}, "no name"),
        ({"basis": "tomorrow"}, "closed or live"),
        ({"conditions": (Condition("stale_s", "above", 30),)}, "silence is known now"),
        ({"hysteresis": 1.0}, "hysteresis"),
        ({"dwell_s": -1}, "dwell"),
        ({"cooldown_s": float("nan")}, "cooldown"),
        ({"daily_cap": 0}, "daily cap"),
        ({"daily_cap": "many"}, "daily cap"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(more, words):
    with pytest.raises(ConfigError, match=words):
        AlertRule(**{"name": "x", "conditions": (BEYOND,)} | more)


def test_a_targets_address_is_a_secret():
    target = Target("mail", "mailto://me:hush@example.com")
    assert "hush" not in repr(target)
    assert target.redacted == "mailto://…"
    assert "hush" in json.dumps(asdict(target))  # the desk file alone keeps it


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("", "json://hush", "no name"),
        ("json://hush/hush", "json://hush", "is shown"),
        ("x", "hush.example.com", "no Apprise address"),
        ("x", "://hush", "no Apprise address"),
        ("x", "json://", "no Apprise address"),
        ("x", "json://hush" + "h" * 3000, "no Apprise address"),
    ],
)
def test_a_target_that_cannot_be_is_refused_without_its_address(name, url, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        Target(name, url)
    assert "hush" not in str(refusal.value)
