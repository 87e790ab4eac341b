"""BufferedResponse: a response with a complete body, written together with its head.

Nearly every response is one. It implements only what aiohttp needs from a response: no cookies, no
compression, no headers computed at the time of writing.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web
from multidict import CIMultiDict

_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
#: A response waits for the client when more bytes than these are buffered in its connection.
_HIGH_WATER: Final = 64 * 1024


class BufferedResponse:
    """Status, headers and body. Date, length and connection headers are added on writing."""

    __slots__ = ("body", "headers", "keep_alive", "prepared", "status")

    def __init__(self, status: int, body: bytes, media_type: str) -> None:
        self.status = status
        self.body = body
        self.headers: CIMultiDict[str] = CIMultiDict([("Content-Type", media_type)])
        self.prepared = False
        self.keep_alive: bool | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the whole response."""
        self.prepared = True
        self.keep_alive = keep_alive = request.keep_alive
        parts = [
            _LINES[self.status],
            b"Date: ", _date(),
            b"\r\nContent-Length: ", b"%d" % len(self.body),
        ]  # fmt: skip
        for name, value in self.headers.items():
            parts.append(f"\r\n{name}: {value}".encode())
        if not keep_alive:
            parts.append(b"\r\nConnection: close")
        elif request.version < (1, 1):
            parts.append(b"\r\nConnection: keep-alive")
        parts.append(b"\r\n\r\n")
        if request.method != "HEAD":
            parts.append(self.body)
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        transport.write(b"".join(parts))
        # An idle connection keeps its last response until the next request.
        self.body = b""
        if transport.get_write_buffer_size() > _HIGH_WATER:
            await request.writer.drain()

    async def write_eof(self) -> None:
        """Do nothing: the response is already written."""


_dates: dict[int, bytes] = {}


def _date() -> bytes:
    now = int(time.time())
    known = _dates.get(now)
    if known is None:
        _dates.clear()
        known = _dates[now] = formatdate(now, usegmt=True).encode()
    return known


def buffered_response(status: int, body: bytes, media_type: str) -> web.StreamResponse:
    """Return a response with a complete body."""
    return cast("web.StreamResponse", BufferedResponse(status, body, media_type))
