"""What the synthetic market lists: price level, tick, lot, volatility, and which symbols follow which."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from statarb.exchange.trades import Rules
from statarb.market import SCALE

SPOT, USDM = "spot", "usdm"
"""The two markets of the exchange; each has a set of paths of its own."""
_PERP = f"{USDM}:"


@dataclass(frozen=True)
class Reversion:
    """A stationary Ornstein-Uhlenbeck spread of log prices."""

    half_life_s: float
    sd: float


@dataclass(frozen=True)
class Listing:
    """One symbol: log price = log level + loading x leader's deviation + own walk + reverting spread.

    A perpetual's is written `usdm:BTCUSDT`.
    """

    symbol: str
    level: float
    tick: float
    lot: float
    # Typical notional of a trade, in quote currency: it orders the symbols by volume.
    notional: float
    # Volatility of the symbol's own walk, a year; total volatility adds the leader's share.
    walk_vol: float = 0.0
    leader: str | None = None
    loading: float = 0.0
    spread: Reversion | None = None

    @property
    def rules(self) -> Rules:
        symbol = self.symbol.removeprefix(_PERP)
        return Rules(symbol, round(self.tick * SCALE), round(self.lot * SCALE), symbol != self.symbol)


# Ticks and lot steps as on the real exchange; levels near those of 2024 to 2026. Two pairs revert
# by construction (ETH on BTC, ADA on XRP); all others share the leader's moves and drift apart.
_ROWS = (
    Listing("BTCUSDT", 64000.0, 0.01, 0.00001, 420.0, walk_vol=0.50),
    Listing("ETHUSDT", 2600.0, 0.01, 0.0001, 260.0, leader="BTCUSDT", loading=0.90, spread=Reversion(720.0, 0.0016)),
    Listing("SOLUSDT", 150.0, 0.01, 0.001, 180.0, walk_vol=0.55, leader="BTCUSDT", loading=0.80),
    Listing("XRPUSDT", 2.10, 0.0001, 0.1, 150.0, walk_vol=0.50, leader="BTCUSDT", loading=0.60),
    Listing("BNBUSDT", 620.0, 0.01, 0.001, 120.0, walk_vol=0.45, leader="BTCUSDT", loading=0.60),
    Listing("DOGEUSDT", 0.16, 0.00001, 1.0, 90.0, walk_vol=0.65, leader="BTCUSDT", loading=0.80),
    Listing("ADAUSDT", 0.65, 0.0001, 0.1, 80.0, leader="XRPUSDT", loading=1.10, spread=Reversion(2400.0, 0.0025)),
    Listing("LINKUSDT", 13.50, 0.01, 0.01, 70.0, walk_vol=0.60, leader="BTCUSDT", loading=0.70),
)

_BASIS = Reversion(900.0, 0.0004)
"""A perpetual stays within some basis points of its spot price."""

LISTINGS = {listing.symbol: listing for listing in _ROWS}
"""The symbols that the spot market lists when none are named."""

PERPETUALS = (f"{_PERP}BTCUSDT", f"{_PERP}ETHUSDT")
"""The futures listed beside them."""

REVERTING_PAIRS = {(row.symbol, row.leader): row for row in _ROWS if row.spread and row.leader}
"""(y, x) -> the listing of y, whose `loading` is the true hedge ratio of log prices and `spread` the true spread."""


def symbol_number(symbol: str) -> int:
    """A number that belongs to a name for ever: `hash` changes from process to process."""
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:6], "big")


def listing_of(symbol: str) -> Listing:
    """The listing of a symbol; one that is not in the table gets a level of its own, by its name."""
    known = LISTINGS.get(symbol)
    if known:
        return known
    if symbol.startswith(_PERP):
        spot = listing_of(symbol.removeprefix(_PERP))
        return Listing(symbol, spot.level, spot.tick, spot.lot, 2 * spot.notional, 0.0, spot.symbol, 1.0, _BASIS)
    share = symbol_number(symbol) % 1000 / 1000
    level = round(10 ** (3.0 * share - 0.5), 3)
    magnitude = math.floor(math.log10(level))
    tick = 10.0 ** min(magnitude - 4, -2)
    lot = 10.0 ** -max(0, magnitude + 2)
    return Listing(symbol, level, tick, lot, 60.0, walk_vol=0.60, leader="BTCUSDT", loading=0.60)
