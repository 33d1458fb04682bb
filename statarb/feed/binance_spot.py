"""Binance's spot market, and every market that speaks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from statarb.feed import binance
from statarb.feed.dialect import Interval, Question, Refusal
from statarb.market import Bar, Funding, IdKind, InstrumentRules, Quote, Trade, to_e8

parse_frame = binance.frame_parser(binance.TradeData, "trade")


class BinanceSpot:
    """Every trade by its own id; the whole history by id, without a key."""

    id_kind: IdKind = "trade"
    weight_a_minute = 6000
    intervals: tuple[Interval, ...] = ("1m", "1s")
    reach_ms: int | None = None
    parse_frame = staticmethod(parse_frame)

    def stream_path(self, symbols: Sequence[str]) -> str:
        return binance.stream_path(symbols, "trade")

    def time(self) -> Question[int]:
        return Question("/api/v3/time", 1, {}, binance.server_time)

    def rules(self, market: str, symbols: Sequence[str]) -> Question[dict[str, InstrumentRules]]:
        def read(answer: Any) -> dict[str, InstrumentRules]:
            return {
                row["symbol"]: binance.rule(market, row, self.id_kind, bool(row.get("isMarginTradingAllowed")))
                for row in answer["symbols"]
            }

        return Question("/api/v3/exchangeInfo", 20, {"symbols": _names(symbols)}, read)

    def newest_id(self, symbol: str) -> Question[int]:
        def read(rows: Any) -> int:
            return int(rows[-1]["l"])

        return Question("/api/v3/aggTrades", 4, {"symbol": symbol, "limit": 1}, read)

    def trades_from(self, symbol: str, from_id: int, limit: int) -> Question[list[Trade]]:
        def read(rows: Any) -> list[Trade]:
            return [_trade(symbol, row) for row in rows]

        params = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return Question("/api/v3/historicalTrades", 25, params, read)

    def klines(self, symbol: str, interval: Interval, end_ms: int, limit: int) -> Question[list[Bar]]:
        params = {"symbol": symbol, "interval": interval, "endTime": end_ms, "limit": limit}
        return Question("/api/v3/klines", 2, params, binance.traded_bars)

    def quotes(self, market: str, symbols: Sequence[str]) -> Question[list[Quote]]:
        def read(rows: Any) -> list[Quote]:
            return binance.quotes(market, rows, symbols)

        return Question("/api/v3/ticker/bookTicker", 4, {"symbols": _names(symbols)}, read)

    def funding(self, market: str, symbols: Sequence[str]) -> Question[list[Funding]] | None:
        return None

    def funding_hours(self) -> Question[dict[str, int]] | None:
        return None

    def refusal(self, answer: Any) -> Refusal | None:
        return binance.refusal(answer)


def _names(symbols: Sequence[str]) -> str:
    return msgspec.json.encode(list(symbols)).decode()


def _trade(symbol: str, row: dict[str, Any]) -> Trade:
    ts_ms = int(row["time"])
    price_e8, qty_e8 = to_e8(row["price"]), to_e8(row["qty"])
    return Trade(symbol, int(row["id"]), ts_ms, price_e8, qty_e8, bool(row["isBuyerMaker"]), ts_ms, ts_ms)
