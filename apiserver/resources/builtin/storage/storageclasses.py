"""StorageClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object, metadata_of
from apiserver.resources import objectmeta
from apiserver.resources.builtin.parts.names import validate_qualified_name
from apiserver.resources.builtin.parts.nodelabels import node_label_warning
from apiserver.resources.builtin.parts.repeats import repeats
from apiserver.resources.builtin.storage.drivers import validate_parameters, validate_provisioner
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.strategy import Strategy
from apiserver.schema.internalform import internal_map

IS_DEFAULT: Final = "storageclass.kubernetes.io/is-default-class"
_IS_DEFAULT_BETA: Final = "storageclass.beta.kubernetes.io/is-default-class"
_RECLAIM_POLICIES: Final = ("Delete", "Retain")
_BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")
_IMMUTABLE: Final = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")

_MOST_COMPLAINTS: Final = 16

_CLASS: Final = "api.storage.v1.StorageClass"
COLUMNS: Final = (
    NAME,
    Column("Provisioner", source=f"{_CLASS}.provisioner"),
    Column("ReclaimPolicy", source=f"{_CLASS}.reclaimPolicy"),
    Column("VolumeBindingMode", source=f"{_CLASS}.volumeBindingMode"),
    Column("AllowVolumeExpansion", source=f"{_CLASS}.allowVolumeExpansion"),
    AGE,
)


def is_default(document: Object) -> bool:
    """Return whether a class is that of claims that name none."""
    annotations = metadata_of(document).get("annotations") or {}
    return "true" in (annotations.get(IS_DEFAULT), annotations.get(_IS_DEFAULT_BETA))


def _cells(document: Object, now: float) -> list[Any]:
    metadata = document["metadata"]
    name = metadata.get("name", "")
    return [
        f"{name} (default)" if is_default(document) else name,
        document.get("provisioner", ""),
        document.get("reclaimPolicy", "Delete"),
        document.get("volumeBindingMode", "Immediate"),
        document.get("allowVolumeExpansion", False),
        age_of(metadata.get("creationTimestamp"), now),
    ]


class StorageClassStrategy(Strategy):
    """A StorageClass defines how volumes are provisioned for claims."""

    returns_deleted_object = True
    # The rules of the kind include metadata.
    metadata_checks = ()
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        document.setdefault("reclaimPolicy", "Delete")
        document.setdefault("volumeBindingMode", "Immediate")

    def validate(self, document: Object) -> list[FieldError]:
        errors = validate_provisioner(document.get("provisioner", ""), "provisioner")
        errors += validate_parameters(document.get("parameters") or {}, "parameters")
        policy, mode = document.get("reclaimPolicy"), document.get("volumeBindingMode")
        if policy and policy not in _RECLAIM_POLICIES:
            errors.append(not_supported("reclaimPolicy", policy, _RECLAIM_POLICIES))
        if mode is None:
            errors.append(required("volumeBindingMode"))
        elif mode not in _BINDING_MODES:
            errors.append(not_supported("volumeBindingMode", mode, _BINDING_MODES))
        return errors + _validate_topologies(document.get("allowedTopologies") or [])

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *objectmeta.validate_whole(document, self),
            *self.validate(document),
            *objectmeta.validate_change(document, old, self),
            *(
                invalid(name, _shown(member(document, name)), "field is immutable")
                for name in _IMMUTABLE
                if (document.get(name) or None) != (old.get(name) or None)
            ),
        ]

    def warnings_on_create(self, document: Object) -> list[str]:
        return [
            f"allowedTopologies[{index}].matchLabelExpressions[{at}].key: {warning}"
            for index, term in enumerate(document.get("allowedTopologies") or ())
            for at, requirement in enumerate(term.get("matchLabelExpressions") or ())
            if (warning := node_label_warning(requirement.get("key", "")))
        ]


def _shown(value: Any) -> Any:
    return internal_map(value) if isinstance(value, dict) else value


def _validate_topologies(terms: list[dict[str, Any]]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[frozenset[tuple[str, frozenset[str]]]] = set()
    # Kubernetes compares a term without requirements with as many of the kind as there are terms.
    empty = len(terms)
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        requirements: dict[str, frozenset[str]] = {}
        for at, requirement in enumerate(term.get("matchLabelExpressions") or ()):
            errors += _validate_requirement(requirement, f"{path}[{at}]")
            key = requirement.get("key", "")
            if key in requirements:
                errors.append(duplicate(f"{path}[{at}].key", key))
            requirements[key] = frozenset(requirement.get("values") or ())
        identity = frozenset(requirements.items())
        if not identity:
            errors += [duplicate(path, "")] * min(empty, _MOST_COMPLAINTS)
            empty += 1
        elif identity in seen:
            errors.append(duplicate(path, ""))
        seen.add(identity)
    return errors


def _validate_requirement(requirement: dict[str, Any], path: str) -> list[FieldError]:
    values = requirement.get("values") or []
    errors = [] if values else [required(f"{path}.values")]
    errors += [duplicate(f"{path}.values[{index}]", value) for index, value in repeats(values)]
    return errors + validate_qualified_name(requirement.get("key", ""), f"{path}.key")


STRATEGY = StorageClassStrategy
