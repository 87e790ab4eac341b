"""Decides what happens to an object, given the state of its owners. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from apiserver.controllers.finalizers import replacing
from apiserver.controllers.garbagecollector.graph import OwnerReference
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.strategy import FOREGROUND_FINALIZER, ORPHAN_FINALIZER


@valueclass
class OwnerStates:
    """The owners of an object.

    ``solid`` exist; ``dangling`` do not; ``waiting`` exist in foreground deletion, so they wait for
    the deletion of the object.
    """

    solid: Sequence[OwnerReference] = ()
    dangling: Sequence[OwnerReference] = ()
    waiting: Sequence[OwnerReference] = ()


@valueclass
class RemoveReferences:
    """Remove the references to owners with these uids, which may be none."""

    uids: Sequence[str] = ()


@valueclass
class DeleteObject:
    """Delete the object; ``unblock``: no owner waits for it from now on."""

    options: DeleteOptions
    unblock: bool = False


def decide(
    document: Object, owners: OwnerStates, *, has_dependents: bool, in_circle: bool
) -> RemoveReferences | DeleteObject:
    """Return what should happen to an object that is not being deleted and has owners.

    ``in_circle``: a dependent of it is in foreground deletion. That one may be waiting for this
    object in turn, so this one stops blocking its owners.
    """
    if owners.solid:
        return RemoveReferences([each.uid for each in (*owners.dangling, *owners.waiting)])
    metadata = document["metadata"]
    if owners.waiting and has_dependents:
        return DeleteObject(_options(metadata, "Foreground"), unblock=in_circle)
    finalizers = metadata.get("finalizers") or ()
    if ORPHAN_FINALIZER in finalizers:
        policy = "Orphan"
    elif FOREGROUND_FINALIZER in finalizers:
        policy = "Foreground"
    else:
        policy = "Background"
    return DeleteObject(_options(metadata, policy))


def _options(metadata: dict[str, Any], policy: str) -> DeleteOptions:
    return DeleteOptions(
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        propagation_policy=policy,
    )


def strategic_removal(uid: str, owners: Iterable[str]) -> Object:
    """Return the strategic merge patch that removes references to owners from an object."""
    removed = [{"$patch": "delete", "uid": owner} for owner in owners]
    return {"metadata": {"uid": uid, "ownerReferences": removed}}


def merged_removal(document: Object, owners: Iterable[str]) -> Object:
    """Return the merge patch that removes references to owners from this state of an object."""
    gone = set(owners)
    references = document["metadata"].get("ownerReferences") or ()
    kept = [each for each in references if each.get("uid") not in gone]
    return replacing(document, ownerReferences=kept or None)


def unblocking(document: Object) -> Object | None:
    """Return the merge patch after which an object blocks no owner, ``None`` if it blocks none."""
    references = document["metadata"].get("ownerReferences") or ()
    if not any(each.get("blockOwnerDeletion") for each in references):
        return None
    free = [{**each, "blockOwnerDeletion": False} for each in references]
    return replacing(document, ownerReferences=free)
