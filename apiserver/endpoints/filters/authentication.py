"""Authentication: 401 for invalid credentials."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from multidict import istr

from apiserver.access.authentication.authenticator import (
    BadCredential,
    Credentials,
    RequestAuthenticator,
    has_extra_space,
)
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.machinery.errors import Unauthorized

_AUTHORIZATION: Final = istr("Authorization")
_EXTRA_SPACE: Final = (
    "the provided Authorization header contains extra space before the bearer token, and is ignored"
)


def with_authentication(handler: Handler, authenticator: RequestAuthenticator) -> Handler:
    """Return ``handler`` wrapped in authentication."""

    async def authenticated(request: HTTPRequest) -> web.StreamResponse:
        authorization = request.headers.get(_AUTHORIZATION, "")
        certificate = request.connection.certificate
        if authorization and has_extra_space(authorization):
            request.warnings.append(_EXTRA_SPACE)
        try:
            request.user = await authenticator.authenticate(
                Credentials(authorization, certificate, request.info.path, request.headers, request)
            )
        except BadCredential as error:
            raise Unauthorized from error
        return await handler(request)

    return authenticated
