"""GET of an object."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.options import first, parse_bool
from apiserver.registry.get import get_object


async def get(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Return one object."""
    representation = negotiate(request.header("Accept"))
    query = request.query
    if "export" in query and parse_bool(first(query, "export")):
        raise BadRequest("the export parameter, deprecated since v1.14, is no longer supported")
    resource, info = scope.resource, request.info
    namespace = info.namespace if resource.definition.namespaced else ""
    stored = await get_object(resource, namespace, info.name, first(query, "resourceVersion"))
    return await send_object(request, representation, resource, stored)
