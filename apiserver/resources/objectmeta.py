"""Validation of metadata for every kind (apimachinery's ``api/validation``). Pure.

Kubernetes validates metadata once for all kinds and then one or more times for the kind itself, and
repeats its errors each time. A kind declares which `CHECKS` it makes itself:

* `WHOLE` validates the metadata of the new object, including the names of its finalizers;
* `CHANGE` validates the immutable fields, and labels, annotations and owner references.

Both validate managedFields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required, too_long
from apiserver.machinery.names import (
    dns1123_label_problems,
    label_key_problems,
    label_value_problems,
    path_segment_prefix_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.options import field_manager_errors
from apiserver.machinery.quoting import quote
from apiserver.resources.strategy import WHOLE, Strategy, Update

_IMMUTABLE: Final = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_OWNER_MEMBERS: Final = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
_NO_OWNER: Final = ("v1", "Event")
_ANNOTATIONS_LIMIT: Final = 256 * 1024
# Every error about more than one controller shows all owners.
_MAX_CONTROLLERS: Final = 16
_MAX_SUBRESOURCE: Final = 256
_STANDARD_FINALIZERS: Final = ("kubernetes", "orphan", "foregroundDeletion")


class _Contents(NamedTuple):
    """The errors that every check finds: in the fields, and in managedFields, which are last."""

    fields: list[FieldError]
    managers: list[FieldError]


def validate_create(document: Object, strategy: Strategy) -> list[FieldError]:
    """Validate the metadata of a new object by the rules of the kind."""
    return validate_whole(document, strategy) if strategy.metadata_checks_on_create else []


def validate_created(document: Object, strategy: Strategy) -> list[FieldError]:
    """Validate the metadata of a new object that has passed the rules of the kind."""
    if strategy.metadata_checks_on_create and strategy.checks_generate_name:
        return []
    metadata = document["metadata"]
    return [*_any_names(metadata, strategy), *_any_contents(metadata, _contents(metadata))]


def validate_update(
    document: Object, old: Object, strategy: Strategy, update: Update
) -> list[FieldError]:
    """Validate the metadata of a changed object."""
    metadata = document["metadata"]
    contents = _contents(metadata)
    change = _change(document, old, contents)
    errors = [
        *_any_names(metadata, strategy),
        *_any_contents(metadata, contents),
        *change,
    ]
    for check in update.metadata_checks:
        if check == WHOLE:
            errors += _whole(document, strategy, contents)
        else:
            errors += change
            errors += _finalizers(metadata, strategy)
    return errors


def validate_whole(document: Object, strategy: Strategy) -> list[FieldError]:
    """Validate metadata without its old version, by the rules of the kind."""
    return _whole(document, strategy, _contents(document["metadata"]))


def validate_change(document: Object, old: Object, strategy: Strategy) -> list[FieldError]:
    """Validate a change of metadata by the rules of the kind."""
    metadata = document["metadata"]
    return [*_change(document, old, _contents(metadata)), *_finalizers(metadata, strategy)]


def validate_embedded(metadata: dict[str, Any]) -> list[FieldError]:
    """Validate the metadata of an object inside of another one, which needs no name."""
    errors = _segment_names(metadata)
    namespace = metadata.get("namespace")
    if namespace:
        errors += _invalid("metadata.namespace", namespace, dns1123_label_problems(namespace))
    if metadata.get("generation", 0) < 0:
        errors.append(_negative_generation(metadata["generation"]))
    return [*errors, *_any_contents(metadata, _contents(metadata))]


def _whole(document: Object, strategy: Strategy, contents: _Contents) -> list[FieldError]:
    errors, metadata = _names(document, strategy), document["metadata"]
    if metadata.get("generation", 0) < 0:
        errors.append(_negative_generation(metadata["generation"]))
    return [*errors, *_any_contents(metadata, contents), *_finalizers(metadata, strategy)]


def _any_contents(metadata: dict[str, Any], contents: _Contents) -> list[FieldError]:
    return [*contents.fields, *_any_finalizers(metadata), *contents.managers]


def _change(document: Object, old: Object, contents: _Contents) -> list[FieldError]:
    metadata, before = document["metadata"], old["metadata"]
    errors: list[FieldError] = []
    if "deletionTimestamp" in before:
        errors += _no_new_finalizers(metadata, before)
    for field in _IMMUTABLE:
        if metadata.get(field) != before.get(field):
            value = metadata.get(field, "" if field in ("name", "namespace", "uid") else None)
            errors.append(invalid(f"metadata.{field}", value, "field is immutable"))
    return [*errors, *contents.fields, *contents.managers]


def _contents(metadata: dict[str, Any]) -> _Contents:
    errors: list[FieldError] = []
    if "labels" in metadata:
        errors += label_errors(metadata["labels"] or {}, "metadata.labels")
    if "annotations" in metadata:
        errors += annotation_errors(metadata["annotations"] or {}, "metadata.annotations")
    if "ownerReferences" in metadata:
        errors += _owners(metadata["ownerReferences"] or [])
    return _Contents(errors, _managers(metadata.get("managedFields") or ()))


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
    return [forbidden("metadata.finalizers", detail)]


def _names(document: Object, strategy: Strategy) -> list[FieldError]:
    errors: list[FieldError] = []
    metadata, name_problems = document["metadata"], strategy.name_problems_of(document)
    prefix, name = metadata.get("generateName"), metadata.get("name", "")
    if prefix and strategy.checks_generate_name:
        masked = prefix[:-2] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        errors += _invalid("metadata.generateName", prefix, name_problems(masked))
    if not name:
        errors.append(required("metadata.name", "name or generateName is required"))
    else:
        problems = name_problems(name) or path_segment_problems(name)
        errors += _invalid("metadata.name", name, problems)
    return errors + _namespace(metadata, strategy)


def _any_names(metadata: dict[str, Any], strategy: Strategy) -> list[FieldError]:
    errors = _segment_names(metadata)
    if not metadata.get("name"):
        errors.append(required("metadata.name", "name or generateName is required"))
    return errors + _namespace(metadata, strategy)


def _segment_names(metadata: dict[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    prefix, name = metadata.get("generateName"), metadata.get("name")
    if prefix:
        errors += _invalid("metadata.generateName", prefix, path_segment_prefix_problems(prefix))
    if name:
        errors += _invalid("metadata.name", name, path_segment_problems(name))
    return errors


def _negative_generation(generation: int) -> FieldError:
    return invalid("metadata.generation", generation, "must be greater than or equal to 0")


def _namespace(metadata: dict[str, Any], strategy: Strategy) -> list[FieldError]:
    path, namespace = "metadata.namespace", metadata.get("namespace", "")
    if not strategy.definition.namespaced:
        return [forbidden(path, "not allowed on this type")] if namespace else []
    if not namespace:
        return [required(path)]
    return _invalid(path, namespace, dns1123_label_problems(namespace))


def label_errors(labels: dict[str, str], path: str) -> list[FieldError]:
    """Validate labels."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += _invalid(path, key, label_key_problems(key))
        errors += _invalid(path, value, label_value_problems(value))
    return errors


