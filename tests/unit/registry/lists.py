"""Objects that are made and listed in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.registry.list import ObjectList, list_objects
from tests.unit.cluster import CONFIG_MAPS, named
from tests.unit.registry.watched import Cluster, asked


def labelled(name: str, namespace: str = "ns", **labels: str) -> Object:
    return {**named(name, namespace, labels=labels), "data": {}}


async def make(cluster: Cluster, *names: str, **labels: str) -> list[str]:
    """Create ConfigMaps; return their resourceVersions."""
    made = [await cluster.create(CONFIG_MAPS, labelled(name, **labels)) for name in names]
    return [str(written.stored.revision) for written in made]


async def listed(
    cluster: Cluster, query: str = "", namespace: str = "ns", of: GroupVersionResource = CONFIG_MAPS
) -> ObjectList:
    return await list_objects(cluster.resource(of), namespace, asked(query))


def names(found: ObjectList) -> list[str]:
    return [stored.metadata["name"] for stored in found.items]


async def pages(cluster: Cluster, query: str) -> AsyncIterator[ObjectList]:
    page = await listed(cluster, query)
    yield page
    while page.continue_token:
        page = await listed(cluster, f"{query}&continue={page.continue_token}")
        yield page
