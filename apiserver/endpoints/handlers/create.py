"""POST."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.options import write_options
from apiserver.registry.create import create_object


async def create(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Create the object in the body."""
    representation = negotiate(request.header("Accept"))
    media_type = content_type(request.header("Content-Type"), protobuf=scope.types.protobuf)
    data = await read_body(request)
    options = write_options(request.query, "CreateOptions")
    document = await read_object(request, scope, data, media_type, options)
    written = await create_object(scope.resource, scope.context(request), document, options)
    return await send_object(request, representation, scope.resource, written.stored, status=201)
