"""Parameters of a REST request, checked in Binance's words."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from urllib.parse import parse_qsl

from statarb.exchange.klines import INTERVALS, Interval

_SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"
_NUMBER_RANGE = "^[0-9]{1,20}$"
# A time with more digits than this is in microseconds.
_LARGEST_MS = 99_999_999_999_999
_LARGEST_ID = 2**62
_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::([0-5]\d))?")


class BadRequest(Exception):  # noqa: N818 - Binance's name for the status
    """A request refused with one of Binance's error codes."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Query:
    """The parameters of one request, read by the name and kind an endpoint expects."""

    def __init__(self, query: str) -> None:
        self._given: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True))

    def has(self, *names: str) -> bool:
        return any(name in self._given for name in names)

    def symbol(self, listed: Container[str]) -> str:
        """The mandatory `symbol`, which must be listed."""
        return _listed(self._mandatory("symbol"), listed, "symbol")

    def symbols(self, listed: Mapping[str, object]) -> list[str]:
        """`symbol`, or `symbols` as a JSON array, or all."""
        if self.has("symbol") and self.has("symbols"):
            raise BadRequest(-1128, "Combination of optional parameters invalid.")
        if self.has("symbol"):
            return [self.symbol(listed)]
        if not self.has("symbols"):
            return list(listed)
        try:
            names = json.loads(self._given["symbols"])
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise BadRequest(-1100, "Illegal characters found in parameter 'symbols'; legal range is a JSON array.")
        return [_listed(name, listed, "symbols") for name in names]

    def limit(self) -> int:
        """`limit`: 500 unless told, at most 1000."""
        limit = self.number("limit")
        if limit == 0:
            raise BadRequest(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(500 if limit is None else limit, 1000)

    def number(self, name: str) -> int | None:
        """A whole number, or None if it was not sent."""
        text = self._given.get(name)
        if text is None:
            return None
        if not text:
            raise BadRequest(-1105, f"Parameter '{name}' was empty.")
        if not re.fullmatch(_NUMBER_RANGE, text, re.ASCII):
            raise BadRequest(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '{_NUMBER_RANGE}'."
            )
        return min(int(text), _LARGEST_ID)

    def time_ms(self, name: str) -> int | None:
        """A time in milliseconds, sent as milliseconds or microseconds."""
        time = self.number(name)
        if time is not None and time > _LARGEST_MS:
            time //= 1000
        return time if time is None else min(time, _LARGEST_MS)

    def interval(self) -> Interval:
        """The mandatory `interval`, in the `timeZone` asked for."""
        name = self._mandatory("interval")
        if name not in INTERVALS:
            raise BadRequest(-1120, "Invalid interval.")
        found = _ZONE.fullmatch(self._given.get("timeZone", "0"))
        minutes = int(found[2]) * 60 + int(found[3] or 0) if found else 10_000
        minutes = -minutes if found and found[1] == "-" else minutes
        if not -12 * 60 <= minutes <= 14 * 60:
            raise BadRequest(-1130, "Data sent for parameter 'timeZone' is not valid.")
        return Interval(name, minutes * 60_000)

    def _mandatory(self, name: str) -> str:
        text = self._given.get(name)
        if not text:
            raise BadRequest(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return text


def _listed(symbol: str, listed: Container[str], parameter: str) -> str:
    if not re.fullmatch(_SYMBOL_RANGE, symbol, re.ASCII):
        raise BadRequest(
            -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{_SYMBOL_RANGE}'."
        )
    if symbol not in listed:
        raise BadRequest(-1121, "Invalid symbol.")
    return symbol
