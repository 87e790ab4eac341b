"""GET, PUT and PATCH of a Scale."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.field_validation import read_object
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import content_type, negotiate, patch_type
from apiserver.endpoints.response_writers import send_unstored
from apiserver.machinery.options import first, patch_options, write_options
from apiserver.registry.patch import APPLY, Patch
from apiserver.registry.subresources.scale import get_scale, patch_scale, update_scale
from apiserver.resources.scaling import SCALE_PRINTER


async def scale(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Serve the Scale of an object: read, replace or patch it."""
    context, resource = scope.context(request), scope.resource
    if request.info.verb == "get":
        representation = negotiate(request.header("Accept"))
        version = first(request.query, "resourceVersion")
        document = await get_scale(resource, context.namespace, context.name, version)
        return await send_unstored(request, representation, document, printer=SCALE_PRINTER)
    if request.info.verb == "patch":
        media_type = patch_type(
            request.header("Content-Type"), strategic_merge=resource.types.strategic_merge
        )
        representation = negotiate(request.header("Accept"))
        data = await read_body(request)
        options = patch_options(request.query, apply=media_type == APPLY)
        if request.audit is not None:
            request.audit.set_request_patch(data, is_yaml=media_type == APPLY)
        document = await patch_scale(resource, context, Patch(media_type, data), options)
        return await send_unstored(request, representation, document, printer=SCALE_PRINTER)
    representation = negotiate(request.header("Accept"))
    data = await read_body(request)
    options = write_options(request.query, "UpdateOptions")
    media_type = content_type(request.header("Content-Type"))
    given = await read_object(request, scope, data, media_type, options)
    document = await update_scale(resource, context, given, options)
    return await send_unstored(request, representation, document, printer=SCALE_PRINTER)
