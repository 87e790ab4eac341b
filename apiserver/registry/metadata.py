"""The fields of metadata that the server manages. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.empties import made_of
from apiserver.machinery.equality import deep_equal, equal_but_for
from apiserver.machinery.errors import BadRequest, UnknownError
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.times import now
from apiserver.machinery.uids import new_uid
from apiserver.resources.strategy import Strategy

#: The metadata that differ if only ownership does.
_OWNERS: Final = ("managedFields", "resourceVersion")
_SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_DUPLICATE_OWNERS = (
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in "
    "1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate "
    "UID(s) observed: "
)
_DUPLICATE_OWNERS_ADMITTED = (
    ".metadata.ownerReferences contains duplicate entries after mutating admission happens; API "
    "server dedups owner references in 1.20+, and may reject such requests as early as 1.24; "
    "please fix your requests; duplicate UID(s) observed: "
)


def check_namespace(document: Object, namespace: str) -> Object:
    """Return ``document`` in ``namespace``. Raises BadRequest if it names another one."""
    metadata = document["metadata"]
    named = metadata.get("namespace", "")
    if named == namespace:
        return document
    if not namespace:
        rest = {key: value for key, value in metadata.items() if key != "namespace"}
        return made_of(document, {**document, "metadata": rest})
    if named:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    placed = {**metadata, "namespace": namespace}
    return made_of(document, {**document, "metadata": placed})


def wiped(document: Object) -> Object:
    """Return ``document`` without the fields that only the server sets."""
    metadata = document["metadata"]
    kept = {key: value for key, value in metadata.items() if key not in _SYSTEM_FIELDS}
    return made_of(document, {**document, "metadata": kept})


def given_revision(document: Object) -> int:
    """Return the resourceVersion of a document, 0 for a missing or invalid one."""
    given = document["metadata"].get("resourceVersion") or "0"
    return int(given) if len(given) < 20 and given.isascii() and given.isdigit() else 0


def check_new(document: Object) -> None:
    """Raise UnknownError if an object has a resourceVersion before it is stored."""
    if given_revision(document):
        raise UnknownError("resourceVersion should not be set on objects to be created")


def begin(document: Object) -> Object:
    """Return ``document`` as a new object, with a uid and a creationTimestamp."""
    return with_metadata(document, uid=new_uid(), creationTimestamp=now())


def carry_over(document: Object, old: Object) -> Object:
    """Return an update with the fields that a client may omit or must not change from ``old``."""
    metadata, before = dict(document["metadata"]), old["metadata"]
    if not metadata.get("uid") and "uid" in before:
        metadata["uid"] = before["uid"]
    for field in ("creationTimestamp", "generation"):
        metadata.pop(field, None)
        if field in before:
            metadata[field] = before[field]
    if "deletionTimestamp" in before:
        metadata["deletionTimestamp"] = before["deletionTimestamp"]
    if "deletionGracePeriodSeconds" in before:
        metadata.setdefault("deletionGracePeriodSeconds", before["deletionGracePeriodSeconds"])
    metadata.pop("selfLink", None)
    return made_of(document, {**document, "metadata": metadata})


def distinct_owners(document: Object, warn: Callable[[str], None], *, admitted: bool) -> Object:
    """Return ``document`` without duplicate owner references, and warn about them."""
    owners = document["metadata"].get("ownerReferences")
    if not owners or len(owners) == 1:
        return document
    kept: list[dict[str, Any]] = []
    twice: list[str] = []
    seen: set[frozenset[tuple[str, Any]]] = set()
    for owner in owners:
        identity = frozenset(owner.items())
        if identity in seen:
            twice.append(owner.get("uid", ""))
        else:
            seen.add(identity)
            kept.append(owner)
    if not twice:
        return document
    text = _DUPLICATE_OWNERS_ADMITTED if admitted else _DUPLICATE_OWNERS
    warn(text + ", ".join(twice))
    return with_metadata(document, ownerReferences=kept)


def with_generation(document: Object, old: Object | None, strategy: Strategy) -> Object:
    """Return ``document`` with its generation, incremented if its intent has changed."""
    if not strategy.generation_of:
        return document
    if old is None:
        return with_metadata(document, generation=1)
    names = strategy.generation_fields(document, old)
    if all(deep_equal(document.get(name), old.get(name)) for name in names):
        return document
    return with_metadata(document, generation=(old["metadata"].get("generation") or 0) + 1)


def with_old_times(desired: Object, old: Object) -> Object:
    """Return an update with the old times of ownership, if nothing else has changed."""
    owners, before = desired["metadata"].get("managedFields"), old["metadata"].get("managedFields")
    if owners == before or not owners or not before or not equal_but_for(desired, old, _OWNERS):
        return desired
    if list(map(_timeless, owners)) != list(map(_timeless, before)):
        return desired
    return {**desired, "metadata": {**desired["metadata"], "managedFields": before}}


def _timeless(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "time"}
