"""Entrance: where a request that aiohttp has parsed comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from apiserver.endpoints.connection import Connection
from apiserver.endpoints.exchange import Handler, open_exchange

_READS: Final = frozenset(["get", "list", "watch", "head"])

#: Makes the protocol of a new connection, as `asyncio.loop.create_server` wants it.
Connect: TypeAlias = Callable[[], asyncio.Protocol]


class Entrance:
    """Takes the requests of all connections to ``handler``."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self.server = web.Server(
            cast("Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]", self._handle),
            request_factory=self._request,
        )

    def connect(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self.server, self._loop)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        request = web.BaseRequest(message, payload, protocol, writer, task, self._loop)
        cast("Connection", protocol).opened(request)
        return request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            exchange = open_exchange(request)
        except ValueError:
            return web.Response(status=400, text="400 Bad Request")
        if exchange.verb not in _READS:
            return await self._handler(exchange)
        connection = cast("Connection", request.protocol)
        connection.reader = request.task
        try:
            return await self._handler(exchange)
        finally:
            connection.reader = None
