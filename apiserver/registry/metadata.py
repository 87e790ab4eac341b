"""The fields of metadata that the system owns, and what all metadata must obey. Pure."""

from __future__ import annotations

import uuid
from typing import Any

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import BadRequest, UnexplainedError
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.names import (
    dns1123_label_problems,
    generate_name,
    label_key_problems,
    label_value_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object
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
_IMMUTABLE = ("name", "namespace", "uid")
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


def begin(document: Object) -> Object:
    """Return ``document`` as a new object: a uid, a time of creation, perhaps a generated name."""
    metadata = document["metadata"]
    if metadata.get("resourceVersion", "0").lstrip("0").isdigit():
        raise UnexplainedError("resourceVersion should not be set on objects to be created")
    kept = {key: value for key, value in metadata.items() if key not in _SYSTEM_FIELDS}
    if not kept.get("name") and kept.get("generateName"):
        kept["name"] = generate_name(kept["generateName"])
    kept["uid"] = str(uuid.uuid4())
    kept["creationTimestamp"] = now()
    return {**document, "metadata": kept}


def carry_over(document: Object, old: Object) -> Object:
    """Return an update with what a client may leave out, or may not change, taken from ``old``."""
    metadata, before = dict(document["metadata"]), old["metadata"]
    metadata.setdefault("uid", before.get("uid"))
    for field in ("creationTimestamp", "generation", "deletionTimestamp"):
        metadata.pop(field, None)
        if field in before:
            metadata[field] = before[field]
    if "deletionGracePeriodSeconds" in before:
        metadata.setdefault("deletionGracePeriodSeconds", before["deletionGracePeriodSeconds"])
    metadata.pop("selfLink", None)
    return {**document, "metadata": metadata}


def validate(document: Object, strategy: Strategy) -> list[FieldError]:
    """Return every rule of metadata that an object breaks."""
    metadata = document["metadata"]
    return [
        *_names(metadata, strategy),
        *_labels(metadata.get("labels") or {}),
        *_annotations(metadata.get("annotations") or {}),
        *_owners(metadata.get("ownerReferences") or []),
        *_finalizers(metadata.get("finalizers") or []),
    ]


def validate_update(document: Object, old: Object, strategy: Strategy) -> list[FieldError]:
    """Return every rule of metadata that a change breaks."""
    metadata, before = document["metadata"], old["metadata"]
    errors = validate(document, strategy)
    for field in _IMMUTABLE:
        if metadata.get(field) != before.get(field):
            path = f"metadata.{field}"
            errors.append(
                fielderrors.invalid(path, metadata.get(field, ""), "field is immutable")
            )
    if "deletionTimestamp" in before:
        known = before.get("finalizers") or []
        added = [item for item in metadata.get("finalizers") or [] if item not in known]
        if added:
            shown = ", ".join(f'"{item}"' for item in added)
            detail = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{shown}}}"
            )
            errors.append(fielderrors.forbidden("metadata.finalizers", detail))
    return errors


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


def _labels(labels: dict[str, str]) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += _invalid("metadata.labels", key, label_key_problems(key))
        errors += _invalid("metadata.labels", value, label_value_problems(value))
    return errors


def _annotations(annotations: dict[str, str]) -> list[FieldError]:
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        errors += _invalid("metadata.annotations", key, label_key_problems(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > _ANNOTATIONS_LIMIT:
        errors.append(fielderrors.too_long("metadata.annotations", _ANNOTATIONS_LIMIT))
    return errors


def _owners(owners: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    path = "metadata.ownerReferences"
    controllers: list[str] = []
    for owner in owners:
        version = (owner.get("apiVersion") or "").rpartition("/")[2]
        if not version:
            errors.append(
                fielderrors.invalid(
                    f"{path}.apiVersion", owner.get("apiVersion", ""), "version must not be empty"
                )
            )
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                errors.append(fielderrors.invalid(f"{path}.{field}", "", "must not be empty"))
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        detail = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        errors.append(fielderrors.invalid(path, owners, detail))
    return errors


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
