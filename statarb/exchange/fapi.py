"""REST of the USD-M futures: what differs from spot's, and what only futures have."""

from __future__ import annotations

import math
from typing import Any

from statarb.exchange.listings import USDM
from statarb.exchange.query import BadRequest
from statarb.exchange.rest import (
    Ask,
    Endpoint,
    agg_trade_rows,
    book_tickers,
    kline_rows,
    symbol_filters,
    trade_rows,
)
from statarb.exchange.trades import Rules

FUNDING_HOURS = 8
_HOUR_MS = 3_600_000
_FUNDING_BASE = 0.0001
_FUNDING_SWING = 0.00005


def _ping(ask: Ask) -> dict[str, Any]:
    return {}


def _time(ask: Ask) -> dict[str, int]:
    return {"serverTime": ask.market.now_ms()}


def _exchange_info(ask: Ask) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": ask.market.now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}],
        "exchangeFilters": [],
        "symbols": [_symbol_info(rules) for rules in ask.market.rules.values()],
    }


def _symbol_info(rules: Rules) -> dict[str, Any]:
    return {
        "symbol": rules.symbol,
        "pair": rules.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "status": "TRADING",
        "filters": symbol_filters(rules),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _trades(ask: Ask) -> list[dict[str, Any]]:
    symbol = ask.query.symbol(ask.market.rules)
    rows = trade_rows(ask.market.newest(symbol, ask.query.limit()), 1)
    return [{key: row[key] for key in row if key != "isBestMatch"} | {"isRPITrade": False} for row in rows]


def _agg_trades(ask: Ask) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key != "M"} for row in agg_trade_rows(ask)]


def _klines(ask: Ask) -> list[list[Any]]:
    if ask.query.interval().name == "1s":
        raise BadRequest(-1120, "Invalid interval.")
    return kline_rows(ask)


def _premium_index(ask: Ask) -> list[dict[str, Any]] | dict[str, Any]:
    rows = [_premium(ask, symbol) for symbol in ask.query.symbols(ask.market.rules)]
    return rows[0] if ask.query.has("symbol") else rows


def _premium(ask: Ask, symbol: str) -> dict[str, Any]:
    """The last price as mark and index, and a funding rate that swings slowly around 1 bp in eight hours."""
    now_ms = ask.market.now_ms()
    newest = ask.market.newest(symbol, 1)
    price = newest.prices()[0] if len(newest) else "0"
    period_ms = FUNDING_HOURS * _HOUR_MS
    rate = _FUNDING_BASE + _FUNDING_SWING * math.sin(now_ms // period_ms)
    return {
        "symbol": symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": f"{rate:.8f}",
        "interestRate": "0.00010000",
        "nextFundingTime": (now_ms // period_ms + 1) * period_ms,
        "time": now_ms,
    }


def _funding_info(ask: Ask) -> list[dict[str, Any]]:
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": FUNDING_HOURS,
            "disclaimer": False,
        }
        for symbol in ask.market.rules
    ]


def _book_ticker(ask: Ask) -> list[dict[str, Any]] | dict[str, Any]:
    rows = [row | {"time": ask.market.now_ms()} for row in book_tickers(ask)]
    return rows[0] if ask.query.has("symbol") else rows


ENDPOINTS = {
    "ping": Endpoint(1, _ping, USDM),
    "time": Endpoint(1, _time, USDM),
    "exchangeInfo": Endpoint(1, _exchange_info, USDM),
    "trades": Endpoint(5, _trades, USDM),
    "aggTrades": Endpoint(20, _agg_trades, USDM),
    "klines": Endpoint(5, _klines, USDM),
    "premiumIndex": Endpoint(10, _premium_index, USDM),
    "fundingInfo": Endpoint(0, _funding_info, USDM),
    "ticker/bookTicker": Endpoint(5, _book_ticker, USDM),
}
