"""What a request to delete means for an object: keep it, mark it or remove it. Pure."""

from __future__ import annotations

from apiserver.machinery.errors import Conflict
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import now
from apiserver.resources.definition import ResourceDefinition


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


def mark(existing: Object) -> Object | None:
    """Return ``existing`` marked as being deleted, ``None`` when nothing keeps it from going.

    An object with finalizers stays until they are gone.
    """
    metadata = existing["metadata"]
    if not metadata.get("finalizers"):
        return None
    if "deletionTimestamp" in metadata:
        return existing
    generation = metadata.get("generation")
    return with_metadata(
        existing,
        deletionTimestamp=now(),
        deletionGracePeriodSeconds=0,
        generation=generation + 1 if generation else None,
    )


def is_finished(document: Object) -> bool:
    """Tell whether an object that is being deleted has nothing left to wait for."""
    metadata = document["metadata"]
    return "deletionTimestamp" in metadata and not metadata.get("finalizers")
