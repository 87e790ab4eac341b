"""Watches of all resources that feed the graph, as resources come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from apiserver.client.client import DELETED, Client, MetadataEvent
from apiserver.controllers.garbagecollector.graph import Due, Graph, WatchedResource, node_of
from apiserver.controllers.garbagecollector.owners import OwnerFinder
from apiserver.machinery.errors import StatusError
from apiserver.registry.yielding import Yielder

#: The interval between two checks of the served resources.
DISCOVERY_SECONDS: Final = 1.0
#: The time that the first watches have to show what exists before collection begins anyway.
_SYNC_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 1.0
_NEEDED: Final = frozenset({"list", "watch", "delete"})
# Events are too many, and expire anyway.
_IGNORED: Final = frozenset({("", "events"), ("events.k8s.io", "events")})

log = logging.getLogger(__name__)


class GraphWatches:
    """The watches; ``changed`` is called with what a change of the graph makes due.

    ``failed`` is called when a watch has failed.
    """

    def __init__(
        self,
        client: Client,
        graph: Graph,
        owners: OwnerFinder,
        changed: Callable[[Due], None],
        failed: Callable[[], None],
    ) -> None:
        self._client = client
        self._graph = graph
        self._owners = owners
        self._changed = changed
        self._failed = failed

    async def run(self, synced: asyncio.Event) -> None:
        """Watch until cancelled; ``synced`` is set once the graph shows all that existed."""
        running: dict[WatchedResource, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                served = await self._resources()
                for resource in running.keys() - served:
                    running.pop(resource).cancel()
                shown = []
                for resource in served - running.keys():
                    shown.append(asyncio.Event())
                    running[resource] = group.create_task(self._watch(resource, shown[-1]))
                if not synced.is_set():
                    await _wait_for_all(shown)
                    synced.set()
                await asyncio.sleep(DISCOVERY_SECONDS)

    async def _resources(self) -> set[WatchedResource]:
        return {
            WatchedResource(each.name, each.kind, each.namespaced)
            for each in await self._client.resources()
            if each.verbs >= _NEEDED and (each.name.group, each.name.resource) not in _IGNORED
        }

    async def _watch(self, resource: WatchedResource, shown: asyncio.Event) -> None:
        uids: set[str] = set()
        try:
            while True:
                try:
                    await self._follow(resource, uids, shown)
                except StatusError as error:
                    log.warning("watch of %s failed: %s", resource.name.resource, error)
                    self._failed()
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            shown.set()
            self._graph.forget(uids)

    async def _follow(
        self, resource: WatchedResource, uids: set[str], shown: asyncio.Event
    ) -> None:
        """Bring one watch into the graph; ``uids`` are those of the resource in the graph."""
        unseen: set[str] | None = set(uids)
        yielder = Yielder()
        async with aclosing(self._client.watch_metadata(resource.name)) as batches:
            async for batch in batches:
                if not batch and unseen is not None:
                    # Objects that only the previous watch has shown no longer exist.
                    for uid in unseen:
                        self._remove(uid, uids)
                    unseen = None
                    shown.set()
                for event in batch:
                    uid = self._apply(resource, event, uids)
                    if unseen is not None:
                        unseen.discard(uid)
                await yielder.yield_if_due()

    def _apply(self, resource: WatchedResource, event: MetadataEvent, uids: set[str]) -> str:
        node = node_of(resource, event.metadata)
        if event.type == DELETED:
            self._remove(node.uid, uids)
        else:
            uids.add(node.uid)
            due = self._graph.observe(node)
            if due:
                self._changed(due)
        return node.uid

    def _remove(self, uid: str, uids: set[str]) -> None:
        uids.discard(uid)
        node = self._graph.node(uid)
        if node is not None and self._graph.has_dependents(uid):
            self._owners.remember_absent(node)
        due = self._graph.remove(uid)
        if due:
            self._changed(due)


async def _wait_for_all(events: list[asyncio.Event]) -> None:
    try:
        async with asyncio.timeout(_SYNC_SECONDS):
            for event in events:
                await event.wait()
    except TimeoutError:
        log.warning("some watches have not shown their objects in %s seconds", _SYNC_SECONDS)
