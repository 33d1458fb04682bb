"""Questions to an exchange's REST within its request weight, and its errors in plain words."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

from statarb.clock import SYSTEM_CLOCK, Clock
from statarb.errors import BlockedError, ConfigError, FeedError, UnreachableError
from statarb.feed.dialect import Interval, Question
from statarb.feed.protocol import is_sane
from statarb.feed.socket import BLOCKED_HINT, NETWORK_HINT
from statarb.feed.venues import Venue
from statarb.market import Bar, Funding, InstrumentRules, Quote, Trade

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

TIMEOUT_S = (5.0, 10.0)
MAX_BODY_BYTES = 8 << 20
KLINES_A_PAGE = TRADES_A_PAGE = 1000
SHARE = 0.5
"""Of the venue's request weight; what else runs at this address needs the rest."""
BURST_S = 10.0
"""So much of it may be spent at once."""
DEFAULT_SILENCE_S = 60.0


class Refused(FeedError):  # noqa: N818
    """The exchange understood and said no."""

    def __init__(self, message: str, is_unknown_symbol: bool) -> None:
        super().__init__(message)
        self.is_unknown_symbol = is_unknown_symbol


class WeightBudget:
    """Half of the venue's request weight, spent evenly.

    Parameters
    ----------
    monotonic_s : callable
        The clock.
    weight_a_minute : int
        What the venue allows an address.
    """

    def __init__(self, monotonic_s: Callable[[], float], weight_a_minute: int) -> None:
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._a_second = weight_a_minute * SHARE / 60
        self._left = self._a_second * BURST_S
        self._at_s = monotonic_s()

    def reserve(self, weight: float) -> float:
        """Take so much; how many seconds to wait before asking."""
        with self._lock:
            now_s = self._monotonic_s()
            refilled = self._left + (now_s - self._at_s) * self._a_second
            self._left = min(self._a_second * BURST_S, refilled) - weight
            self._at_s = now_s
            return max(0.0, -self._left / self._a_second)


class RestClient:
    """Questions to one venue's REST, within the weight budget; usable from several threads.

    Parameters
    ----------
    venue : Venue
        Whose REST is asked.
    """

    def __init__(self, venue: Venue, clock: Clock = SYSTEM_CLOCK) -> None:
        self._venue = venue
        self._dialect = venue.dialect
        self._clock = clock
        self._budget = WeightBudget(clock.monotonic_s, venue.dialect.weight_a_minute)
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
    def venue(self) -> Venue:
        """Whose REST is asked."""
        return self._venue

    def close(self) -> None:
        """Let whoever waits for the budget go; nothing is asked any more."""
        self._closed.set()

    def ask(self, question: Question[Answer]) -> Answer:
        """The answer to a question, asked when the budget allows and never while we are banned.

        Raises
        ------
        FeedError
            BlockedError, UnreachableError, Refused, or an answer that cannot be read.
        """
        if self._clock.wait(self._closed, self._budget.reserve(question.weight)):
            raise FeedError("The feed is being stopped.")
        wait_s = self._silent_until_s - self._clock.monotonic_s()
        if wait_s > 0:
            raise BlockedError(f"{self._host} asked for {wait_s:.0f} s of silence.", retry_after_s=wait_s)
        with self._plain_errors():
            reply = self._session.get(
                self._venue.rest_url + question.path,
                params=dict(question.params),
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
            with contextlib.closing(reply):
                body = reply.raw.read(MAX_BODY_BYTES + 1, decode_content=True)
        if len(body) > MAX_BODY_BYTES:
            raise FeedError(f"{self._host} sent more than {MAX_BODY_BYTES >> 20} MiB for {question.name}.")
        if reply.status_code in (403, 418, 429, 451):
            raise self._blocked(reply)
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise FeedError(
                f"{self._host} answers {question.name} with HTTP {reply.status_code} and no JSON."
            ) from error
        refusal = self._dialect.refusal(answer)
        if refusal:
            raise Refused(f"{self._host} refuses {question.name}: {refusal.text[:120]}", refusal.is_unknown_symbol)
        if reply.status_code != requests.codes.ok:
            raise FeedError(f"{self._host} answers {question.name} with HTTP {reply.status_code}.")
        try:
            return question.read(answer)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise FeedError(f"{self._host} answers {question.name} with what cannot be read.") from error

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
        return self.ask(self._dialect.time())

    def rules(self, symbols: Sequence[str]) -> list[InstrumentRules]:
        """What the venue says of these symbols, in their order.

        Raises
        ------
        ConfigError
            Names those that are not listed.
        """
        listed = self.listed(symbols)
        unknown = [symbol for symbol in symbols if symbol not in listed]
        if unknown:
            raise ConfigError(
                f"{', '.join(unknown)} is not listed at {self._venue.name}.",
                "Check the spelling: symbols are the exchange's own names, as in BTCUSDT,ETHUSDT.",
            )
        return [listed[symbol] for symbol in symbols]

    def listed(self, symbols: Sequence[str]) -> dict[str, InstrumentRules]:
        """What the venue says of those symbols that it lists."""
        try:
            return self.ask(self._dialect.rules(self._venue.market, symbols))
        except Refused as refusal:
            if not refusal.is_unknown_symbol:
                raise
            if len(symbols) == 1:
                return {}
        # One wrong name fails the whole question, so each is asked for alone.
        return {name: rule for symbol in symbols for name, rule in self.listed([symbol]).items()}

    def newest_id(self, symbol: str) -> int:
        """The id of the newest trade that the exchange lists."""
        return self.ask(self._dialect.newest_id(symbol))

    def trades_from(self, symbol: str, from_id: int, limit: int = TRADES_A_PAGE) -> list[Trade]:
        """At most `limit` trades from `from_id` on, by id; ids that the exchange skips are simply not there.

        Raises
        ------
        FeedError
            Also when the rows are not in order or lie before `from_id`.
        """
        trades = self.ask(self._dialect.trades_from(symbol, from_id, limit))
        ids = [trade.trade_id for trade in trades]
        if any(b <= a for a, b in pairwise([from_id - 1, *ids])) or any(not is_sane(trade) for trade in trades):
            raise FeedError(f"{self._host} sent trades that were not asked for.")
        return trades

    def quotes(self, symbols: Sequence[str]) -> list[Quote]:
        """Best bid and ask of these symbols, now."""
        quotes = self.ask(self._dialect.quotes(self._venue.market, symbols))
        now_ms = self._clock.now_ms()
        return [quote._replace(ts_ms=now_ms) for quote in quotes]

    def funding(self, symbols: Sequence[str]) -> list[Funding]:
        """What these symbols pay; nothing where the market has no funding."""
        question, periods = self._dialect.funding(self._venue.market, symbols), self._dialect.funding_hours()
        if question is None:
            return []
        hours = self.ask(periods) if periods else {}
        return [
            one._replace(interval_hours=hours.get(one.instrument.symbol, one.interval_hours))
            for one in self.ask(question)
        ]

    def klines(self, symbol: str, interval: Interval, end_ms: int, limit: int = KLINES_A_PAGE) -> list[Bar]:
        """At most `limit` bars that open at or before `end_ms`, oldest first; without those nothing traded in."""
        return self.ask(self._dialect.klines(symbol, interval, end_ms, limit))
