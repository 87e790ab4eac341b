"""One connection of a client to a server, over TLS: one request at a time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Final, TypeVar, cast

_LENGTH: Final = b"content-length:"
#: What is kept of an answer: its head, and the metadata of a list.
_KEPT: Final = 2048

T = TypeVar("T", bound="Connection")


class Connection(asyncio.Protocol):
    """One connection; answers have a Content-Length or are chunked."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._end = 0
        self._answered: asyncio.Future[int] | None = None
        self._beginning = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._end:
            self._end = self._find_end()
        if self._is_complete() and self._answered is not None:
            self._beginning = bytes(self._received[:_KEPT])
            self._received.clear()
            self._end = 0
            self._answered.set_result(int(self._beginning[9:12]))

    async def ask(self, request: bytes) -> int:
        """Send a request and return the status of its answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self.send(request)
        return await self._answered

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None
        self._transport.write(request)

    def told(self, member: str) -> str:
        """Return a text from the beginning of the last answer, of a list's metadata for example."""
        _, _, rest = self._beginning.partition(b'"%b":"' % member.encode())
        return rest.partition(b'"')[0].decode()

    def abort(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _find_end(self) -> int:
        """Return where the answer ends: 0 is not known yet, -1 at its last chunk."""
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return 0
        headers = bytes(self._received[:head]).lower()
        start = headers.find(_LENGTH)
        if start < 0:
            return -1
        return head + 4 + int(headers[start + len(_LENGTH) :].partition(b"\r\n")[0])

    def _is_complete(self) -> bool:
        if self._end < 0:
            return self._received.endswith(b"\r\n0\r\n\r\n")
        return 0 < self._end <= len(self._received)


async def connect(port: int, make: Callable[[], T]) -> T:
    """Return a new connection to a server on this machine."""
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(make, "127.0.0.1", port, ssl=_tls())
    return made


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    """Yield a connection, which ends with the block."""
    made = await connect(port, Connection)
    try:
        yield made
    finally:
        made.abort()


@cache
def _tls() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls
