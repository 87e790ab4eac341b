"""Protection controllers: storage objects keep a finalizer while they are in use.

The admission plugin StorageObjectInUseProtection adds it to new objects, these controllers to those
that it has missed. When an object is deleted, the finalizer is removed as soon as nothing uses it:

* a PersistentVolumeClaim is used by a Pod with it as a volume, once that has a node;
* a PersistentVolume is used by the claim that it is bound to;
* a VolumeAttributesClass is used by the claims and volumes that name it.

See the Kubernetes documentation, "Storage Object in Use Protection".
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import ChangeAfter, EventSource, Requeue
from apiserver.controllers.finalizers import finalizer_addition, finalizer_removal, finalizers_of
from apiserver.machinery.builtin_resources import ATTRIBUTES_CLASSES, CLAIMS, PODS, VOLUMES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.yielding import iterate_yielding

#: How long a deleted object that is in use is left alone if nothing changes, in seconds.
_RECHECK_SECONDS: Final = 300.0
#: The least pause after a check, in seconds and as a multiple of its duration.
_MIN_SECONDS: Final = 0.1
_PAUSE_FACTOR: Final = 20
_CLASS: Final = "volumeAttributesClassName"

#: Returns whether an object is in use, and the changes after which to check again.
InUse: TypeAlias = Callable[[Client, Object], Awaitable[tuple[bool, Sequence[ChangeAfter]]]]


@valueclass
class Protection:
    """The finalizer of one resource, and when its objects need it."""

    resource: GroupVersionResource
    finalizer: str
    in_use: InUse


class ProtectionController:
    """Reconciles the objects of one resource; keys are ``namespace/name``."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, protection: Protection) -> None:
        self._client = client
        self._protection = protection
        self.sources = (EventSource(protection.resource, "", self._enqueue),)

    def _enqueue(self, queue: WorkQueue, event: ObjectEvent) -> None:
        deleted = "deletionTimestamp" in event.object["metadata"]
        protected = self._protection.finalizer in finalizers_of(event.object)
        if event.type != DELETED and deleted == protected:
            queue.add(f"{namespace_of(event.object)}/{name_of(event.object)}")

    async def reconcile(self, key: str) -> Requeue | None:
        namespace, _, name = key.partition("/")
        resource, finalizer = self._protection.resource, self._protection.finalizer
        try:
            found = await self._client.get(resource, namespace, name)
            if "deletionTimestamp" not in found["metadata"]:
                if finalizer not in finalizers_of(found):
                    patch = finalizer_addition(found, finalizer)
                    await self._client.patch(resource, namespace, name, patch)
                return None
            removal = finalizer_removal(found, finalizer)
            if removal is None:
                return None
            began = time.perf_counter()
            used, changes = await self._protection.in_use(self._client, found)
            if used:
                pause = max(_MIN_SECONDS, _PAUSE_FACTOR * (time.perf_counter() - began))
                return Requeue(_RECHECK_SECONDS, changes=changes, min_delay=pause)
            await self._client.patch(resource, namespace, name, removal)
        except NotFound:
            # Deleted since.
            return None
        return None


async def _claim_in_use(client: Client, claim: Object) -> tuple[bool, Sequence[ChangeAfter]]:
    namespace, name = namespace_of(claim), name_of(claim)
    pods = await client.list(PODS, namespace)
    changes = (ChangeAfter(PODS, namespace, pods.resource_version),)
    async for pod in iterate_yielding(pods.items):
        if _uses_claim(pod, claim, name):
            return True, changes
    return False, changes


def _uses_claim(pod: Object, claim: Object, name: str) -> bool:
    spec = pod.get("spec") or {}
    # The kubelet starts no Pod with a deleted claim, so one without a node does not use it.
    if not spec.get("nodeName"):
        return False
    return name in _claims(spec) or (
        not _is_shut_down(pod)
        and _is_owner(pod, claim)
        and any(
            volume.get("ephemeral") is not None and f"{name_of(pod)}-{volume['name']}" == name
            for volume in spec.get("volumes") or ()
        )
    )


def _claims(spec: dict[str, Any]) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim is not None:
            yield claim.get("claimName", "")


def _is_shut_down(pod: Object) -> bool:
    metadata = pod["metadata"]
    return "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds") == 0


def _is_owner(pod: Object, claim: Object) -> bool:
    owners = claim["metadata"].get("ownerReferences") or ()
    uid = pod["metadata"]["uid"]
    return any(each.get("controller") and each.get("uid") == uid for each in owners)


async def _volume_in_use(client: Client, volume: Object) -> tuple[bool, Sequence[ChangeAfter]]:
    # A change of its phase is an event of the volume itself.
    return (volume.get("status") or {}).get("phase") == "Bound", ()


async def _class_in_use(client: Client, document: Object) -> tuple[bool, Sequence[ChangeAfter]]:
    name = name_of(document)
    claims, volumes = await client.list(CLAIMS), await client.list(VOLUMES)
    changes = (
        ChangeAfter(CLAIMS, "", claims.resource_version),
        ChangeAfter(VOLUMES, "", volumes.resource_version),
    )
    async for claim in iterate_yielding(claims.items):
        if name in _classes_of_claim(claim):
            return True, changes
    async for volume in iterate_yielding(volumes.items):
        if (volume.get("spec") or {}).get(_CLASS) == name:
            return True, changes
    return False, changes


def _classes_of_claim(claim: Object) -> Iterator[Any]:
    status = claim.get("status") or {}
    yield (claim.get("spec") or {}).get(_CLASS)
    yield status.get("currentVolumeAttributesClassName")
    yield (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")


CLAIM_PROTECTION: Final = Protection(CLAIMS, "kubernetes.io/pvc-protection", _claim_in_use)
VOLUME_PROTECTION: Final = Protection(VOLUMES, "kubernetes.io/pv-protection", _volume_in_use)
CLASS_PROTECTION: Final = Protection(
    ATTRIBUTES_CLASSES, "kubernetes.io/vac-protection", _class_in_use
)
