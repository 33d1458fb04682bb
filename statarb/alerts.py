"""Alert rules: which metrics a rule may look at, its conditions, and the rule in words; standard library only."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from statarb.errors import ConfigError
from statarb.params import PairParams

Basis = Literal["closed", "live"]
State = Literal["fired", "held", "digest", "suppressed"]
"""Of an event: delivered at once; beyond the daily cap; the message that sums those up; why a rule cannot judge."""

VERDICT_WORDS = ("mean-reverting", "no evidence", "same asset", "no hedge", "not enough data")

ABOVE, BELOW, CROSSES, IS, IS_NOT = "above", "below", "crosses", "is", "is not"
_NUMBER_OPS = (ABOVE, BELOW, CROSSES)
_WORD_OPS = (IS, IS_NOT)

MAX_CONDITIONS = 6
NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Metric:
    """What a condition may look at.

    `scale` is a usual step of the value: a rule arms again once a value has left its threshold by the rule's
    hysteresis times the threshold, or times this where that is larger. `needs_prices` is False for what can be said
    of a feed that is down.
    """

    name: str
    label: str
    unit: str
    help: str
    ops: tuple[str, ...] = _NUMBER_OPS
    low: float = -math.inf
    high: float = math.inf
    default: float | str = 0.0
    scale: float = 1.0
    choices: tuple[str, ...] = ()
    needs_prices: bool = True


METRICS = {
    metric.name: metric
    for metric in (
        Metric("abs_z", "|z|", "sd", "Distance of the spread from its mean, on either side.", _NUMBER_OPS, 0, 100, 2.0),
        Metric("z", "z", "sd", "Above its mean y is rich, below it y is cheap.", _NUMBER_OPS, -100, 100, 2.0),
        Metric(
            "net_edge_bps",
            "net edge",
            "bp",
            "Distance to the mean less the cost of a round trip, of the y notional.",
            _NUMBER_OPS,
            -1e4,
            1e4,
            0.0,
            10.0,
        ),
        Metric(
            "edge_bps", "edge", "bp", "Distance to the mean, of the y notional.", _NUMBER_OPS, 0, 1e4, 20.0, 10.0
        ),
        Metric("correlation", "correlation", "", "Rolling correlation of returns.", _NUMBER_OPS, -1, 1, 0.5, 0.1),
        Metric(
            "verdict", "verdict", "", "The standing word about this window.", _WORD_OPS, default="mean-reverting",
            choices=VERDICT_WORDS,
        ),
        Metric(
            "stale_s",
            "silence",
            "s",
            "Seconds since the last trade of the quieter leg.",
            (ABOVE,),
            1,
            86_400,
            30.0,
            1.0,
            needs_prices=False,
        ),
        Metric(
            "gap_trades",
            "missing trades",
            "",
            "Trades of either leg that are missing and not fetched yet.",
            (ABOVE,),
            0,
            1e9,
            0.0,
            1.0,
            needs_prices=False,
        ),
    )
}  # fmt: skip


def _plain(value: float) -> str:
    return f"{value:,.6g}"


@dataclass(frozen=True)
class Condition:
    """One comparison of a metric with a value.

    Raises
    ------
    ConfigError
        A metric, comparison or value that there is not.
    """

    metric: str
    op: str
    value: float | str

    def __post_init__(self) -> None:
        metric = METRICS.get(self.metric)
        if metric is None:
            raise ConfigError(f"{str(self.metric)[:40]!r} is no metric.", f"Choose one of {', '.join(METRICS)}.")
        if self.op not in metric.ops:
            raise ConfigError(
                f"{metric.label} cannot be compared by {str(self.op)[:20]!r}.", f"Choose {' or '.join(metric.ops)}."
            )
        if metric.choices:
            if self.value not in metric.choices:
                raise ConfigError(
                    f"{metric.label} cannot be {str(self.value)[:40]!r}.", f"Choose one of {', '.join(metric.choices)}."
                )
            return
        try:
            number = float(self.value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not metric.low <= number <= metric.high:
            raise ConfigError(
                f"{metric.label} cannot be compared with {str(self.value)[:40]!r}.",
                f"Give a number from {_plain(metric.low)} to {_plain(metric.high)} {metric.unit}".rstrip() + ".",
            )
        object.__setattr__(self, "value", number)

    @property
    def text(self) -> str:
        """`|z| above 2 sd`."""
        metric = METRICS[self.metric]
        value = self.value if isinstance(self.value, str) else _plain(self.value)
        return f"{metric.label} {self.op} {value} {metric.unit}".rstrip()


@dataclass(frozen=True)
class AlertRule:
    """When to alert: every condition at once, on the closed bars of a pair or on its live prices.

    `hysteresis` is the share of a threshold by which a value must leave it before the rule is armed again; `dwell_s`
    how long the conditions must hold; `cooldown_s` how long it is quiet after an alert; beyond `daily_cap` alerts a
    UTC day only an hourly digest comes. A rule judges nothing before `saved_at_ms`.

    Raises
    ------
    ConfigError
        A value out of range, no condition or too many, or an unknown basis.
    """

    name: str
    conditions: tuple[Condition, ...]
    params: PairParams = field(default_factory=PairParams)
    basis: Basis = "closed"
    hysteresis: float = 0.5
    dwell_s: float = 0.0
    cooldown_s: float = 900.0
    daily_cap: int = 20
    enabled: bool = True
    rule_id: int | None = None
    saved_at_ms: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(str(self.name).split())[:NAME_CHARACTERS])
        object.__setattr__(self, "conditions", tuple(self.conditions))
        if not self.name:
            raise ConfigError("The rule has no name.", "Give it one.")
        if not 1 <= len(self.conditions) <= MAX_CONDITIONS:
            raise ConfigError(
                f"A rule needs 1 to {MAX_CONDITIONS} conditions, not {len(self.conditions)}.", "Add or remove some."
            )
        if self.basis not in ("closed", "live"):
            raise ConfigError(f"{str(self.basis)[:20]!r} is no basis.", "Choose closed or live.")
        of_feed = [METRICS[one.metric].label for one in self.conditions if not METRICS[one.metric].needs_prices]
        if of_feed and self.basis == "closed":
            raise ConfigError(f"The {of_feed[0]} is known now, not at a bar's close.", "Choose live.")
        for name, low, high, unit in _BOUNDS:
            _check_number(name, getattr(self, name), low, high, unit)

    @property
    def conditions_text(self) -> str:
        """`|z| above 2 sd and net edge above 0 bp`."""
        return " and ".join(condition.text for condition in self.conditions)

    @property
    def text(self) -> str:
        """`|z| above 2 sd and net edge above 0 bp · ETHUSDT on BTCUSDT, closed 1m bars`."""
        bars = f"closed {self.params.timeframe} bars" if self.basis == "closed" else f"live, {self.params.timeframe}"
        return f"{self.conditions_text} · {self.params.pair}, {bars}"

    @property
    def needs_prices(self) -> bool:
        """Whether any condition is about prices, and not only about the feed."""
        return any(METRICS[condition.metric].needs_prices for condition in self.conditions)

    def to_json(self) -> str:
        """The rule without its id and time, as the desk file keeps it."""
        body = {name: getattr(self, name) for name in _KEPT}
        conditions = [[one.metric, one.op, one.value] for one in self.conditions]
        return json.dumps(body | {"conditions": conditions, "params": asdict(self.params)})

    @classmethod
    def from_json(cls, text: str, rule_id: int | None = None, saved_at_ms: int = 0) -> AlertRule:
        """The rule of `to_json`; what a newer version added is left out, what it lacks has its default.

        Raises
        ------
        ConfigError
            Not a rule.
        """
        try:
            body = json.loads(text)
            known = {one.name for one in fields(PairParams)}
            params = PairParams(**{name: value for name, value in body["params"].items() if name in known})
            conditions = tuple(Condition(*condition) for condition in body["conditions"])
            kept = {name: body[name] for name in _KEPT if name in body}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ConfigError("A stored alert rule cannot be read.", "Delete it and write it again.") from None
        return cls(conditions=conditions, params=params, rule_id=rule_id, saved_at_ms=saved_at_ms, **kept)

    def numbered(self, rule_id: int, saved_at_ms: int) -> AlertRule:
        """The same rule as it is stored."""
        return replace(self, rule_id=rule_id, saved_at_ms=saved_at_ms)


_KEPT = ("name", "basis", "hysteresis", "dwell_s", "cooldown_s", "daily_cap", "enabled")
_BOUNDS = (
    ("hysteresis", 0.0, 0.95, ""),
    ("dwell_s", 0.0, 86_400.0, "s"),
    ("cooldown_s", 0.0, 86_400.0, "s"),
    ("daily_cap", 1, 1000, "a day"),
)


def _check_number(name: str, value: Any, low: float, high: float, unit: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        label = name.removesuffix("_s").replace("_", " ")
        raise ConfigError(
            f"The {label} cannot be {str(value)[:40]}.", f"Give {low:g} to {high:g} {unit}".rstrip() + "."
        )


DEFAULT_RULES = (
    AlertRule(
        "Signal worth its cost", (Condition("abs_z", ABOVE, 2.0), Condition("net_edge_bps", ABOVE, 0.0)), rule_id=1
    ),
    AlertRule("Feed stale", (Condition("stale_s", ABOVE, 30.0),), basis="live", rule_id=2),
)
"""What a new desk begins with: ordinary rules, to be changed or deleted."""


@dataclass(frozen=True)
class Target:
    """Where alerts are delivered: an Apprise address, which is a secret, under a name that is none."""

    name: str
    url: str = field(repr=False)
    enabled: bool = True
    target_id: int | None = None
    created_at_ms: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", " ".join(str(self.name).split())[:NAME_CHARACTERS])
        object.__setattr__(self, "url", str(self.url).strip())
        if not self.name:
            raise ConfigError("The target has no name.", "Give it one.")
        if "://" in self.name:
            raise ConfigError("A target's name is shown, so it cannot be an address.", "Give it a name of your own.")
        scheme, mark, rest = self.url.partition("://")
        if not (mark and rest and scheme.isascii() and scheme.replace("-", "").isalnum()) or len(self.url) > 2000:
            raise ConfigError(
                "This is no Apprise address.",
                "Write one such as `mailto://user:password@example.com` or `json://host`.",
            )

    @property
    def redacted(self) -> str:
        """`mailto://…`: all that may be shown."""
        return f"{self.url.partition('://')[0].lower()}://…"
