"""Paths that name no resource: discovery, OpenAPI, version, health, metrics, the issuer's keys.

The methods that they accept differ, as they do upstream: paths that upstream routes like the API
accept only GET, the others accept any method. A handler returns ``None`` for an unknown path.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any, Final

from aiohttp import web

from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.endpoints import discovery, health
from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.health import Health
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.negotiation import (
    AGGREGATED,
    JSON,
    YAML,
    check_accepted,
    negotiate,
    negotiate_discovery,
)
from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.openapi_responses import openapi_document
from apiserver.endpoints.response_writers import send_bytes, send_document
from apiserver.machinery.documents import dump_json, dump_json_indented, dump_yaml
from apiserver.machinery.errors import MethodNotSupported, NotFound
from apiserver.machinery.options import first
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.catalog import Catalog
from apiserver.version import version_info

TEXT: Final = "text/plain; charset=utf-8"
_AGGREGATED_PARAMETERS: Final = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_ISSUER_TYPES: Final = {
    "/.well-known/openid-configuration": JSON,
    "/openid/v1/jwks": "application/jwk-set+json",
}
_PATHS: Final = (
    "/api", "/api/v1", "/apis", "/apis/", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/",
    "/version",
)  # fmt: skip


@valueclass
class NonResourcePaths:
    """The parts of a server that non-resource paths show.

    ``address`` is the server's own as ``HOST:PORT``; ``issuer`` maps the paths of OpenID Connect
    Discovery to their documents. ``version`` is the answer of /version.
    ``flow_control`` has dumps below /debug, which are not listed.
    """

    catalog: Catalog
    health: Health
    metrics: Metrics
    openapi: OpenAPIService
    address: str
    issuer: Mapping[str, bytes]
    version: Mapping[str, str] = field(default_factory=version_info)
    flow_control: FlowControl | None = None

    async def handle(self, request: HTTPRequest) -> web.StreamResponse:
        """Answer a request for a non-resource path."""
        root, _, rest = request.info.path[1:].partition("/")
        handler = _HANDLERS.get(root)
        response = await handler(self, request, rest) if handler else None
        return response or plain_not_found()


NonResourceHandler = Callable[
    [NonResourcePaths, HTTPRequest, str], Awaitable[web.StreamResponse | None]
]


async def _index(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    if rest:
        return None
    served = {*_PATHS, *paths.issuer, *_group_paths(paths.catalog)}
    for endpoint, checks in paths.health.checks.items():
        served |= {f"/{endpoint}", *(f"/{endpoint}/{name}" for name in checks)}
    return send_bytes(request, dump_json_indented({"paths": sorted(served)}))


def _group_paths(catalog: Catalog) -> list[str]:
    return [
        path
        for group in catalog.groups()
        if group
        for path in (
            f"/apis/{group}",
            *(f"/apis/{group}/{version}" for version in catalog.versions(group)),
        )
    ]


async def _health(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    endpoint, slash, name = request.info.path[1:].partition("/")
    if slash:
        if not paths.health.knows(endpoint, name):
            return None
        report = await paths.health.single(endpoint, name)
    else:
        report = await paths.health.report(
            endpoint,
            verbose="verbose" in request.query,
            excluded=request.query.get("exclude", ()),
        )
    response = send_bytes(request, report.text.encode(), report.status, TEXT)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _core(paths: NonResourcePaths, request: HTTPRequest, rest: str) -> web.StreamResponse:
    _only_get(request)
    version = rest.rstrip("/")
    if version:
        return _resource_list(paths, request, "", version)
    return _group_list(paths, request, discovery.api_versions(paths.address), core=True)


async def _groups(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    catalog = paths.catalog
    group, _, version = rest.rstrip("/").partition("/")
    if not group:
        return _group_list(paths, request, discovery.api_group_list(catalog), core=False)
    if not catalog.has_group(group):
        return None
    if not version:
        document = discovery.api_group(catalog, group)
        return send_document(request, negotiate(request.header("Accept")), document)
    if catalog.has_builtin_group(group):
        _only_get(request)
    elif not catalog.resources(group, version):
        return None
    return _resource_list(paths, request, group, version)


def _resource_list(
    paths: NonResourcePaths, request: HTTPRequest, group: str, version: str
) -> web.StreamResponse:
    document = discovery.api_resource_list(paths.catalog, group, version)
    if document is None:
        raise NotFound.path()
    return send_document(request, negotiate(request.header("Accept")), document)


def _group_list(
    paths: NonResourcePaths, request: HTTPRequest, plain: dict[str, Any], *, core: bool
) -> web.StreamResponse:
    representation = negotiate_discovery(request.header("Accept"))
    if representation.transform != AGGREGATED:
        return send_document(request, representation, plain)
    catalog, media_type = paths.catalog, representation.media_type
    data, tag = catalog.derived(
        ("aggregated", core, media_type), lambda: _aggregated(catalog, media_type, core=core)
    )
    headers = {"ETag": f'"{tag}"', "Vary": "Accept", "Cache-Control": "public"}
    if _has(request, tag):
        return web.Response(status=304, headers=headers)
    response = send_bytes(request, data, media_type=media_type + _AGGREGATED_PARAMETERS)
    response.headers.update(headers)
    return response


def _aggregated(catalog: Catalog, media_type: str, *, core: bool) -> tuple[bytes, str]:
    document = discovery.aggregated(catalog, core=core)
    data = dump_json(document)
    shown = dump_yaml(document) if media_type == YAML else data + b"\n"
    return shown, discovery.etag(data)


async def _openapi(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    return await openapi_document(paths.openapi, request, rest)


def _has(request: HTTPRequest, tag: str) -> bool:
    """Return whether the client already has the document with this entity tag."""
    header = request.header("If-None-Match")
    known = [each.strip().removeprefix("W/") for each in header.split(",")]
    return "*" in known or f'"{tag}"' in known


async def _version(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    if rest:
        return None
    _only_get(request)
    return send_bytes(request, dump_json_indented(dict(paths.version)))


async def _metrics(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    if request.info.path != "/metrics":
        return None
    data, media_type = paths.metrics.render()
    return send_bytes(request, data, media_type=media_type)


async def _debug(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    folder, _, name = rest.partition("/")
    if folder != "api_priority_and_fairness" or paths.flow_control is None:
        return None
    # Needed for debugging only.
    from apiserver.access.flowcontrol.flow_dumps import TABLES, dump_requests

    levels = paths.flow_control.levels()
    if name == "dump_requests":
        details = bool(first(request.query, "includeRequestDetails"))
        text = dump_requests(levels, time.time() - time.monotonic(), details=details)
    elif name in TABLES:
        text = TABLES[name](levels)
    else:
        return None
    return send_bytes(request, text.encode(errors="replace"), media_type=TEXT)


async def _issuer(
    paths: NonResourcePaths, request: HTTPRequest, rest: str
) -> web.StreamResponse | None:
    path = request.info.path.rstrip("/")
    data = paths.issuer.get(path)
    if data is None or path not in _ISSUER_TYPES:
        return None
    _only_get(request)
    check_accepted(request.header("Accept"), _ISSUER_TYPES[path])
    response = send_bytes(request, data, media_type=_ISSUER_TYPES[path])
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _only_get(request: HTTPRequest) -> None:
    if request.method != "GET":
        raise MethodNotSupported.on_path()


_HANDLERS: Final[Mapping[str, NonResourceHandler]] = {
    "": _index,
    "index.html": _index,
    "api": _core,
    "apis": _groups,
    **dict.fromkeys(health.ENDPOINTS, _health),
    "openapi": _openapi,
    "version": _version,
    "metrics": _metrics,
    "debug": _debug,
    ".well-known": _issuer,
    "openid": _issuer,
}
