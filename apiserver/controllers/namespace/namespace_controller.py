"""Namespaces that end are emptied, and let go when nothing is left in them.

A namespace that is deleted is marked, and held by the finalizer ``kubernetes`` in its spec, which
is taken away when everything in it is gone. How far that is stands in the conditions of its status.
Nothing new comes into it meanwhile: a creation requires the namespace to be as it was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import ADDED, DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, PendingDeletions, Requeue
from apiserver.controllers.namespace.namespaced_resources_deleter import NamespacedResourcesDeleter
from apiserver.controllers.namespace.status_conditions import RemainingContent, update_conditions
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import Clock, format_seconds, parse_seconds
from apiserver.resources.builtin.core.namespaces import KUBERNETES, TERMINATING

#: For how long a namespace is only marked. Whoever acts on what it read a moment ago is told that
#: the namespace is ending, not that there is none. kube-controller-manager takes five seconds.
SETTLING_SECONDS: Final = 1.0


class NamespaceController:
    """Reconciles namespaces, by name."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or Clock()
        self.sources = (EventSource(NAMESPACES, f"status.phase={TERMINATING}", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            namespace = await self._client.get(NAMESPACES, "", key)
        except NotFound:
            return None
        if "deletionTimestamp" not in namespace["metadata"] or not _finalizers(namespace):
            return None
        age = self._clock.time() - parse_seconds(namespace["metadata"]["deletionTimestamp"])
        content = await NamespacedResourcesDeleter(self._client, key, age).delete_all_content()
        try:
            namespace = await self._update_status(namespace, content)
            if content.is_empty:
                await self._finalize(namespace)
                return None
        except NotFound:
            # Another server has done the same.
            return None
        deletions = [
            PendingDeletions(each.resource, key, each.resource_version, each.count)
            for each in content.remaining
        ]
        return Requeue(None if content.failed else content.seconds // 2 + 1, deletions)

    async def _update_status(self, namespace: Object, content: RemainingContent) -> Object:
        """Write down what is left in a namespace; return it as it is then."""
        status = namespace.get("status") or {}
        before = status.get("conditions") or []
        conditions = update_conditions(before, content, format_seconds(int(self._clock.time())))
        if conditions == before:
            return namespace
        desired = {**namespace, "status": {**status, "conditions": conditions}}
        return await self._client.update(NAMESPACES, desired, "status")

    async def _finalize(self, namespace: Object) -> None:
        """Take our finalizer away; without others that is the end of the namespace."""
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
        # What is waited for in it need not be any more.
        queue.add(name_of(event.object))
