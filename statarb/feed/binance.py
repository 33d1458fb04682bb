"""What Binance's markets have in common: refusals, rules, rows of trades and klines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from statarb.feed.dialect import Refusal
from statarb.market import SCALE, Bar, IdKind, Instrument, InstrumentRules, Quote, Trade, to_e8

_UNKNOWN_SYMBOL = (-1121, -1100)
"""Invalid symbol; characters that no symbol has."""


def stream_path(symbols: Sequence[str], stream: str, door: str = "") -> str:
    """The path of a combined stream, `/stream?streams=btcusdt@trade/...`, behind a door of its own or none."""
    return f"{door}/stream?streams=" + "/".join(f"{symbol.lower()}@{stream}" for symbol in symbols)


def refusal(answer: Any) -> Refusal | None:
    """`{"code": -1121, "msg": ...}`."""
    if isinstance(answer, dict) and "code" in answer and "msg" in answer:
        return Refusal(str(answer["msg"]), answer["code"] in _UNKNOWN_SYMBOL)
    return None


def server_time(answer: Any) -> int:
    return int(answer["serverTime"])


def rule(market: str, row: dict[str, Any], id_kind: IdKind, can_short: bool) -> InstrumentRules:
    """A symbol of exchangeInfo."""
    filters = {item["filterType"]: item for item in row.get("filters", ())}
    tick = filters.get("PRICE_FILTER", {}).get("tickSize")
    step = filters.get("LOT_SIZE", {}).get("stepSize")
    return InstrumentRules(
        Instrument(market, row["symbol"]),
        str(row["status"]),
        to_e8(tick) if tick else None,
        to_e8(step) if step else None,
        id_kind,
        can_short,
    )


def aggregate(symbol: str, row: dict[str, Any]) -> Trade:
    """A row of aggTrades, which names its fields as the stream does."""
    ts_ms = int(row["T"])
    return Trade(symbol, int(row["a"]), ts_ms, to_e8(row["p"]), to_e8(row["q"]), bool(row["m"]), ts_ms, ts_ms)


def signed_e8(text: str) -> int:
    """`'-0.0001'` -> -10000."""
    return -to_e8(text[1:]) if text.startswith("-") else to_e8(text)


def quotes(market: str, rows: Sequence[dict[str, Any]], symbols: Sequence[str]) -> list[Quote]:
    """Rows of bookTicker; a side that nobody quotes is written 0."""
    asked = set(symbols)
    found = [
        Quote(
            Instrument(market, row["symbol"]),
            0,
            to_e8(row["bidPrice"]),
            to_e8(row["bidQty"]),
            to_e8(row["askPrice"]),
            to_e8(row["askQty"]),
        )
        for row in rows
        if row["symbol"] in asked
    ]
    return [quote for quote in found if quote.bid_e8 and quote.ask_e8]


def traded_bars(rows: Sequence[Sequence[Any]]) -> list[Bar]:
    """Klines of twelve fields, without those nothing traded in."""
    return [_bar(row) for row in rows if row[8]]


def _bar(row: Sequence[Any]) -> Bar:
    open_ms, o, h, low, c, volume, _, quote_volume, count, taker_buy_volume = row[:10]
    return Bar(
        int(open_ms),
        to_e8(o),
        to_e8(h),
        to_e8(low),
        to_e8(c),
        to_e8(volume) / SCALE,
        to_e8(quote_volume) / SCALE,
        to_e8(taker_buy_volume) / SCALE,
        int(count),
    )
