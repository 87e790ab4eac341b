"""A client that knows what became of a request: refused before it was sent, broken off, answered.

It speaks just enough HTTP/1.1 over TLS for one request at a time, and does nothing on its own
account: no retry, no pool, no redirect.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

TOKEN: Final = "admin-token"
MERGE_PATCH: Final = "application/merge-patch+json"
_LIMIT: Final = 8 * 1024 * 1024
_LINE: Final = "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"


class NotSent(Exception):
    """There is no connection, so nothing has happened."""


class Broken(Exception):
    """The connection broke before the answer was there: nobody knows what happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """Why it was refused, in Kubernetes' words."""
        return str(self.json.get("reason", "")) if self.body.startswith(b"{") else ""


@dataclass(slots=True)
class Api:
    """One server and the connection to it, which is opened when it is needed."""

    host: str
    port: int
    #: How long an answer may take. A server that is alive always answers within its own deadlines.
    timeout: float = 70.0
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    @classmethod
    def at(cls, url: str, timeout: float = 70.0) -> Api:
        """Return a client of the server at a URL."""
        host, _, port = url.removeprefix("https://").rpartition(":")
        return cls(host, int(port), timeout)

    def close(self) -> None:
        """Break the connection off."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        headers: str = "",
    ) -> Answer:
        """Send one request and return its answer. Raises NotSent or Broken."""
        reader = await self._begin(request(method, path, body, media_type, headers))
        try:
            async with asyncio.timeout(self.timeout):
                answer = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self.close()
            raise Broken(repr(error)) from error
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it. Raises NotSent or Broken.

        Closes the connection in the end, however it ends.
        """
        reader = await self._begin(request("GET", path))
        try:
            async with asyncio.timeout(self.timeout):
                answer = await read_head(reader)
                if answer.headers.get("transfer-encoding") != "chunked":
                    body = await reader.readexactly(int(answer.headers["content-length"]))
                    yield {"type": "ERROR", "object": json.loads(body)}
                    return
            left = b""
            while chunk := await _chunk(reader):
                *lines, left = (left + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise Broken(repr(error)) from error
        finally:
            self.close()

    async def _begin(self, data: bytes) -> asyncio.StreamReader:
        reader, writer = self._reader, self._writer
        if reader is None or writer is None or writer.is_closing() or reader.at_eof():
            self.close()
            try:
                async with asyncio.timeout(self.timeout):
                    reader, writer = await connect(self.host, self.port)
            except (OSError, TimeoutError) as error:
                raise NotSent(repr(error)) from error
            self._reader, self._writer = reader, writer
        writer.write(data)
        return reader


async def connect(
    host: str, port: int, connected: socket.socket | None = None, limit: int = _LIMIT
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection, on a socket that is connected if there is one. Raises OSError."""
    if connected is None:
        return await asyncio.open_connection(host, port, ssl=trusting(), limit=limit)
    return await asyncio.open_connection(
        sock=connected, ssl=trusting(), limit=limit, server_hostname=host
    )


@cache
def trusting() -> ssl.SSLContext:
    """Return TLS with a server that is known by its port alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def request(
    method: str,
    path: str,
    body: Any = None,
    media_type: str = "application/json",
    headers: str = "",
) -> bytes:
    """Return the bytes of a request; a body that is not bytes is sent as JSON."""
    head = _LINE.format(method=method, path=path, token=TOKEN) + headers
    if body is None:
        return f"{head}\r\n".encode()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head += f"Content-Type: {media_type}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def read_head(reader: asyncio.StreamReader) -> Answer:
    """Read the status line and the headers."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[:-1]
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    return Answer(int(status.split()[1]), headers)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one whole answer."""
    head = await read_head(reader)
    if head.headers.get("transfer-encoding") == "chunked":
        chunks = []
        while chunk := await _chunk(reader):
            chunks.append(chunk)
        return Answer(head.status, head.headers, b"".join(chunks))
    body = await reader.readexactly(int(head.headers.get("content-length", 0)))
    return Answer(head.status, head.headers, body)


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]
