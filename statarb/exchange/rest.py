"""REST: a path and a query in, Binance's JSON out, from the same market as the streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from statarb.exchange.klines import Span, klines
from statarb.exchange.listings import SPOT
from statarb.exchange.query import BadRequest, Query
from statarb.exchange.trades import Market, Rules, Trades, aggregated
from statarb.market import SCALE, from_e8

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "BTC", "ETH", "BNB", "EUR", "TRY")


@dataclass(frozen=True)
class Ask:
    """One request on its way to an endpoint; `time_unit` multiplies the times of the answer."""

    market: Market
    query: Query
    time_unit: int


@dataclass(frozen=True)
class Endpoint:
    """What one path costs, how it is answered, and from which market."""

    weight: int
    answer: Callable[[Ask], Any]
    market: str = SPOT


def answer(endpoint: Endpoint, market: Market, query: str, time_unit: str) -> tuple[int, bytes]:
    """Status and body of a request whose weight has been charged.

    `time_unit` is the header X-MBX-TIME-UNIT, empty if it was not sent.
    """
    try:
        body = endpoint.answer(Ask(market, Query(query), _time_unit(time_unit)))
    except BadRequest as refused:
        return 400, error_body(refused.code, refused.text)
    return 200, _json(body)


def error_body(code: int, text: str) -> bytes:
    """An error as Binance writes it."""
    return _json({"code": code, "msg": text})


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _time_unit(header: str) -> int:
    if header.upper() not in ("", "MILLISECOND", "MICROSECOND"):
        raise BadRequest(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return 1000 if header.upper() == "MICROSECOND" else 1


def _ping(ask: Ask) -> dict[str, Any]:
    return {}


def _time(ask: Ask) -> dict[str, int]:
    return {"serverTime": ask.market.now_ms() * ask.time_unit}


def _exchange_info(ask: Ask) -> dict[str, Any]:
    symbols = ask.query.symbols(ask.market.rules)
    return {
        "timezone": "UTC",
        "serverTime": ask.market.now_ms() * ask.time_unit,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol_info(ask.market.rules[symbol]) for symbol in symbols],
    }


def _symbol_info(rules: Rules) -> dict[str, Any]:
    symbol = rules.symbol
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), symbol[-4:])
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix(quote) or symbol,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": [
            *symbol_filters(rules),
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def symbol_filters(rules: Rules) -> list[dict[str, Any]]:
    """Tick and lot step as exchangeInfo gives them."""
    tick, lot = rules.price_text(1), rules.quantity_text(1)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "90000000.00000000", "stepSize": lot},
    ]


def _trades(ask: Ask) -> list[dict[str, Any]]:
    symbol = ask.query.symbol(ask.market.rules)
    return trade_rows(ask.market.newest(symbol, ask.query.limit()), ask.time_unit)


def _historical_trades(ask: Ask) -> list[dict[str, Any]]:
    symbol, limit, first_id = ask.query.symbol(ask.market.rules), ask.query.limit(), ask.query.number("fromId")
    if first_id is None:
        return trade_rows(ask.market.newest(symbol, limit), ask.time_unit)
    return trade_rows(ask.market.from_id(symbol, first_id, limit), ask.time_unit)


def trade_rows(trades: Trades, time_unit: int) -> list[dict[str, Any]]:
    """Trades as REST lists them."""
    scale = trades.rules.tick_e8 * trades.rules.lot_e8
    quotes = [from_e8(int(value) * scale // SCALE) for value in (trades.price * trades.qty).tolist()]
    return [
        {
            "id": trade_id,
            "price": price,
            "qty": qty,
            "quoteQty": quote,
            "time": ts_ms * time_unit,
            "isBuyerMaker": maker,
            "isBestMatch": True,
        }
        for trade_id, price, qty, quote, ts_ms, maker in zip(
            trades.ids.tolist(),
            trades.prices(),
            trades.quantities(),
            quotes,
            trades.ts_ms.tolist(),
            trades.is_buyer_maker.tolist(),
            strict=True,
        )
    ]


def agg_trade_rows(ask: Ask) -> list[dict[str, Any]]:
    """Aggregates by id or by time."""
    market, query = ask.market, ask.query
    symbol, limit = query.symbol(market.rules), query.limit()
    from_id, start_ms, end_ms = query.number("fromId"), query.time_ms("startTime"), query.time_ms("endTime")
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise BadRequest(-1128, "Combination of optional parameters invalid.")
    until = market.agg_at(symbol, market.now_ms() + 1 if end_ms is None else end_ms + 1)
    if start_ms is not None:
        from_id = market.agg_at(symbol, start_ms)
    first = until - limit if from_id is None else min(from_id, until)
    rows = aggregated(market.agg_span(symbol, first, min(first + limit, until) - 1))
    return [
        {"a": a, "p": p, "q": q, "f": f, "l": last, "T": t * ask.time_unit, "m": m == "true", "M": True}
        for a, p, q, f, last, t, m in zip(*rows, strict=True)
    ]


def kline_rows(ask: Ask) -> list[list[Any]]:
    """Klines of the span asked for."""
    query = ask.query
    symbol, interval = query.symbol(ask.market.rules), query.interval()
    span = Span(query.time_ms("startTime"), query.time_ms("endTime"), query.limit())
    return klines(ask.market, symbol, interval, span, ask.time_unit)


def _book_ticker(ask: Ask) -> list[dict[str, Any]] | dict[str, Any]:
    rows = book_tickers(ask)
    return rows[0] if ask.query.has("symbol") else rows


def book_tickers(ask: Ask) -> list[dict[str, Any]]:
    """Best bid and ask around the last trade, which took one of them."""
    return [
        _best(ask.market.newest(symbol, 1))
        for symbol in ask.query.symbols(ask.market.rules)
        if len(ask.market.newest(symbol, 1))
    ]


def _best(last: Trades) -> dict[str, Any]:
    rules, took_bid = last.rules, bool(last.is_buyer_maker[0])
    bid = max(1, int(last.price[0]) - (not took_bid))
    taken, other = rules.quantity_text(int(last.qty[0])), rules.quantity_text(3 * int(last.qty[0]))
    return {
        "symbol": rules.symbol,
        "bidPrice": rules.price_text(bid),
        "bidQty": taken if took_bid else other,
        "askPrice": rules.price_text(bid + 1),
        "askQty": other if took_bid else taken,
    }


ENDPOINTS = {
    "ping": Endpoint(1, _ping),
    "time": Endpoint(1, _time),
    "exchangeInfo": Endpoint(20, _exchange_info),
    "trades": Endpoint(25, _trades),
    "historicalTrades": Endpoint(25, _historical_trades),
    "aggTrades": Endpoint(4, agg_trade_rows),
    "klines": Endpoint(2, kline_rows),
    "uiKlines": Endpoint(2, kline_rows),
    "ticker/bookTicker": Endpoint(4, _book_ticker),
}
