"""A pin in words: its legs, its money, its age."""

from __future__ import annotations

import math

from statarb.pins import Pin
from statarb.quant import HalfLife
from statarb.quant.headline import units_text, weakened_text
from statarb.screens.views import DeskView
from statarb.screens.wording import DASH, MINUS, duration_text, number_text, price_text
from statarb.store import StoredInstrument


def legs_text(pin: Pin, instruments: dict[str, StoredInstrument]) -> str:
    """`Sold 3.33 ETHUSDT at 3,000.12, bought 0.16 BTCUSDT at 60,000.00`; plain text."""
    parts = []
    for units, fill, instrument in (
        (pin.y_units, pin.y, pin.params.pair.y),
        (pin.x_units, pin.x, pin.params.pair.x),
    ):
        stored = instruments.get(str(instrument))
        price = price_text(fill.price, stored.tick if stored else None)
        word = "bought" if units > 0 else "sold"
        parts.append(f"{word} {units_text(units)} {instrument.label} at {price}")
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


def last_text(view: DeskView) -> str:
    """`ETHUSDT 3,000.12, BTCUSDT 60,000.00`: the prices that a card's numbers are by; plain text."""
    pair = view.params.pair
    return ", ".join(
        f"{leg.label} {price_text(last.price, view.instruments[str(leg)].tick) if last else DASH}"
        for leg, last in ((pair.y, view.y_last), (pair.x, view.x_last))
    )


def money_text(value: float, money: str, *, signed: bool = True) -> str:
    """`+$12.30`, `−$0.42`, `+0.0012 BTC`; no sign at zero."""
    text = f"${number_text(abs(value), 2)}" if money == "$" else f"{number_text(abs(value), 6)} {money}".rstrip()
    if not signed or not any(digit in text for digit in "123456789"):
        return text
    return f"{'+' if value > 0 else MINUS}{text}"


def half_lives_text(view: DeskView, held_s: float) -> str:
    """How many half-lives the trade has lasted; where the verdict does not stand there is none to count in."""
    study, doubts = view.study, len(view.doubts)
    reversion = f"Reversion: {study.verdict.headline}{f', {weakened_text(doubts)}' if doubts else ''}."
    half_life, bar_s = study.half_life, study.params.bar_s
    if not isinstance(half_life, HalfLife) or not 0 < half_life.bars < math.inf:
        return f"{reversion} Without a half-life there is nothing to hold the time against but the time stop."
    low, middle, high = (
        duration_text(bars * bar_s) for bars in (half_life.low_bars, half_life.bars, half_life.high_bars)
    )
    span = f"{low} to {high}" if math.isfinite(half_life.high_bars) else f"{low} or more"
    return f"Held for {held_s / (half_life.bars * bar_s):.1f} half-lives of {middle} ({span}). {reversion}"
