"""CRD finalizer: deletes the objects of a deleted definition, then removes its finalizer.

While objects with finalizers of their own remain, the definition waits for them. The conditions
are those of the API documentation of CustomResourceDefinition (``Terminating``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, PendingDeletions, Requeue
from apiserver.controllers.customresources.crd_access import CRDS, CRDAccess
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock, system_clock
from apiserver.resources.builtin.apiextensions.crds import (
    PENDING,
    TERMINATING,
    Condition,
    accepted_names,
    condition_of,
    group_of,
    has_cleanup_finalizer,
    is_established,
    requested_names,
    storage_version,
    with_condition,
    without_cleanup_finalizer,
)

#: How often remaining objects are deleted again, and after what time the condition reports them.
_RETRY_SECONDS: Final = 5.0
_REPORT_AFTER_SECONDS: Final = 60.0
#: Built-in resources with keys where those of a custom kind with the same name would be.
_OVERLAPPING: Final = frozenset([
    GroupResource("apiregistration.k8s.io", "apiservices"),
    GroupResource("apiextensions.k8s.io", "customresourcedefinitions"),
])  # fmt: skip


def _terminating(status: str, reason: str, message: str) -> Condition:
    return Condition(TERMINATING, status, reason, message)


_IN_PROGRESS: Final = _terminating(
    "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"
)
_LATE: Final = _terminating(
    "True",
    "InstanceDeletionCheck",
    "could not confirm zero CustomResources remaining: timed out waiting for the condition",
)
_COMPLETED: Final = _terminating("False", "InstanceDeletionCompleted", "removed all instances")
_OVERLAPS: Final = _terminating(
    "False",
    "OverlappingBuiltInResource",
    "instances overlap with built-in resources in storage",
)
_NEVER_ESTABLISHED: Final = _terminating(
    "False", "NeverEstablished", "resource was never established"
)


class CRDFinalizer:
    """Reconciles deleted definitions; keys are their names.

    ``client_of`` returns a client that knows the kind of a definition in its stored version, even
    if no version is served.
    """

    sources: Sequence[EventSource]

    def __init__(
        self, crds: CRDAccess, client_of: Callable[[Object], Client], clock: Clock | None = None
    ) -> None:
        self._crds = crds
        self._client_of = client_of
        self._clock = clock or system_clock()
        # When the objects of a definition were first deleted.
        self._since: dict[str, float] = {}
        self.sources = (EventSource(CRDS, "", _enqueue),)

    async def reconcile(self, key: str) -> Requeue | None:
        crd = self._crds.get(key)
        if crd is None or not _is_due(crd):
            self._since.pop(key, None)
            return None
        done, remaining = _NEVER_ESTABLISHED, None
        if GroupResource(group_of(crd), requested_names(crd).plural) in _OVERLAPPING:
            done = _OVERLAPS
        elif is_established(crd):
            done, begun = _COMPLETED, await self._begin(crd)
            if begun is None:
                return None
            crd = begun
            try:
                remaining = await self._delete_instances(crd)
            except StatusError as error:
                await self._set_condition(crd, _failed(error))
                return Requeue(None)
        if remaining is not None:
            return await self._wait(key, crd, remaining)
        self._since.pop(key, None)
        await self._crds.write_status(crd, without_cleanup_finalizer(with_condition(crd, done)))
        return None

    async def _begin(self, crd: Object) -> Object | None:
        """Record that the deletion of objects has begun.

        Later conditions stay until they change, since each write reconciles the definition again.
        """
        reason = (condition_of(crd, TERMINATING) or {}).get("reason")
        pending = reason in (None, PENDING.reason)
        return await self._set_condition(crd, _IN_PROGRESS) if pending else crd

    async def _delete_instances(self, crd: Object) -> PendingDeletions | None:
        """Delete all objects; return those that remain, ``None`` if there are none."""
        version, plural = storage_version(crd) or "", accepted_names(crd).plural
        resource, client = (
            GroupVersionResource(group_of(crd), version, plural),
            self._client_of(crd),
        )
        await client.delete_collection(resource, "", DeleteOptions())
        left = await client.list(resource)
        if not left.items:
            return None
        return PendingDeletions(resource, "", left.resource_version, len(left.items))

    async def _wait(self, key: str, crd: Object, remaining: PendingDeletions) -> Requeue:
        since = self._since.setdefault(key, self._clock.time())
        if self._clock.time() - since >= _REPORT_AFTER_SECONDS:
            await self._set_condition(crd, _LATE)
        return Requeue(_RETRY_SECONDS, (remaining,))

    async def _set_condition(self, crd: Object, condition: Condition) -> Object | None:
        if condition.matches(condition_of(crd, TERMINATING)):
            return crd
        return await self._crds.write_status(crd, with_condition(crd, condition))


def _failed(error: StatusError) -> Condition:
    message = f"could not issue all deletes: {error.message}"
    return _terminating("True", "InstanceDeletionFailed", message)


def _is_due(crd: Object) -> bool:
    return "deletionTimestamp" in crd["metadata"] and has_cleanup_finalizer(crd)


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED and _is_due(event.object):
        queue.add(name_of(event.object))
