"""Deletes the content of a namespace: first the Pods, then everything else.

Other objects, such as network policies, may protect or restrict the Pods, so they are deleted last.

A server that was suspended may continue when the namespace has been finalized by another one and
created again. So objects are listed first, then the namespace is verified to be the same, and then
exactly those objects are deleted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from apiserver.client.client import APIResource, Client, ListedObjects
from apiserver.controllers.namespace.status_conditions import RemainingContent, RemainingResource
from apiserver.machinery.builtin_resources import NAMESPACES, PODS
from apiserver.machinery.errors import Conflict, NotFound, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.yielding import iterate_yielding, yield_fairly

#: The estimated time until finalizers are removed, in seconds.
FINALIZER_SECONDS: Final = 15
# Dependents are deleted with the namespace, so neither orphaning nor foreground order matters.
_BACKGROUND: Final = DeleteOptions(propagation_policy="Background")
_ENDED: Final = ("Succeeded", "Failed")


class NamespaceReplaced(Exception):
    """The namespace has been removed, and another one may have its name."""


@valueclass
class NamespacedResourcesDeleter:
    """Deletes the content of a namespace that has been terminating for ``age`` seconds.

    ``uid`` is that of the namespace. Raises NamespaceReplaced.
    """

    client: Client
    namespace: str
    uid: str
    age: float

    async def delete_all_content(self) -> RemainingContent:
        """Delete all content as far as possible; return what remains."""
        try:
            served = await self.client.resources()
        except StatusError as error:
            return RemainingContent(discovery_error=error.message)
        deletable = [
            each for each in served if each.namespaced and {"list", "delete"} <= each.verbs
        ]
        pods = await self._delete_resources(each for each in deletable if each.name == PODS)
        if not pods.is_empty:
            return pods
        return await self._delete_resources(each for each in deletable if each.name != PODS)

    async def _delete_resources(self, resources: Iterable[APIResource]) -> RemainingContent:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._attempt(resource)) for resource in resources]
        parts = [part for task in tasks if (part := task.result()) is not None]
        if len(parts) < len(tasks):
            raise NamespaceReplaced
        return _merge(parts)

    async def _attempt(self, resource: APIResource) -> RemainingContent | None:
        """Delete all objects of a resource; return ``None`` if the namespace was recreated."""
        try:
            return await self._delete_all(resource)
        except NamespaceReplaced:
            return None
        except StatusError as error:
            return RemainingContent(failures=(error.message,))

    async def _delete_all(self, resource: APIResource) -> RemainingContent:
        name = resource.name
        listed = await self.client.list(name, self.namespace)
        if not listed.items:
            return RemainingContent()
        seconds = await self._grace(listed.items) if name == PODS else 0
        await self._check_namespace()
        for each in listed.items:
            await self._delete(name, each)
        listed = await self.client.list(name, self.namespace)
        if not listed.items:
            return RemainingContent()
        return await self._remaining_content(name, listed, seconds)

    async def _check_namespace(self) -> None:
        try:
            found = await self.client.get(NAMESPACES, "", self.namespace)
        except NotFound as error:
            raise NamespaceReplaced from error
        if found["metadata"]["uid"] != self.uid:
            raise NamespaceReplaced

    async def _delete(self, resource: GroupVersionResource, document: Object) -> None:
        # Other requests need a chance to run: a store in memory never waits.
        await yield_fairly()
        options = replace(_BACKGROUND, uid=document["metadata"]["uid"])
        try:
            await self.client.delete(resource, self.namespace, name_of(document), options)
        except (NotFound, Conflict):
            # Deleted since, and perhaps replaced: then the next list shows it.
            return

    async def _remaining_content(
        self, resource: GroupVersionResource, listed: ListedObjects, seconds: int
    ) -> RemainingContent:
        finalizers: Counter[str] = Counter()
        async for each in iterate_yielding(listed.items):
            finalizers.update(each["metadata"].get("finalizers") or ())
        version = listed.resource_version
        remaining = (RemainingResource(resource, len(listed.items), finalizers, version),)
        seconds = seconds or (FINALIZER_SECONDS if finalizers else 0)
        if seconds:
            return RemainingContent(remaining, seconds=seconds)
        shown = f"{resource.group}/{resource.version}, Resource={resource.resource}"
        failure = f"unexpected items still remain in namespace: {self.namespace} for gvr: {shown}"
        return RemainingContent(remaining, failures=(failure,))

    async def _grace(self, pods: Sequence[Object]) -> int:
        """Return the longest grace period of running Pods in seconds; 0 when it is over."""
        longest = 0
        async for pod in iterate_yielding(pods):
            if (pod.get("status") or {}).get("phase") not in _ENDED:
                longest = max(longest, pod["spec"].get("terminationGracePeriodSeconds") or 0)
        return longest if self.age < longest else 0


def _merge(parts: Sequence[RemainingContent]) -> RemainingContent:
    return RemainingContent(
        remaining=[each for part in parts for each in part.remaining],
        failures=[each for part in parts for each in part.failures],
        seconds=max((part.seconds for part in parts), default=0),
    )
