"""Who is asking: 401 for credentials that are wrong."""

from __future__ import annotations

from aiohttp import web

from apiserver.access.authentication.chain import BadCredential, Chain, Credentials
from apiserver.endpoints.exchange import Exchange, Handler
from apiserver.machinery.errors import Unauthorized


def with_authentication(handler: Handler, chain: Chain) -> Handler:
    """Return ``handler`` behind authentication."""

    async def authenticated(exchange: Exchange) -> web.StreamResponse:
        http = exchange.http
        transport = http.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        credentials = Credentials(http.headers.get("Authorization"), certificate or None)
        try:
            user = chain.authenticate(credentials)
        except BadCredential as error:
            raise Unauthorized from error
        exchange.user = user
        return await handler(exchange)

    return authenticated
