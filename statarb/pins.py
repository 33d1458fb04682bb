"""A pin: a trade somebody is in, frozen with the hedge and the moments it was entered by."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from statarb.errors import ConfigError, StatarbError
from statarb.params import KNOB, PairParams

NOTE_LENGTH = 2000
"""Characters of a note."""


@dataclass(frozen=True)
class Fill:
    """The price of one leg, in or out; `slippage_bps` is what is assumed to be lost beside it, 0 for a price paid."""

    price: float
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.price < math.inf:
            raise ConfigError(f"{self.price:g} is not a price.", "Give a positive number.")
        if not 0 <= self.slippage_bps < math.inf:
            raise ConfigError(f"A slippage of {self.slippage_bps:g} bp cannot be.", "Give 0 or more.")


@dataclass(frozen=True)
class PinExit:
    """How it ended: the prices out, and the funding and borrow paid until then, in money; None where not known."""

    at_ms: int
    y: Fill
    x: Fill
    carry: float | None


@dataclass(frozen=True)
class Pin:
    """One trade in both legs.

    `alpha`, `beta`, `mean`, `sd` are the moments frozen at `moments_at_ms` over `moments_bars` bars, on the scale of
    `params`: the trade is judged by them as long as it lives. Units are signed: bought above zero, sold below.
    """

    params: PairParams
    entered_at_ms: int
    alpha: float
    beta: float
    mean: float
    sd: float
    moments_at_ms: int
    moments_bars: int
    y_units: float
    x_units: float
    y: Fill
    x: Fill
    note: str = ""
    exit: PinExit | None = None
    pin_id: int | None = None

    def __post_init__(self) -> None:
        positive = all(0 < value < math.inf for value in (self.beta, self.sd))
        if not (positive and math.isfinite(self.alpha) and math.isfinite(self.mean)):
            raise ConfigError(
                "These moments cannot judge a trade.", "Pin it while there is a hedge and z has a number."
            )
        if not all(math.isfinite(units) and units for units in (self.y_units, self.x_units)):
            raise ConfigError(
                "A leg of no units is no leg.", "Give the units of both legs: bought above 0, sold below."
            )
        if self.exit is not None and self.exit.at_ms < self.entered_at_ms:
            raise ConfigError("A trade cannot end before it began.", "Check the clock of this machine.")
        object.__setattr__(self, "note", str(self.note).strip()[:NOTE_LENGTH])

    @property
    def side(self) -> int:
        """+1 bought the spread (y long), -1 sold it."""
        return 1 if self.y_units > 0 else -1

    @property
    def notional(self) -> float:
        """Money in the y leg at entry: what basis points are of."""
        return abs(self.y_units) * self.y.price

    @property
    def is_open(self) -> bool:
        return self.exit is None

    def to_json(self) -> str:
        """All but the id, which is the row's."""
        body = asdict(self)
        del body["pin_id"]
        return json.dumps(body)

    @classmethod
    def from_json(cls, text: str, pin_id: int | None = None) -> Pin:
        """The pin that `to_json` wrote.

        Raises
        ------
        ConfigError
            Not a pin, or one that cannot be.
        """
        try:
            body = json.loads(text)
            given = {field.name: body[field.name] for field in fields(cls) if field.name in body}
            ended = given.pop("exit", None)
            return cls(
                **given | {"params": _params(given["params"]), "y": Fill(**given["y"]), "x": Fill(**given["x"])},
                exit=ended and PinExit(**ended | {"y": Fill(**ended["y"]), "x": Fill(**ended["x"])}),
                pin_id=pin_id,
            )
        except StatarbError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                "A pin in the desk file is unreadable.", "It is left out; the desk file still holds it."
            ) from error


def _params(given: Mapping[str, Any]) -> PairParams:
    """Knobs of another version: those unknown here are left out, those it lacked have their defaults."""
    return PairParams(**{name: value for name, value in given.items() if name in KNOB})
