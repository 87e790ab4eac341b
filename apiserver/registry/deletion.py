"""What a request to delete means for an object: keep it, mark it or remove it. Pure.

An object goes at once unless something holds it: a finalizer, or a grace period of its kind. Then it
is marked (``deletionTimestamp``) and goes when the last finalizer and the grace are gone. How the
dependents fare is written down as a finalizer too, ``orphan`` or ``foregroundDeletion``, which whoever
collects garbage takes away when it has done its part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apiserver.machinery.errors import Conflict
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import format_seconds, parse_seconds
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import ORPHAN as ORPHAN_DEPENDENTS
from apiserver.resources.strategy import UNSUPPORTED, Strategy

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Decision:
    """``object`` is the object as it becomes; ``removed``: it goes then.

    An object whose grace is over is stored as such before it goes, so that watches show why.
    """

    object: Object
    removed: bool


def check_preconditions(
    definition: ResourceDefinition, existing: Object, options: DeleteOptions
) -> None:
    """Raise Conflict when ``existing`` is not the object that was meant."""
    metadata = existing["metadata"]
    subject = GroupResource(definition.group, definition.kind)
    if options.uid is not None and options.uid != metadata.get("uid"):
        raise Conflict.of(
            subject,
            metadata["name"],
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({metadata.get('uid')}). The object might have been deleted and then recreated",
        )
    version = options.resource_version
    if version is not None and version != metadata.get("resourceVersion"):
        raise Conflict.of(
            subject,
            metadata["name"],
            f"the ResourceVersion in the precondition ({version}) does not match the "
            f"ResourceVersion in record ({metadata.get('resourceVersion')}). "
            "The object might have been modified",
        )


def decide(existing: Object, options: DeleteOptions, strategy: Strategy, now: int) -> Decision:
    """Return what becomes of ``existing``; ``now`` is in seconds since 1970."""
    graceful = _graceful(existing, options, strategy, now)
    if graceful is existing:
        return Decision(existing, removed=False)
    held = with_finalizers(graceful or existing, options, strategy)
    finalizers = held["metadata"].get("finalizers")
    if graceful is not None:
        over = held["metadata"].get("deletionGracePeriodSeconds", 0) == 0 and not finalizers
        return Decision(held, removed=over)
    if not finalizers:
        return Decision(existing, removed=True)
    return Decision(_marked(held, now), removed=False)


def with_finalizers(existing: Object, options: DeleteOptions, strategy: Strategy) -> Object:
    """Return ``existing`` with the finalizers that say what its dependents are to become."""
    before = existing["metadata"].get("finalizers") or []
    if strategy.default_garbage_collection_policy == UNSUPPORTED:
        return existing
    kept = [name for name in before if name not in (ORPHAN, FOREGROUND)]
    if _orphans(before, options, strategy):
        kept.append(ORPHAN)
    if _foreground(before, options):
        kept.append(FOREGROUND)
    if sorted(kept) == sorted(before):
        return existing
    return with_metadata(existing, finalizers=kept or None)


def is_finished(document: Object) -> bool:
    """Tell whether an object that is being deleted has nothing left to wait for."""
    metadata = document["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
    )


def _orphans(before: list[str], options: DeleteOptions, strategy: Strategy) -> bool:
    if options.orphan_dependents is not None:
        return options.orphan_dependents
    if options.propagation_policy is not None:
        return options.propagation_policy == "Orphan"
    if ORPHAN in before:
        return True
    if FOREGROUND in before:
        return False
    return strategy.default_garbage_collection_policy == ORPHAN_DEPENDENTS


def _foreground(before: list[str], options: DeleteOptions) -> bool:
    if options.orphan_dependents is not None:
        return False
    if options.propagation_policy is not None:
        return options.propagation_policy == "Foreground"
    return FOREGROUND in before and ORPHAN not in before


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
    """Return ``existing`` with its grace begun or cut short, itself where nothing changes.

    ``None``: there is no grace (any more), and the object is deleted like others.
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
