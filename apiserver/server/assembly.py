"""Builds everything, top to bottom, once. The only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import attrgetter

from apiserver.access.access import Access
from apiserver.access.admission.enabled_plugins import PluginDependencies, build_plugins
from apiserver.controllers.controller_manager import build_controllers, running
from apiserver.endpoints.handlers.subresource import subresources, virtual_resources
from apiserver.endpoints.health import ENDPOINTS, Check, Health, Unhealthy
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.non_resource import NonResourcePaths
from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.routes import Router
from apiserver.endpoints.watch_streams import WatchStreams
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.codec import ObjectCodec, Stored
from apiserver.registry.loopback import Loopback
from apiserver.registry.registry import Registry
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.catalog import Catalog
from apiserver.server.bootstrap import Endpoint
from apiserver.server.endpoint_reconciler import Presence, kept_present
from storage.cache.cache import WatchCache
from storage.cache.selfcheck import check_periodically
from storage.codec import CodecStore
from storage.compaction import compact_periodically
from storage.errors import StorageError
from storage.interface import Store
from storage.observed import ObservedStore
from storage.open import open_store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """Where objects are kept, below which root key, and whether other servers keep theirs there.

    ``withdraws`` says whether the server is the only one of its address, so that nobody is there
    when it ends.
    """

    url: str
    root: str
    tls: Mapping[str, str]
    shared: bool = False
    withdraws: bool = True


@dataclass(frozen=True, slots=True)
class Habits:
    """What a server does by itself and to what passes through it.

    ``event_ttl`` and ``compaction`` are in seconds: how long events live, and how often history is
    compacted, 0 for never. ``plugins`` are the names of those of admission, ``controllers`` what
    ``--controllers`` says. ``doubts``: the cache is held against the store from time to time.
    """

    event_ttl: int
    compaction: float
    plugins: Sequence[str]
    controllers: Sequence[str]
    doubts: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """A server without its socket."""

    registry: Registry
    access: Access
    router: Router
    metrics: Metrics
    ready: asyncio.Event
    stopping: asyncio.Event

    def become_ready(self) -> None:
        """Let the controllers begin, now that they delay nobody's start."""
        self.ready.set()

    def stop_being_ready(self) -> None:
        """Let /readyz fail from now on."""
        self.stopping.set()


@asynccontextmanager
async def assembled(
    storage: Storage,
    endpoint: Endpoint,
    habits: Habits,
    access_to: Callable[[Registry], Access],
) -> AsyncIterator[Parts]:
    """Open the store and build everything that stands on it.

    ``access_to`` says who may come in, given the objects that may say so.
    """
    metrics = Metrics()
    ready, stopping = asyncio.Event(), asyncio.Event()
    raw = await open_store(storage.url, **storage.tls)
    try:
        observed = ObservedStore(raw, metrics.observe_storage)
        inner: CodecStore[Stored] = CodecStore(observed, ObjectCodec())
        async with WatchCache(inner, storage.root + "/", weigh=attrgetter("weight")) as cache:
            registry = Registry(
                builtin_catalog(), cache, storage.root, event_ttl=habits.event_ttl
            )
            metrics.gauges.update(_gauges(cache))
            access = access_to(registry)
            own = Loopback(registry, SYSTEM_USER, "kube-apiserver")
            dependencies = PluginDependencies(access.authorizer, own)
            registry.admit(build_plugins(habits.plugins, dependencies))
            address = f"{endpoint.address}:{endpoint.port}"
            router = Router(
                registry=registry,
                subresources=subresources(registry, access),
                virtual_resources=virtual_resources(registry, access),
                streams=WatchStreams(),
                non_resource=NonResourcePaths(
                    catalog=registry.catalog,
                    health=Health(_checks(cache, stopping)),
                    metrics=metrics,
                    openapi=OpenAPIService(registry.catalog),
                    address=address,
                    issuer=access.issuer_documents(address),
                ),
            )
            presence = Presence(registry, storage.root, endpoint, storage.shared)
            async with (
                kept_present(presence, withdraws=storage.withdraws),
                running(build_controllers(habits.controllers, registry), ready),
                _kept(raw, cache, habits),
            ):
                yield Parts(registry, access, router, metrics, ready, stopping)
    finally:
        await raw.close()


@asynccontextmanager
async def _kept(
    store: Store[bytes], cache: WatchCache[Stored], habits: Habits
) -> AsyncIterator[None]:
    """Compact the store, and doubt the cache if that is wanted, for as long as the block runs."""
    tasks = []
    if habits.compaction:
        compaction = compact_periodically(store, habits.compaction)
        tasks.append(asyncio.create_task(compaction, name="compaction"))
    if habits.doubts:
        tasks.append(asyncio.create_task(check_periodically(cache), name="cache-check"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def builtin_catalog() -> Catalog:
    """Return a catalogue of the built-in resources."""
    catalog = Catalog()
    for definition in builtin_definitions():
        catalog.add(definition)
    return catalog


def _checks(cache: WatchCache[Stored], stopping: asyncio.Event) -> dict[str, dict[str, Check]]:
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

    async def shutdown() -> None:
        if stopping.is_set():
            raise Unhealthy("the server is stopping")

    common: dict[str, Check] = {"ping": ping, "log": ping, "etcd": store}
    ready: dict[str, Check] = {
        **common,
        "etcd-readiness": store,
        "informer-sync": informer,
        "shutdown": shutdown,
    }
    return {name: ready if name == "readyz" else common for name in ENDPOINTS}


def _gauges(cache: WatchCache[Stored]) -> dict[str, tuple[str, Callable[[], float]]]:
    started = time.time()
    return {
        "apiserver_watch_cache_objects": ("Objects in memory.", lambda: float(len(cache))),
        "apiserver_longrunning_watches": ("Watches open.", lambda: float(cache.watchers)),
        "apiserver_storage_revision": ("The revision in memory.", lambda: float(cache.seen)),
        "process_start_time_seconds": ("When the server started.", lambda: started),
    }
