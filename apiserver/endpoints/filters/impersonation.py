"""Impersonation: the request goes on as the user that its headers ask for, or ends with 403."""

from __future__ import annotations

from aiohttp import web

from apiserver.access.impersonation.impersonator import ImpersonationDenied, Impersonator
from apiserver.access.impersonation.wanted_user import PREFIX, wanted_user
from apiserver.endpoints.filters.authorization import attributes_of, refusal
from apiserver.endpoints.http_request import Handler, HTTPRequest


def with_impersonation(handler: Handler, impersonator: Impersonator) -> Handler:
    """Return ``handler`` wrapped in impersonation."""

    async def impersonated(request: HTTPRequest) -> web.StreamResponse:
        headers = [
            (name, value)
            for name, value in request.headers.items()
            # Of the usual headers only If-None-Match has the same first letter.
            if name[0] in "iI" and name.lower().startswith(PREFIX)
        ]
        if headers:
            wanted = wanted_user(headers)
            if wanted is not None:
                try:
                    request.user = await impersonator.impersonated(attributes_of(request), wanted)
                    if request.audit is not None:
                        request.audit.set_impersonated_user(request.user)
                except ImpersonationDenied as denied:
                    return refusal(request, denied.attributes, denied.reason)
        return await handler(request)

    return impersonated
