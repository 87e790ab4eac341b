"""Builds a server from its parts, top to bottom. The only module that knows all of them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import field
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from apiserver.access.access import Access
from apiserver.access.admission.admission_configuration import AdmissionSettings
from apiserver.access.authorization.authorizer import (
    AuthorizationAttributes,
    Authorizer,
    Verdict,
)
from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.client.webhook import WebhookClient
from apiserver.controllers.certificates.signing_controllers import Sign
from apiserver.controllers.controller_manager import (
    ControllerManager,
    ControllerOptions,
    build_manager,
    run_controllers,
)
from apiserver.controllers.service_allocations import repairing_allocations
from apiserver.endpoints.handlers.component_health import (
    ComponentStatusHandlers,
)
from apiserver.endpoints.handlers.subresource import subresources, virtual_resources
from apiserver.endpoints.health import Health
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.non_resource import NonResourcePaths
from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.endpoints.routes import Router, ServedRouter
from apiserver.endpoints.watch_channels import Channel, channel_for
from apiserver.endpoints.watch_streams import WatchStreams
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.component_statuses import ComponentStatuses
from apiserver.registry.customresources import CustomResources
from apiserver.registry.flow_reflectors import adjust_periodically, flow_reflectors
from apiserver.registry.node_reflectors import node_reflectors
from apiserver.registry.offload import offload
from apiserver.registry.rbac_reflectors import rbac_reflectors
from apiserver.registry.reflector import Reflector, running_reflectors
from apiserver.registry.registry import Registry
from apiserver.registry.service_resolver import service_resolver
from apiserver.registry.stored import Stored
from apiserver.resources.builtin.kinds import builtin_catalog, served_catalog
from apiserver.schema.structtypes import struct_of_kind
from apiserver.server.admission_assembly import build_admission
from apiserver.server.bootstrap import Endpoint
from apiserver.server.endpoint_reconciler import EndpointReconciler, reconciling_endpoints
from apiserver.server.health_checks import (
    cache_gauges,
    check_controllers,
    check_kms,
    component_probes,
    health_checks,
)
from apiserver.server.rbac_bootstrap import BOOTSTRAP_ROLES, BootstrapRoles, bootstrapping_roles
from apiserver.version import MINOR, version_info
from storage.cache.cache import WatchCache
from storage.cache.selfcheck import check_periodically
from storage.codec import CodecStore
from storage.compaction import compact_periodically
from storage.errors import Unavailable
from storage.interface import FeedStore, Store
from storage.observed import ObservedStore
from storage.open import open_store
from storage.transform import TransformStore

if TYPE_CHECKING:
    # It imports ciphers, so only servers with encryption at rest import it.
    from apiserver.registry.encryption.encryption import Encryption

_OPEN_RETRY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


@valueclass
class StorageOptions:
    """The store of a server; ``root`` is the prefix of all keys.

    ``shared``: other servers use the same store. ``removes_lease``: when the server stops, whether
    no other serves at its address, so that its master lease is removed. ``allow_empty``: a SQLite
    file of 0 bytes is a new store. ``encryption``: how the objects are encrypted, if they are.
    """

    url: str
    root: str
    tls: Mapping[str, str]
    shared: bool = False
    removes_lease: Callable[[], bool] = lambda: True
    allow_empty: bool = False
    encryption: Encryption | None = None


@valueclass
class ServerOptions:
    """Options of a server that concern neither its store nor its clients.

    ``event_ttl`` and ``compaction`` are in seconds: the lifetime of Events, and the compaction
    interval, 0 for none. ``plugins`` are names of admission plugins, ``controllers`` the value of
    ``--controllers``. ``check_cache``: the cache is compared with the store periodically.
    ``root_ca`` has the certificates that verify the server, in PEM. ``published_trust`` has the
    authorities that this server trusts, for other API servers.
    """

    event_ttl: int
    compaction: float
    plugins: Sequence[str]
    controllers: Sequence[str]
    check_cache: bool = False
    root_ca: str = ""
    sign: Sign | None = None
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    published_trust: Mapping[str, str] = field(default_factory=dict)
    flow_control: FlowControl | None = None
    #: The minor version of Kubernetes that clients find.
    emulated: str = MINOR


async def open_configured_store(storage: StorageOptions) -> FeedStore[bytes]:
    """Open the store. One that other servers use, too, is waited for until it answers."""
    while True:
        try:
            return await open_store(storage.url, allow_empty=storage.allow_empty, **storage.tls)
        except Unavailable as error:
            if not storage.shared:
                raise
            log.warning("the server starts when its store answers: %s", error)
        await asyncio.sleep(_OPEN_RETRY_SECONDS)


@valueclass
class ServerEnvironment:
    """The dependencies of a server on its environment, which a server for tests replaces.

    ``channel_for`` returns the transport of a watch, ``sleep`` passes the time between two
    compactions. ``uids_recur``: what was deleted may come back with its uid.
    """

    open_store: Callable[[StorageOptions], Awaitable[FeedStore[bytes]]]
    channel_for: Callable[[HTTPRequest], Channel] = channel_for
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uids_recur: bool = False


PRODUCTION: Final = ServerEnvironment(open_configured_store)


@valueclass
class Server:
    """The parts of a server that is ready to be served on a socket."""

    registry: Registry
    access: Access
    router: Router
    metrics: Metrics
    ready: asyncio.Event
    stopping: asyncio.Event
    reflectors: Sequence[Reflector]
    manager: ControllerManager

    def become_ready(self) -> None:
        """Start the controllers. They wait until then so that they do not delay the start."""
        self.ready.set()

    def stop_being_ready(self) -> None:
        """Make /readyz fail from now on."""
        self.stopping.set()


@asynccontextmanager
async def build_server(
    storage: StorageOptions,
    endpoint: Endpoint,
    options: ServerOptions,
    build_access: Callable[[Registry], Access],
    environment: ServerEnvironment = PRODUCTION,
) -> AsyncIterator[Server]:
    """Open the store and build a server on it; stop and close both when the block ends.

    ``build_access`` returns the authenticators and authorizers, which may read stored objects.
    """
    metrics = Metrics()
    ready, stopping = asyncio.Event(), asyncio.Event()
    raw = await environment.open_store(storage)
    try:
        observed = ObservedStore(raw, metrics.observe_storage)
        encryption = storage.encryption
        source = observed if encryption is None else TransformStore(observed, encryption)
        inner: CodecStore[Stored] = CodecStore(source, ObjectCodec(struct_of_kind))
        async with (
            nullcontext() if encryption is None else encryption.running(),
            WatchCache(inner, storage.root + "/", size_of=attrgetter("size")) as cache,
        ):
            _follow(encryption, cache, metrics)
            registry = _new_registry(cache, storage.root, endpoint, options)
            metrics.gauges.update(cache_gauges(cache))
            access = build_access(registry)
            webhooks = WebhookClient(service_resolver(registry), offload=offload)
            admission = build_admission(registry, access, options.plugins, options.admission)
            registry.admit(admission.plugins)
            manager = build_manager(
                _controllers(storage, options, access, environment), registry, webhooks
            )
            metrics.parts.append(manager)
            checks = health_checks(observed, cache, stopping)
            if encryption is not None:
                for known in checks.values():
                    known["kms-providers"] = check_kms(encryption)
            checks["readyz"]["controllers"] = check_controllers(manager)
            custom = CustomResources(registry, webhooks)
            address = f"{endpoint.address}:{endpoint.port}"
            router = (Router if options.emulated == MINOR else ServedRouter)(
                registry=registry,
                subresources=subresources(registry, access),
                virtual_resources=virtual_resources(registry, access),
                component_statuses=ComponentStatusHandlers(
                    ComponentStatuses(component_probes(observed))
                ),
                streams=WatchStreams(environment.channel_for),
                non_resource=NonResourcePaths(
                    catalog=registry.served,
                    health=Health(checks),
                    metrics=metrics,
                    openapi=OpenAPIService(registry.served, custom.schema, minor=options.emulated),
                    address=address,
                    issuer=access.issuer_documents(address),
                    version=version_info(options.emulated),
                    flow_control=options.flow_control,
                ),
            )
            reconciler = EndpointReconciler(registry, storage.root, endpoint, storage.shared)
            if options.flow_control is not None:
                metrics.parts.append(options.flow_control)
            reflectors = [
                *_access_reflectors(registry, access, options),
                *admission.reflectors,
                custom.reflector(),
            ]
            roles = BootstrapRoles(registry)
            checks["readyz"][BOOTSTRAP_ROLES] = roles.check
            checks["healthz"][BOOTSTRAP_ROLES] = roles.check
            async with (
                access.running(),
                webhooks,
                admission,
                running_reflectors(reflectors),
                reconciling_endpoints(reconciler, storage.removes_lease),
                bootstrapping_roles(roles),
                run_controllers(manager, ready),
                repairing_allocations(registry, ready),
                _background_tasks(raw, cache, options, environment.sleep),
            ):
                yield Server(
                    registry, access, router, metrics, ready, stopping, reflectors, manager
                )
    finally:
        await raw.close()


def _access_reflectors(
    registry: Registry, access: Access, options: ServerOptions
) -> Iterator[Reflector]:
    """Yield the reflectors of the data that filters use."""
    yield from rbac_reflectors(registry, access.rbac)
    if options.flow_control is not None:
        yield from flow_reflectors(registry, options.flow_control)
    if access.nodes is not None:
        yield from node_reflectors(registry, access.nodes)


@asynccontextmanager
async def _background_tasks(
    store: Store[bytes],
    cache: WatchCache[Stored],
    options: ServerOptions,
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[None]:
    """Run the periodic tasks while the block runs.

    The store is compacted, seats are lent and borrowed, and the cache is checked if enabled.
    """
    tasks = []
    if options.flow_control is not None:
        adjusting = adjust_periodically(options.flow_control)
        tasks.append(asyncio.create_task(adjusting, name="priority-levels"))
    if options.compaction:
        compaction = compact_periodically(store, options.compaction, sleep)
        tasks.append(asyncio.create_task(compaction, name="compaction"))
    if options.check_cache:
        tasks.append(asyncio.create_task(check_periodically(cache), name="cache-check"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _new_registry(
    cache: WatchCache[Stored], root: str, endpoint: Endpoint, options: ServerOptions
) -> Registry:
    catalog, minor = builtin_catalog(options.emulated), options.emulated
    return Registry(
        catalog,
        cache,
        root,
        event_ttl=options.event_ttl,
        ranges=endpoint.ranges,
        # The server itself needs kinds that an earlier version does not have.
        served=None if minor == MINOR else served_catalog(catalog, minor),
    )


def _controllers(
    storage: StorageOptions, options: ServerOptions, access: Access, environment: ServerEnvironment
) -> ControllerOptions:
    identity = f"{socket.gethostname()}_{uuid4()}" if storage.shared else ""
    issue = access.tokens.issue_legacy
    return ControllerOptions(
        options.controllers,
        identity,
        options.root_ca,
        issue,
        options.published_trust,
        environment.uids_recur,
        options.sign,
        partial(_is_allowed, access.authorizer),
    )


async def _is_allowed(authorizer: Authorizer, attributes: AuthorizationAttributes) -> bool:
    return (await authorizer.authorize(attributes)).verdict is Verdict.ALLOW


def _follow(encryption: Encryption | None, cache: WatchCache[Stored], metrics: Metrics) -> None:
    if encryption is not None:
        encryption.changed = cache.reload
        metrics.parts.append(encryption)
