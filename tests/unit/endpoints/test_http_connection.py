"""Requests of one connection: served in turn, and nothing of one is left for the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from apiserver.endpoints.buffered_response import buffered_response
from apiserver.endpoints.filters.request_deadline import RequestDeadlines, with_deadline
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.endpoints.http_server import HTTPServer
from apiserver.machinery import empties
from tests.waiting import eventually

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to a server in this process."""

    server: HTTPServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, bytes]:
        """Return the status and the body of the next response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(size)


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[Client]:
    server = HTTPServer(handler)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(server.connect, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    try:
        yield Client(server, reader, writer)
    finally:
        writer.close()
        listener.close()
        await server.drain(1)


def answering(answer: Callable[[HTTPRequest], Any]) -> Handler:
    async def handle(request: HTTPRequest) -> web.StreamResponse:
        await asyncio.sleep(0)
        return buffered_response(200, str(answer(request)).encode(), "text/plain")

    return handle


async def test_requests_that_come_together_are_served_in_turn() -> None:
    async with connected(answering(lambda request: request.info.path)) as client:
        client.writer.write(b"".join(GET % str(number).encode() for number in range(100)))
        for number in range(100):
            assert await client.answer() == (200, f"/{number}".encode())


async def test_what_was_noted_of_a_document_is_forgotten_with_its_request() -> None:
    part: dict[str, Any] = {}
    found = []

    def answer(_: HTTPRequest) -> str:
        found.append(dict(empties.empty_members(part)))
        empties.note([(part, "items", [])])
        return ""

    async with connected(answering(answer)) as client:
        for _ in range(2):
            client.writer.write(GET % b"a")
            await client.answer()
    assert found == [{}, {}]


async def test_a_body_that_nobody_reads_is_no_request() -> None:
    async with connected(answering(lambda request: request.method)) as client:
        client.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nGET")
        assert await client.answer() == (200, b"POST")
        client.writer.write(b"x" * 97 + GET % b"a")
        assert await client.answer() == (200, b"GET")


@pytest.mark.parametrize("framing", ["Content-Length: 2000000", "Transfer-Encoding: chunked"])
async def test_a_long_body_that_is_read_late_holds_up_the_next_request(framing: str) -> None:
    body = b"x" * 2_000_000
    sent = body if "Length" in framing else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    async def reading(request: HTTPRequest) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        size = sum([len(chunk) async for chunk in request.content.iter_any()])
        return buffered_response(200, str(size).encode(), "text/plain")

    async with connected(reading) as client:
        head = f"POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode()
        for _ in range(2):
            client.writer.write(head + sent + GET % b"a")
        for size in (2_000_000, 0, 2_000_000, 0):
            assert await client.answer() == (200, str(size).encode())


async def test_a_body_that_breaks_off_ends_the_connection() -> None:
    async with connected(answering(lambda request: request.method)) as client:
        client.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await client.answer() == (200, b"POST")
        client.writer.write_eof()
        assert await client.reader.read() == b""


async def test_a_failure_outside_of_the_filters_is_a_plain_500() -> None:
    async def failing(_: HTTPRequest) -> web.StreamResponse:
        raise KeyError("a secret")

    async with connected(failing) as client:
        client.writer.write(GET % b"a" + GET % b"b")
        text = await client.reader.read()
    assert text.startswith(b"HTTP/1.1 500 ")
    assert text.endswith(b"\r\n\r\n500 Internal Server Error")


async def test_an_idle_connection_that_is_closed_ends() -> None:
    async with connected(answering(lambda _: "")) as client:
        client.writer.write(GET % b"a")
        await client.answer()
        await client.server.drain(1)
        assert await client.reader.read() == b""


async def test_a_connection_closed_during_a_request_ends_after_its_response() -> None:
    entered, opened = asyncio.Event(), asyncio.Event()

    async def waiting(_: HTTPRequest) -> web.StreamResponse:
        entered.set()
        await opened.wait()
        return buffered_response(200, b"late", "text/plain")

    async with connected(waiting) as client:
        client.writer.write(GET % b"a")
        await entered.wait()
        draining = asyncio.create_task(client.server.drain(60))
        await eventually(lambda: client.server._drained is not None)
        opened.set()
        assert await client.answer() == (200, b"late")
        assert await client.reader.read() == b""
        await draining


async def test_a_connection_is_of_use_after_a_request_that_took_too_long() -> None:
    cancelling = []

    async def slow(request: HTTPRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        cancelling.append(task.cancelling())
        if request.info.path == "/slow":
            await asyncio.Event().wait()
        return buffered_response(200, b"", "text/plain")

    async with connected(with_deadline(slow, RequestDeadlines(0.05))) as client:
        client.writer.write(GET % b"slow" + GET % b"quick" + GET % b"slow")
        for status in (504, 200, 504):
            assert (await client.answer())[0] == status
    assert cancelling == [0, 0, 0]
