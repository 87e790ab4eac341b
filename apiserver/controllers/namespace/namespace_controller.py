"""Namespace controller: deletes the content of terminating namespaces, then finalizes them.

A deleted namespace is marked as terminating and kept by the finalizer ``kubernetes`` in its spec,
which is removed when no content remains. Its status conditions report the progress. No new content
appears meanwhile: a create requires the namespace to be unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import ADDED, DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, PendingDeletions, Requeue
from apiserver.controllers.namespace.namespaced_resources_deleter import (
    NamespacedResourcesDeleter,
    NamespaceReplaced,
)
from apiserver.controllers.namespace.status_conditions import RemainingContent, update_conditions
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import Clock, format_seconds, parse_seconds, system_clock
from apiserver.resources.builtin.core.namespaces import KUBERNETES, TERMINATING

#: The delay before content is deleted. A client with slightly stale data then gets the error that
#: the namespace is terminating, not that it is missing. kube-controller-manager waits five seconds.
SETTLING_SECONDS: Final = 0.2


class NamespaceController:
    """Reconciles namespaces; keys are their names."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self.sources = (EventSource(NAMESPACES, f"status.phase={TERMINATING}", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            namespace = await self._client.get(NAMESPACES, "", key)
        except NotFound:
            return None
        if "deletionTimestamp" not in namespace["metadata"] or not _finalizers(namespace):
            return None
        age = self._clock.time() - parse_seconds(namespace["metadata"]["deletionTimestamp"])
        uid = namespace["metadata"]["uid"]
        deleter = NamespacedResourcesDeleter(self._client, key, uid, age)
        try:
            content = await deleter.delete_all_content()
            namespace = await self._update_status(namespace, content)
            if content.is_empty:
                await self._finalize(namespace)
                return None
        except (NotFound, NamespaceReplaced):
            # Another server has finalized the namespace.
            return None
        deletions = [
            PendingDeletions(each.resource, key, each.resource_version, each.count)
            for each in content.remaining
        ]
        return Requeue(None if content.failed else content.seconds // 2 + 1, deletions)

    async def _update_status(self, namespace: Object, content: RemainingContent) -> Object:
        """Write the conditions into the status; return the updated namespace."""
        status = namespace.get("status") or {}
        before = status.get("conditions") or []
        conditions = update_conditions(before, content, format_seconds(int(self._clock.time())))
        if conditions == before:
            return namespace
        desired = {**namespace, "status": {**status, "conditions": conditions}}
        return await self._client.update(NAMESPACES, desired, "status")

    async def _finalize(self, namespace: Object) -> None:
        """Remove the finalizer ``kubernetes``; the namespace is deleted with its last finalizer."""
        finalizers = _finalizers(namespace)
        kept = sorted(set(finalizers) - {KUBERNETES})
        if len(kept) < len(finalizers):
            spec = {**namespace["spec"], "finalizers": kept}
            await self._client.update(NAMESPACES, {**namespace, "spec": spec}, "finalize")


def _finalizers(namespace: Object) -> Sequence[str]:
    return (namespace.get("spec") or {}).get("finalizers") or ()


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type == ADDED:
        queue.add_after(name_of(event.object), SETTLING_SECONDS)
    elif event.type == DELETED:
        # Ends a wait for the remaining content.
        queue.add(name_of(event.object))
