"""Binance's stream payloads and text frames, byte for byte, and the limits it enforces."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from statarb.exchange.trades import Trades, aggregated

# A frame of the market: the stream's name and the payload that goes out on it.
Frame = tuple[str, bytes]


@dataclass(frozen=True)
class Limits:
    """What the exchange enforces on its clients."""

    ping_interval_s: float = 20.0
    pong_timeout_s: float = 60.0
    lifetime_s: float = 86_400.0
    messages_a_second: int = 5
    streams_a_connection: int = 1024
    connects_in_five_minutes: int = 300
    weight_a_minute: int = 6000
    futures_weight_a_minute: int = 2400
    # A live client that leaves so much unread is cut: the market cannot wait for it.
    unread_bytes: int = 64 << 20


def trade_stream(symbol: str) -> str:
    return f"{symbol.lower()}@trade"


def agg_trade_stream(symbol: str) -> str:
    return f"{symbol.lower()}@aggTrade"


def trade_payloads(trades: Trades, event_ms: int) -> list[bytes]:
    """`@trade` payloads in Binance's key order, which is another on futures."""
    if trades.rules.is_perp:
        return _perp_trade_payloads(trades, event_ms)
    head = f'{{"e":"trade","E":{event_ms},"s":"{trades.rules.symbol}","t":'
    columns = zip(
        trades.ids.tolist(), trades.prices(), trades.quantities(), trades.ts_ms.tolist(), trades.sides(), strict=True
    )
    return [f'{head}{i},"p":"{p}","q":"{q}","T":{t},"m":{m},"M":true}}'.encode() for i, p, q, t, m in columns]


def _perp_trade_payloads(trades: Trades, event_ms: int) -> list[bytes]:
    head, symbol = f'{{"e":"trade","E":{event_ms},"T":', trades.rules.symbol
    columns = zip(
        trades.ids.tolist(), trades.prices(), trades.quantities(), trades.ts_ms.tolist(), trades.sides(), strict=True
    )
    return [
        f'{head}{t},"s":"{symbol}","t":{i},"p":"{p}","q":"{q}","X":"MARKET","m":{m}}}'.encode()
        for i, p, q, t, m in columns
    ]


def agg_trade_payloads(trades: Trades, event_ms: int) -> list[bytes]:
    """`@aggTrade` payloads in Binance's key order."""
    head = f'{{"e":"aggTrade","E":{event_ms},"s":"{trades.rules.symbol}","a":'
    tail = "" if trades.rules.is_perp else ',"M":true'
    return [
        f'{head}{a},"p":"{p}","q":"{q}","f":{f},"l":{last},"T":{t},"m":{m}{tail}}}'.encode()
        for a, p, q, f, last, t, m in zip(*aggregated(trades), strict=True)
    ]


def frames_of(made: Iterable[Trades], wanted: Collection[str], event_ms: int) -> list[Frame]:
    """Frames of the wanted streams for new trades of several symbols, in the order of their times."""
    timed: list[tuple[int, Frame]] = []
    for trades in made:
        stream = trade_stream(trades.rules.symbol)
        if stream in wanted:
            payloads = trade_payloads(trades, event_ms)
            timed += [(t, (stream, p)) for t, p in zip(trades.ts_ms.tolist(), payloads, strict=True)]
        stream = agg_trade_stream(trades.rules.symbol)
        if stream in wanted:
            payloads = agg_trade_payloads(trades, event_ms)
            timed += [(t, (stream, p)) for t, p in zip(aggregated(trades).ts_ms, payloads, strict=True)]
    timed.sort(key=lambda item: item[0])
    return [frame for _, frame in timed]


def text_frame(payload: bytes) -> bytes:
    """An unmasked WebSocket text frame, written by hand: this is the path every market frame takes."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def in_envelope(stream: str, payload: bytes) -> bytes:
    """A payload as combined streams carry it."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)


_TIMES = re.compile(rb'"([ET])":(\d+)')


def moved(payload: bytes, by_ms: int) -> bytes:
    """A payload with its event and trade time shifted."""
    return _TIMES.sub(lambda found: b'"%b":%d' % (found[1], int(found[2]) + by_ms), payload)


def in_microseconds(payload: bytes) -> bytes:
    """A payload with its event and trade time in microseconds."""
    return _TIMES.sub(rb'"\1":\g<2>000', payload)
