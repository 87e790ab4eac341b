"""Whether they may: 403 for what nobody allows them."""

from __future__ import annotations

from aiohttp import web

from apiserver.access.authorization.attributes import (
    Attributes,
    Authorizer,
    Verdict,
    forbidden_message,
)
from apiserver.endpoints.exchange import Exchange, Handler
from apiserver.endpoints.request_info import RequestInfo
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.options import first, parse_bool
from apiserver.machinery.users import UserInfo


def with_authorization(handler: Handler, authorizer: Authorizer) -> Handler:
    """Return ``handler`` behind authorization."""

    async def authorized(exchange: Exchange) -> web.StreamResponse:
        info = exchange.info
        attributes = attributes_of(exchange.user, info, verb_of(exchange))
        decision = authorizer.authorize(attributes)
        if decision.verdict is not Verdict.ALLOW:
            why = forbidden_message(attributes, decision.reason)
            raise Forbidden.of(GroupResource(info.group, info.resource), info.name, why)
        return await handler(exchange)

    return authorized


def verb_of(exchange: Exchange) -> str:
    """Return the verb that is authorized: a list that watches is a watch."""
    verb = exchange.info.verb
    if verb == "list" and "watch" in exchange.query:
        return "watch" if parse_bool(first(exchange.query, "watch")) else verb
    return verb


def attributes_of(user: UserInfo, info: RequestInfo, verb: str) -> Attributes:
    """Return what is asked of the authorizer."""
    return Attributes(
        user=user,
        verb=verb,
        group=info.group,
        version=info.version,
        resource=info.resource,
        subresource=info.subresource,
        namespace=info.namespace,
        name=info.name,
        path=info.path,
        is_resource_request=info.is_resource,
    )
