"""RuntimeClass."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, duplicate, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.names import validate_dns_label
from apiserver.resources.builtin.parts.nodelabels import node_label_warning
from apiserver.resources.builtin.parts.resources import (
    default_quantities,
    validate_requirements,
)
from apiserver.resources.builtin.parts.tolerations import validate_tolerations
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy
from apiserver.schema.internalform import internal_form


def _cells(document: Object) -> list[Any]:
    return [document.get("handler", "")]


class RuntimeClassStrategy(Strategy):
    """A RuntimeClass defines a container runtime, its overhead and its supported nodes."""

    allow_create_on_update = True
    allow_unconditional_update = False
    # The rules of the kind include metadata.
    metadata_checks = ()
    # The column has no description, as in Kubernetes.
    printer = aged((Column("Handler"),), _cells)

    def default(self, document: Object) -> None:
        default_quantities((document.get("overhead") or {}).get("podFixed") or {})

    def validate(self, document: Object) -> list[FieldError]:
        handler = document.get("handler", "")
        errors = validate_dns_label(handler, "handler") if handler else [required("handler")]
        fixed = (document.get("overhead") or {}).get("podFixed")
        if fixed:
            errors += validate_requirements({"limits": fixed}, "overhead.podFixed")
        scheduling = document.get("scheduling") or {}
        errors += validate_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
        return errors + _validate_tolerations(scheduling.get("tolerations") or [])

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = [
            *objectmeta.validate_whole(document, self),
            *self.validate(document),
            *objectmeta.validate_change(document, old, self),
        ]
        handler = document.get("handler", "")
        if handler != old.get("handler", ""):
            errors.append(invalid("handler", handler, "field is immutable"))
        return errors

    def warnings_on_create(self, document: Object) -> list[str]:
        keys = sorted((document.get("scheduling") or {}).get("nodeSelector") or ())
        found = filter(None, map(node_label_warning, keys))
        return [f"scheduling.nodeSelector: {warning}" for warning in found]


def _validate_tolerations(tolerations: list[dict[str, Any]]) -> list[FieldError]:
    path = "scheduling.tolerations"
    errors = validate_tolerations(tolerations, path)
    seen: set[frozenset[tuple[str, Any]]] = set()
    for index, toleration in enumerate(tolerations):
        identity = frozenset(toleration.items())
        if identity in seen:
            shown = internal_form("core.v1.Toleration", toleration)
            errors.append(duplicate(f"{path}[{index}]", shown))
        seen.add(identity)
    return errors


STRATEGY = RuntimeClassStrategy
