"""Numbers and names as the screens write them."""

from __future__ import annotations

import math
import re

from statarb.quant import NotEnough
from statarb.quant.sample import Undefined

MINUS = "\u2212"
DASH = "\u2014"
"""What stands where there is no number."""


def escape(text: str) -> str:
    """`text` so that Markdown shows it as it is: for all that comes from the database or the URL."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~$:&/])", r"\\\1", text)


def with_commands(text: str) -> str:
    """Our own sentence, escaped except that `commands` in it stay code, in which nothing needs it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "`".join(part if number % 2 else escape(part) for number, part in enumerate(parts))


def duration_text(seconds: float) -> str:
    """`12 s`, `4 min`, `3 h 20 min`, `2 d 4 h`."""
    if not math.isfinite(seconds):
        return DASH
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{round(whole / 60)} min"
    hours, minutes = divmod(round(whole / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def number_text(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """Fixed digits with a true minus; a dash where there is no number."""
    if not math.isfinite(value):
        return DASH
    text = f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def figures_text(value: float, figures: int) -> str:
    """So many significant figures, with a true minus: `0.8731`."""
    return f"{value:.{figures}g}".replace("-", MINUS) if math.isfinite(value) else DASH


def interval_text(low: float, high: float) -> str:
    """`0.81 to 0.92`, to two figures of its width and two decimals at least; '' where there is no interval."""
    width = high - low
    if not (math.isfinite(width) and width >= 0):
        return ""
    digits = min(6, max(2, 1 - math.floor(math.log10(width)))) if width else 6
    return f"{number_text(low, digits)} to {number_text(high, digits)}"


def share_text(share: float, digits: int = 0, *, signed: bool = False) -> str:
    """A share as `55 %`."""
    return f"{number_text(100 * share, digits, signed=signed)} %" if math.isfinite(share) else DASH


def price_digits(price: float, tick: float | None) -> int:
    """Decimals of a price: those of its tick, or enough for six significant digits."""
    if tick and tick < 1:
        return min(8, max(0, -math.floor(math.log10(tick) + 1e-9)))
    if tick:
        return 0
    return min(8, max(2, 5 - math.floor(math.log10(price)))) if price > 0 else 2


def price_text(price: float, tick: float | None) -> str:
    """A price to the instrument's tick: `61,837.63`."""
    return number_text(price, price_digits(price, tick))


def wait_text(missing: NotEnough, next_bar_s: float) -> str:
    """`143 of 240 bars, about 97 min`; the reason itself where waiting does not help.

    `next_bar_s` is how often a bar comes: infinite for files, which grow no more.
    """
    if isinstance(missing, Undefined):
        return missing.text
    have = f"{missing.have:,} of {missing.need:,} {missing.what}"
    if not math.isfinite(next_bar_s):
        return f"{have} that both files share"
    return f"{have}, about {duration_text(missing.wait_s(next_bar_s))}"
