"""Run the exchange in a box: `python -m statarb.exchange --port 0`."""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from statarb import __version__
from statarb.clock import SYSTEM_CLOCK
from statarb.errors import ConfigError, StatarbError
from statarb.exchange.ledger import Ledger
from statarb.exchange.listings import LISTINGS, PERPETUALS, SPOT, USDM, listing_of
from statarb.exchange.recording import read_recording
from statarb.exchange.replay import ReplayMarket
from statarb.exchange.server import HOST, Exchange
from statarb.exchange.synthetic import SyntheticMarket
from statarb.exchange.trades import Market
from statarb.market import Instrument

_FASTEST_RATE = 50_000


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See --help.\n")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _symbols(text: str) -> tuple[str, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    try:
        instruments = [Instrument.parse(part) for part in parts]
    except ConfigError as error:
        raise argparse.ArgumentTypeError(error.message.rstrip(".")) from None
    if not parts or any(instrument.venue not in (SPOT, USDM) for instrument in instruments):
        raise argparse.ArgumentTypeError(f"{text!r} names no spot or usdm symbols; write BTCUSDT,usdm:BTCUSDT")
    return tuple(dict.fromkeys(instrument.label for instrument in instruments))


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _rate(text: str) -> float:
    rate = _positive(text)
    if not rate <= _FASTEST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate up to {_FASTEST_RATE} trades a second")
    return rate


def _speed(text: str) -> float:
    return math.inf if text == "max" else _positive(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 1e-3 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="statarb.exchange", description="A Binance-compatible exchange in a box, on 127.0.0.1.")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 picks a free one (default)")
    market = parser.add_argument_group("synthetic market")
    market.add_argument(
        "--symbols", type=_symbols, help=f"what it lists (default {','.join((*LISTINGS, *PERPETUALS))})"
    )
    market.add_argument("--seed", type=_seed, help="which market: the same seed gives the same trades (default 1)")
    market.add_argument("--rate", type=_rate, help="mean trades a second of each symbol (default 5)")
    replay = parser.add_argument_group("or a replay")
    replay.add_argument("--replay", type=Path, metavar="FILE", help="a recording, plain or gzipped")
    replay.add_argument("--speed", type=_speed, help="times its own speed, or max (default 1)")
    replay.add_argument("--rebase", action="store_true", help="move its times to now")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="list every trade made in this CSV file")
    parser.add_argument("--version", action="version", version=f"statarb {__version__}")
    options = parser.parse_args(argv)
    synthetic = [name for name in ("symbols", "seed", "rate") if getattr(options, name) is not None]
    if options.replay and synthetic:
        parser.error(f"--{synthetic[0]} belongs to the synthetic market and cannot be used with --replay")
    if not options.replay and (options.speed is not None or options.rebase):
        parser.error(f"{'--rebase' if options.rebase else '--speed'} needs --replay FILE")
    return options


def _markets(options: argparse.Namespace) -> dict[str, Market]:
    """The markets that are asked for, by name."""
    if options.replay:
        recording = read_recording(options.replay)
        replay = ReplayMarket(recording, options.speed or 1.0, options.rebase, SYSTEM_CLOCK)
        return {USDM if recording.is_futures else SPOT: replay}
    seed = 1 if options.seed is None else options.seed
    names: dict[str, list[str]] = {}
    for name in options.symbols or (*LISTINGS, *PERPETUALS):
        names.setdefault(USDM if listing_of(name).rules.is_perp else SPOT, []).append(name)
    return {market: SyntheticMarket(some, seed, options.rate or 5.0, SYSTEM_CLOCK) for market, some in names.items()}


async def _serve(options: argparse.Namespace) -> None:
    """Serve until a signal asks to stop; then the ledger is complete."""
    asked_to_stop = _stop_signals()
    markets = _markets(options)
    ledger = Ledger(options.ledger) if options.ledger else None
    exchange = Exchange(markets, ledger)
    try:
        port = await exchange.start(options.port)
        print(f"ready http://{HOST}:{port}", flush=True)
        running = asyncio.create_task(exchange.run())
        stopping = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        await exchange.stop()
        await asyncio.gather(running, return_exceptions=True)
        stopping.cancel()
        if not running.cancelled():
            raise running.exception() or RuntimeError("the market ended")
    finally:
        if ledger is not None:
            ledger.close()


def _stop_signals() -> asyncio.Event:
    """An event that SIGINT, SIGTERM or, on Windows, CTRL_BREAK sets."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def ask(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(asked.set)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)
    return asked


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 after a signal, 2 when the market cannot be opened as asked."""
    try:
        asyncio.run(_serve(_options(argv)))
    except StatarbError as error:
        print(f"statarb.exchange: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
