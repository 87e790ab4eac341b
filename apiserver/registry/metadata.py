"""The fields of metadata that the system owns, and what all metadata must obey. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from apiserver.machinery import fielderrors
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import BadRequest, UnexplainedError
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import (
    dns1123_label_problems,
    label_key_problems,
    label_value_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import now
from apiserver.resources.strategy import Strategy

_SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "resourceVersion",
)
_IMMUTABLE = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_OWNER_MEMBERS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
_NO_OWNER = ("v1", "Event")
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
_ANNOTATIONS_LIMIT = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def check_namespace(document: Object, namespace: str) -> Object:
    """Return ``document`` in ``namespace``. Raises BadRequest when it names another one."""
    metadata = document["metadata"]
    named = metadata.get("namespace", "")
    if named == namespace:
        return document
    if not namespace:
        rest = {key: value for key, value in metadata.items() if key != "namespace"}
        return {**document, "metadata": rest}
    if named:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return {**document, "metadata": {**metadata, "namespace": namespace}}


def wiped(document: Object) -> Object:
    """Return ``document`` without what only the system sets. Raises UnexplainedError.

    A resourceVersion makes no sense in what is to be created; one that is no number goes unseen.
    """
    metadata = document["metadata"]
    if metadata.get("resourceVersion", "0").lstrip("0").isdigit():
        raise UnexplainedError("resourceVersion should not be set on objects to be created")
    return {
        **document,
        "metadata": {key: value for key, value in metadata.items() if key not in _SYSTEM_FIELDS},
    }


def begin(document: Object) -> Object:
    """Return ``document`` as a new object: with a uid and a time of creation."""
    return with_metadata(document, uid=str(uuid.uuid4()), creationTimestamp=now())


def carry_over(document: Object, old: Object) -> Object:
    """Return an update with what a client may leave out, or may not change, taken from ``old``."""
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
    return {**document, "metadata": metadata}


def distinct_owners(document: Object, warn: Callable[[str], None], *, admitted: bool) -> Object:
    """Return ``document`` with owners that it names twice named once, and a warning."""
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
    warn(text + ", ".join(dict.fromkeys(twice)))
    return with_metadata(document, ownerReferences=kept)


def with_generation(document: Object, old: Object | None, strategy: Strategy) -> Object:
    """Return ``document`` with the generation that its change of intent gives it."""
    if not strategy.generation_of:
        return document
    if old is None:
        return with_metadata(document, generation=1)
    if all(deep_equal(document.get(name), old.get(name)) for name in strategy.generation_of):
        return document
    return with_metadata(document, generation=(old["metadata"].get("generation") or 0) + 1)


def validate(document: Object, strategy: Strategy) -> list[FieldError]:
    """Return every rule of metadata that an object breaks."""
    metadata = document["metadata"]
    errors = _names(metadata, strategy)
    if metadata.get("generation", 0) < 0:
        detail = "must be greater than or equal to 0"
        errors.append(fielderrors.invalid("metadata.generation", metadata["generation"], detail))
    return [
        *errors,
        *_contents(metadata),
        *_finalizers(metadata.get("finalizers") or []),
    ]


def validate_update(document: Object, old: Object, strategy: Strategy) -> list[FieldError]:
    """Return every rule of metadata that a change breaks.

    Kubernetes looks at it twice, for the kind and for all kinds, and says what it finds as often;
    most kinds look at the metadata of the new object as such once more.
    """
    metadata, before = document["metadata"], old["metadata"]
    errors: list[FieldError] = []
    if "deletionTimestamp" in before:
        errors += _no_new_finalizers(metadata, before)
    for field in _IMMUTABLE:
        if metadata.get(field) != before.get(field):
            path = f"metadata.{field}"
            value = metadata.get(field, "" if field in ("name", "namespace", "uid") else None)
            errors.append(fielderrors.invalid(path, value, "field is immutable"))
    errors += _contents(metadata)
    if not strategy.revalidates_metadata:
        return [*errors, *errors]
    return [*errors, *errors, *validate(document, strategy) * strategy.revalidates_metadata]


def _contents(metadata: dict[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    if "labels" in metadata:
        errors += label_errors(metadata["labels"] or {}, "metadata.labels")
    if "annotations" in metadata:
        errors += annotation_errors(metadata["annotations"] or {}, "metadata.annotations")
    if "ownerReferences" in metadata:
        errors += _owners(metadata["ownerReferences"] or [])
    return errors


def _no_new_finalizers(metadata: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    known = set(before.get("finalizers") or ())
    added = sorted({item for item in metadata.get("finalizers") or [] if item not in known})
    if not added:
        return []
    shown = ", ".join(quote(item) for item in added)
    detail = (
        "no new finalizers can be added if the object is being deleted, "
        f"found new finalizers []string{{{shown}}}"
    )
    return [fielderrors.forbidden("metadata.finalizers", detail)]


def _names(metadata: dict[str, Any], strategy: Strategy) -> list[FieldError]:
    errors: list[FieldError] = []
    prefix = metadata.get("generateName")
    if prefix:
        masked = prefix[:-2] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        errors += _invalid("metadata.generateName", prefix, strategy.name_problems(masked))
    name = metadata.get("name", "")
    if not name:
        errors.append(
            fielderrors.required("metadata.name", "name or generateName is required")
        )
    else:
        problems = path_segment_problems(name) or strategy.name_problems(name)
        errors += _invalid("metadata.name", name, problems)
    namespace = metadata.get("namespace", "")
    if strategy.definition.namespaced:
        if not namespace:
            errors.append(fielderrors.required("metadata.namespace"))
        else:
            errors += _invalid("metadata.namespace", namespace, dns1123_label_problems(namespace))
    elif namespace:
        errors.append(fielderrors.forbidden("metadata.namespace", "not allowed on this type"))
    return errors


def label_errors(labels: dict[str, str], path: str) -> list[FieldError]:
    """Return what is wrong with labels."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += _invalid(path, key, label_key_problems(key))
        errors += _invalid(path, value, label_value_problems(value))
    return errors


