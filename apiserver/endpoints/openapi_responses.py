"""/openapi: which form of a document is sent, and the headers by which clients keep it.

All documents are served like files: conditionally and in parts. Those with an entity tag are
compressed on request. The index has no tag and was always modified just now, as upstream, where it
is put together for each request; an index that has changed is dated after the one before it.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any, Final

from aiohttp import web

from apiserver.endpoints.file_response import (
    UnsatisfiableRange,
    Validators,
    partial_response,
)
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import JSON, bare, negotiate_openapi
from apiserver.endpoints.openapi.document import Document
from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.payloads import SlicedPayload
from apiserver.registry.yielding import SLICE

_YEAR: Final = 365 * 24 * 3600
_SMALL: Final = 1400
_INDEX_TYPE: Final = "text/plain; charset=utf-8"
_PROTOBUF: Final = "application/com.github.proto-openapi.spec.{}.v1.0+protobuf"
#: This name of the protobuf form is not a valid media type, but clients send it.
_OLD_PROTOBUF: Final = "application/com.github.proto-openapi.spec.{}@v1.0+protobuf"


async def openapi_document(
    service: OpenAPIService, request: HTTPRequest, path: str
) -> web.StreamResponse | None:
    """Answer a request for the document at a path below /openapi/, ``None`` if it is unknown."""
    version, below, name = path.partition("/")
    if version == "v3":
        return await _v3(service, request, name) if below else await _index(service, request)
    return await _v2(service, request) if version == "v2" and not name else None


async def _index(service: OpenAPIService, request: HTTPRequest) -> web.StreamResponse:
    document = await service.v3_index()
    state = Validators("", max(int(time.time()), document.modified))
    return await _file(request, document, _INDEX_TYPE, state)


async def _v2(service: OpenAPIService, request: HTTPRequest) -> web.StreamResponse:
    media_type = _negotiate(request, "v2")
    if not media_type:
        return _not_acceptable()
    document = await (service.v2() if media_type == JSON else service.v2_protobuf())
    return await _tagged(request, document, media_type)


async def _v3(service: OpenAPIService, request: HTTPRequest, name: str) -> web.StreamResponse:
    media_type = _negotiate(request, "v3")
    protobuf = media_type not in ("", JSON)
    document = await (service.v3_protobuf(name) if protobuf else service.v3(name))
    if document is None:
        return web.Response(status=404)
    if not media_type:
        return _not_acceptable()
    wanted = request.query.get("hash", [""])[0]
    if wanted and wanted != document.etag:
        return _moved(f"/openapi/v3/{name}?hash={document.etag}", document, media_type)
    response = await _tagged(request, document, media_type)
    if wanted and response.status != UnsatisfiableRange.status:
        response.headers["Cache-Control"] = "public, immutable"
        response.headers["Expires"] = formatdate(time.time() + _YEAR, usegmt=True)
    return response


def _negotiate(request: HTTPRequest, version: str) -> str:
    """Return the media type to send, ``""`` if the client accepts none."""
    protobuf, old = _PROTOBUF.format(version), _OLD_PROTOBUF.format(version)
    chosen = negotiate_openapi(request.header("Accept"), (JSON, protobuf, old))
    return protobuf if chosen == old else chosen


def _not_acceptable() -> web.StreamResponse:
    return web.Response(status=406, headers={"Vary": "Accept"})


def _moved(location: str, document: Document, media_type: str) -> web.StreamResponse:
    headers = {
        "Location": location,
        "Content-Type": media_type,
        "ETag": f'"{document.etag}"',
        "Vary": "Accept",
    }
    return web.Response(status=301, headers=headers)


async def _tagged(request: HTTPRequest, document: Document, media_type: str) -> web.StreamResponse:
    state = Validators(document.etag, document.modified)
    response = await _file(request, document, media_type, state)
    response.headers.add("Vary", "Accept")
    return response


async def _file(
    request: HTTPRequest, document: Document, media_type: str, state: Validators
) -> web.StreamResponse:
    refusal = state.refusal(request)
    if refusal is not None:
        return refusal
    try:
        ranges = state.ranges(request, document.size)
    except UnsatisfiableRange as error:
        return error.response(document.size)
    headers = state.headers()
    if not ranges and state.etag and len(document.compressed) >= _SMALL and _takes_gzip(request):
        headers |= {
            "Content-Type": media_type,
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
        }
        return web.Response(body=document.compressed, headers=headers)
    small = document.size <= SLICE
    plain = document.plain() if small else await asyncio.to_thread(document.plain)
    if ranges:
        response = partial_response(plain, ranges, media_type)
        response.headers.update(headers)
        return response
    body: Any = plain if small else SlicedPayload([plain], len(plain), media_type)
    return web.Response(body=body, headers=headers | {"Content-Type": media_type})


def _takes_gzip(request: HTTPRequest) -> bool:
    return "gzip" in [bare(each) for each in request.header("Accept-Encoding").split(",")]
