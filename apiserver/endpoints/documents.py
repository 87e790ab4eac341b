"""Paths that are about no resource: discovery, OpenAPI, version, health, metrics."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

from apiserver.endpoints import discovery, health
from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.exchange import Exchange
from apiserver.endpoints.negotiation import (
    AGGREGATED,
    JSON,
    negotiate,
    negotiate_discovery,
)
from apiserver.endpoints.response import send_bytes, send_document
from apiserver.machinery.documents import dump_json, dump_json_indented
from apiserver.machinery.errors import MethodNotSupported, NotFound
from apiserver.version import VERSION

if TYPE_CHECKING:
    from apiserver.endpoints.routes import Router

_YEAR = 365 * 24 * 3600
_AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_PATHS = (
    "/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/apis/", "/healthz",
    "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
)  # fmt: skip


async def handle(router: Router, exchange: Exchange) -> web.StreamResponse:
    """Answer one of these paths."""
    path = exchange.info.path.rstrip("/") or "/"
    root, _, rest = path[1:].partition("/")
    if root in health.ENDPOINTS:
        return await _health(router, exchange, root, rest)
    if root not in _DOCUMENTS:
        return plain_not_found()
    answer = _DOCUMENTS[root](router, exchange, rest)
    if answer is None:
        return plain_not_found()
    if exchange.method != "GET":
        raise MethodNotSupported.on_path()
    return answer


async def _health(
    router: Router, exchange: Exchange, endpoint: str, name: str
) -> web.StreamResponse:
    if name:
        if not router.health.knows(endpoint, name):
            return plain_not_found()
        report = await router.health.single(endpoint, name)
    else:
        report = await router.health.report(
            endpoint,
            verbose="verbose" in exchange.query,
            excluded=exchange.query.get("exclude", ()),
        )
    response = send_bytes(
        exchange, report.text.encode(), report.status, "text/plain; charset=utf-8"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _index(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    if rest:
        return None
    groups = [
        path
        for group in router.registry.catalog.groups()
        if group
        for path in (
            f"/apis/{group}",
            *(f"/apis/{group}/{version}" for version in router.registry.catalog.versions(group)),
        )
    ]
    paths = sorted({*_PATHS, *groups})
    return send_bytes(exchange, dump_json_indented({"paths": paths}))


def _core(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    catalog = router.registry.catalog
    if not rest:
        document = discovery.api_versions(router.address)
        return _group_list(router, exchange, document, core=True)
    resources = discovery.api_resource_list(catalog, "", rest)
    return _discovered(exchange, resources)


def _groups(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    catalog = router.registry.catalog
    if not rest:
        return _group_list(router, exchange, discovery.api_group_list(catalog), core=False)
    group, _, version = rest.partition("/")
    if not catalog.has_group(group):
        return None
    if not version:
        return _discovered(exchange, discovery.api_group(catalog, group))
    return _discovered(exchange, discovery.api_resource_list(catalog, group, version))


def _discovered(exchange: Exchange, document: dict[str, Any] | None) -> web.Response:
    if document is None:
        raise NotFound.path()
    return send_document(exchange, negotiate(exchange.header("Accept")), document)


def _group_list(
    router: Router, exchange: Exchange, plain: dict[str, Any], *, core: bool
) -> web.Response:
    representation = negotiate_discovery(exchange.header("Accept"))
    if representation.transform != AGGREGATED:
        return send_document(exchange, representation, plain)
    data = dump_json(discovery.aggregated(router.registry.catalog, core))
    tag = f'"{discovery.etag(data)}"'
    headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
    if exchange.header("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    response = send_bytes(exchange, data + b"\n", media_type=_AGGREGATED_TYPE)
    response.headers.update(headers)
    return response


def _openapi(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    version, _, path = rest.partition("/")
    if version == "v2" and not path:
        return _tagged(exchange, *router.openapi.v2())
    if version != "v3":
        return None
    if not path:
        return _tagged(exchange, *router.openapi.v3_index())
    found = router.openapi.v3(path)
    if found is None:
        return None
    data, tag = found
    wanted = exchange.query.get("hash")
    if wanted and wanted[0] != tag:
        location = f"/openapi/v3/{path}?hash={tag}"
        return web.Response(status=301, headers={"Location": location})
    response = _tagged(exchange, data, tag)
    if wanted:
        response.headers["Cache-Control"] = "public, immutable"
        response.headers["Expires"] = formatdate(time.time() + _YEAR, usegmt=True)
    return response


def _tagged(exchange: Exchange, data: bytes, tag: str) -> web.Response:
    negotiated = _openapi_accepts(exchange.header("Accept"))
    if not negotiated:
        return web.Response(status=406)
    headers = {"ETag": f'"{tag}"', "Vary": "Accept"}
    if exchange.header("If-None-Match") in (f'"{tag}"', tag):
        return web.Response(status=304, headers=headers)
    response = send_bytes(exchange, data)
    response.headers.update(headers)
    return response


def _openapi_accepts(accept: str) -> bool:
    types = [clause.partition(";")[0].strip() for clause in accept.split(",")]
    return not accept or any(name in (JSON, "*/*", "application/*") for name in types)


def _version(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    return None if rest else send_bytes(exchange, dump_json_indented(VERSION))


def _metrics(router: Router, exchange: Exchange, rest: str) -> web.Response | None:
    if rest:
        return None
    data, media_type = router.metrics.render()
    return send_bytes(exchange, data, media_type=media_type)


_DOCUMENTS = {
    "": _index,
    "index.html": _index,
    "api": _core,
    "apis": _groups,
    "openapi": _openapi,
    "version": _version,
    "metrics": _metrics,
}