def annotation_errors(annotations: dict[str, str], path: str) -> list[FieldError]:
    """Return what is wrong with annotations."""
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        errors += _invalid(path, key, label_key_problems(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_LIMIT:
        errors.append(fielderrors.too_long(path, _ANNOTATIONS_LIMIT))
    return errors


def _owners(owners: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    path = "metadata.ownerReferences"
    controllers: list[str] = []
    for owner in owners:
        errors += _owner(owner, path)
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind', '')}/{owner.get('name', '')}")
    if len(controllers) > 1:
        detail = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        errors.append(fielderrors.invalid(path, [_in_order(o) for o in owners], detail))
    return errors


def _owner(owner: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    given = owner.get("apiVersion") or ""
    version = "" if given.count("/") > 1 else given.rpartition("/")[2]
    if not version:
        detail = "version must not be empty"
        errors.append(fielderrors.invalid(f"{path}.apiVersion", given, detail))
    errors += [
        fielderrors.invalid(f"{path}.{field}", "", "must not be empty")
        for field in ("kind", "name", "uid")
        if not owner.get(field)
    ]
    if (given, owner.get("kind")) == _NO_OWNER:
        detail = "/v1, Kind=Event is disallowed from being an owner"
        errors.append(fielderrors.invalid(path, _in_order(owner), detail))
    return errors


def _in_order(owner: dict[str, Any]) -> dict[str, Any]:
    # As Go writes it, since messages quote it.
    return {name: owner.get(name, "") for name in _OWNER_MEMBERS if name in owner or name in _TEXTS}


_TEXTS = ("apiVersion", "kind", "name", "uid")


def _finalizers(finalizers: list[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, name in enumerate(finalizers):
        path = f"metadata.finalizers[{index}]"
        problems = label_key_problems(name)
        errors += _invalid(path, name, problems)
        if not problems and "/" not in name and name not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            errors.append(fielderrors.invalid(path, name, detail))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(fielderrors.invalid("metadata.finalizers", finalizers, detail))
    return errors


def _invalid(path: str, value: Any, problems: list[str]) -> list[FieldError]:
    return [fielderrors.invalid(path, value, problem) for problem in problems]
