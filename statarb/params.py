"""Knobs of an analysis: one row each, with default, range, unit and help; PairParams is their frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from statarb.errors import ConfigError, StatarbError
from statarb.market import TIMEFRAMES, Instrument, Pair, timeframe

WATCHLIST = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT", "LINKUSDT")
"""What a first start subscribes to."""

WINDOW_BARS = {"1s": 900, "30s": 240, "1m": 240, "5m": 144}
"""Hedge and z window by timeframe: short bars need many more to rise above the cost of a round trip."""

TEST_WINDOW_BARS = {"1s": 3600, "30s": 1440, "1m": 1440, "5m": 288}
"""Window of the reversion tests by timeframe; never more than one day of data."""


@dataclass(frozen=True)
class Knob:
    """One parameter a user can turn."""

    name: str
    default: int | float | str
    unit: str
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """`value` in the knob's own type and range.

        Raises
        ------
        ConfigError
            Wrong type, out of range or not one of the choices.
        """
        if isinstance(self.default, str) and not self.choices:
            return str(value)
        if self.choices:
            if value not in self.choices:
                raise ConfigError(
                    f"{self.name} cannot be {str(value)[:40]!r}.", f"Choose one of {', '.join(self.choices)}."
                )
            return value
        try:
            number = int(value) if isinstance(self.default, int) else float(value)
        except (TypeError, ValueError, OverflowError):
            raise ConfigError(f"{self.name} cannot be {str(value)[:40]!r}.", "Give a number.") from None
        if not (self.low is None or number >= self.low) or not (self.high is None or number <= self.high):
            raise ConfigError(
                f"{self.name} {number} is out of range.", f"Give {self.low:g} to {self.high:g} {self.unit}.".rstrip()
            )
        return number


KNOBS = (
    Knob("y", "spot:ETHUSDT", "", "The leg that is explained: y = alpha + beta x + spread."),
    Knob("x", "spot:BTCUSDT", "", "The leg that explains; the hedge is beta of it."),
    Knob("timeframe", "1m", "", "Length of a bar.", choices=tuple(TIMEFRAMES)),
    Knob(
        "price_scale",
        "log",
        "",
        "Regress log prices (beta is a ratio of notionals) or prices (a ratio of units).",
        choices=("log", "price"),
    ),
    Knob("window", 240, "bars", "Bars in the hedge regression and in the mean and deviation of z.", 20, 5000),
    Knob("test_window", 1440, "bars", "Bars in the reversion tests.", 100, 10000),
    Knob("corr_window", 60, "returns", "Returns in the rolling correlation.", 10, 5000),
    Knob("entry_z", 2.0, "sd", "|z| beyond which a signal or an alert begins.", 0.5, 10),
    Knob("exit_z", 0.0, "sd", "|z| at which the trade is over.", 0, 10),
    Knob("stop_z", 4.0, "sd", "|z| beyond which the trade is given up.", 0.5, 20),
    Knob("time_stop", 240, "bars", "Bars after which the trade is given up.", 1, 10000),
    Knob(
        "fee_bps",
        5.0,
        "bp",
        "Fee a leg and side; USD-M taker 5, spot taker 10, spot with BNB 7.5, perp maker 2.",
        0,
        100,
    ),
    Knob("slippage_bps", 1.0, "bp", "Slippage a leg and side.", 0, 100),
    Knob("notional", 10000.0, "USD", "Size of the y leg.", 1, 1e9),
)

KNOB = {knob.name: knob for knob in KNOBS}


def _plain_text(value: int | float | str) -> str:
    """The shortest text that reads back as the same value: `2`, `2.5`, `10000`."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class PairParams:
    """Everything an analysis of one pair depends on besides the prices: hashable, so it is a cache key and a link."""

    y: str = "spot:ETHUSDT"
    x: str = "spot:BTCUSDT"
    timeframe: str = "1m"
    price_scale: str = "log"
    window: int = 240
    test_window: int = 1440
    corr_window: int = 60
    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float = 4.0
    time_stop: int = 240
    fee_bps: float = 5.0
    slippage_bps: float = 1.0
    notional: float = 10000.0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, KNOB[field.name].check(getattr(self, field.name)))
        object.__setattr__(self, "y", str(Instrument.parse(self.y)))
        object.__setattr__(self, "x", str(Instrument.parse(self.x)))
        Pair(Instrument.parse(self.y), Instrument.parse(self.x))

    @classmethod
    def for_timeframe(cls, timeframe: str, **knobs: Any) -> PairParams:
        """The defaults of a timeframe, with any knob given by name instead."""
        windows = {"window": WINDOW_BARS.get(timeframe), "test_window": TEST_WINDOW_BARS.get(timeframe)}
        return cls(**{"timeframe": timeframe, **{k: v for k, v in windows.items() if v}, **knobs})

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PairParams:
        """Parameters from a URL: what is missing or nonsense falls back to its default, one knob at a time."""
        name = query.get("timeframe", "1m")
        params = cls.for_timeframe(name if name in TIMEFRAMES else "1m")
        for knob in KNOBS:
            if knob.name in query and knob.name != "timeframe":
                try:
                    given: dict[str, Any] = {knob.name: query[knob.name]}
                    params = replace(params, **given)
                except StatarbError:
                    continue
        return params

    def to_query(self) -> dict[str, str]:
        """The knobs that differ from their timeframe's defaults, as URL parameters."""
        default = asdict(PairParams.for_timeframe(self.timeframe))
        query = {k: _plain_text(v) for k, v in asdict(self).items() if v != default[k]}
        return query | ({"timeframe": self.timeframe} if self.timeframe != KNOB["timeframe"].default else {})

    @property
    def pair(self) -> Pair:
        return Pair(Instrument.parse(self.y), Instrument.parse(self.x))

    @property
    def bar_s(self) -> int:
        return timeframe(self.timeframe).seconds

    @property
    def lookback_bars(self) -> int:
        """Closed bars worth reading: the last eight tests of the verdict, and twice the window for the series drawn."""
        tests = self.test_window + 8 * max(1, self.test_window // 24)
        return max(tests, self.test_window + self.window, 2 * self.window, self.window + self.corr_window) + 1
