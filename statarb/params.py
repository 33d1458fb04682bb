"""Knobs of an analysis: one row each, with default, range, unit and help; PairParams is their frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from statarb import market
from statarb.errors import ConfigError, StatarbError
from statarb.market import DAY_S, Instrument, Pair, timeframe

WATCHLIST = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT", "LINKUSDT")
"""What a first start subscribes to."""

YEAR_DAYS = 365
"""A year of these markets, which never close."""

PERPETUAL_VENUES = ("usdm",)
"""Venues whose instruments are perpetual futures: short without borrowing, and paying funding."""

HEDGE_NAMES = {
    "ols": "Least squares",
    "returns": "Least squares on returns",
    "tls": "Total least squares",
    "huber": "Huber",
    "theil_sen": "Theil-Sen",
    "kalman": "Kalman filter",
}
"""The hedges that may drive the spread, by the words of the knob, and as people say them."""

HEDGES = tuple(HEDGE_NAMES)


@dataclass(frozen=True)
class FeePreset:
    """A fee tier by name: what one side of a leg pays, in basis points, on spot and on a perpetual."""

    label: str
    spot_bps: float
    perpetual_bps: float


CUSTOM_FEE = "custom"

FEE_PRESETS = {
    "usdm_taker": FeePreset("USD-M taker, 5 bp", 5.0, 5.0),
    "usdm_maker": FeePreset("USD-M maker, 2 bp", 2.0, 2.0),
    "spot_taker": FeePreset("Spot taker, 10 bp", 10.0, 10.0),
    "spot_bnb": FeePreset("Spot paid in BNB, 7.5 bp", 7.5, 7.5),
    "venue_taker": FeePreset("Taker of each venue, spot 10, USD-M 5 bp", 10.0, 5.0),
}
"""Published base tiers, for the user to check against the account; `custom` stands for a fee of one's own."""


