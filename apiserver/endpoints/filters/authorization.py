"""Authorization: 403 for requests that no authorizer allows."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    Authorizer,
    Verdict,
    forbidden_message,
)
from apiserver.endpoints.errors import error_response
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.fieldselectors import parse_field_selector
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.labels import SelectorError
from apiserver.machinery.options import first

#: Those who may read one object by name need no longer ones; others have no work done for them.
_LONGEST_SELECTOR: Final = 4096
_COLLECTION_VERBS: Final = frozenset(["list", "watch", "deletecollection"])


def with_authorization(handler: Handler, authorizer: Authorizer) -> Handler:
    """Return ``handler`` wrapped in authorization."""

    async def authorized(request: HTTPRequest) -> web.StreamResponse:
        attributes = attributes_of(request)
        decision = await authorizer.authorize(attributes)
        if decision.verdict is not Verdict.ALLOW:
            return _refusal(request, attributes, decision.reason)
        return await handler(request)

    return authorized


def attributes_of(request: HTTPRequest) -> AuthorizationAttributes:
    """Return the attributes of a request for the authorizer."""
    info = request.info
    return AuthorizationAttributes(
        request.user,
        request.verb,
        info.path,
        info.is_resource,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.namespace,
        info.name or _selected_name(request),
    )


def _selected_name(request: HTTPRequest) -> str:
    # Permission to read an object by name includes listing and watching only that object.
    if "fieldSelector" not in request.query or request.verb not in _COLLECTION_VERBS:
        return ""
    text = first(request.query, "fieldSelector")
    if len(text) > _LONGEST_SELECTOR:
        return ""
    try:
        selector = parse_field_selector(text)
    except SelectorError:
        return ""
    name = selector.required("metadata.name") or ""
    return "" if name in (".", "..") or "/" in name or "%" in name else name


def _refusal(
    request: HTTPRequest, attributes: AuthorizationAttributes, reason: str
) -> web.StreamResponse:
    why = forbidden_message(attributes, reason)
    resource = GroupResource(attributes.group, attributes.resource)
    error = Forbidden.of(resource, attributes.name, why)
    response = error_response(error, request.header("Accept"))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