def annotation_errors(annotations: Mapping[str, str], path: str) -> list[FieldError]:
    """Validate annotations."""
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        errors += _invalid(path, key, label_key_problems(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_LIMIT:
        errors.append(too_long(path, _ANNOTATIONS_LIMIT))
    return errors


def _owners(owners: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    path = "metadata.ownerReferences"
    controllers: list[str] = []
    for owner in owners:
        errors += _owner(owner, path)
        if not owner.get("controller"):
            continue
        controllers.append(f"{owner.get('kind', '')}/{owner.get('name', '')}")
        if 1 < len(controllers) <= _MAX_CONTROLLERS:
            detail = (
                'Only one reference can have Controller set to true. Found "true" in references '
                f"for {controllers[0]} and {controllers[-1]}"
            )
            errors.append(invalid(path, [_in_order(each) for each in owners], detail))
    return errors


def _owner(owner: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    given = owner.get("apiVersion") or ""
    version = "" if given.count("/") > 1 else given.rpartition("/")[2]
    if not version:
        detail = "version must not be empty"
        errors.append(invalid(f"{path}.apiVersion", given, detail))
    errors += [
        invalid(f"{path}.{field}", "", "must not be empty")
        for field in ("kind", "name", "uid")
        if not owner.get(field)
    ]
    if (given, owner.get("kind")) == _NO_OWNER:
        detail = "/v1, Kind=Event is disallowed from being an owner"
        errors.append(invalid(path, _in_order(owner), detail))
    return errors


def _in_order(owner: dict[str, Any]) -> dict[str, Any]:
    # In Go's format, because messages quote it.
    return {name: owner.get(name, "") for name in _OWNER_MEMBERS if name in owner or name in _TEXTS}


_TEXTS = ("apiVersion", "kind", "name", "uid")


def _managers(entries: Iterable[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    for place, entry in enumerate(entries):
        path = f"metadata.managedFields[{place}]"
        operation, fields_type = entry.get("operation") or "", entry.get("fieldsType")
        if operation not in ("Apply", "Update"):
            errors.append(invalid(f"{path}.operation", operation, "must be `Apply` or `Update`"))
        if fields_type and fields_type != "FieldsV1":
            errors.append(invalid(f"{path}.fieldsType", fields_type, "must be `FieldsV1`"))
        errors += field_manager_errors(entry.get("manager") or "", f"{path}.manager")
        if len((entry.get("subresource") or "").encode()) > _MAX_SUBRESOURCE:
            errors.append(too_long(f"{path}.subresource", _MAX_SUBRESOURCE))
    return errors


def _any_finalizers(metadata: dict[str, Any]) -> list[FieldError]:
    finalizers, path = metadata.get("finalizers") or [], "metadata.finalizers"
    errors: list[FieldError] = []
    for name in finalizers:
        errors += _invalid(path, name, label_key_problems(name))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(invalid(path, finalizers, detail))
    return errors


def _finalizers(metadata: dict[str, Any], strategy: Strategy) -> list[FieldError]:
    if not strategy.qualifies_finalizers:
        return []
    detail = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid(f"metadata.finalizers[{index}]", name, detail)
        for index, name in enumerate(metadata.get("finalizers") or ())
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]


def _invalid(path: str, value: Any, problems: list[str]) -> list[FieldError]:
    return [invalid(path, value, problem) for problem in problems] if problems else []
