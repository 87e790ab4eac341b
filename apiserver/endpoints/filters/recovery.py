"""Any exception becomes a Status; and the headers that every answer carries."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.errors import error_response, status_error
from apiserver.endpoints.headers import complete
from apiserver.endpoints.request import Exchange, Handler


def with_recovery(handler: Handler) -> Handler:
    """Return ``handler`` with its errors answered. The last place where one can be caught."""

    async def recovered(exchange: Exchange) -> web.StreamResponse:
        try:
            response = await handler(exchange)
        except Exception as error:
            if isinstance(error, ConnectionError) and exchange.http.transport is None:
                # The client has gone: nobody is left to be told, and nothing is wrong here.
                raise
            response = error_response(status_error(error), exchange.header("Accept"))
        if not response.prepared:
            complete(exchange, response)
        return response

    return recovered
