"""Binance's REST, the part we ask: time, exchangeInfo, klines; its errors in plain words."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import requests

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import BlockedError, ConfigError, FeedError, UnreachableError
from statarb.feed.protocol import is_sane
from statarb.feed.socket import BLOCKED_HINT, NETWORK_HINT
from statarb.feed.venues import Venue
from statarb.market import SCALE, Bar, Instrument, InstrumentRules, Trade, to_e8

log = logging.getLogger(__name__)

TIMEOUT_S = (5.0, 10.0)
MAX_BODY_BYTES = 8 << 20
KLINES_A_PAGE = TRADES_A_PAGE = 1000
WEIGHTS = {"time": 1, "exchangeInfo": 20, "klines": 2, "aggTrades": 4, "historicalTrades": 25}
WEIGHT_A_SECOND = 50.0
"""Half of the 6,000 a minute that Binance allows an address."""
BURST_WEIGHT = 500.0
DEFAULT_SILENCE_S = 60.0
_INVALID_SYMBOL = -1121
_ILLEGAL_CHARACTERS = -1100


class Refused(FeedError):  # noqa: N818
    """The exchange understood and said no; `code` is its own error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class WeightBudget:
    """Half of the venue's request weight, spent evenly: what else runs at this address needs the other half.

    Parameters
    ----------
    monotonic_s : callable
        The clock.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._left = BURST_WEIGHT
        self._at_s = monotonic_s()

    def reserve(self, weight: float) -> float:
        """Take so much; how many seconds to wait before asking."""
        with self._lock:
            now_s = self._monotonic_s()
            self._left = min(BURST_WEIGHT, self._left + (now_s - self._at_s) * WEIGHT_A_SECOND) - weight
            self._at_s = now_s
            return max(0.0, -self._left / WEIGHT_A_SECOND)


class RestClient:
    """Questions to one venue's REST, within the weight budget; usable from several threads.

    Parameters
    ----------
    venue : Venue
        Whose REST is asked.
    """

    def __init__(self, venue: Venue, clock: Clock = SYSTEM_CLOCK) -> None:
        self._venue = venue
        self._clock = clock
        self._budget = WeightBudget(clock.monotonic_s)
        self._silent_until_s = float("-inf")
        self._closed = threading.Event()
        self._host = urlsplit(venue.rest_url).hostname or venue.rest_url
        self._local = threading.local()

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = self._host not in ("127.0.0.1", "localhost", "::1")
        session: requests.Session = self._local.session
        return session

    @property
    def lists_history(self) -> bool:
        """Whether missed trades can be asked for by id."""
        return self._venue.lists_history

    def close(self) -> None:
        """Let whoever waits for the budget go; nothing is asked any more."""
        self._closed.set()

    def get(self, path: str, **params: Any) -> Any:
        """The decoded JSON of `GET /api/v3/{path}`, asked when the budget allows and never while we are banned.

        Raises
        ------
        FeedError
            BlockedError, UnreachableError, Refused, or an answer that is no JSON.
        """
        if self._clock.wait(self._closed, self._budget.reserve(WEIGHTS[path])):
            raise FeedError("The feed is being stopped.")
        wait_s = self._silent_until_s - self._clock.monotonic_s()
        if wait_s > 0:
            raise BlockedError(f"{self._host} asked for {wait_s:.0f} s of silence.", retry_after_s=wait_s)
        with self._plain_errors():
            reply = self._session.get(
                f"{self._venue.rest_url}/api/v3/{path}",
                params=params,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            with contextlib.closing(reply):
                body = reply.raw.read(MAX_BODY_BYTES + 1, decode_content=True)
        if len(body) > MAX_BODY_BYTES:
            raise FeedError(f"{self._host} sent more than {MAX_BODY_BYTES >> 20} MiB for {path}.")
        if reply.status_code in (403, 418, 429, 451):
            raise self._blocked(reply)
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise FeedError(f"{self._host} answers {path} with HTTP {reply.status_code} and no JSON.") from error
        if isinstance(answer, dict) and "code" in answer and "msg" in answer:
            raise Refused(f"{self._host} refuses {path}: {str(answer['msg'])[:120]}", int(answer["code"]))
        if reply.status_code != requests.codes.ok:
            raise FeedError(f"{self._host} answers {path} with HTTP {reply.status_code}.")
        return answer

    def _blocked(self, reply: requests.Response) -> BlockedError:
        """What a refusal means; after 418 and 429 nothing is sent until the exchange's own time is over."""
        if reply.status_code not in (418, 429):
            return BlockedError(f"{self._host} refuses requests (HTTP {reply.status_code}).", BLOCKED_HINT)
        text = reply.headers.get("Retry-After", "")
        wait_s = float(text) if text.isdigit() else DEFAULT_SILENCE_S
        self._silent_until_s = self._clock.monotonic_s() + wait_s
        if reply.status_code == 418:
            log.error("%s has banned this address for %.0f s; live trades go on, REST waits.", self._host, wait_s)
        return BlockedError(
            f"{self._host} refuses requests (HTTP {reply.status_code}) for {wait_s:.0f} s.", BLOCKED_HINT, wait_s
        )

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except requests.ConnectionError as error:
            reason = "the name is unknown" if "resol" in str(error).lower() else "no connection"
            raise UnreachableError(f"{self._host} cannot be reached ({reason}).", NETWORK_HINT) from error
        except requests.Timeout as error:
            raise UnreachableError(f"{self._host} does not answer in time.", NETWORK_HINT) from error
        except Exception as error:
            # urllib3's own errors surface while the body is read.
            raise UnreachableError(f"{self._host}: the answer broke off ({type(error).__name__}).") from error

    def time_ms(self) -> int:
        """The exchange's clock."""
        return int(self.get("time")["serverTime"])

    def rules(self, symbols: Sequence[str]) -> list[InstrumentRules]:
        """What the venue says of these symbols, in their order.

        Raises
        ------
        ConfigError
            Names those that are not listed.
        """
        try:
            listed = self._exchange_info(symbols)
        except Refused as refusal:
            if refusal.code not in (_INVALID_SYMBOL, _ILLEGAL_CHARACTERS):
                raise
            # One wrong name fails the whole question, so each is asked for alone to say which.
            listed = {}
            for symbol in symbols:
                with contextlib.suppress(Refused):
                    listed |= self._exchange_info([symbol])
        unknown = [symbol for symbol in symbols if symbol not in listed]
        if unknown:
            raise ConfigError(
                f"{', '.join(unknown)} is not listed at {self._venue.name}.",
                "Check the spelling in --symbols: the exchange's own names, as in BTCUSDT,ETHUSDT.",
            )
        return [listed[symbol] for symbol in symbols]

    def _exchange_info(self, symbols: Sequence[str]) -> dict[str, InstrumentRules]:
        answer = self.get("exchangeInfo", symbols=msgspec.json.encode(list(symbols)).decode())
        try:
            return {row["symbol"]: self._rule(row) for row in answer["symbols"]}
        except (KeyError, TypeError, ValueError) as error:
            raise FeedError(f"{self._host} sent an exchangeInfo that cannot be read.") from error

    def _rule(self, row: dict[str, Any]) -> InstrumentRules:
        filters = {item["filterType"]: item for item in row.get("filters", ())}
        tick = filters.get("PRICE_FILTER", {}).get("tickSize")
        step = filters.get("LOT_SIZE", {}).get("stepSize")
        return InstrumentRules(
            Instrument(self._venue.market, row["symbol"]),
            str(row["status"]),
            to_e8(tick) if tick else None,
            to_e8(step) if step else None,
            can_short=self._venue.can_short,
        )

    def newest_id(self, symbol: str) -> int:
        """The id of the newest trade that the exchange lists."""
        rows = self.get("aggTrades", symbol=symbol, limit=1)
        try:
            return int(rows[-1]["l"])
        except (LookupError, TypeError, ValueError) as error:
            raise FeedError(f"{self._host} sent trades that cannot be read.") from error

    def historical_trades(self, symbol: str, from_id: int, limit: int = TRADES_A_PAGE) -> list[Trade]:
        """At most `limit` trades from `from_id` on, by id; ids that the exchange skips are simply not there.

        Raises
        ------
        FeedError
            Also when the rows are not in order or lie before `from_id`.
        """
        rows = self.get("historicalTrades", symbol=symbol, fromId=from_id, limit=limit)
        try:
            trades = [
                Trade(
                    symbol,
                    int(row["id"]),
                    int(row["time"]),
                    to_e8(row["price"]),
                    to_e8(row["qty"]),
                    bool(row["isBuyerMaker"]),
                    int(row["time"]),
                    self._clock.now_ms(),
                )
                for row in rows
            ]
        except (LookupError, TypeError, ValueError) as error:
            raise FeedError(f"{self._host} sent trades that cannot be read.") from error
        ids = [trade.trade_id for trade in trades]
        if any(b <= a for a, b in pairwise([from_id - 1, *ids])) or any(not is_sane(trade) for trade in trades):
            raise FeedError(f"{self._host} sent trades that were not asked for.")
        return trades

    def klines(self, symbol: str, interval: Literal["1s", "1m"], end_ms: int, limit: int = KLINES_A_PAGE) -> list[Bar]:
        """At most `limit` bars that open at or before `end_ms`, oldest first; without those nothing traded in."""
        rows = self.get("klines", symbol=symbol, interval=interval, endTime=end_ms, limit=limit)
        try:
            return [_bar(row) for row in rows if row[8]]
        except (LookupError, TypeError, ValueError) as error:
            raise FeedError(f"{self._host} sent klines that cannot be read.") from error


def _bar(row: Sequence[Any]) -> Bar:
    """A kline of twelve fields -> Bar."""
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
