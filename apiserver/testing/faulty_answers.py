"""Faulty responses: refusals, cut connections, bodies that are truncated or slow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from apiserver.endpoints.buffered_response import buffered_response
from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_connection import DetachedResponse
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import YAML, error_media_type
from apiserver.machinery import status
from apiserver.machinery.documents import dump_json, dump_yaml
from apiserver.machinery.errors import StatusError

# The number of pieces of a slow body.
_PIECES: Final = 10


def _reasons() -> dict[int, str]:
    reasons: dict[int, str] = {}
    for kind in StatusError.__subclasses__():
        if kind.reason:
            reasons.setdefault(kind.code, kind.reason)
    # The first one of its code is not the one that servers give.
    return {**reasons, 409: "Conflict", 410: "Expired"}


def refusal(request: HTTPRequest, options: Mapping[str, Any]) -> web.StreamResponse:
    """Return a Status with a code of the options; its reason and message, too, if they are given.

    ``retry_after`` is in seconds; 0: there is no header.
    """
    code, seconds = options["code"], options["retry_after"]
    details: dict[str, Any] = {"retryAfterSeconds": seconds} if seconds else {}
    message = options["message"] or f"this request was refused by a test with {code}"
    body = status.failure(message, options["reason"] or _reasons().get(code, ""), code, details)
    accept = request.header("Accept")
    media_type = error_media_type(accept) if accept else "application/json"
    data = dump_yaml(body) if media_type == YAML else dump_json(body) + b"\n"
    response = buffered_response(code, data, media_type)
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def dropped(request: HTTPRequest) -> web.StreamResponse:
    """Cut the connection of a request; return a response of which nothing is sent."""
    transport = request.connection.transport
    if transport is not None:
        transport.abort()
    return DetachedResponse()


async def truncated(
    options: Mapping[str, Any], request: HTTPRequest, response: web.StreamResponse
) -> web.StreamResponse:
    """Send the head of a response, and ``size`` bytes of its body or one half; then cut."""
    body = await body_of(response)
    size = len(body) // 2 if options["size"] is None else options["size"]
    begun = await _begun(request, response, body)
    await begun.write(body[:size])
    transport = request.connection.transport
    if transport is not None:
        # What was written is sent before the connection is closed.
        transport.close()
    return begun


async def slowed(
    options: Mapping[str, Any], request: HTTPRequest, response: web.StreamResponse
) -> web.StreamResponse:
    """Send a response in pieces that take ``seconds`` together."""
    body = await body_of(response)
    begun = await _begun(request, response, body)
    step = max(len(body) // _PIECES, 1)
    for start in range(0, len(body), step):
        await asyncio.sleep(options["seconds"] / _PIECES)
        await begun.write(body[start : start + step])
    return begun


async def body_of(response: web.StreamResponse) -> bytes:
    """Return the body of a response that has not begun."""
    body: Any = getattr(response, "body", b"")
    if isinstance(body, Payload):
        collector = _Collector()
        await body.write(collector)
        return b"".join(collector.parts)
    return bytes(body or b"")


async def _begun(
    request: HTTPRequest, response: web.StreamResponse, body: bytes
) -> web.StreamResponse:
    begun = web.StreamResponse(status=response.status, headers=response.headers)
    begun.content_length = len(body)
    add_common_headers(request, begun)
    await begun.prepare(request.http)
    return begun


class _Collector(AbstractStreamWriter):
    """Collects the response instead of sending it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    async def write(self, chunk: Any) -> None:
        self.parts.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.parts.append(chunk)

    async def drain(self) -> None:
        return

    def enable_compression(self, *_: Any, **__: Any) -> None:
        return

    def enable_chunking(self) -> None:
        return

    async def write_headers(self, *_: Any) -> None:
        return
