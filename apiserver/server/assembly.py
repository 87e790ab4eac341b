"""Builds everything from a Config, top to bottom, once. The only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from apiserver.endpoints.errors import error_response
from apiserver.endpoints.exchange import Exchange, Handler, split_target
from apiserver.endpoints.filters import filtered
from apiserver.endpoints.health import ENDPOINTS, Check, Health, Unhealthy
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.openapi import OpenAPIDocuments
from apiserver.endpoints.request_info import parse
from apiserver.endpoints.routes import Router
from apiserver.endpoints.stream import Streams
from apiserver.machinery.errors import BadRequest
from apiserver.registry.codec import ObjectCodec, Stored
from apiserver.registry.registry import Registry
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.catalog import Catalog
from apiserver.server.bootstrap import Endpoint, bootstrap
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.errors import StorageError
from storage.observed import ObservedStore
from storage.open import open_store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """Where objects are kept, and below which root key."""

    url: str
    root: str
    tls: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parts:
    """A server without its socket."""

    registry: Registry
    router: Router
    metrics: Metrics


@asynccontextmanager
async def assembled(storage: Storage, endpoint: Endpoint, event_ttl: int) -> AsyncIterator[Parts]:
    """Open the store and build everything that stands on it."""
    metrics = Metrics()
    raw = await open_store(storage.url, **storage.tls)
    try:
        observed = ObservedStore(raw, metrics.observe_storage)
        inner: CodecStore[Stored] = CodecStore(observed, ObjectCodec())
        async with WatchCache(inner, storage.root + "/") as cache:
            registry = Registry(builtin_catalog(), cache, storage.root, event_ttl)
            await bootstrap(registry, endpoint)
            metrics.gauges.update(_gauges(cache))
            router = Router(
                registry=registry,
                streams=Streams(),
                health=Health(_checks(cache)),
                metrics=metrics,
                openapi=OpenAPIDocuments(registry.catalog),
                address=f"{endpoint.address}:{endpoint.port}",
            )
            yield Parts(registry, router, metrics)
    finally:
        await raw.close()


def builtin_catalog() -> Catalog:
    """Return a catalogue of the built-in resources."""
    catalog = Catalog()
    for definition in builtin_definitions():
        catalog.add(definition)
    return catalog


def http_handler(handler: Handler) -> partial[object]:
    """Return ``handler`` as aiohttp calls it."""
    return partial(_handle, handler)


async def _handle(handler: Handler, request: web.BaseRequest) -> web.StreamResponse:
    try:
        path, query = split_target(request.raw_path)
    except ValueError:
        return error_response(BadRequest("the query cannot be understood"), "")
    return await handler(Exchange(request, parse(request.method, path), query))


def _checks(cache: WatchCache[Stored]) -> dict[str, dict[str, Check]]:
    async def ping() -> None:
        return

    async def store() -> None:
        try:
            await cache.revision()
        except StorageError as error:
            raise Unhealthy(str(error)) from error

    async def informer() -> None:
        if not await cache.reach(await cache.revision()):
            raise Unhealthy("the cache does not follow the store")

    common: dict[str, Check] = {"ping": ping, "log": ping, "etcd": store}
    ready: dict[str, Check] = {**common, "etcd-readiness": store, "informer-sync": informer}
    return {name: ready if name == "readyz" else common for name in ENDPOINTS}


def _gauges(cache: WatchCache[Stored]) -> dict[str, tuple[str, object]]:
    started = time.time()
    return {
        "apiserver_watch_cache_objects": ("Objects in memory.", lambda: float(len(cache))),
        "apiserver_longrunning_watches": ("Watches open.", lambda: float(cache.watchers)),
        "apiserver_storage_revision": ("The revision in memory.", lambda: float(cache.seen)),
        "process_start_time_seconds": ("When the server started.", lambda: started),
    }


