"""GET of a collection."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.response_writers import send_list
from apiserver.machinery.options import ListOptions
from apiserver.registry.errors import objects_of_list
from apiserver.registry.list import list_objects


async def list_(
    request: HTTPRequest, scope: RequestScope, options: ListOptions
) -> web.StreamResponse:
    """Return the objects of a collection, or a page of them."""
    representation = negotiate(request.header("Accept"))
    context = scope.context(request)
    found = await list_objects(scope.resource, context.namespace, options)
    with objects_of_list():
        return await send_list(request, representation, scope.resource, found)
