"""Turns any exception into a Status, and adds the headers of every response."""

from __future__ import annotations

from aiohttp import web

from apiserver.endpoints.errors import error_response, status_error
from apiserver.endpoints.headers import add_common_headers
from apiserver.endpoints.http_request import Handler, HTTPRequest
from apiserver.registry.offload import offload


def with_recovery(handler: Handler) -> Handler:
    """Return ``handler`` with all exceptions handled. It is the last place to catch one."""

    async def recovered(request: HTTPRequest) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Exception as error:
            if isinstance(error, ConnectionError) and _has_gone(request):
                # The client has disconnected; there is nothing to send or to log.
                raise
            failure, accept = status_error(error), request.header("Accept")
            # A message can show the whole document, more than once.
            response = await offload(len(failure.message), error_response, failure, accept)
        if not response.prepared:
            add_common_headers(request, response)
        return response

    return recovered


def _has_gone(request: HTTPRequest) -> bool:
    transport = request.connection.transport
    return transport is None or transport.is_closing()
