"""Binance's REST, the part we ask: time, exchangeInfo, klines; its errors in plain words."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import requests

from statarb.errors import BlockedError, ConfigError, FeedError, UnreachableError
from statarb.feed.socket import BLOCKED_HINT, NETWORK_HINT
from statarb.feed.venues import Venue
from statarb.market import SCALE, Bar, Instrument, InstrumentRules, to_e8

TIMEOUT_S = (5.0, 10.0)
MAX_BODY_BYTES = 8 << 20
KLINES_A_PAGE = 1000
_INVALID_SYMBOL = -1121
_ILLEGAL_CHARACTERS = -1100


class Refused(FeedError):  # noqa: N818
    """The exchange understood and said no; `code` is its own error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class RestClient:
    """Questions to one venue's REST; usable from several threads."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._host = urlsplit(venue.rest_url).hostname or venue.rest_url
        self._local = threading.local()

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = self._host not in ("127.0.0.1", "localhost", "::1")
        session: requests.Session = self._local.session
        return session

    def get(self, path: str, **params: Any) -> Any:
        """The decoded JSON of `GET /api/v3/{path}`.

        Raises
        ------
        FeedError
            BlockedError, UnreachableError, Refused, or an answer that is no JSON.
        """
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
            raise BlockedError(f"{self._host} refuses requests (HTTP {reply.status_code}).", BLOCKED_HINT)
        try:
            answer = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise FeedError(f"{self._host} answers {path} with HTTP {reply.status_code} and no JSON.") from error
        if isinstance(answer, dict) and "code" in answer and "msg" in answer:
            raise Refused(f"{self._host} refuses {path}: {str(answer['msg'])[:120]}", int(answer["code"]))
        if reply.status_code != requests.codes.ok:
            raise FeedError(f"{self._host} answers {path} with HTTP {reply.status_code}.")
        return answer

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
