"""log, exec, attach, portforward and proxy: served by kubelets, Pods and Services."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, unquote

from aiohttp import EMPTY_PAYLOAD, ClientResponse, web

from apiserver.access.authorization.authorizer import Authorizer, Verdict, forbidden_message
from apiserver.endpoints.body import send_continue
from apiserver.endpoints.filters.authorization import attributes_of
from apiserver.endpoints.handlers.request_scope import RequestScope
from apiserver.endpoints.http_request import HTTPRequest, split_target
from apiserver.endpoints.proxied_html import LinkRewriter, Recompressed, Transformation
from apiserver.endpoints.proxied_links import ProxyMapping, without_dots
from apiserver.endpoints.proxy import (
    Unreachable,
    UpgradeRefused,
    backend_response,
    forward_response,
    tunnel,
    wants_upgrade,
)
from apiserver.endpoints.proxy_headers import RequestHeaders, response_headers
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
from apiserver.machinery.options import first, parse_bool, parse_ports
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.connect_admission import admit_connect
from apiserver.registry.get import get_object
from apiserver.registry.registry import Registry
from apiserver.registry.subresources.locations import Location, Locations, chosen_container
from apiserver.registry.subresources.logs import log_options

_STREAMS: Final = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_LONGEST_REASON: Final = 2000
_IDENTITY: Final = (("Accept-Encoding", "identity"),)
_HTML: Final = "text/html"
_OF_LOG: Final = GroupResource("", "pods/log")


@valueclass
class ConnectHandlers:
    """Forwards requests to the backends that serve them."""

    registry: Registry
    authorizer: Authorizer
    headers: RequestHeaders

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
            async with backend_response(location, "GET", _IDENTITY) as answer:
                if not 200 <= answer.status <= 206:
                    raise await _kubelet_refusal(answer, request.info.name)
                return await forward_response(request, answer, [("Content-Type", "text/plain")])
        except Unreachable as error:
            raise UnknownError(f'Get "{location.url}": {error}') from error

    async def exec_(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Run a command in a container."""
        options = _stream_options(request)
        if "command" in request.query:
            options["command"] = list(request.query["command"])
        options = await _admitted(request, scope, options)
        query = _streams(options)
        if options.get("command"):
            query["command"] = options["command"]
        return await self._stream(request, scope, "exec", query, options.get("container", ""))

    async def attach(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Attach to the running process of a container."""
        options = await _admitted(request, scope, _stream_options(request))
        container = options.get("container", "")
        return await self._stream(request, scope, "attach", _streams(options), container)

    async def portforward(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Connect to ports of a Pod."""
        ports = parse_ports(request.query, "ports")
        options = await _admitted(request, scope, {"ports": ports} if ports else {})
        ports = options.get("ports") or []
        query = {"port": ",".join(map(str, ports))} if ports else {}
        return await self._stream(request, scope, "portForward", query)

    async def proxy(self, request: HTTPRequest, scope: RequestScope) -> web.StreamResponse:
        """Forward a request to a Pod, a Node, or a Pod behind a Service."""
        if request.query.get("dryRun"):
            raise BadRequest("dryRun is not supported")
        prefix, path, query = _split_target(request)
        wanted = unquote(path)
        options = await _admitted(request, scope, {"path": wanted} if wanted else {})
        if options.get("path", "") != wanted:
            path = quote(options.get("path", ""))
        location = await self._proxied(request, scope)
        upgrading = wants_upgrade(request)
        if not path and request.method in ("GET", "HEAD") and not upgrading:
            return _with_slash(request, query)
        location = replace(location, path=path, query=query)
        if upgrading:
            return await self._upgraded(request, location)
        mapping = ProxyMapping(prefix, location.authority, request.header("Host"))
        return await _forwarded(request, location, mapping, self.headers)

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
        self,
        request: HTTPRequest,
        scope: RequestScope,
        call: str,
        query: dict[str, Any],
        container: str = "",
    ) -> web.StreamResponse:
        if wants_upgrade(request) and request.method == "GET":
            await self._may_create(request)
        pod = await _pod(request, scope)
        if call != "portForward":
            container = chosen_container(pod, container)
        locations = Locations(self.registry)
        location = await locations.kubelet(scope.resource, pod, container, call, query)
        if location is None:
            raise BadRequest(f"pod {request.info.name} does not have a host assigned")
        if not wants_upgrade(request):
            raise BadRequest("Upgrade request required")
        return await self._upgraded(request, location)

    async def _upgraded(self, request: HTTPRequest, location: Location) -> web.StreamResponse:
        try:
            return await tunnel(request, location, self.headers.upgrade(request))
        except Unreachable as error:
            raise UnknownError(f"error dialing backend: {error}") from error
        except UpgradeRefused as error:
            raise UnknownError(str(error)) from error

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


async def _admitted(request: HTTPRequest, scope: RequestScope, options: Object) -> Object:
    """Return the options of a request, as admission has changed them."""
    assert scope.subresource is not None
    return await admit_connect(
        scope.resource, scope.context(request), scope.subresource.kind, options
    )


def _stream_options(request: HTTPRequest) -> dict[str, Any]:
    """Return PodExecOptions, without the command, or PodAttachOptions."""
    query = request.query
    options: dict[str, Any] = {
        name: True for name in _STREAMS if name in query and parse_bool(query[name][0])
    }
    container = first(query, "container")
    return {**options, "container": container} if container else options


def _streams(options: Object) -> dict[str, Any]:
    return {asked: "1" for given, asked in _STREAMS.items() if options.get(given)}


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


async def _forwarded(
    request: HTTPRequest, location: Location, mapping: ProxyMapping, request_headers: RequestHeaders
) -> web.StreamResponse:
    headers = request_headers.forwarded(request)
    body = None
    if request.content is not EMPTY_PAYLOAD:
        await send_continue(request)
        body = request.content
    try:
        async with backend_response(location, request.method, headers, body) as answer:
            headers = response_headers(answer.headers)
            if "Location" in answer.headers:
                headers = [
                    (name, mapping.rewritten(value) if name.lower() == "location" else value)
                    for name, value in headers
                ]
                return await forward_response(request, answer, headers)
            rewriting = _rewriting(request, answer, mapping)
            if rewriting is not None:
                # Its length is known only at its end.
                headers = [each for each in headers if each[0].lower() != "content-length"]
            return await forward_response(request, answer, headers, rewriting)
    except Unreachable as error:
        raise ServiceUnavailable(f"error trying to reach service: {error}") from error


def _rewriting(
    request: HTTPRequest, answer: ClientResponse, mapping: ProxyMapping
) -> Transformation | None:
    """Return the rewriter of the content of a response, for links in HTML."""
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type != _HTML or request.method == "HEAD":
        return None
    encoding = answer.headers.get("Content-Encoding", "")
    links = LinkRewriter(mapping.rewritten)
    if not encoding:
        return links
    return Recompressed(links, encoding) if encoding in ("gzip", "deflate") else None


def _split_target(request: HTTPRequest) -> tuple[str, str, str]:
    """Return the path up to ``proxy``, the path after it and the query, all still encoded."""
    path, query = split_target(request.target)
    depth = 8 if request.info.namespace else 6
    parts = path.split("/", depth)
    if len(parts) <= depth:
        return path, "", query
    return "/".join(parts[:depth]), without_dots("/" + parts[depth]), query


def _with_slash(request: HTTPRequest, query: str) -> web.StreamResponse:
    path, _ = split_target(request.target)
    location = f"{path}/?{query}" if query else f"{path}/"
    return web.Response(status=301, headers={"Location": location})
