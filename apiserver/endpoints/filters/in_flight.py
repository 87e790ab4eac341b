"""Limits of concurrent requests: 429 above them. Members of system:masters are exempt."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.users import MASTERS

MAX_READS: Final = 400
MAX_WRITES: Final = 200
_READS: Final = frozenset(["get", "list", "watch", "head"])
_TOO_MANY: Final = b"Too many requests, please try again later.\n"


class InFlightLimits:
    """The numbers of reads and writes in flight, and their limits; 0 is unlimited."""

    def __init__(self, max_reads: int = MAX_READS, max_writes: int = MAX_WRITES) -> None:
        self.max_reads = max_reads
        self.max_writes = max_writes
        self.reads = 0
        self.writes = 0


def with_in_flight_limits(handler: Handler, limits: InFlightLimits) -> Handler:
    """Return ``handler`` with its concurrent requests limited."""

    async def limited(request: HTTPRequest) -> web.StreamResponse:
        if request.long_running:
            return await handler(request)
        if request.verb in _READS:
            if limits.reads >= limits.max_reads > 0 and _is_bound(request):
                return too_many_requests()
            limits.reads += 1
            try:
                return await handler(request)
            finally:
                limits.reads -= 1
        if limits.writes >= limits.max_writes > 0 and _is_bound(request):
            return too_many_requests()
        limits.writes += 1
        try:
            return await handler(request)
        finally:
            limits.writes -= 1

    return limited


def _is_bound(request: HTTPRequest) -> bool:
    return MASTERS not in request.user.groups


def too_many_requests(retry_after: int = 1) -> web.Response:
    """Return the 429, with the seconds after which the client should try again."""
    response = web.Response(status=429, body=_TOO_MANY)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Retry-After"] = str(retry_after)
    return response
