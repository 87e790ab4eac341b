"""GET of ComponentStatuses, and the probes of components that serve /healthz."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import web

from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.negotiation import negotiate
from apiserver.endpoints.proxy import Unreachable, backend_response
from apiserver.endpoints.response_writers import send_list, send_object
from apiserver.machinery.options import ListOptions
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.component_statuses import ComponentHealth, ComponentStatuses, Probe
from apiserver.registry.subresources.locations import Location

_TIMEOUT_SECONDS: Final = 5.0
_LONGEST_BODY: Final = 10 * 1024


@valueclass
class ComponentStatusHandlers:
    """Answers reads of ComponentStatuses."""

    statuses: ComponentStatuses

    async def get(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Return the status of one component."""
        representation = negotiate(request.header("Accept"))
        status = await self.statuses.get(scope.resource, request.info.name)
        return await send_object(request, representation, scope.resource, status)

    async def list(
        self, request: HTTPRequest, scope: RequestScope, options: ListOptions
    ) -> web.StreamResponse:
        """Return the statuses of all components, or of those that are selected."""
        representation = negotiate(request.header("Accept"))
        found = await self.statuses.list(scope.resource, options)
        return await send_list(request, representation, scope.resource, found)


def healthz_probe(port: int) -> Probe:
    """Return the probe of a component that serves HTTPS on a port of this host."""
    location = Location("https", "127.0.0.1", port, "/healthz")

    async def probe() -> ComponentHealth:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await _ask(location)
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        except Unreachable as error:
            why = str(error)
        except aiohttp.ClientError as error:
            why = str(error) or "unexpected EOF"
        return ComponentHealth(healthy=False, message=f"Get {quote(location.url)}: {why}")

    return probe


async def _ask(location: Location) -> ComponentHealth:
    async with backend_response(location, "GET", ()) as response:
        if not 200 <= response.status < 400:
            message = f"HTTP probe failed with statuscode: {response.status}"
            return ComponentHealth(healthy=False, message=message)
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) >= _LONGEST_BODY:
                break
        return ComponentHealth(healthy=True, message=body[:_LONGEST_BODY].decode(errors="replace"))
