"""The end of a server: which connections may still be asked something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.http_server import HTTPServer
from tests.waiting import FOR_EVER, eventually

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answer(_: HTTPRequest) -> web.StreamResponse:
    return web.Response(text="answered")


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def clients(server: HTTPServer, count: int) -> AsyncIterator[list[Client]]:
    listener = await asyncio.get_running_loop().create_server(server.connect, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    connected = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    await eventually(lambda: server.open_connections() == count)
    listener.close()
    yield connected
    for _, writer in connected:
        writer.close()
        await writer.wait_closed()


async def test_a_new_connection_may_send_its_first_request_during_a_drain() -> None:
    server = HTTPServer(answer)
    async with clients(server, 2) as [(used_reader, used_writer), (reader, writer)]:
        used_writer.write(REQUEST)
        assert (await used_reader.readuntil(b"answered")).startswith(b"HTTP/1.1 200")
        draining = asyncio.create_task(server.drain(FOR_EVER, first_seconds=FOR_EVER))
        writer.write(REQUEST)
        received = await reader.read()
        assert received.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in received
        await draining
        assert await used_reader.read() == b""


@pytest.mark.parametrize("first_seconds", [0.0, 0.01])
async def test_a_drain_does_not_wait_for_a_connection_that_is_not_used(
    first_seconds: float,
) -> None:
    server = HTTPServer(answer)
    async with clients(server, 1) as [(reader, _)]:
        await server.drain(FOR_EVER, first_seconds)
        assert await reader.read() == b""
