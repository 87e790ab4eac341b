"""A watch of one server, read by hand, and the ConfigMaps that it sees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.registry.watch import Watch, WatchEvent, watch_objects
from tests.unit.cluster import CONFIG_MAPS, named
from tests.unit.registry.watched import (
    Cluster,
    asked,
)


class Client:
    """Reads a watch of one server; every event is shown as its type, name and revision."""

    def __init__(self, cluster: Cluster, watch: Watch) -> None:
        self.cluster = cluster
        self.watch = watch
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    async def opening(self) -> list[tuple[str, str, int]]:
        """Return what the watch begins with."""
        found = [shown(event) async for events in self.watch.opening() for event in events]
        self.watch.subscribed(self.wake)
        return found

    async def events(self) -> list[WatchEvent]:
        """Return everything that has happened since."""
        await self.cluster.registry.store.wait_until_fresh()
        return [event for part in self.watch.take_parts() for event in self.watch.select(part)]

    async def due(self) -> list[tuple[str, str, int]]:
        return list(map(shown, await self.events()))


def shown(event: WatchEvent) -> tuple[str, str, int]:
    return event.type, event.stored.metadata.get("name", ""), event.revision


@asynccontextmanager
async def watching(
    cluster: Cluster, query: str = "", namespace: str = "ns", of: GroupVersionResource = CONFIG_MAPS
) -> AsyncIterator[Client]:
    watch = await watch_objects(cluster.resource(of), namespace, asked(query))
    with closing(watch):
        yield Client(cluster, watch)


async def make(
    cluster: Cluster, *names: str, namespace: str = "ns", **labels: str
) -> Sequence[int]:
    """Create ConfigMaps; return their revisions."""
    documents = [named(name, namespace, labels=labels) for name in names]
    made = [await cluster.create(CONFIG_MAPS, document) for document in documents]
    return [written.stored.revision for written in made]


async def label(cluster: Cluster, name: str, value: str) -> int:
    body = b'{"metadata":{"labels":{"x":"%b"}}}' % value.encode()
    return (await cluster.patch(CONFIG_MAPS, name, body)).stored.revision
