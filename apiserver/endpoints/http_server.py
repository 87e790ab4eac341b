"""HTTPServer: passes parsed requests from aiohttp to the first filter."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, Final, cast

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from apiserver.endpoints.errors import plain_internal_error
from apiserver.endpoints.http_connection import HTTPConnection
from apiserver.endpoints.http_request import Handler, parse_request
from apiserver.endpoints.request_info import NoResourceInPath

_LAST_SECONDS: Final = 0.25


class HTTPServer:
    """Serves the requests of all connections with ``handler``."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._drained: asyncio.Future[None] | None = None
        self._first_requests_end = 0.0
        self.server = web.Server(cast("Any", self._handle))

    def connect(self) -> HTTPConnection:
        """Return the protocol instance for a new connection."""
        return HTTPConnection(self.server, self._loop)

    def open_connections(self) -> int:
        """Return the number of open connections, idle ones included."""
        return len(self.server.connections)

    def close_certified(self) -> None:
        """Close the connections of clients with a certificate, those in use after the response.

        They connect again, and their certificates are verified again.
        """
        for connection in self._connections():
            if connection.certificate is not None:
                connection.close()

    async def drain(self, seconds: float, first_seconds: float = 0.0) -> None:
        """Accept no more requests, and wait at most ``seconds`` for those in progress.

        On a connection that has not been used yet, a request may come for ``first_seconds``.
        """
        self._drained = self._loop.create_future()
        self._first_requests_end = self._loop.time() + first_seconds
        for connection in self._connections():
            if not connection.busy and not (first_seconds and connection.unused):
                connection.close()
        if first_seconds:
            self._loop.call_later(first_seconds, self._end_if_drained)
        self._end_if_drained()
        await asyncio.wait([self._drained], timeout=seconds)
        # Only unsent responses and requests beyond the timeout are left.
        transports = [connection.transport for connection in self._connections()]
        ends = [connection.ended() for connection in self._connections()]
        await self.server.shutdown(_LAST_SECONDS)
        # TLS waits until the client closes its side, which an idle client does much later; but not
        # when nothing more can be received.
        for transport in filter(None, transports):
            _stop_receiving(transport)
        if ends:
            await asyncio.wait(ends, timeout=_LAST_SECONDS)

    def _connections(self) -> list[HTTPConnection]:
        return cast("list[HTTPConnection]", self.server.connections)

    def _end_if_drained(self) -> None:
        """Wake `drain` if no request is in progress, and no first one is waited for."""
        if self._drained is None or self._drained.done() or self._open:
            return
        waits = self._loop.time() < self._first_requests_end
        if not waits or not any(connection.unused for connection in self._connections()):
            self._drained.set_result(None)

    async def _handle(
        self, message: RawRequestMessage, content: StreamReader, connection: HTTPConnection
    ) -> web.StreamResponse:
        try:
            request = parse_request(message, content, connection)
        except ValueError as error:
            return self._last(_malformed(error, message, connection), connection)
        connection.busy = True
        # Until the handler of a write begins: see `HTTPRequest.outlive_client`.
        connection.cancellable = connection.task
        self._open += 1
        try:
            response, send_body = await self._handler(request), request.stream_body
            # A stream keeps nothing of its request.
            del request
            if send_body is not None:
                connection.cancellable = connection.task
                await send_body()
            return response if self._drained is None else self._last(response, connection)
        finally:
            connection.cancellable = None
            connection.busy = False
            self._open -= 1
            if self._drained is not None:
                self._end_if_drained()

    def _last(self, response: web.StreamResponse, connection: HTTPConnection) -> web.StreamResponse:
        """Return a response after which the connection is closed, if the server stops."""
        if self._drained is not None:
            connection.close()
            if not response.prepared:
                response.headers["Connection"] = "close"
            self._end_if_drained()
        return response


def _stop_receiving(transport: asyncio.BaseTransport) -> None:
    opened = transport.get_extra_info("socket")
    if opened is None or opened.fileno() < 0:
        return
    # The socket of a transport of uvloop cannot be shut down.
    with socket.socket(fileno=os.dup(opened.fileno())) as same, suppress(OSError):
        same.shutdown(socket.SHUT_RD)


def _malformed(
    error: ValueError, message: RawRequestMessage, connection: HTTPConnection
) -> web.StreamResponse:
    """Return the response for a request whose URL cannot be parsed."""
    if not isinstance(error, NoResourceInPath):
        return connection.refuse()
    problem = f"unable to determine kind and namespace from url, {message.path}"
    return plain_internal_error(message.path, f"failed to create RequestInfo: {problem}")
