"""A cluster whose writes are watched: a store that lets others in between, a plugin that counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from apiserver.access.admission.chain import AdmissionAttributes, Plugin
from apiserver.client.client import Reader
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions, ListOptions, WriteOptions, list_options
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.delete import delete_object
from apiserver.registry.patch import Patch, patch_object
from apiserver.registry.registry import Registry
from apiserver.registry.resource import Resource
from apiserver.registry.update import update_object
from apiserver.registry.write import Written
from storage.interface import NO_REQUIREMENTS, Batch, Change, Record
from storage.memory import MemoryStore
from tests.unit.cluster import CONFIG_MAPS, NAMESPACES, PODS, create, named, registry_over

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class WatchedStore(MemoryStore):
    """Counts commits, runs what a test wants done before one, and holds its feed back."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        #: Each is run once, before the next commit.
        self.before: list[Callable[[], Awaitable[Any]]] = []
        #: Raises to refuse the changes of a commit.
        self.check: Callable[[Sequence[Change[bytes]]], None] = lambda changes: None
        self.feeding = asyncio.Event()
        self.feeding.set()

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        if self.before:
            await self.before.pop(0)()
        self.commits += 1
        self.check(changes)
        return await super().commit(changes, requires=requires)

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        async for batch in super().watch(prefix, after=after):
            await self.feeding.wait()
            yield batch


@dataclass
class Counting:
    """Sees every write, on which revision of the object; refuses and warns as a test wants."""

    name: str = "Counting"
    seen: list[str] = field(default_factory=list)
    check: Callable[[AdmissionAttributes, Reader], None] = lambda attributes, reader: None

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource in (CONFIG_MAPS, PODS)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        old = attributes.old_object
        self.seen.append("" if old is None else old["metadata"]["resourceVersion"])
        self.check(attributes, reader)


class Cluster:
    """One server, or another one over the same store; the namespace ``ns`` is there."""

    def __init__(self, registry: Registry, store: WatchedStore, plugin: Counting) -> None:
        self.registry = registry
        self.store = store
        self.plugin = plugin
        self.warnings: list[str] = []

    def resource(self, resource: GroupVersionResource) -> Resource:
        found = self.registry.resource(*resource)
        assert found is not None
        return found

    def context(self, name: str, namespace: str = "ns", subresource: str = "") -> RequestContext:
        return RequestContext(SYSTEM_USER, namespace, name, subresource, "tests", self.warnings)

    def get(self, resource: GroupVersionResource, name: str, namespace: str = "ns") -> Object:
        """Return an object as this server knows it."""
        found = self.registry.reader.get(resource, namespace, name)
        assert found is not None
        return found

    def exists(self, resource: GroupVersionResource, name: str, namespace: str = "ns") -> bool:
        return self.registry.reader.get(resource, namespace, name) is not None

    async def create(
        self, resource: GroupVersionResource, document: Object, **options: Any
    ) -> Written:
        context = self.context("", namespace_of(document))
        document = self.read(resource, document)
        return await create_object(
            self.resource(resource), context, document, WriteOptions(**options)
        )

    async def update(
        self, resource: GroupVersionResource, document: Object, part: str = "", **options: Any
    ) -> Written:
        context = self.context(name_of(document), namespace_of(document), part)
        document = self.read(resource, document)
        return await update_object(
            self.resource(resource), context, document, WriteOptions(**options)
        )

    async def patch(
        self,
        resource: GroupVersionResource,
        name: str,
        body: bytes,
        media_type: str = MERGE,
        **options: Any,
    ) -> Written:
        namespace = "" if resource == NAMESPACES else "ns"
        return await patch_object(
            self.resource(resource),
            self.context(name, namespace),
            Patch(media_type, body),
            WriteOptions(**options),
        )

    async def delete(self, resource: GroupVersionResource, name: str, **options: Any) -> Written:
        return await delete_object(
            self.resource(resource), self.context(name), DeleteOptions(**options)
        )

    def read(self, resource: GroupVersionResource, document: Object) -> Object:
        """Return a document as a client's request is read."""
        found = self.resource(resource)
        kind = {"kind": found.definition.kind, "apiVersion": resource.api_version}
        return {**kind, **found.types.decode_json(document).object}


@asynccontextmanager
async def watched_cluster(*plugins: Plugin) -> AsyncIterator[Cluster]:
    """Yield a cluster with a namespace ``ns``, whose writes pass a counting plugin, and others."""
    store = WatchedStore()
    async with registry_over(store) as registry:
        plugin = Counting()
        registry.admit([plugin, *plugins])
        await create(registry, NAMESPACES, named("ns"))
        cluster = Cluster(registry, store, plugin)
        store.commits = 0
        yield cluster
    await store.close()


@asynccontextmanager
async def another_server(cluster: Cluster) -> AsyncIterator[Cluster]:
    """Yield another server over the store of a cluster."""
    async with registry_over(cluster.store) as registry:
        yield Cluster(registry, cluster.store, Counting())


def config_map(name: str = "c", **data: str) -> Object:
    return {**named(name, "ns"), "data": data}


async def refusal(request: Awaitable[object]) -> tuple[int, str]:
    """Return code and message of the refusal of a request."""
    try:
        await request
    except StatusError as error:
        return error.code, error.message
    raise AssertionError("it was not refused")


def asked(query: str = "") -> ListOptions:
    """Return the options of a list or watch with such a query."""
    return list_options(parse_qs(query, keep_blank_values=True))
