"""Venues: where each one's streams and REST live, and what a database filled from them is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from statarb.errors import ConfigError

SIMULATED = "simulated"


@dataclass(frozen=True)
class Venue:
    """One place to take trades from.

    `market` prefixes its instruments (`spot:BTCUSDT`); `source` is what its database is called; `can_short` says
    whether a position can be sold short there without borrowing; `lists_history` whether trades can be asked for by id.
    """

    name: str
    market: str
    source: str
    ws_url: str
    rest_url: str
    can_short: bool
    lists_history: bool = True


VENUES = {
    venue.name: venue
    for venue in (
        Venue("spot", "spot", "binance", "wss://stream.binance.com:9443", "https://api.binance.com", False),
        Venue(
            "spot-data",
            "spot",
            "binance",
            "wss://data-stream.binance.vision",
            "https://data-api.binance.vision",
            False,
            lists_history=False,
        ),
        Venue(
            "binance.us", "binance.us", "binance.us", "wss://stream.binance.us:9443", "https://api.binance.us", False
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
