"""BufferedResponse: a response with a complete body, written together with its head.

Nearly every response is one. It implements only what aiohttp needs from a response: no cookies, no
compression, no headers computed at the time of writing.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from aiohttp import HttpVersion11, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict


def _line(status: int, phrase: str = "") -> str:
    """Return the status line, in the form of Go for a non-standard code of a webhook."""
    return f"HTTP/1.1 {status} {phrase or f'status code {status}'}\r\nDate: "


_LINES: Final = {status.value: _line(status.value, status.phrase) for status in HTTPStatus}


class BufferedResponse:
    """Status, headers and body. Date, length and connection headers are added on writing.

    ``common`` are headers as they are written, a line break before each, that follow the others.
    """

    __slots__ = ("_headers", "_media_type", "body", "common", "keep_alive", "prepared", "status")

    def __init__(self, status: int, body: bytes, media_type: str) -> None:
        self.status = status
        self.body = body
        self.common = ""
        self._media_type = media_type
        # Most responses have no headers of their own, so the mapping is made when it is needed.
        self._headers: CIMultiDict[str] | None = None
        self.prepared = False
        self.keep_alive: bool | None = None

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers that only this response has, and its Content-Type."""
        if self._headers is None:
            self._headers = CIMultiDict([("Content-Type", self._media_type)])
        return self._headers

    def has_header(self, name: str) -> bool:
        """Return whether it has a header of its own."""
        return self._headers is not None and name in self._headers

    def write_to(self, transport: asyncio.Transport | None, message: RawRequestMessage) -> None:
        """Write the whole response to a request. Raises ConnectionError."""
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self.prepared = True
        self.keep_alive = not message.should_close
        connection = ""
        if message.should_close:
            connection = "\r\nConnection: close"
        elif message.version < HttpVersion11:
            connection = "\r\nConnection: keep-alive"
        body = self.body
        line = _LINES.get(self.status) or _line(self.status)
        head = (
            f"{line}{_date()}\r\nContent-Length: {len(body)}"
            f"{self._own_headers()}{self.common}{connection}\r\n\r\n"
        ).encode()
        transport.write(head if message.method == "HEAD" else head + body)
        # An idle connection keeps its last response until the next request.
        self.body = b""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the whole response, if that is not done, and wait for a client that is slow."""
        if not self.prepared:
            self.write_to(request.transport, request._message)
        await request.writer.drain()

    async def write_eof(self) -> None:
        """Do nothing: the response is already written."""

    def _own_headers(self) -> str:
        if self._headers is None:
            return f"\r\nContent-Type: {self._media_type}"
        return "".join([f"\r\n{name}: {value}" for name, value in self._headers.items()])


_dates: dict[int, str] = {}


def _date() -> str:
    now = int(time.time())
    known = _dates.get(now)
    if known is None:
        _dates.clear()
        known = _dates[now] = formatdate(now, usegmt=True)
    return known


def buffered_response(status: int, body: bytes, media_type: str) -> web.StreamResponse:
    """Return a response with a complete body."""
    made: Any = BufferedResponse(status, body, media_type)
    response: web.StreamResponse = made
    return response
