"""A recording of trade frames: `<receive ns> <combined-stream frame>` a line, read whole and checked."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from statarb.errors import ConfigError
from statarb.exchange.trades import IntArray, Rules, Trades
from statarb.market import to_e8

_HINT = "A recording has one `<receive ns> <combined @trade frame>` a line, plain or gzipped."
# A product of ticks and lots, and sums of its lower half, must fit in 64 bits.
_LARGEST_PRODUCT = 1 << 62


@dataclass(frozen=True, eq=False)
class Tape:
    """All market trades of one symbol, and the number of the frame that each came in."""

    trades: Trades
    frame_numbers: IntArray


@dataclass(frozen=True, eq=False)
class Recording:
    """Frames in the order received, and the trades in them by symbol.

    `offset_ns` is the receive time since the first frame and `event_ms` the exchange's clock as it
    stood after each frame; neither decreases. After so many frames as one of `whole_ends` no
    aggregate is half told.
    """

    streams: list[str]
    payloads: list[bytes]
    offset_ns: IntArray
    event_ms: IntArray
    tapes: dict[str, Tape]
    whole_ends: IntArray


def read_recording(path: Path) -> Recording:
    """The recording in a file.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line in it is not a recorded trade.
    """
    reading = _Reading()
    try:
        for number, line in enumerate(_lines(path), 1):
            try:
                reading.add(line)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                why = str(error) if isinstance(error, _BadLineError) else "it is not a recorded trade"
                raise ConfigError(f"Line {number} of {path} cannot be replayed: {why}.", _HINT) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "the file is damaged"
        raise ConfigError(f"The recording {path} cannot be read: {reason}.", _HINT) from error
    if not reading.payloads:
        raise ConfigError(f"The recording {path} is empty.", _HINT)
    return reading.finished()


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).splitlines()


class _BadLineError(ValueError):
    """What is wrong with a line, in words for the user."""


@dataclass
class _Columns:
    """Trades of one symbol while they are read; prices and quantities times 10^8."""

    ids: list[int] = field(default_factory=list)
    ts_ms: list[int] = field(default_factory=list)
    price_e8: list[int] = field(default_factory=list)
    qty_e8: list[int] = field(default_factory=list)
    is_buyer_maker: list[bool] = field(default_factory=list)
    frame_numbers: list[int] = field(default_factory=list)


class _Reading:
    """A recording while it is read, line by line."""

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.payloads: list[bytes] = []
        self._recv_ns: list[int] = []
        self._event_ms: list[int] = []
        self._columns: dict[str, _Columns] = defaultdict(_Columns)

    def add(self, line: bytes) -> None:
        recv_ns, _, frame = line.partition(b" ")
        envelope = json.loads(frame)
        stream, data = envelope["stream"], envelope["data"]
        head = b'{"stream":"%b","data":' % stream.encode()
        if data["e"] != "trade" or stream != f"{data['s'].lower()}@trade":
            raise _BadLineError("it is not a frame of an @trade stream")
        if not (frame.startswith(head) and frame.endswith(b"}")):
            raise _BadLineError("its JSON is not as compact as the exchange writes it")
        if data.get("X", "MARKET") == "MARKET":
            self._add_trade(self._columns[data["s"]], data)
        self.streams.append(stream)
        self.payloads.append(frame[len(head) : -1])
        self._recv_ns.append(int(recv_ns))
        self._event_ms.append(max(int(data["E"]), int(data["T"])))

    def _add_trade(self, columns: _Columns, data: dict[str, Any]) -> None:
        if columns.ids and data["t"] <= columns.ids[-1]:
            raise _BadLineError(f"trade {data['t']} of {data['s']} comes after trade {columns.ids[-1]}")
        price_e8, qty_e8 = to_e8(data["p"]), to_e8(data["q"])
        columns.ids.append(int(data["t"]))
        columns.ts_ms.append(int(data["T"]))
        columns.price_e8.append(price_e8)
        columns.qty_e8.append(qty_e8)
        columns.is_buyer_maker.append(bool(data["m"]))
        columns.frame_numbers.append(len(self.payloads))

    def finished(self) -> Recording:
        recv_ns = np.maximum.accumulate(np.array(self._recv_ns, np.int64))
        tapes = {symbol: _tape(symbol, columns) for symbol, columns in self._columns.items()}
        return Recording(
            self.streams,
            self.payloads,
            recv_ns - recv_ns[0],
            np.maximum.accumulate(np.array(self._event_ms, np.int64)),
            tapes,
            _whole_ends(len(self.payloads), tapes),
        )


def _tape(symbol: str, columns: _Columns) -> Tape:
    price, qty = np.array(columns.price_e8, np.int64), np.array(columns.qty_e8, np.int64)
    rules = Rules(symbol, _step(price), _step(qty))
    price, qty = price // rules.tick_e8, qty // rules.lot_e8
    if int(price.max()) * int(qty.max()) >= _LARGEST_PRODUCT:
        raise ConfigError(f"Prices and quantities of {symbol} are too large to be summed exactly.", _HINT)
    ts_ms, maker = np.array(columns.ts_ms, np.int64), np.array(columns.is_buyer_maker, np.bool_)
    # Without order ids, an aggregate is a run of one price, side and time.
    differs = (np.diff(price) != 0) | (np.diff(ts_ms) != 0) | (maker[1:] != maker[:-1])
    agg_ids = 1 + np.concatenate(([0], np.cumsum(differs)))
    trades = Trades(rules, np.array(columns.ids, np.int64), ts_ms, price, qty, maker, agg_ids)
    return Tape(trades, np.array(columns.frame_numbers, np.int64))


def _step(values_e8: IntArray) -> int:
    """The largest power of ten that divides all values: the tick or lot step they were written with."""
    common, step = int(np.gcd.reduce(values_e8)), 1
    while common and common % (step * 10) == 0:
        step *= 10
    return step


def _whole_ends(frames: int, tapes: dict[str, Tape]) -> IntArray:
    """Frame counts at which every aggregate begun is complete."""
    opened = np.zeros(frames + 2, np.int64)
    for tape in tapes.values():
        first = np.flatnonzero(np.diff(tape.trades.agg_ids, prepend=0))
        last = np.append(first[1:], len(tape.trades)) - 1
        np.add.at(opened, tape.frame_numbers[first] + 1, 1)
        np.add.at(opened, tape.frame_numbers[last] + 1, -1)
    return np.flatnonzero(np.cumsum(opened)[: frames + 1] == 0).astype(np.int64)
