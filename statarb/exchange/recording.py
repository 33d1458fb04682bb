"""A recording of trades or aggregate trades: `<receive ns> <combined-stream frame>` a line, read whole and checked."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from statarb.errors import ConfigError
from statarb.exchange.trades import IntArray, Rules, Trades
from statarb.market import to_e8

_HINT = "A recording has one `<receive ns> <combined @trade or @aggTrade frame>` a line, plain or gzipped."
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
    aggregate is half told. `is_futures` tells whose streams they were.
    """

    streams: list[str]
    payloads: list[bytes]
    offset_ns: IntArray
    event_ms: IntArray
    tapes: dict[str, Tape]
    whole_ends: IntArray
    is_futures: bool


def read_recording(path: Path) -> Recording:
    """The recording in a file.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line in it is not a recorded trade.
    """
    frames: list[_Frame] = []
    try:
        for number, line in enumerate(_lines(path), 1):
            try:
                frames.append(_frame(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                why = str(error) if isinstance(error, _BadLineError) else "it is not a recorded trade"
                raise ConfigError(f"Line {number} of {path} cannot be replayed: {why}.", _HINT) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "the file is damaged"
        raise ConfigError(f"The recording {path} cannot be read: {reason}.", _HINT) from error
    if not frames:
        raise ConfigError(f"The recording {path} is empty.", _HINT)
    if len({frame.is_aggregate for frame in frames}) > 1:
        raise ConfigError(f"The recording {path} holds both trades and aggregate trades.", _HINT)
    return _recording(_in_order(frames))


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).splitlines()


class _BadLineError(ValueError):
    """What is wrong with a line, in words for the user."""


class _Frame(NamedTuple):
    """A recorded frame and the trade in it, or the aggregate; prices and quantities times 10^8.

    `row_id` is the id that the stream counts by; the trades in it are `first_id` to `last_id`.
    """

    recv_ns: int
    event_ms: int
    stream: str
    payload: bytes
    symbol: str
    row_id: int
    first_id: int
    last_id: int
    ts_ms: int
    price_e8: int
    qty_e8: int
    is_buyer_maker: bool
    is_market: bool
    is_aggregate: bool
    is_futures: bool


def _frame(line: bytes) -> _Frame:
    recv_ns, _, frame = line.partition(b" ")
    envelope = json.loads(frame)
    stream, data = envelope["stream"], envelope["data"]
    head = b'{"stream":"%b","data":' % stream.encode()
    if data["e"] not in ("trade", "aggTrade") or stream != f"{data['s'].lower()}@{data['e']}":
        raise _BadLineError("it is not a frame of an @trade or @aggTrade stream")
    if not (frame.startswith(head) and frame.endswith(b"}")):
        raise _BadLineError("its JSON is not as compact as the exchange writes it")
    is_market, is_aggregate = data.get("X", "MARKET") == "MARKET", data["e"] == "aggTrade"
    row_id, first_id, last_id = (data[key] for key in ("afl" if is_aggregate else "ttt"))
    return _Frame(
        int(recv_ns),
        max(int(data["E"]), int(data["T"])),
        stream,
        frame[len(head) : -1],
        data["s"],
        int(row_id),
        int(first_id),
        int(last_id),
        int(data["T"]),
        to_e8(data["p"]) if is_market else 0,
        to_e8(data["q"]) if is_market else 0,
        bool(data["m"]),
        is_market,
        is_aggregate,
        "X" in data or (is_aggregate and "M" not in data),
    )


def _in_order(frames: list[_Frame]) -> list[_Frame]:
    """Each symbol's frames by id, each id once: two connections that overlap are recorded as they were received.

    A symbol's frames keep the places and times of receipt that its frames had; only their order changes.
    """
    places: dict[str, dict[int, int]] = defaultdict(dict)
    for place, frame in enumerate(frames):
        places[frame.symbol].setdefault(frame.row_id, place)
    ordered: dict[int, _Frame] = {}
    for own in places.values():
        for place, row_id in zip(own.values(), sorted(own), strict=True):
            ordered[place] = frames[own[row_id]]._replace(recv_ns=frames[place].recv_ns)
    return [ordered[place] for place in sorted(ordered)]


def _recording(frames: list[_Frame]) -> Recording:
    recv_ns = np.maximum.accumulate(np.array([frame.recv_ns for frame in frames], np.int64))
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, frame in enumerate(frames):
        if frame.is_market:
            numbers[frame.symbol].append(number)
    tapes = {symbol: _tape(symbol, [frames[n] for n in own], own) for symbol, own in numbers.items()}
    return Recording(
        [frame.stream for frame in frames],
        [frame.payload for frame in frames],
        recv_ns - recv_ns[0],
        np.maximum.accumulate(np.array([frame.event_ms for frame in frames], np.int64)),
        tapes,
        _whole_ends(len(frames), tapes),
        frames[0].is_futures,
    )


def _tape(symbol: str, frames: list[_Frame], numbers: list[int]) -> Tape:
    price = np.array([frame.price_e8 for frame in frames], np.int64)
    qty = np.array([frame.qty_e8 for frame in frames], np.int64)
    rules = Rules(symbol, _step(price), _step(qty), frames[0].is_futures)
    price, qty = price // rules.tick_e8, qty // rules.lot_e8
    if int(price.max()) * int(qty.max()) >= _LARGEST_PRODUCT:
        raise ConfigError(f"Prices and quantities of {symbol} are too large to be summed exactly.", _HINT)
    columns = ("row_id", "first_id", "last_id", "ts_ms")
    row_ids, ids, last_ids, ts_ms = (np.array([getattr(frame, name) for frame in frames], np.int64) for name in columns)
    maker = np.array([frame.is_buyer_maker for frame in frames], np.bool_)
    # Without order ids, an aggregate is a run of one price, side and time.
    differs = (np.diff(price) != 0) | (np.diff(ts_ms) != 0) | (maker[1:] != maker[:-1])
    agg_ids = row_ids if frames[0].is_aggregate else 1 + np.concatenate(([0], np.cumsum(differs)))
    return Tape(Trades(rules, ids, last_ids, ts_ms, price, qty, maker, agg_ids), np.array(numbers, np.int64))


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
