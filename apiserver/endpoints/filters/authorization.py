"""Authorization: 403 for requests that no authorizer allows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import web

from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    Authorizer,
    Verdict,
    escaped,
    forbidden_message,
)
from apiserver.endpoints.errors import error_response
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.errors import Forbidden, InternalError
from apiserver.machinery.fieldselectors import FieldSelector, parse_field_selector
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.labels import SelectorError
from apiserver.machinery.options import first
from apiserver.machinery.quoting import quote

#: Those who may read one object by name need no longer ones; others have no work done for them.
_LONGEST_SELECTOR: Final = 4096
_CREATING_VERBS: Final = frozenset(["update", "patch"])
_SELECTING_VERBS: Final = frozenset(["list", "watch", "deletecollection"])
# Looked up once: members of an enumeration are found slowly.
_ALLOW: Final = Verdict.ALLOW
_DECISION: Final = "authorization.k8s.io/decision"
_REASON: Final = "authorization.k8s.io/reason"
_NAMING_VERBS: Final = frozenset(["list", "watch"])


def with_authorization(handler: Handler, authorizer: Authorizer) -> Handler:
    """Return ``handler`` wrapped in authorization."""

    async def authorized(request: HTTPRequest) -> web.StreamResponse:
        attributes = attributes_of(request)
        decision = await authorizer.authorize(attributes)
        if request.audit is not None:
            allowed = decision.verdict is Verdict.ALLOW
            request.audit.annotate(_DECISION, "allow" if allowed else "forbid")
            request.audit.annotate(_REASON, decision.reason)
        if decision.verdict is not _ALLOW:
            if decision.error:
                return _failure(request, decision.error)
            return refusal(request, attributes, decision.reason)
        if request.verb in _CREATING_VERBS:
            # Most of them create nothing, so that is not asked before it is known.
            request.authorize_create = partial(_authorize_create, authorizer, attributes)
        return await handler(request)

    return authorized


async def _authorize_create(authorizer: Authorizer, attributes: AuthorizationAttributes) -> None:
    created = replace(attributes, verb="create")
    decision = await authorizer.authorize(created)
    if decision.verdict is not Verdict.ALLOW:
        if decision.error:
            raise InternalError(decision.error)
        raise _forbidden(created, decision.reason)


def attributes_of(request: HTTPRequest) -> AuthorizationAttributes:
    """Return the attributes of a request for the authorizer."""
    info = request.info
    fields = _fields(request) if "fieldSelector" in request.query else None
    name = info.name
    if fields is not None and not name:
        name = _selected_name(request, fields)
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
        name,
        fields,
        _labels(request) if "labelSelector" in request.query else "",
    )


def _fields(request: HTTPRequest) -> FieldSelector | None:
    if request.verb not in _SELECTING_VERBS:
        return None
    text = first(request.query, "fieldSelector")
    if len(text) > _LONGEST_SELECTOR:
        return None
    try:
        return parse_field_selector(text)
    except SelectorError:
        return None


def _labels(request: HTTPRequest) -> str:
    if request.verb not in _SELECTING_VERBS:
        return ""
    text = first(request.query, "labelSelector")
    return text if len(text) <= _LONGEST_SELECTOR else ""


def _selected_name(request: HTTPRequest, fields: FieldSelector) -> str:
    # Permission to read an object by name includes listing and watching only that object.
    if request.verb not in _NAMING_VERBS:
        return ""
    name = fields.required("metadata.name") or ""
    return "" if name in (".", "..") or "/" in name or "%" in name else name


def refusal(
    request: HTTPRequest, attributes: AuthorizationAttributes, reason: str
) -> web.StreamResponse:
    """Return the 403 for a request that is not allowed."""
    error = _forbidden(attributes, reason)
    if request.audit is not None:
        request.audit.set_response_status(error.status())
    response = error_response(error, request.header("Accept"))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _failure(request: HTTPRequest, why: str) -> web.Response:
    """Return the 500 for a request that no authorizer allows, and on which one could not decide."""
    text = escaped(f"Internal Server Error: {quote(request.target)}: {why}")
    response = web.Response(status=500, text=f"{text}\n")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _forbidden(attributes: AuthorizationAttributes, reason: str) -> Forbidden:
    why = forbidden_message(attributes, reason)
    return Forbidden.of(GroupResource(attributes.group, attributes.resource), attributes.name, why)
