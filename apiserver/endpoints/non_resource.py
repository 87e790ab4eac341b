"""Paths that are about no resource: discovery, OpenAPI, version, health, metrics, issuer's keys.

Which methods they take differs, as it does upstream: those that are routed as the API is take GET
alone, the others do not ask. A handler returns ``None`` for a path that it does not know.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from apiserver.endpoints import discovery, health
from apiserver.endpoints.errors import plain_not_found
from apiserver.endpoints.negotiation import (
    AGGREGATED,
    JSON,
    bare,
    negotiate,
    negotiate_discovery,
    negotiate_openapi,
)
from apiserver.endpoints.openapi import Document
from apiserver.endpoints.payloads import SLICE, Slices
from apiserver.endpoints.request import Exchange
from apiserver.endpoints.response_writers import send_bytes, send_document
from apiserver.machinery.documents import dump_json, dump_json_indented
from apiserver.machinery.errors import MethodNotSupported, NotFound
from apiserver.version import VERSION

if TYPE_CHECKING:
    from apiserver.endpoints.routes import Router
    from apiserver.resources.catalog import Catalog

DocumentHandler = Callable[["Router", Exchange, str], Awaitable[web.StreamResponse | None]]

TEXT: Final = "text/plain; charset=utf-8"
_YEAR: Final = 365 * 24 * 3600
_SMALL: Final = 1400
_AGGREGATED_TYPE: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_OPENAPI_V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#: The second name of the protobuf form is no media type, and is the one that clients ask for.
_OPENAPI_V2_TYPES: Final = (
    JSON,
    _OPENAPI_V2_PROTOBUF,
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
)
_ISSUER_TYPES: Final = {
    "/.well-known/openid-configuration": JSON,
    "/openid/v1/jwks": "application/jwk-set+json",
}
_PATHS: Final = (
    "/api", "/api/v1", "/apis", "/apis/", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/",
    "/version",
)  # fmt: skip


async def handle(router: Router, exchange: Exchange) -> web.StreamResponse:
    """Answer one of these paths."""
    root, _, rest = exchange.info.path[1:].partition("/")
    handler = _HANDLERS.get(root)
    response = await handler(router, exchange, rest) if handler else None
    return response or plain_not_found()


async def _index(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    if rest:
        return None
    paths = {*_PATHS, *router.issuer, *_group_paths(router.registry.catalog)}
    for endpoint, checks in router.health.checks.items():
        paths |= {f"/{endpoint}", *(f"/{endpoint}/{name}" for name in checks)}
    return send_bytes(exchange, dump_json_indented({"paths": sorted(paths)}))


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


async def _health(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    endpoint, slash, name = exchange.info.path[1:].partition("/")
    if slash:
        if not router.health.knows(endpoint, name):
            return None
        report = await router.health.single(endpoint, name)
    else:
        report = await router.health.report(
            endpoint,
            verbose="verbose" in exchange.query,
            excluded=exchange.query.get("exclude", ()),
        )
    response = send_bytes(exchange, report.text.encode(), report.status, TEXT)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _core(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse:
    _only_get(exchange)
    version = rest.rstrip("/")
    if version:
        return _resource_list(router, exchange, "", version)
    return _group_list(router, exchange, discovery.api_versions(router.address), core=True)


async def _groups(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    catalog = router.registry.catalog
    group, _, version = rest.rstrip("/").partition("/")
    if not group:
        return _group_list(router, exchange, discovery.api_group_list(catalog), core=False)
    if not catalog.has_group(group):
        return None
    if not version:
        document = discovery.api_group(catalog, group)
        return send_document(exchange, negotiate(exchange.header("Accept")), document)
    if catalog.has_builtin_group(group):
        _only_get(exchange)
    elif not catalog.resources(group, version):
        return None
    return _resource_list(router, exchange, group, version)


def _resource_list(
    router: Router, exchange: Exchange, group: str, version: str
) -> web.StreamResponse:
    document = discovery.api_resource_list(router.registry.catalog, group, version)
    if document is None:
        raise NotFound.path()
    return send_document(exchange, negotiate(exchange.header("Accept")), document)


def _group_list(
    router: Router, exchange: Exchange, plain: dict[str, Any], *, core: bool
) -> web.StreamResponse:
    representation = negotiate_discovery(exchange.header("Accept"))
    if representation.transform != AGGREGATED:
        return send_document(exchange, representation, plain)
    catalog = router.registry.catalog
    data, tag = catalog.derived(("aggregated", core), lambda: _aggregated(catalog, core=core))
    headers = {"ETag": f'"{tag}"', "Vary": "Accept", "Cache-Control": "public"}
    if _has(exchange, tag):
        return web.Response(status=304, headers=headers)
    response = send_bytes(exchange, data, media_type=_AGGREGATED_TYPE)
    response.headers.update(headers)
    return response


def _aggregated(catalog: Catalog, *, core: bool) -> tuple[bytes, str]:
    data = dump_json(discovery.aggregated(catalog, core=core))
    return data + b"\n", discovery.etag(data)


async def _openapi(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    version, _, name = rest.partition("/")
    if version == "v2":
        return None if name else await _openapi_v2(router, exchange)
    if version != "v3":
        return None
    if not name:
        return await _tagged(exchange, await router.openapi.v3_index(), TEXT)
    document = await router.openapi.v3(name)
    if document is None:
        return web.Response(status=404)
    wanted = exchange.query.get("hash", [""])[0]
    if wanted and wanted != document.etag:
        return _moved(f"/openapi/v3/{name}?hash={document.etag}")
    response = await _negotiated(exchange, document)
    if wanted:
        response.headers["Cache-Control"] = "public, immutable"
        response.headers["Expires"] = formatdate(time.time() + _YEAR, usegmt=True)
    return response


async def _openapi_v2(router: Router, exchange: Exchange) -> web.StreamResponse:
    wanted = negotiate_openapi(exchange.header("Accept"), _OPENAPI_V2_TYPES)
    if wanted == JSON:
        return await _varying(exchange, await router.openapi.v2(), JSON)
    if not wanted:
        return web.Response(status=406)
    return await _varying(exchange, await router.openapi.v2_protobuf(), _OPENAPI_V2_PROTOBUF)


async def _negotiated(exchange: Exchange, document: Document) -> web.StreamResponse:
    if not negotiate_openapi(exchange.header("Accept")):
        return web.Response(status=406)
    return await _varying(exchange, document, JSON)


async def _varying(exchange: Exchange, document: Document, media_type: str) -> web.StreamResponse:
    response = await _tagged(exchange, document, media_type)
    response.headers.add("Vary", "Accept")
    return response


async def _tagged(exchange: Exchange, document: Document, media_type: str) -> web.StreamResponse:
    headers = {"ETag": f'"{document.etag}"'}
    if _has(exchange, document.etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = media_type
    if len(document.compressed) >= _SMALL and "gzip" in _encodings(exchange):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return web.Response(body=document.compressed, headers=headers)
    if document.size <= SLICE:
        return web.Response(body=document.plain(), headers=headers)
    plain = await asyncio.to_thread(document.plain)
    return web.Response(body=Slices([plain], len(plain), media_type), headers=headers)


def _encodings(exchange: Exchange) -> list[str]:
    return [bare(each) for each in exchange.header("Accept-Encoding").split(",")]


def _has(exchange: Exchange, tag: str) -> bool:
    """Tell whether the client has the document of this tag already."""
    header = exchange.header("If-None-Match")
    known = [each.strip().removeprefix("W/") for each in header.split(",")]
    return "*" in known or f'"{tag}"' in known


def _moved(location: str) -> web.StreamResponse:
    body = f'<a href="{html.escape(location)}">Moved Permanently</a>.\n\n'
    headers = {"Location": location, "Content-Type": "text/html; charset=utf-8"}
    return web.Response(status=301, body=body.encode(), headers=headers)


async def _version(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    if rest:
        return None
    _only_get(exchange)
    return send_bytes(exchange, dump_json_indented(VERSION))


async def _metrics(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    if exchange.info.path != "/metrics":
        return None
    data, media_type = router.metrics.render()
    return send_bytes(exchange, data, media_type=media_type)


async def _issuer(router: Router, exchange: Exchange, rest: str) -> web.StreamResponse | None:
    path = exchange.info.path.rstrip("/")
    data = router.issuer.get(path)
    if data is None or path not in _ISSUER_TYPES:
        return None
    _only_get(exchange)
    response = send_bytes(exchange, data, media_type=_ISSUER_TYPES[path])
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _only_get(exchange: Exchange) -> None:
    if exchange.method != "GET":
        raise MethodNotSupported.on_path()


_HANDLERS: Final[Mapping[str, DocumentHandler]] = {
    "": _index,
    "index.html": _index,
    "api": _core,
    "apis": _groups,
    **dict.fromkeys(health.ENDPOINTS, _health),
    "openapi": _openapi,
    "version": _version,
    "metrics": _metrics,
    ".well-known": _issuer,
    "openid": _issuer,
}
