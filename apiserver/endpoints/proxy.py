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
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Final, cast

import aiohttp
from aiohttp import web

from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_connection import DetachedResponse, HTTPConnection
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.registry.subresources.locations import Location

log = logging.getLogger(__name__)

_DIAL_SECONDS: Final = 10.0
_CHUNK: Final = 64 * 1024
#: Headers that concern a single connection, RFC 9110 section 7.6.1.
_HOP_BY_HOP: Final = frozenset(
    ["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
     "te", "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
#: Headers that are not forwarded: they concern the client and this server only.
_PRIVATE: Final = frozenset(["authorization", "host", "expect"])


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
    headers: Mapping[str, str],
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
                location.url,
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=["User-Agent", "Content-Type"],
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(_cause(location, error)) from error
        async with response:
            yield response


async def forward_response(
    request: HTTPRequest, answer: aiohttp.ClientResponse, headers: Iterable[tuple[str, str]]
) -> web.StreamResponse:
    """Stream a backend's response to the client, with these headers."""
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in headers:
        response.headers.add(name, value)
    add_common_headers(request, response)
    await response.prepare(request.http)
    try:
        async for piece in answer.content.iter_any():
            await response.write(piece)
    except aiohttp.ClientError as error:
        # The client must not mistake a truncated response for a complete one.
        log.info("response from backend %s was cut off: %s", answer.url.host, error)
        transport = request.http.transport
        if transport is not None:
            transport.abort()
        return DetachedResponse()
    await response.write_eof()
    return response


def response_headers(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """Return the headers of a backend's response without hop-by-hop headers."""
    return [
        (name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
    ]


def backend_headers(request: HTTPRequest) -> dict[str, str]:
    """Return the headers of a request for a backend, with X-Forwarded-* added."""
    http = request.http
    kept = {
        name: value
        for name, value in http.headers.items()
        if name.lower() not in _HOP_BY_HOP | _PRIVATE
    }
    before = kept.get("X-Forwarded-For")
    client = http.remote or ""
    kept["X-Forwarded-For"] = f"{before}, {client}" if before else client
    kept["X-Forwarded-Uri"] = request.info.path
    kept["X-Forwarded-Host"] = http.headers.get("Host", "")
    kept["X-Forwarded-Proto"] = "https"
    return kept


async def tunnel(request: HTTPRequest, location: Location) -> web.StreamResponse:
    """Connect a client that requests an upgrade with a backend.

    Returns when either side closes. Raises Unreachable.
    """
    reader, writer = await _dial(location)
    try:
        writer.write(_head(request, location))
        await writer.drain()
        connection = cast("HTTPConnection", request.http.protocol)
        return await _copy_in_both_directions(connection, reader, writer)
    finally:
        writer.close()


async def _dial(location: Location) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    secure = _unverified() if location.scheme == "https" else None
    port = location.port or (443 if secure else 80)
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(location.host, port, ssl=secure)
    except (OSError, TimeoutError) as error:
        raise Unreachable(_cause(location, error)) from error


def _head(request: HTTPRequest, location: Location) -> bytes:
    http = request.http
    target = (location.path or "/") + (f"?{location.query}" if location.query else "")
    lines = [f"{http.method} {target} HTTP/1.1", f"Host: {location.authority}"]
    lines += [
        f"{name}: {value}" for name, value in http.headers.items() if name.lower() not in _PRIVATE
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


async def _copy_in_both_directions(
    connection: HTTPConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> web.StreamResponse:
    transport = cast("asyncio.Transport", connection.transport)
    connection.hijack(writer)
    try:
        # The backend's response is copied unchanged, status line included.
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
    number = getattr(error, "errno", None)
    if number:
        return f"{dialled}: connect: {os.strerror(number).lower()}"
    return str(error) or "EOF"
