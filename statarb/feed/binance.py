"""What Binance's markets have in common: frames of trades, refusals, rules, rows of trades and klines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from statarb.feed.dialect import Refusal
from statarb.feed.protocol import MAX_INT64, BadFrame, Notice, TimeMs, TradeId, notice_of
from statarb.market import SCALE, Bar, IdKind, Instrument, InstrumentRules, NonTrade, Print, Quote, Trade, to_e8

_UNKNOWN_SYMBOL = (-1121, -1100)
"""Invalid symbol; characters that no symbol has."""


_new_tuple = tuple.__new__


class TradeData(msgspec.Struct, gc=False):
    """`@trade` as it comes; Binance's letters stay in its own files."""

    e: str
    E: TimeMs
    s: str
    t: TradeId
    p: str
    q: str
    T: TimeMs
    m: bool


def frame_parser(
    form: type[TradeData], event: str, nontrade: Callable[[Any, int], NonTrade | None] | None = None
) -> Callable[[bytes, int], Print | Notice]:
    """How one text frame of a combined stream is read, for streams whose data have this form.

    Parameters
    ----------
    form : type
        What `data` of a frame holds.
    event : str
        What the exchange calls it.
    nontrade : callable, optional
        Data and time of arrival -> what it is if it is no trade.

    Returns
    -------
    callable
        The message (UTF-8 JSON) and its time of arrival by the local clock (ms) -> what it says. It raises BadFrame for
        what is not JSON, and for an event of that name with a field missing, of the wrong type or out of range.
    """
    envelope: Any = msgspec.defstruct("Envelope", [("data", form)], gc=False)
    decode = msgspec.json.Decoder(envelope).decode

    def parse_frame(payload: bytes, recv_ms: int) -> Print | Notice:
        try:
            data = decode(payload).data
            if nontrade is not None and (other := nontrade(data, recv_ms)) is not None:
                return other
            price_e8, qty_e8 = to_e8(data.p), to_e8(data.q)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return notice_of(payload, error, event)
        if data.e != event:
            return Notice("other", data.e[:40])
        if not (0 < price_e8 <= MAX_INT64 and 0 < qty_e8 <= MAX_INT64):
            raise BadFrame("price or quantity out of range", payload)
        return _new_tuple(Trade, (data.s, data.t, data.T, price_e8, qty_e8, data.m, data.E, recv_ms))

    return parse_frame


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
    """A symbol of exchangeInfo; `can_short` says whether it can be sold short, be it with a margin loan."""
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
