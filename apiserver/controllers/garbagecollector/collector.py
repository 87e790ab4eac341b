"""Garbage collector: deletes what has lost its owners, and finishes what deletions wait for.

It watches every resource that can be listed, watched and deleted, and keeps a graph of them. The
graph says what to look at; every decision is made on the current state of an object and carries
its uid and resourceVersion as preconditions. An owner counts as absent only after a look-up.

See the Kubernetes documentation, "Garbage Collection" and "Owners and Dependents".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final

from apiserver.client.client import (
    STRATEGIC_MERGE_PATCH,
    Client,
)
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.event_recorder import WARNING, EventRecorder
from apiserver.controllers.finalizers import finalizer_removal
from apiserver.controllers.garbagecollector.decisions import (
    RemoveReferences,
    decide,
    merged_removal,
    strategic_removal,
    unblocking,
)
from apiserver.controllers.garbagecollector.graph import Due, Graph, Node, references_of
from apiserver.controllers.garbagecollector.owners import (
    MAX_ABSENT,
    NamespacedOwner,
    OwnerFinder,
    UnknownOwnerKind,
)
from apiserver.controllers.garbagecollector.watches import GraphWatches
from apiserver.machinery.errors import NotFound, UnsupportedMediaType
from apiserver.machinery.instruments import COUNTER, Family
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.registry.yielding import Yielder
from apiserver.resources.strategy import FOREGROUND_FINALIZER, ORPHAN_FINALIZER

_NAME: Final = "garbage-collector-controller"
#: The time for the watches to show the dependents of an owner whose deletion concerns them.
SETTLING_SECONDS: Final = 0.1
_ORPHANED_AT_ONCE: Final = 8

log = logging.getLogger(__name__)


class GarbageCollector:
    """Reconciles objects; keys are their uids.

    ``uids_recur``: what was deleted may come back with its uid.
    """

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client, *, uids_recur: bool = False) -> None:
        self._client = client
        self._events = EventRecorder(client, _NAME)
        self._owners = OwnerFinder(client, 0 if uids_recur else MAX_ABSENT)
        self._graph = Graph()
        self._synced = asyncio.Event()
        self._yielder = Yielder()
        self._sync_errors = 0

    def families(self) -> Iterator[Family]:
        """Return the metrics of the collector's own."""
        yield Family(
            "garbagecollector_controller_resources_sync_error",
            "Watches of resources that have failed.",
            (),
            {(): float(self._sync_errors)},
            COUNTER,
        )

    def _count_sync_error(self) -> None:
        self._sync_errors += 1

    async def feed(self, queue: WorkQueue) -> None:
        """Watch every resource and queue what is due, until cancelled."""
        self._graph = Graph()
        self._synced.clear()
        async with asyncio.TaskGroup() as group:

            def changed(due: Due) -> None:
                for uid in due.uids:
                    node = self._graph.node(uid)
                    if node is not None and (node.orphaning or node.foreground):
                        queue.add_after(uid, SETTLING_SECONDS)
                    else:
                        queue.add(uid)
                for node, reference in due.misplaced:
                    namespace = node.namespace
                    shown = (
                        f"[{reference.api_version}/{reference.kind}, namespace: {namespace}, "
                        f"name: {reference.name}, uid: {reference.uid}]"
                    )
                    text = f"ownerRef {shown} does not exist in namespace {quote(namespace)}"
                    event = self._events.record(
                        _reference_to(node), WARNING, "OwnerRefInvalidNamespace", text
                    )
                    group.create_task(event)

            watches = GraphWatches(
                self._client, self._graph, self._owners, changed, self._count_sync_error
            )
            await watches.run(self._synced)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._synced.wait()
        # The queue may have thousands of keys that are done without waiting for anything.
        await self._yielder.yield_if_due()
        node = self._graph.node(key)
        if node is None:
            return None
        try:
            if not node.being_deleted:
                return await self._collect(node)
            if node.orphaning:
                await self._orphan_dependents(node)
            elif node.foreground and not self._graph.is_blocked(key):
                await self._remove_finalizer(node, FOREGROUND_FINALIZER)
        except NotFound:
            # Deleted since; the watch says so as well.
            return None
        return None

    async def _collect(self, node: Node) -> Requeue | None:
        if not node.owners:
            return None
        document = await self._current(node)
        references = references_of(document["metadata"]) if document is not None else ()
        if document is None or not references:
            return None
        try:
            states, shown = await self._owners.states_of(self._graph, node.namespace, references)
        except NamespacedOwner:
            log.debug("%s refers to an owner in a namespace", node)
            return None
        except UnknownOwnerKind as error:
            log.debug("the owners of %s are unknown: %s", node, error)
            return Requeue(None)
        dependents = self._graph.has_dependents(node.uid)
        in_circle = bool(states.waiting) and any(
            each.foreground for each in self._graph.dependents(node.uid)
        )
        decision = decide(document, states, has_dependents=dependents, in_circle=in_circle)
        if isinstance(decision, RemoveReferences):
            if decision.uids:
                await self._remove_references(node, decision.uids)
            # An owner that no watch has shown yet might go unseen.
            return None if shown else Requeue(None)
        if decision.unblock and (patch := unblocking(document)) is not None:
            await self._client.patch(node.resource.name, node.namespace, node.name, patch)
            # It is deleted in its new state.
            return Requeue(None)
        await self._client.delete(node.resource.name, node.namespace, node.name, decision.options)
        return None

    async def _current(self, node: Node) -> Object | None:
        """Return the current state of an object, ``None`` if it was replaced by another."""
        document = await self._client.get(node.resource.name, node.namespace, node.name)
        return document if document["metadata"]["uid"] == node.uid else None

    async def _orphan_dependents(self, owner: Node) -> None:
        dependents = iter(self._graph.dependents(owner.uid))

        async def work() -> None:
            for dependent in dependents:
                try:
                    await self._remove_references(dependent, [owner.uid])
                except NotFound:
                    continue
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(work()) for _ in range(_ORPHANED_AT_ONCE)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        await self._remove_finalizer(owner, ORPHAN_FINALIZER)

    async def _remove_references(self, node: Node, owners: Sequence[str]) -> None:
        resource = node.resource.name
        try:
            patch = strategic_removal(node.uid, owners)
            await self._client.patch(
                resource, node.namespace, node.name, patch, STRATEGIC_MERGE_PATCH
            )
        except UnsupportedMediaType:
            document = await self._current(node)
            if document is not None:
                patch = merged_removal(document, owners)
                await self._client.patch(resource, node.namespace, node.name, patch)

    async def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        document = await self._current(node)
        patch = None if document is None else finalizer_removal(document, finalizer)
        if patch is not None:
            await self._client.patch(node.resource.name, node.namespace, node.name, patch)


def _reference_to(node: Node) -> Object:
    reference = {
        "kind": node.resource.kind,
        "apiVersion": node.resource.name.api_version,
        "namespace": node.namespace,
        "name": node.name,
        "uid": node.uid,
    }
    return {name: value for name, value in reference.items() if value}
