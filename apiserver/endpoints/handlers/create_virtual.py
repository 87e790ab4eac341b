"""POST of virtual resources: Binding, Eviction, TokenRequest, reviews."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.response_writers import send_document, send_unstored
from apiserver.machinery.objects import Object
from apiserver.machinery.options import write_options
from apiserver.registry.create_virtual import VirtualRequest

ResourceHandler = Callable[[HTTPRequest, RequestScope], Awaitable[web.StreamResponse]]
#: Performs the operation that an object requests; returns the object in the response.
Operation = Callable[[VirtualRequest, Object], Awaitable[Object]]


def create_virtual(act: Operation) -> ResourceHandler:
    """Return the handler of requests that ``act`` carries out."""

    async def submit(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        representation = negotiate(request.header("Accept"))
        media_type = content_type(request.header("Content-Type"))
        data = await read_body(request)
        options = write_options(request.query, "CreateOptions")
        document = await read_object(request, scope, data, media_type, options)
        context = scope.context(request)
        virtual = VirtualRequest(scope.resource, context, options)
        answer = await act(virtual, document)
        if answer["kind"] == "Status":
            return send_document(request, representation, answer, 201)
        return await send_unstored(request, representation, answer, 201)

    return submit
