"""Latent log prices at any time, one second apart, without walking there from the beginning."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from statarb.exchange.listings import Listing, Reversion, listing_of, symbol_number

FloatArray = npt.NDArray[np.float64]

EPOCH_MS = 1_577_836_800_000
"""2020-01-01 UTC: before it the synthetic market does not exist."""

DAY_S = 86_400
DAY_MS = DAY_S * 1000
_DAYS_A_YEAR = 365
# Day-end levels revert with this half-life, so that prices stay near their level for decades,
# while over a day or two the path cannot be told from a random walk.
_LEVEL_HALF_LIFE_DAYS = 30
# Shocks of days are drawn by the era, and a level remembers one era of them.
_ERA_DAYS = 512
# An exponential filter is summed hour by hour: its weights 2^(t / half-life) stay small within one.
_CHUNK_S = 3600


def generator(seed: int, symbol: str, what: int, index: int) -> np.random.Generator:
    """The random stream that belongs to one part of one symbol; parts are independent."""
    return np.random.Generator(np.random.SFC64([seed, symbol_number(symbol), what, index]))


class Paths:
    """Deviation of each symbol's log price from its level: a function of (seed, symbol, day)."""

    def __init__(self, seed: int, cached_days: int) -> None:
        self._seed = seed
        # Thread-safe, and deterministic whichever thread computes.
        self.log_price = lru_cache(maxsize=cached_days)(self._log_price)

    def _log_price(self, symbol: str, day: int) -> FloatArray:
        """Log price at the seconds 0..86400 of a day since EPOCH_MS; the last equals the next day's first."""
        path: FloatArray = np.log(listing_of(symbol).level) + self._deviation(listing_of(symbol), day)
        return path

    def _deviation(self, listing: Listing, day: int) -> FloatArray:
        path = np.zeros(DAY_S + 1)
        if listing.leader:
            leader = listing_of(listing.leader)
            path += listing.loading * (self.log_price(leader.symbol, day) - np.log(leader.level))
        if listing.walk_vol:
            path += self._walk(listing, day)
        if listing.spread:
            path += self._spread(listing.symbol, listing.spread, day)
        return path

    def _walk(self, listing: Listing, day: int) -> FloatArray:
        """A Brownian bridge between the levels at the two ends of the day."""
        day_sd = listing.walk_vol / np.sqrt(_DAYS_A_YEAR)
        left, right = (day_sd * self._day_level(listing.symbol, edge) for edge in (day, day + 1))
        steps = generator(self._seed, listing.symbol, 1, day).standard_normal(DAY_S) * (day_sd / np.sqrt(DAY_S))
        walk = np.concatenate(([0.0], np.cumsum(steps)))
        bridge: FloatArray = left + walk + (right - left - walk[-1]) * np.linspace(0.0, 1.0, DAY_S + 1)
        return bridge

    def _day_level(self, symbol: str, day: int) -> float:
        """Level at the start of a day in units of a day's deviation: an exponential sum over the days before."""
        era, place = divmod(day + _ERA_DAYS, _ERA_DAYS)
        shocks = [generator(self._seed, symbol, 0, number).standard_normal(_ERA_DAYS) for number in (era - 1, era)]
        past = np.concatenate(shocks)[place : place + _ERA_DAYS]
        keep = 0.5 ** (1 / _LEVEL_HALF_LIFE_DAYS)
        return float(np.dot(past, keep ** np.arange(_ERA_DAYS, 0, -1)))

    def _spread(self, symbol: str, spread: Reversion, day: int) -> FloatArray:
        """An AR(1) at one second, its memory cut at the start of the day before: by then it has decayed away."""
        keep = 0.5 ** (1 / spread.half_life_s)
        shock_sd = spread.sd * np.sqrt(1 - keep**2)
        today, yesterday = (
            generator(self._seed, symbol, 2, number).standard_normal(DAY_S) * shock_sd for number in (day + 1, day)
        )
        start = float(np.dot(yesterday, keep ** np.arange(DAY_S - 1, -1, -1)))
        return _filtered(today, keep, start)


def _filtered(shocks: FloatArray, keep: float, start: float) -> FloatArray:
    """`x[0] = start, x[t+1] = keep x[t] + shocks[t]`, summed in chunks instead of step by step."""
    decay = keep ** np.arange(1, _CHUNK_S + 1)
    sums = np.cumsum(shocks.reshape(-1, _CHUNK_S) / decay, axis=1)
    path = np.empty(len(shocks) + 1)
    path[0] = start
    for number, chunk in enumerate(sums):
        path[1 + number * _CHUNK_S : 1 + (number + 1) * _CHUNK_S] = decay * (path[number * _CHUNK_S] + chunk)
    return path
