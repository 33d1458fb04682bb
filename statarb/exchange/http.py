"""HTTP on the exchange's port: REST requests one after the other, and the way out to WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import h11

from statarb.exchange.endpoints import endpoint_of
from statarb.exchange.rest import Endpoint, error_body
from statarb.exchange.weight import WeightMeter

_READ_BYTES = 1 << 16
_JSON = "application/json;charset=UTF-8"
_LOG = logging.getLogger(__name__)

Answer = Callable[[Endpoint, str, str], Awaitable[tuple[int, bytes]]]
"""(endpoint, query, time unit) -> status and body."""


class HttpSession:
    """Requests of one connection until it closes or asks for an upgrade."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        weights: Mapping[str, WeightMeter],
        answer: Answer,
    ) -> None:
        self._reader, self._writer, self._weights, self._answer = reader, writer, weights, answer
        self._http = h11.Connection(h11.SERVER)

    async def upgrade(self) -> tuple[bytes, bytes] | None:
        """Serve requests until one asks for an upgrade: its bytes and those that followed it; None at the end."""
        try:
            return await self._served()
        except h11.RemoteProtocolError as error:
            if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await self._respond(error.error_status_hint, b"", {})
            return None

    async def _served(self) -> tuple[bytes, bytes] | None:
        request = None
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Request):
                request = event
                if _asks_for_websocket(request):
                    return _head(request), self._http.trailing_data[0]
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                await self._serve(request)
                if self._http.our_state is not h11.DONE:
                    return None
                self._http.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None

    async def _serve(self, request: h11.Request) -> None:
        path, _, query = request.target.decode("ascii", "replace").partition("?")
        endpoint = endpoint_of(path)
        if endpoint is None or endpoint.market not in self._weights:
            await self._respond(404, b"", {})
        elif request.method != b"GET":
            await self._respond(405, b"", {"Allow": "GET"})
        else:
            await self._serve_endpoint(endpoint, query, _header(request, b"x-mbx-time-unit"))

    async def _serve_endpoint(self, endpoint: Endpoint, query: str, time_unit: str) -> None:
        headers = {"Content-Type": _JSON}
        weights = self._weights[endpoint.market]
        refusal = weights.charge(endpoint.weight)
        if refusal is not None:
            status, body = refusal.status, error_body(-1003, refusal.text)
            headers["Retry-After"] = str(refusal.retry_after_s)
        else:
            try:
                status, body = await self._answer(endpoint, query, time_unit)
            except Exception:
                _LOG.exception("a request could not be answered: %s", query[:200])
                status, body = 500, error_body(-1000, "An unknown error occurred while processing the request.")
        used = str(weights.used)
        await self._respond(status, body, headers | {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used})

    async def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        response = h11.Response(
            status_code=status,
            reason=HTTPStatus(status).phrase,
            headers=[*headers.items(), ("Content-Length", str(len(body)))],
        )
        events = (response, h11.Data(data=body), h11.EndOfMessage()) if body else (response, h11.EndOfMessage())
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()


def _header(request: h11.Request, name: bytes) -> str:
    return next((value.decode("ascii", "replace") for key, value in request.headers if key == name), "")


def _asks_for_websocket(request: h11.Request) -> bool:
    return "websocket" in _header(request, b"upgrade").lower()


def _head(request: h11.Request) -> bytes:
    """The request as bytes again, for the WebSocket protocol to read."""
    lines = [b"%b %b HTTP/%b" % (request.method, request.target, request.http_version)]
    lines += [b"%b: %b" % item for item in request.headers.raw_items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"
