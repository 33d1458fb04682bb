"""Venues: where each one's streams and REST live, how it speaks, and what a database filled from it is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from statarb.errors import ConfigError
from statarb.feed.binance_spot import BinanceSpot
from statarb.feed.binance_usdm import BinanceUsdm, BinanceUsdmTrades
from statarb.feed.dialect import Dialect

SIMULATED = "simulated"


@dataclass(frozen=True)
class Venue:
    """One place to take trades from.

    `market` prefixes its instruments (`spot:BTCUSDT`); `source` is what its database is called; `no_history` says why
    trades cannot be asked for by id, where they cannot.
    """

    name: str
    market: str
    source: str
    dialect: Dialect
    ws_url: str
    rest_url: str
    no_history: str = ""


_SPOT = BinanceSpot()

VENUES = {
    venue.name: venue
    for venue in (
        Venue("spot", "spot", "binance", _SPOT, "wss://stream.binance.com:9443", "https://api.binance.com"),
        Venue(
            "spot-data",
            "spot",
            "binance",
            _SPOT,
            "wss://data-stream.binance.vision",
            "https://data-api.binance.vision",
            no_history="this host lists no historicalTrades",
        ),
        Venue("usdm", "usdm", "binance", BinanceUsdm(), "wss://fstream.binance.com", "https://fapi.binance.com"),
        Venue(
            "usdm-trade",
            "usdm",
            "binance",
            BinanceUsdmTrades(),
            "wss://fstream.binance.com",
            "https://fapi.binance.com",
            no_history="futures trades are listed by id only for those who have a key",
        ),
        Venue(
            "binance.us", "binance.us", "binance.us", _SPOT, "wss://stream.binance.us:9443", "https://api.binance.us"
        ),
    )
}

_KNOWN_HOSTS = {urlsplit(url).hostname: v.source for v in VENUES.values() for url in (v.ws_url, v.rest_url)}


def venue(name: str, ws_url: str | None = None, rest_url: str | None = None) -> Venue:
    """A venue by name, at other addresses if given; what comes from an unknown host is called simulated.

    Raises
    ------
    ConfigError
        The two addresses belong to different sources.
    """
    chosen = VENUES[name]
    if ws_url is None and rest_url is None:
        return chosen
    chosen = replace(chosen, ws_url=ws_url or chosen.ws_url, rest_url=rest_url or chosen.rest_url)
    sources = {_KNOWN_HOSTS.get(urlsplit(url).hostname, SIMULATED) for url in (chosen.ws_url, chosen.rest_url)}
    if len(sources) > 1:
        raise ConfigError(
            f"{chosen.ws_url} and {chosen.rest_url} are different sources.", "Give both --ws-url and --rest-url."
        )
    return replace(chosen, source=sources.pop())
