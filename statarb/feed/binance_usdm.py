"""Binance's USD-M futures: aggregate trades by default, or every print of the undocumented trade stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from statarb.feed import binance
from statarb.feed.dialect import Interval, Question, Refusal
from statarb.feed.protocol import TradeId
from statarb.market import Bar, Funding, IdKind, Instrument, InstrumentRules, NonTrade, Quote, Trade, to_e8

_MARKET = "MARKET"
_HOUR_MS = 3_600_000
_USUAL_FUNDING_HOURS = 8


class _Aggregate(binance.TradeData, gc=False):
    """`@aggTrade` as it comes: market trades of one taker at one price within 100 ms, under the aggregate's id."""

    t: TradeId = msgspec.field(name="a")


class _Print(binance.TradeData, gc=False):
    """`@trade` as it comes; `X` says what kind of print it is."""

    X: str = _MARKET


def _nontrade(data: _Print, recv_ms: int) -> NonTrade | None:
    """Prints that no two traders made on the market: insurance fund, auto-deleveraging, none at all.

    They take ids of the same sequence, and their prices may lie far from the market.
    """
    if data.e != "trade" or data.X == _MARKET:
        return None
    return NonTrade(data.s, data.t, data.T, data.X[:40], data.E, recv_ms)


parse_aggregate_frame = binance.frame_parser(_Aggregate, "aggTrade")
parse_trade_frame = binance.frame_parser(_Print, "trade", _nontrade)


class BinanceUsdm:
    """Aggregate trades: REST lists them by id without a key, for two days."""

    id_kind: IdKind = "aggTrade"
    weight_a_minute = 2400
    intervals: tuple[Interval, ...] = ("1m",)
    reach_ms: int | None = 48 * _HOUR_MS
    parse_frame = staticmethod(parse_aggregate_frame)

    def stream_path(self, symbols: Sequence[str]) -> str:
        return binance.stream_path(symbols, "aggTrade", "/market")

    def time(self) -> Question[int]:
        return Question("/fapi/v1/time", 1, {}, binance.server_time)

    def rules(self, market: str, symbols: Sequence[str]) -> Question[dict[str, InstrumentRules]]:
        asked = set(symbols)

        def read(answer: Any) -> dict[str, InstrumentRules]:
            return {
                row["symbol"]: binance.rule(market, row, self.id_kind, True)
                for row in answer["symbols"]
                if row["symbol"] in asked
            }

        # The futures' exchangeInfo takes no symbols: it lists them all.
        return Question("/fapi/v1/exchangeInfo", 1, {}, read)

    def newest_id(self, symbol: str) -> Question[int]:
        def read(rows: Any) -> int:
            return int(rows[-1]["a"])

        return Question("/fapi/v1/aggTrades", 20, {"symbol": symbol, "limit": 1}, read)

    def trades_from(self, symbol: str, from_id: int, limit: int) -> Question[list[Trade]]:
        def read(rows: Any) -> list[Trade]:
            return [binance.aggregate(symbol, row) for row in rows]

        return Question("/fapi/v1/aggTrades", 20, {"symbol": symbol, "fromId": from_id, "limit": limit}, read)

    def klines(self, symbol: str, interval: Interval, end_ms: int, limit: int) -> Question[list[Bar]]:
        params = {"symbol": symbol, "interval": interval, "endTime": end_ms, "limit": limit}
        return Question("/fapi/v1/klines", 10 if limit > 1000 else 5, params, binance.traded_bars)

    def quotes(self, market: str, symbols: Sequence[str]) -> Question[list[Quote]]:
        def read(rows: Any) -> list[Quote]:
            return binance.quotes(market, rows, symbols)

        return Question("/fapi/v1/ticker/bookTicker", 5, {}, read)

    def funding(self, market: str, symbols: Sequence[str]) -> Question[list[Funding]] | None:
        asked = set(symbols)

        def read(rows: Any) -> list[Funding]:
            return [_funding(market, row) for row in rows if row["symbol"] in asked]

        return Question("/fapi/v1/premiumIndex", 10, {}, read)

    def funding_hours(self) -> Question[dict[str, int]] | None:
        def read(rows: Any) -> dict[str, int]:
            return {row["symbol"]: int(row["fundingIntervalHours"]) for row in rows}

        return Question("/fapi/v1/fundingInfo", 0, {}, read)

    def refusal(self, answer: Any) -> Refusal | None:
        return binance.refusal(answer)


def _funding(market: str, row: dict[str, Any]) -> Funding:
    """A row of premiumIndex; a contract that pays no funding has an empty rate."""
    return Funding(
        Instrument(market, row["symbol"]),
        int(row["time"]),
        to_e8(row["markPrice"]),
        to_e8(row["indexPrice"]),
        binance.signed_e8(row["lastFundingRate"] or "0"),
        int(row["nextFundingTime"]),
        _USUAL_FUNDING_HOURS,
    )


class BinanceUsdmTrades(BinanceUsdm):
    """Every print by its own id: REST lists these only to those who have a key, so what is missed stays missing."""

    id_kind: IdKind = "trade"
    parse_frame = staticmethod(parse_trade_frame)

    def stream_path(self, symbols: Sequence[str]) -> str:
        return binance.stream_path(symbols, "trade", "/public")

    def newest_id(self, symbol: str) -> Question[int]:
        def read(rows: Any) -> int:
            return int(rows[-1]["id"])

        return Question("/fapi/v1/trades", 5, {"symbol": symbol, "limit": 1}, read)