def default_windows(seconds: int, bars: int = 0) -> tuple[int, int]:
    """Bars of the hedge and z window, and of the test window, for bars of that length.

    Short bars need many more to rise above the cost of a round trip; long ones have half a day. The test window is a
    day of data at most, unless a day has fewer than the hundred bars a test needs. A record of so many `bars` lets
    short windows grow with it: half a year of hours is not judged by its last four days.
    """
    window = 900 if seconds < 30 else 240 if seconds < 300 else max(24, DAY_S // 2 // seconds)
    test_window = 3600 if seconds < 30 else 1440 if seconds <= 60 else max(100, DAY_S // seconds)
    return max(window, min(bars // 20, 240)), max(test_window, min(bars // 4, 1440))


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
    Knob("timeframe", "1m", "", "Length of a bar: 1s, 30s, 1m, 5m, or any such as 15s, 2m, 1h that divides a day."),
    Knob(
        "price_scale",
        "log",
        "",
        "Regress log prices (beta is a ratio of notionals) or prices (a ratio of units).",
        choices=("log", "price"),
    ),
    Knob(
        "hedge",
        "ols",
        "",
        "How beta is found: least squares on levels or on returns, total least squares, Huber, Theil-Sen, or a Kalman "
        "filter that remembers one window. It drives the spread, z, signals and backtest.",
        choices=HEDGES,
    ),
    Knob(
        "price",
        "last",
        "",
        "Live price: the last trade, or the middle of the best bid and ask while a quote is at most 10 s old. Bars are "
        "of trades either way.",
        choices=("last", "mid"),
    ),
    Knob("window", 240, "bars", "Bars in the hedge regression and in the mean and deviation of z.", 20, 5000),
    Knob("test_window", 1440, "bars", "Bars in the reversion tests.", 100, 10000),
    Knob("corr_window", 60, "returns", "Returns in the rolling correlation.", 10, 5000),
    Knob("entry_z", 2.0, "sd", "|z| beyond which a signal or an alert begins.", 0.5, 10),
    Knob("exit_z", 0.0, "sd", "|z| at which the trade is over.", 0, 10),
    Knob("stop_z", 4.0, "sd", "|z| beyond which the trade is given up.", 0.5, 20),
    Knob("time_stop", 240, "bars", "Bars after which the trade is given up.", 1, 10000),
    Knob(
        "fee_preset",
        CUSTOM_FEE,
        "",
        "Fee tier of the account; it takes the place of the fee.",
        choices=(CUSTOM_FEE, *FEE_PRESETS),
    ),
    Knob("fee_bps", 5.0, "bp", "Fee a leg and side, where no preset is chosen; USD-M taker pays 5.", 0, 100),
    Knob("slippage_bps", 1.0, "bp", "Slippage a leg and side; half the measured spread where that is more.", 0, 100),
    Knob("borrow_pct_year", 0.0, "% a year", "Interest on a borrowed spot leg, paid while it is short.", 0, 200),
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
    hedge: str = "ols"
    price: str = "last"
    window: int = 240
    test_window: int = 1440
    corr_window: int = 60
    entry_z: float = 2.0
    exit_z: float = 0.0
    stop_z: float = 4.0
    time_stop: int = 240
    fee_preset: str = CUSTOM_FEE
    fee_bps: float = 5.0
    slippage_bps: float = 1.0
    borrow_pct_year: float = 0.0
    notional: float = 10000.0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, KNOB[field.name].check(getattr(self, field.name)))
        object.__setattr__(self, "y", str(Instrument.parse(self.y)))
        object.__setattr__(self, "x", str(Instrument.parse(self.x)))
        Pair(Instrument.parse(self.y), Instrument.parse(self.x))
        object.__setattr__(self, "timeframe", timeframe(self.timeframe).name)

    @classmethod
    def for_timeframe(cls, timeframe: str, **knobs: Any) -> PairParams:
        """The defaults of a timeframe, with any knob given by name instead.

        Raises
        ------
        ConfigError
            A timeframe that does not exist, or a knob out of its range.
        """
        frame = market.timeframe(timeframe)
        window, test_window = default_windows(frame.seconds)
        return cls(**{"timeframe": frame.name, "window": window, "test_window": test_window, **knobs})

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PairParams:
        """Parameters from a URL: what is missing or nonsense falls back to its default, one knob at a time."""
        try:
            params = cls.for_timeframe(query.get("timeframe", "1m"))
        except StatarbError:
            params = cls()
        for knob in KNOBS:
            if knob.name in query and knob.name != "timeframe":
                try:
                    given: dict[str, Any] = {knob.name: query[knob.name]}
                    params = replace(params, **given)
                except StatarbError:
                    continue
        return params

    def to_query(self) -> dict[str, str]:
        """The legs by their labels, as the page's own link has them, and the knobs that differ from their timeframe's
        defaults, as URL parameters."""
        default = asdict(PairParams.for_timeframe(self.timeframe, y=self.y, x=self.x))
        legs = {"y": self.pair.y.label, "x": self.pair.x.label}
        query = legs | {k: _plain_text(v) for k, v in asdict(self).items() if v != default[k]}
        return query | ({"timeframe": self.timeframe} if self.timeframe != KNOB["timeframe"].default else {})

    @property
    def pair(self) -> Pair:
        return Pair(Instrument.parse(self.y), Instrument.parse(self.x))

    @property
    def bar_s(self) -> int:
        return timeframe(self.timeframe).seconds

    def leg_fee_bps(self, venue: str) -> float:
        """Fee of one side of a leg at that venue: the preset's, or one's own."""
        if self.fee_preset == CUSTOM_FEE:
            return self.fee_bps
        preset = FEE_PRESETS[self.fee_preset]
        return preset.perpetual_bps if venue in PERPETUAL_VENUES else preset.spot_bps

    @property
    def span_bars(self) -> int:
        """Closed bars that the newest numbers look back to: the longest of the windows."""
        return max(self.window, self.test_window, self.corr_window + 1)

    @property
    def lookback_bars(self) -> int:
        """Closed bars worth reading: the last eight tests of the verdict, and twice the window for the series drawn."""
        tests = self.test_window + 8 * max(1, self.test_window // 24)
        return max(tests, self.test_window + self.window, 2 * self.window, self.window + self.corr_window) + 1
