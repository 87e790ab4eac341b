"""Impersonation: replaces the user of a request by that in its headers, or responds with 403."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web

from apiserver.access.impersonation.impersonator import ImpersonationDenied, Impersonator
from apiserver.access.impersonation.wanted_user import PREFIX, wanted_user
from apiserver.endpoints.filters.authorization import attributes_of, refusal
from apiserver.endpoints.http_request import Handler, HTTPRequest


def with_impersonation(handler: Handler, impersonator: Impersonator) -> Handler:
    """Return ``handler`` wrapped in impersonation."""

    async def impersonated(request: HTTPRequest) -> web.StreamResponse:
        wanted = wanted_user(_headers(request))
        if wanted is not None:
            try:
                request.user = await impersonator.impersonated(attributes_of(request), wanted)
                if request.audit is not None:
                    request.audit.set_impersonated_user(request.user)
            except ImpersonationDenied as denied:
                return refusal(request, denied.attributes, denied.reason)
        return await handler(request)

    def passed(request: HTTPRequest) -> Awaitable[web.StreamResponse]:
        # Nearly all requests have no such header.
        asked = PREFIX in "\n".join(request.headers).lower()
        return impersonated(request) if asked else handler(request)

    return passed


def _headers(request: HTTPRequest) -> list[tuple[str, str]]:
    headers = request.headers.items()
    return [(name, value) for name, value in headers if name.lower().startswith(PREFIX)]
