"""The effect of a delete on an object: keep it, mark it or remove it. Pure.

An object is removed at once unless a finalizer or a grace period of its kind holds it. Then it is
marked (``deletionTimestamp``) and removed once the last finalizer is gone and the grace period is
over. The propagation policy is stored as a finalizer, too, ``orphan`` or ``foregroundDeletion``,
which the garbage collector removes when it has processed the dependents.

Some kinds are always marked, in a way of their own, and may be held by a condition of their own: a
namespace by the finalizers in its spec. Such an object is removed by an update that leaves nothing
to hold it, or by a later DELETE.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.errors import Conflict
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import format_seconds, parse_seconds
from apiserver.registry.outcome import Remove, Save, SaveThenRemove, Unchanged
from apiserver.resources.strategy import (
    FOREGROUND_FINALIZER,
    ORPHAN,
    ORPHAN_FINALIZER,
    UNSUPPORTED,
    Strategy,
)

# The preconditions: the name in metadata, and the reason of a mismatch in the message.
_MEMBERS: Final = {
    "UID": ("uid", "deleted and then recreated"),
    "ResourceVersion": ("resourceVersion", "modified"),
}

# The fields that may delay the deletion of an object, and of its owners.
_HOLDING: Final = ("finalizers", "ownerReferences")


def check_preconditions(strategy: Strategy, existing: Object, options: DeleteOptions) -> None:
    """Raise Conflict if ``existing`` does not match the preconditions of the request."""
    metadata = existing["metadata"]
    uid, version = options.uid, options.resource_version
    if uid is not None and uid != metadata.get("uid"):
        raise _unmet(strategy, existing, "UID", uid)
    if version is not None and version != metadata.get("resourceVersion"):
        raise _unmet(strategy, existing, "ResourceVersion", version)


def _unmet(strategy: Strategy, existing: Object, member: str, wanted: str) -> Conflict:
    metadata, definition = existing["metadata"], strategy.definition
    found = metadata.get(_MEMBERS[member][0])
    if strategy.marks_before_deletion:
        # Marking is an update, so a failure has the message of an update.
        text = (
            f"Precondition failed: {member} in precondition: {wanted}, "
            f"{member} in object meta: {found}"
        )
        return Conflict.of(definition.group_resource, metadata["name"], text)
    text = (
        f"the {member} in the precondition ({wanted}) does not match the {member} in record "
        f"({found}). The object might have been {_MEMBERS[member][1]}"
    )
    return Conflict.of(GroupResource(definition.group, definition.kind), metadata["name"], text)


def decide(
    existing: Object, options: DeleteOptions, strategy: Strategy, now: int
) -> Save | Remove | SaveThenRemove | Unchanged:
    """Return the outcome for ``existing``; ``now`` is in seconds since 1970.

    An object whose grace period is over is stored in this state before its removal, so that watches
    show the reason.
    """
    if strategy.marks_before_deletion and "deletionTimestamp" not in existing["metadata"]:
        marked = strategy.mark_for_deletion(existing, options)
        return Save(with_metadata(marked, deletionTimestamp=format_seconds(now)))
    if strategy.blocks_removal(existing):
        return Unchanged()
    graceful = _graceful(existing, options, strategy, now)
    if graceful is existing:
        return Unchanged()
    held = with_finalizers(graceful or existing, options, strategy)
    finalizers = held["metadata"].get("finalizers")
    if graceful is not None:
        over = held["metadata"].get("deletionGracePeriodSeconds", 0) == 0 and not finalizers
        return SaveThenRemove(held) if over else Save(held)
    return Save(_marked(held, now)) if finalizers else Remove()


def with_finalizers(existing: Object, options: DeleteOptions, strategy: Strategy) -> Object:
    """Return ``existing`` with the finalizers of the propagation policy."""
    before = existing["metadata"].get("finalizers") or []
    if strategy.default_garbage_collection_policy == UNSUPPORTED:
        return existing
    kept = [name for name in before if name not in (ORPHAN_FINALIZER, FOREGROUND_FINALIZER)]
    if _orphans(before, options, strategy):
        kept.append(ORPHAN_FINALIZER)
    if _foreground(before, options):
        kept.append(FOREGROUND_FINALIZER)
    if sorted(kept) == sorted(before):
        return existing
    return with_metadata(existing, finalizers=kept or None)


def frees_space(document: Object, existing: Object) -> bool:
    """Return whether an update leads to a deletion: of the object, or of an owner of it."""
    metadata, before = document["metadata"], existing["metadata"]
    if "deletionTimestamp" in metadata:
        return True
    for name in _HOLDING:
        now, was = metadata.get(name), before.get(name)
        if now != was and len(now or ()) <= len(was or ()):
            return True
    return False


def is_finished(document: Object, strategy: Strategy) -> bool:
    """Return whether an object that is being deleted has no finalizer or grace period left."""
    metadata = document["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and not strategy.blocks_removal(document)
    )


def _orphans(before: list[str], options: DeleteOptions, strategy: Strategy) -> bool:
    if options.orphan_dependents is not None:
        return options.orphan_dependents
    if options.propagation_policy is not None:
        return options.propagation_policy == "Orphan"
    if ORPHAN_FINALIZER in before:
        return True
    if FOREGROUND_FINALIZER in before:
        return False
    return strategy.default_garbage_collection_policy == ORPHAN


def _foreground(before: list[str], options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return False
    if options.propagation_policy is not None:
        return options.propagation_policy == "Foreground"
    return FOREGROUND_FINALIZER in before and ORPHAN_FINALIZER not in before


def _marked(existing: Object, now: int) -> Object:
    metadata = existing["metadata"]
    changes: dict[str, Any] = {"deletionGracePeriodSeconds": 0}
    if "deletionTimestamp" not in metadata:
        changes["deletionTimestamp"] = format_seconds(now)
        if metadata.get("generation"):
            changes["generation"] = metadata["generation"] + 1
    elif parse_seconds(metadata["deletionTimestamp"]) > now:
        changes["deletionTimestamp"] = format_seconds(now)
    if all(metadata.get(name) == value for name, value in changes.items()):
        return existing
    return with_metadata(existing, **changes)


def _graceful(
    existing: Object, options: DeleteOptions, strategy: Strategy, now: int
) -> Object | None:
    """Return ``existing`` with its grace period begun or shortened, itself if nothing changes.

    ``None``: there is no grace period (any more), and the object is deleted like others.
    """
    asked = options.grace_period_seconds
    if asked is not None and asked < 0:
        asked = 1
    period = strategy.graceful_period(existing, asked)
    if period is None:
        return None
    metadata = existing["metadata"]
    if "deletionTimestamp" in metadata:
        return _shortened(existing, asked, period, now)
    changes: dict[str, Any] = {
        "deletionTimestamp": format_seconds(now + period),
        "deletionGracePeriodSeconds": period,
    }
    if metadata.get("generation"):
        changes["generation"] = metadata["generation"] + 1
    return with_metadata(existing, **changes)


def _shortened(existing: Object, asked: int | None, period: int, now: int) -> Object | None:
    metadata = existing["metadata"]
    left = metadata.get("deletionGracePeriodSeconds") or 0
    if not left:
        return None
    if asked is None or period >= left:
        return existing
    ends = parse_seconds(metadata["deletionTimestamp"]) - left + period
    if ends < now:
        ends, period = now, min(period, 1)
    return with_metadata(
        existing, deletionTimestamp=format_seconds(ends), deletionGracePeriodSeconds=period
    )
