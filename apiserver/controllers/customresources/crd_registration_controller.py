"""CRD registration controller: an APIService for every group version of custom kinds.

An APIService with the label ``kube-aggregator.kubernetes.io/automanaged: true`` is kept as it must
be, created again if it is deleted, and removed with the last definition that serves its version.
One without the label belongs to a client, and is not changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from typing import Any, Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.customresources.crd_access import CRDS
from apiserver.controllers.informers import Handler, follow
from apiserver.machinery.errors import AlreadyExists, NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of, name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.resources.builtin.apiextensions.crds import group_of, versions_of
from apiserver.resources.builtin.apiregistration.local import API_VERSION, AUTOMANAGED

_API_SERVICES: Final = GroupVersionResource("apiregistration.k8s.io", "v1", "apiservices")
_RETRY_SECONDS: Final = 1.0
#: The priorities of all groups and versions of custom kinds.
_GROUP_PRIORITY, _VERSION_PRIORITY = 1000, 100


class CRDRegistrationController:
    """Reconciles APIServices; keys are their names.

    ``builtin_versions`` are the group versions with built-in kinds, which have an APIService.
    """

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client, builtin_versions: Set[tuple[str, str]]) -> None:
        self._client = client
        self._builtin_versions = builtin_versions
        # The APIServices of each definition, by its name.
        self._wanted: dict[str, frozenset[str]] = {}
        self._synced = asyncio.Event()

    async def feed(self, queue: WorkQueue) -> None:
        handlers: Mapping[GroupVersionResource, Handler] = {
            CRDS: lambda event: self._handle(queue, event),
            _API_SERVICES: lambda event: _enqueue(queue, event),
        }
        while True:
            self._wanted.clear()
            await follow(self._client, handlers, self._synced)
            await asyncio.sleep(_RETRY_SECONDS)

    def _handle(self, queue: WorkQueue, event: ObjectEvent) -> None:
        name = name_of(event.object)
        before = self._wanted.pop(name, frozenset())
        after = frozenset() if event.type == DELETED else _services_of(event.object)
        if after:
            self._wanted[name] = after
        for service in before ^ after:
            queue.add(service)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._synced.wait()
        version, _, group = key.partition(".")
        if (group, version) in self._builtin_versions:
            return None
        served = any(key in services for services in self._wanted.values())
        try:
            current = await self._client.get(_API_SERVICES, "", key)
        except NotFound:
            if served:
                await self._create(group, version)
            return None
        if _is_automanaged(current):
            await self._update(current, group, version, served=served)
        return None

    async def _create(self, group: str, version: str) -> None:
        document: Object = {
            "kind": "APIService",
            "apiVersion": API_VERSION,
            "metadata": {"name": f"{version}.{group}", "labels": {AUTOMANAGED: "true"}},
            "spec": _spec(group, version),
        }
        try:
            await self._client.create(_API_SERVICES, document)
        except AlreadyExists:
            # Another server has written it.
            return

    async def _update(self, current: Object, group: str, version: str, *, served: bool) -> None:
        name, metadata = name_of(current), current["metadata"]
        try:
            if not served:
                options = DeleteOptions(uid=metadata["uid"])
                await self._client.delete(_API_SERVICES, "", name, options)
            elif current.get("spec") != _spec(group, version):
                desired = {**current, "spec": _spec(group, version)}
                await self._client.update(_API_SERVICES, desired)
        except NotFound:
            return


def _services_of(crd: Object) -> frozenset[str]:
    """Return the names of the APIServices of the versions that a definition serves."""
    group = group_of(crd)
    served = (each.get("name", "") for each in versions_of(crd) if each.get("served"))
    return frozenset(f"{version}.{group}" for version in served)


def _spec(group: str, version: str) -> dict[str, Any]:
    return {
        "group": group,
        "version": version,
        "groupPriorityMinimum": _GROUP_PRIORITY,
        "versionPriority": _VERSION_PRIORITY,
    }


def _is_automanaged(service: Object) -> bool:
    return (metadata_of(service).get("labels") or {}).get(AUTOMANAGED) == "true"


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    if _is_automanaged(event.object):
        queue.add(name_of(event.object))
