"""log, exec, attach, portforward and proxy: served by kubelets, Pods and Services."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientResponse, web

from apiserver.access.authorization.authorizer import Authorizer, Verdict, forbidden_message
from apiserver.endpoints.filters.authorization import attributes_of
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.proxy import (
    Unreachable,
    backend_headers,
    backend_response,
    forward_response,
    response_headers,
    tunnel,
    wants_upgrade,
)
from apiserver.machinery.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    NotFound,
    ServiceUnavailable,
    StatusError,
    UnknownError,
)
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import first, parse_bool
from apiserver.registry.get import get_object
from apiserver.registry.registry import Registry
from apiserver.registry.subresources.locations import Location, Locations, chosen_container
from apiserver.registry.subresources.logs import log_options

_STREAMS: Final = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_LONGEST_REASON: Final = 2000
_OF_LOG: Final = GroupResource("", "pods/log")


@dataclass(frozen=True, slots=True)
class ConnectHandlers:
    """Forwards requests to the backends that serve them."""

    registry: Registry
    authorizer: Authorizer

    async def log(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Return the log of a container; 204 while its Pod has no node."""
        options = log_options(request.info.name, request.query)
        pod = await _pod(request, scope)
        container = chosen_container(pod, options.container)
        locations = Locations(self.registry)
        location = await locations.kubelet(
            scope.resource, pod, container, "containerLogs", options.query
        )
        if location is None:
            return web.Response(status=204)
        try:
            async with backend_response(location, "GET", {"Accept-Encoding": "identity"}) as answer:
                if not 200 <= answer.status <= 206:
                    raise await _kubelet_refusal(answer, request.info.name)
                return await forward_response(request, answer, [("Content-Type", "text/plain")])
        except Unreachable as error:
            raise UnknownError(f'Get "{location.url}": {error}') from error

    async def exec_(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Run a command in a container."""
        query = _streams(request)
        command = request.query.get("command")
        if command:
            query["command"] = list(command)
        return await self._stream(request, scope, "exec", query)

    async def attach(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Connect to what runs in a container."""
        return await self._stream(request, scope, "attach", _streams(request))

    async def portforward(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Connect to ports of a Pod."""
        ports = first(request.query, "ports")
        query = {"port": ports} if ports else {}
        return await self._stream(request, scope, "portForward", query)

    async def proxy(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Forward a request to a Pod, a Node, or a Pod behind a Service."""
        if request.query.get("dryRun"):
            raise BadRequest("dryRun is not supported")
        location = await self._proxied(request, scope)
        path, query = _rest(request)
        if not path and request.method in ("GET", "HEAD") and not wants_upgrade(request):
            return _with_slash(request, query)
        location = replace(location, path=path, query=query)
        try:
            if wants_upgrade(request):
                return await tunnel(request, location)
            headers = backend_headers(request)
            body = request.http.content if request.http.body_exists else None
            async with backend_response(location, request.method, headers, body) as answer:
                return await forward_response(
                    request, answer, _relocated(request, location, answer)
                )
        except Unreachable as error:
            raise ServiceUnavailable(f"error trying to reach service: {error}") from error

    async def _proxied(self, request: HTTPRequest, scope: RequestScope) -> Location:
        info, resource = request.info, scope.resource
        locations = Locations(self.registry)
        match resource.definition.resource:
            case "pods":
                return await locations.pod(resource, info.namespace, info.name)
            case "services":
                return await locations.service(resource, info.namespace, info.name)
            case _:
                return await locations.node(resource, info.name)

    async def _stream(
        self, request: HTTPRequest, scope: RequestScope, call: str, query: dict[str, Any]
    ) -> web.StreamResponse:
        if wants_upgrade(request) and request.method == "GET":
            await self._may_create(request)
        pod = await _pod(request, scope)
        container = ""
        if call != "portForward":
            container = chosen_container(pod, first(request.query, "container"))
        locations = Locations(self.registry)
        location = await locations.kubelet(scope.resource, pod, container, call, query)
        if location is None:
            raise BadRequest(f"pod {request.info.name} does not have a host assigned")
        if not wants_upgrade(request):
            raise BadRequest("Upgrade request required")
        try:
            return await tunnel(request, location)
        except Unreachable as error:
            raise UnknownError(f"error dialing backend: {error}") from error

    async def _may_create(self, request: HTTPRequest) -> None:
        # WebSocket requests of browsers are always GET. They need the permission of a POST.
        attributes = attributes_of(request)
        attributes.verb = "create"
        decision = await self.authorizer.authorize(attributes)
        if decision.verdict is not Verdict.ALLOW:
            why = forbidden_message(attributes, decision.reason)
            resource = GroupResource(attributes.group, attributes.resource)
            raise Forbidden.of(resource, attributes.name, why)


async def _pod(request: HTTPRequest, scope: RequestScope) -> Object:
    info = request.info
    return (await get_object(scope.resource, info.namespace, info.name)).object


def _streams(request: HTTPRequest) -> dict[str, Any]:
    query = request.query
    return {
        asked: "1"
        for given, asked in _STREAMS.items()
        if given in query and parse_bool(query[given][0])
    }


async def _kubelet_refusal(answer: ClientResponse, name: str) -> StatusError:
    text = (await answer.content.read(_LONGEST_REASON)).decode("utf-8", "replace")
    match answer.status:
        case 400:
            return BadRequest(text)
        case 404:
            details = {
                "name": name,
                "kind": _OF_LOG.resource,
                "causes": [{"reason": "UnexpectedServerResponse", "message": text}],
            }
            what = "the server could not find the requested resource"
            return NotFound(f"{what} ( {_OF_LOG} {name})", details)
        case _:
            return InternalError(text)


def _rest(request: HTTPRequest) -> tuple[str, str]:
    """Return the path after ``proxy`` and the query, still encoded."""
    path, _, query = request.http.raw_path.partition("?")
    depth = 8 if request.info.namespace else 6
    parts = path.split("/", depth)
    return ("/" + parts[depth] if len(parts) > depth else ""), query


def _with_slash(request: HTTPRequest, query: str) -> web.StreamResponse:
    path = request.http.raw_path.partition("?")[0]
    location = f"{path}/?{query}" if query else f"{path}/"
    return web.Response(status=301, headers={"Location": location})


def _relocated(
    request: HTTPRequest, location: Location, answer: ClientResponse
) -> list[tuple[str, str]]:
    """Return the response headers, with a redirect of the backend pointed at the proxy path."""
    headers = response_headers(answer)
    place = answer.headers.get("Location")
    if not place:
        return headers
    parts = urlsplit(place)
    if parts.netloc and parts.netloc != location.authority:
        return headers
    path = request.http.raw_path.partition("?")[0]
    rest = _rest(request)[0]
    prefix = path[: len(path) - len(rest)] if rest else path
    if not parts.path.startswith("/"):
        return headers
    moved = parts._replace(scheme="", netloc="", path=prefix + parts.path).geturl()
    return [(name, moved if name.lower() == "location" else value) for name, value in headers]
