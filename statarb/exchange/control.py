"""SUBSCRIBE and its kin: what a connection listens to, and the reply to each control message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from statarb.exchange.listings import SPOT, USDM

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_STREAM = re.compile(r"[^\s@/]+@\S+|!\S+")
_DOORS = ("public", "market", "private")
_ROUTES = {"trade": "public", "aggTrade": "market"}
_TEXT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A control message answered with an error."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.body = body


def _invalid(text: str) -> Refused:
    return Refused({"code": 2, "msg": f"Invalid request: {text}"})


class Subscriptions:
    """Streams of one connection. `streams` is replaced, never changed, so that it can key a cache.

    `route` is the futures' door that was taken, /public, /market or /private; without one it is spot.
    """

    def __init__(
        self, streams: frozenset[str], combined: bool, in_microseconds: bool, most_streams: int, route: str = ""
    ) -> None:
        self.streams = streams
        self.market = USDM if route else SPOT
        self._route = route
        self.combined = combined
        self.in_microseconds = in_microseconds
        self._most_streams = most_streams
        self._answers: dict[str, Callable[[str, dict[str, Any]], Any]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": self._list,
            "SET_PROPERTY": self._set_property,
            "GET_PROPERTY": self._get_property,
        }

    @property
    def heard(self) -> frozenset[str]:
        """Those of the streams that come through this door; the others are silent, as at the exchange."""
        if self.market == SPOT:
            return self.streams
        return frozenset(name for name in self.streams if _ROUTES.get(name.partition("@")[2]) == self._route)

    @classmethod
    def from_target(cls, target: str, most_streams: int) -> Subscriptions:
        """What the path of a connection asks for: `/ws/<streams>` or `/stream?streams=`, under any base path.

        Raises
        ------
        Refused
            Another path, an unknown time unit or too many streams.
        """
        path, _, given = target.partition("?")
        query = parse_qs(given)
        segments = [unquote(segment) for segment in path.split("/") if segment]
        door = next((segment for segment in segments if segment in ("ws", "stream")), None)
        if door is None:
            raise _invalid("connect to /ws or /stream")
        names = segments[segments.index(door) + 1 :] if door == "ws" else query.get("streams", [""])[0].split("/")
        streams = frozenset(name for name in names if name)
        unit = query.get("timeUnit", ["millisecond"])[0].lower()
        if unit not in ("millisecond", "microsecond"):
            raise _invalid("unknown timeUnit")
        if len(streams) > most_streams:
            raise _invalid("too many streams")
        before = segments[: segments.index(door)]
        route = next((segment for segment in before if segment in _DOORS), "")
        return cls(streams, door == "stream", unit == "microsecond", most_streams, route)

    def reply(self, message: bytes) -> bytes:
        """The answer to one control message; what it asks for is done."""
        try:
            return _compact(self._answered(message))
        except Refused as refused:
            return _compact(refused.body)

    def _answered(self, message: bytes) -> dict[str, Any]:
        text, request = _parsed(message)
        request_id = _request_id(request)
        if "method" not in request:
            raise _invalid(f"missing field `method` at line 1 column {len(text)}")
        method = request["method"]
        if method not in _METHODS:
            known = ", ".join(f"`{name}`" for name in _METHODS)
            column = text.find(str(method)) + len(str(method)) + 1
            raise _invalid(f"unknown variant `{method}`, expected one of {known} at line 1 column {column}")
        result = self._answers[method](text, request)
        return {"result": result, "id": request_id}

    def _subscribe(self, text: str, request: dict[str, Any]) -> None:
        streams = self.streams.union(_stream_names(text, request))
        if len(streams) > self._most_streams:
            raise _invalid("too many parameters")
        self.streams = streams

    def _unsubscribe(self, text: str, request: dict[str, Any]) -> None:
        self.streams = self.streams.difference(_stream_names(text, request))

    def _list(self, text: str, request: dict[str, Any]) -> list[str]:
        return sorted(self.streams)

    def _set_property(self, text: str, request: dict[str, Any]) -> None:
        params = _params(text, request)
        _check_property(params, 2, request)
        if len(params) < 2 or not isinstance(params[1], bool):
            raise Refused({"code": 1, "msg": "Invalid value type: expected Boolean"})
        self.combined = params[1]

    def _get_property(self, text: str, request: dict[str, Any]) -> bool:
        _check_property(_params(text, request), 1, request)
        return self.combined


def _parsed(message: bytes) -> tuple[str, dict[str, Any]]:
    text = message.decode(errors="replace")
    try:
        request = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Refused({"code": 3, "msg": f"Invalid JSON: expected value at {place}"}) from None
    except (ValueError, RecursionError):
        raise Refused({"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}) from None
    if not isinstance(request, dict):
        raise _invalid(f"missing field `method` at line 1 column {len(text)}")
    return text, request


def _request_id(request: dict[str, Any]) -> int | str | None:
    request_id = request.get("id")
    is_number = isinstance(request_id, int) and not isinstance(request_id, bool) and abs(request_id) < 2**63
    is_text = isinstance(request_id, str) and _TEXT_ID.fullmatch(request_id) is not None
    if not (request_id is None or is_number or is_text):
        raise _invalid("request ID must be an unsigned integer")
    return request_id


def _params(text: str, request: dict[str, Any]) -> list[Any]:
    params = request.get("params")
    if not isinstance(params, list):
        raise _invalid(f"missing field `params` at line 1 column {len(text)}")
    return params


def _stream_names(text: str, request: dict[str, Any]) -> list[str]:
    params = _params(text, request)
    if not all(isinstance(name, str) and _STREAM.fullmatch(name) for name in params):
        # Seen on the wire in this wrapped shape, unlike the documented table.
        raise Refused({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": request.get("id")})
    return params


def _check_property(params: list[Any], most: int, request: dict[str, Any]) -> None:
    if len(params) > most:
        raise _invalid("too many parameters")
    if not params or not isinstance(params[0], str):
        raise _invalid("property name must be a string")
    if params[0] != "combined":
        raise Refused({"code": 0, "msg": "Unknown property", "id": request.get("id")})


def _compact(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
