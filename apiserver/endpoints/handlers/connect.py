"""log, exec, attach, portforward and proxy: what kubelets, Pods and Services answer themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientResponse, web

from apiserver.access.authorization.authorizer import Authorizer, Verdict, forbidden_message
from apiserver.endpoints.filters.authorization import attributes_of
from apiserver.endpoints.handlers.request_scope import Target
from apiserver.endpoints.proxy import (
    Unreachable,
    answer_of,
    answered_headers,
    forwarded_headers,
    pass_on,
    tunnel,
    wants_upgrade,
)
from apiserver.endpoints.request import Exchange
from apiserver.machinery.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    NotFound,
    ServiceUnavailable,
    StatusError,
    UnexplainedError,
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
class Connecting:
    """Passes requests on to where they are answered."""

    registry: Registry
    authorizer: Authorizer

    async def log(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        """Answer with the log of a container; nothing, while its Pod is nowhere."""
        options = log_options(exchange.info.name, exchange.query)
        pod = await _pod(exchange, target)
        container = chosen_container(pod, options.container)
        locations = Locations(self.registry)
        location = await locations.kubelet(
            target.resource, pod, container, "containerLogs", options.query
        )
        if location is None:
            return web.Response(status=204)
        try:
            async with answer_of(location, "GET", {"Accept-Encoding": "identity"}) as answer:
                if not 200 <= answer.status <= 206:
                    raise await _kubelet_refusal(answer, exchange.info.name)
                return await pass_on(exchange, answer, [("Content-Type", "text/plain")])
        except Unreachable as error:
            raise UnexplainedError(f'Get "{location.url}": {error}') from error

    async def exec_(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        """Run a command in a container."""
        query = _streams(exchange)
        command = exchange.query.get("command")
        if command:
            query["command"] = list(command)
        return await self._stream(exchange, target, "exec", query)

    async def attach(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        """Connect to what runs in a container."""
        return await self._stream(exchange, target, "attach", _streams(exchange))

    async def portforward(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        """Connect to ports of a Pod."""
        ports = first(exchange.query, "ports")
        query = {"port": ports} if ports else {}
        return await self._stream(exchange, target, "portForward", query)

    async def proxy(self, exchange: Exchange, target: Target) -> web.StreamResponse:
        """Pass a request on to a Pod, a node, or a Pod behind a Service."""
        if exchange.query.get("dryRun"):
            raise BadRequest("dryRun is not supported")
        location = await self._proxied(exchange, target)
        path, query = _rest(exchange)
        if not path and exchange.method in ("GET", "HEAD") and not wants_upgrade(exchange):
            return _with_slash(exchange, query)
        location = replace(location, path=path, query=query)
        try:
            if wants_upgrade(exchange):
                return await tunnel(exchange, location)
            headers = forwarded_headers(exchange)
            body = exchange.http.content if exchange.http.body_exists else None
            async with answer_of(location, exchange.method, headers, body) as answer:
                return await pass_on(exchange, answer, _relocated(exchange, location, answer))
        except Unreachable as error:
            raise ServiceUnavailable(f"error trying to reach service: {error}") from error

    async def _proxied(self, exchange: Exchange, target: Target) -> Location:
        info, resource = exchange.info, target.resource
        locations = Locations(self.registry)
        match resource.definition.resource:
            case "pods":
                return await locations.pod(resource, info.namespace, info.name)
            case "services":
                return await locations.service(resource, info.namespace, info.name)
            case _:
                return await locations.node(resource, info.name)

    async def _stream(
        self, exchange: Exchange, target: Target, call: str, query: dict[str, Any]
    ) -> web.StreamResponse:
        if wants_upgrade(exchange) and exchange.method == "GET":
            await self._may_create(exchange)
        pod = await _pod(exchange, target)
        container = ""
        if call != "portForward":
            container = chosen_container(pod, first(exchange.query, "container"))
        locations = Locations(self.registry)
        location = await locations.kubelet(target.resource, pod, container, call, query)
        if location is None:
            raise BadRequest(f"pod {exchange.info.name} does not have a host assigned")
        if not wants_upgrade(exchange):
            raise BadRequest("Upgrade request required")
        try:
            return await tunnel(exchange, location)
        except Unreachable as error:
            raise UnexplainedError(f"error dialing backend: {error}") from error

    async def _may_create(self, exchange: Exchange) -> None:
        # A browser's WebSocket is always a GET, and may do no more than a POST.
        attributes = attributes_of(exchange)
        attributes.verb = "create"
        decision = await self.authorizer.authorize(attributes)
        if decision.verdict is not Verdict.ALLOW:
            why = forbidden_message(attributes, decision.reason)
            resource = GroupResource(attributes.group, attributes.resource)
            raise Forbidden.of(resource, attributes.name, why)


async def _pod(exchange: Exchange, target: Target) -> Object:
    info = exchange.info
    return (await get_object(target.resource, info.namespace, info.name)).object


def _streams(exchange: Exchange) -> dict[str, Any]:
    query = exchange.query
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


def _rest(exchange: Exchange) -> tuple[str, str]:
    """Return the path behind ``proxy`` and the query, as the client wrote them."""
    path, _, query = exchange.http.raw_path.partition("?")
    depth = 8 if exchange.info.namespace else 6
    parts = path.split("/", depth)
    return ("/" + parts[depth] if len(parts) > depth else ""), query


def _with_slash(exchange: Exchange, query: str) -> web.StreamResponse:
    path = exchange.http.raw_path.partition("?")[0]
    location = f"{path}/?{query}" if query else f"{path}/"
    return web.Response(status=301, headers={"Location": location})


def _relocated(
    exchange: Exchange, location: Location, answer: ClientResponse
) -> list[tuple[str, str]]:
    """Return the headers of an answer; where it sends the client elsewhere, through here."""
    headers = answered_headers(answer)
    place = answer.headers.get("Location")
    if not place:
        return headers
    parts = urlsplit(place)
    if parts.netloc and parts.netloc != location.authority:
        return headers
    path = exchange.http.raw_path.partition("?")[0]
    rest = _rest(exchange)[0]
    prefix = path[: len(path) - len(rest)] if rest else path
    if not parts.path.startswith("/"):
        return headers
    moved = parts._replace(scheme="", netloc="", path=prefix + parts.path).geturl()
    return [(name, moved if name.lower() == "location" else value) for name, value in headers]
