"""Forwards requests to other servers and streams their responses.

Certificates of these servers are not verified: kubelets sign their own, and Pods may use any. For
an upgrade the connection is handed over: once the backend has agreed, bytes are copied in both
directions unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Final, cast

import aiohttp
from aiohttp import web
from yarl import URL

from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_connection import DetachedResponse, HTTPConnection
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.proxied_html import Transformation
from apiserver.registry.subresources.locations import Location

log = logging.getLogger(__name__)

_DIAL_SECONDS: Final = 10.0
_CHUNK: Final = 64 * 1024
#: The maximum size of the head of a response to a request for an upgrade, in bytes.
_MAX_HEAD: Final = 64 * 1024
#: aiohttp adds these unless told otherwise, and a backend would answer to them.
_NOT_ADDED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class UpgradeRefused(Exception):
    """The backend answers to a request for an upgrade neither with one nor with an error."""


class Unreachable(Exception):
    """The backend does not respond; the message says why in Go's words."""


def wants_upgrade(request: HTTPRequest) -> bool:
    """Return whether a request asks for a protocol upgrade."""
    connection = request.header("Connection").lower()
    return "upgrade" in connection and bool(request.header("Upgrade"))


@asynccontextmanager
async def backend_response(
    location: Location,
    method: str,
    headers: Iterable[tuple[str, str]],
    body: aiohttp.StreamReader | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Yield the response of a backend. Raises Unreachable."""
    timeout = aiohttp.ClientTimeout(total=None, connect=_DIAL_SECONDS)
    connector = aiohttp.TCPConnector(ssl=_unverified(), limit=1)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False
    ) as session:
        try:
            response = await session.request(
                method,
                # Already encoded: the URL must reach the backend unchanged.
                URL(location.url, encoded=True),
                headers=list(headers),
                data=body,
                allow_redirects=False,
                skip_auto_headers=_NOT_ADDED,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(_cause(location, error)) from error
        async with response:
            yield response


async def forward_response(
    request: HTTPRequest,
    answer: aiohttp.ClientResponse,
    headers: Iterable[tuple[str, str]],
    transformation: Transformation | None = None,
) -> web.StreamResponse:
    """Stream a backend's response to the client, with these headers."""
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in headers:
        response.headers.add(name, value)
    add_common_headers(request, response)
    if request.audit is not None:
        await request.audit.start(answer.status)
    await response.prepare(request.http)
    try:
        async for piece in answer.content.iter_any():
            for written in transformation.feed(piece) if transformation else (piece,):
                await response.write(written)
        for written in transformation.close() if transformation else ():
            await response.write(written)
    except (aiohttp.ClientError, zlib.error) as error:
        # The client must not mistake a truncated response for a complete one.
        log.info("response from backend %s was cut off: %s", answer.url.host, error)
        transport = request.connection.transport
        if transport is not None:
            transport.abort()
        return DetachedResponse()
    await response.write_eof()
    return response


async def tunnel(
    request: HTTPRequest, location: Location, headers: Iterable[tuple[str, str]]
) -> web.StreamResponse:
    """Connect a client that requests an upgrade with a backend, which gets these headers.

    Returns when either side closes. Raises Unreachable, and UpgradeRefused.
    """
    connection = request.connection
    reader, writer = await _dial(location)
    try:
        writer.write(_head(request.method, location, headers))
        await writer.drain()
        connection.hijack(writer)
        head = await _response_head(connection, location, reader)
        if request.audit is not None:
            await request.audit.start(int(head.split(maxsplit=2)[1]))
        return await _copy_in_both_directions(connection, head, reader, writer)
    finally:
        writer.close()


async def _response_head(
    connection: HTTPConnection, location: Location, reader: asyncio.StreamReader
) -> bytes:
    """Return the head of a response to a request for an upgrade.

    An error of the backend is forwarded as it is, like the upgrade itself.
    """
    why: Exception
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(maxsplit=2)[1])
    except asyncio.IncompleteReadError:
        why = Unreachable("unexpected EOF")
    except (asyncio.LimitOverrunError, ValueError, IndexError):
        why = Unreachable("malformed HTTP response")
    except OSError as error:
        why = Unreachable(_cause(location, error))
    else:
        if status == HTTPStatus.SWITCHING_PROTOCOLS or status >= HTTPStatus.BAD_REQUEST:
            return head
        why = UpgradeRefused(f"invalid upgrade response: status code {status}")
    connection.release()
    raise why


async def _dial(location: Location) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = _unverified() if location.scheme == "https" else None
    port = location.port or (443 if secure else 80)
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(location.host, port, ssl=secure, limit=_MAX_HEAD)
    except (OSError, TimeoutError) as error:
        raise Unreachable(_cause(location, error)) from error


def _head(method: str, location: Location, headers: Iterable[tuple[str, str]]) -> bytes:
    target = (location.path or "/") + (f"?{location.query}" if location.query else "")
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _copy_in_both_directions(
    connection: HTTPConnection,
    head: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> web.StreamResponse:
    transport = cast("asyncio.Transport", connection.transport)
    try:
        transport.write(head)
        while piece := await reader.read(_CHUNK):
            if transport.is_closing():
                break
            transport.write(piece)
            await connection.drained()
    except ConnectionError:
        # Either side has closed; both connections are closed below.
        pass
    finally:
        connection.force_close()
        transport.close()
    return DetachedResponse()


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _cause(location: Location, error: BaseException) -> str:
    dialled = f"dial tcp {location.authority}"
    if isinstance(error, TimeoutError):
        return f"{dialled}: i/o timeout"
    secure = getattr(error, "os_error", error)
    if isinstance(secure, ssl.SSLError):
        # Its errno is no number of the system's.
        plain = secure.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
        return "http: server gave HTTP response to HTTPS client" if plain else str(secure)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    number = getattr(error, "errno", None)
    if number:
        return f"{dialled}: connect: {os.strerror(number).lower()}"
    return str(error) or "EOF"
