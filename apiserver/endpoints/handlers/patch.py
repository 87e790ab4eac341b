"""PATCH."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.body import read_body
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate, patch_type
from apiserver.endpoints.response_writers import send_object
from apiserver.machinery.options import patch_options
from apiserver.registry.patch import APPLY, Patch, patch_object


async def patch(request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
    """Apply the patch in the body to an object; an apply patch may create the object."""
    media_type = patch_type(
        request.header("Content-Type"), strategic_merge=scope.resource.types.strategic_merge
    )
    representation = negotiate(request.header("Accept"))
    data = await read_body(request)
    options = patch_options(request.query, apply=media_type == APPLY)
    if request.audit is not None:
        request.audit.set_request_patch(data, is_yaml=media_type == APPLY)
    written = await patch_object(
        scope.resource, scope.context(request), Patch(media_type, data), options
    )
    status = 201 if written.created else 200
    return await send_object(request, representation, scope.resource, written.stored, status)
