"""A cluster without a server: a registry over a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from apiserver.client.webhook import WebhookClient
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, namespace_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.codec import ObjectCodec
from apiserver.registry.context import RequestContext
from apiserver.registry.create import create_object
from apiserver.registry.registry import Registry
from apiserver.registry.service_resolver import service_resolver
from apiserver.registry.stored import Stored
from apiserver.resources.allocation import ServiceRanges
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.schema.structtypes import struct_of_kind
from storage.cache.cache import WatchCache
from storage.codec import CodecStore
from storage.interface import Store
from storage.open import open_store

ROOT = "/registry"
NAMESPACES = GroupVersionResource("", "v1", "namespaces")
CONFIG_MAPS = GroupVersionResource("", "v1", "configmaps")
PODS = GroupVersionResource("", "v1", "pods")


@asynccontextmanager
async def registry_in_memory() -> AsyncIterator[Registry]:
    """Yield the registry of an empty cluster."""
    raw = await open_store("memory://")
    async with registry_over(raw) as registry:
        yield registry
    await raw.close()


@asynccontextmanager
async def registry_over(
    raw: Store[bytes], ranges: ServiceRanges | None = None
) -> AsyncIterator[Registry]:
    """Yield the registry of one server over a store that may have several."""
    inner: CodecStore[Stored] = CodecStore(raw, ObjectCodec(struct_of_kind))
    async with WatchCache(inner, ROOT + "/") as cache:
        yield Registry(builtin_catalog(), cache, ROOT, event_ttl=3600, ranges=ranges)


async def create(registry: Registry, resource: GroupVersionResource, document: Object) -> Object:
    """Create an object as an administrator does."""
    found = registry.resource(*resource)
    assert found is not None
    canonical = found.types.decode_json(document)
    assert not canonical.problems
    kind = {"kind": found.definition.kind, "apiVersion": resource.api_version}
    context = RequestContext(SYSTEM_USER, namespace_of(document), user_agent="tests")
    written = await create_object(found, context, {**kind, **canonical.object}, WriteOptions())
    return written.stored.object


def named(name: str, namespace: str = "", **metadata: Any) -> Object:
    """Return an object that has metadata and nothing else."""
    where = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": name, **where, **metadata}}


def pod(name: str, namespace: str, **spec: Any) -> Object:
    """Return a Pod of one container."""
    return {
        **named(name, namespace),
        "spec": {"containers": [{"name": "c", "image": "i"}], **spec},
    }


def webhooks_of(registry: Registry) -> WebhookClient:
    """Return what calls webhooks, for a test that has none: nothing needs to be closed then."""
    return WebhookClient(service_resolver(registry))
