"""Every REST path the exchange answers, spot and futures, under any base path."""

from __future__ import annotations

from statarb.exchange import fapi, rest
from statarb.exchange.rest import Endpoint

_BY_PREFIX = {"/api/v3/": rest.ENDPOINTS, "/fapi/v1/": fapi.ENDPOINTS}


def endpoint_of(path: str) -> Endpoint | None:
    """The endpoint of a path; None if there is none."""
    for prefix, endpoints in _BY_PREFIX.items():
        _, found, name = path.rpartition(prefix)
        if found:
            return endpoints.get(name)
    return None
