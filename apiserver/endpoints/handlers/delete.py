"""DELETE of an object and of a collection."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.delete_options import decode_delete_options
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import content_type, negotiate
from apiserver.endpoints.response_writers import send_document, send_list, send_object
from apiserver.machinery import status
from apiserver.machinery.errors import object_details
from apiserver.machinery.options import DeleteOptions, delete_options, list_options
from apiserver.registry.context import RequestContext
from apiserver.registry.delete import delete_object
from apiserver.registry.deletecollection import delete_collection
from apiserver.registry.list import check_list
from apiserver.registry.offload import offload
from apiserver.registry.selection import check_fields


async def delete(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Delete an object."""
    representation = negotiate(request.header("Accept"))
    options = await _options(request)
    resource = scope.resource
    context = scope.context(request)
    _warn(scope, context, options)
    written = await delete_object(resource, context, options)
    if not written.removed or resource.strategy.returns_deleted_object:
        code = 202 if not written.removed and options.orphan_dependents is False else 200
        return await send_object(request, representation, resource, written.stored, code)
    details = object_details(resource.group_resource, context.name)
    details["uid"] = written.stored.metadata.get("uid", "")
    return send_document(request, representation, status.success(details))


async def deletecollection(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Delete every object that the selectors match."""
    representation = negotiate(request.header("Accept"))
    resource, context = scope.resource, scope.context(request)
    # Errors in the selectors are reported before errors in the DeleteOptions.
    selected = await offload(request.query_cost, list_options, request.query)
    check_list(selected)
    check_fields(selected.field_selector, resource.strategy)
    options = await _options(request)
    _warn(scope, context, options)
    found = await delete_collection(resource, context, options, selected)
    return await send_list(request, representation, resource, found)


def _warn(scope: RequestScope, context: RequestContext, options: DeleteOptions) -> None:
    for text in scope.resource.strategy.warnings_on_delete(options):
        context.warn(text)


async def _options(request: HTTPRequest) -> DeleteOptions:
    data = await read_body(request)
    if not data:
        return delete_options(request.query)
    media_type = content_type(request.header("Content-Type"))
    options, document = await offload(len(data), decode_delete_options, data, media_type)
    if request.audit is not None:
        request.audit.set_request_object(document, len(data))
    return options
