"""The transports of a watch: a chunked response, or a WebSocket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.websocket_handshake import MalformedHandshake, is_websocket, subprotocols

if TYPE_CHECKING:
    from apiserver.endpoints.http_connection import HTTPConnection

#: Nothing is written to a connection in which more bytes than these are buffered.
HIGH_WATER: Final = 1024 * 1024
_MAX_SENDING: Final = 100

log = logging.getLogger(__name__)


class Channel:
    """The transport of a watch: writes wait for the client during the initial list, later not."""

    __slots__ = ()

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        """Send the response head. Raises MalformedHandshake before anything is sent."""
        raise NotImplementedError

    async def write(self, frames: Sequence[bytes]) -> None:
        """Write frames, waiting until the client reads them."""
        raise NotImplementedError

    def write_now(self, frames: Sequence[bytes]) -> None:
        """Write frames without waiting."""
        raise NotImplementedError

    def waiting(self) -> int:
        """Return the number of bytes that are buffered."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Wait until the transport has all frames that were written."""
        raise NotImplementedError

    def is_open(self) -> bool:
        """Return whether the client was still connected when that was last known."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the response."""
        raise NotImplementedError


class Chunks(Channel):
    """A chunked response, one JSON document per line. With HTTP/1.0 it ends with the connection."""

    __slots__ = ("_chunked", "_connection", "_response", "_transport")

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self._chunked = request.message.version >= HttpVersion11
        if self._chunked:
            response.enable_chunked_encoding()
        else:
            response.force_close()
        add_common_headers(request, response)
        writer = await response.prepare(request.http)
        assert writer is not None
        # By default aiohttp sends the head with the first event, which may be hours away.
        writer.send_headers()
        self._response = response
        self._connection = request.connection
        self._transport: Any = request.connection.transport
        return response

    async def write(self, frames: Sequence[bytes]) -> None:
        if not self.is_open():
            raise ConnectionResetError("the client has gone")
        self.write_now(frames)
        await self._connection.drained()

    def write_now(self, frames: Sequence[bytes]) -> None:
        size = sum(map(len, frames))
        # A chunk without data would end the response.
        if size and self.is_open():
            if self._chunked:
                self._transport.write(b"".join((b"%x\r\n" % size, *frames, b"\r\n")))
            else:
                self._transport.write(b"".join(frames))

    def waiting(self) -> int:
        transport = self._transport
        return 0 if transport is None else int(transport.get_write_buffer_size())

    async def flush(self) -> None:
        return

    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def close(self) -> None:
        await self._response.write_eof()


class WebSocket(Channel):
    """A WebSocket with one JSON document per text frame. Frames from the client are ignored."""

    async def open(self, request: HTTPRequest) -> web.StreamResponse:
        protocols = subprotocols(request.headers)
        # Without compression: each stream would keep its own window.
        self._socket = web.WebSocketResponse(protocols=protocols, compress=False)
        add_common_headers(request, self._socket)
        try:
            await self._socket.prepare(request.http)
        except web.HTTPBadRequest as error:
            raise MalformedHandshake("bad request") from error
        self._sending: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._reader = asyncio.create_task(self._read(request.connection))
        return self._socket

    async def write(self, frames: Sequence[bytes]) -> None:
        # asyncio.Lock is fair, so frames keep their order.
        async with self._turn:
            for frame in frames:
                for line in frame.splitlines():
                    await self._socket.send_str(line.decode())

    def write_now(self, frames: Sequence[bytes]) -> None:
        task = asyncio.create_task(self.write(frames))
        self._sending.add(task)
        task.add_done_callback(self._on_sent)

    def waiting(self) -> int:
        return HIGH_WATER + 1 if len(self._sending) > _MAX_SENDING else 0

    async def flush(self) -> None:
        async with self._turn:
            return

    def is_open(self) -> bool:
        return not self._reader.done()

    async def close(self) -> None:
        self._reader.cancel()
        await self._socket.close()

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("WebSocket write failed: %s", task.exception())

    async def _read(self, connection: HTTPConnection) -> None:
        async for _ in self._socket:
            continue
        if connection.cancellable is not None:
            connection.cancellable.cancel()


def channel_for(request: HTTPRequest) -> Channel:
    """Return the transport that a request asks for."""
    return WebSocket() if is_websocket(request.headers) else Chunks()
