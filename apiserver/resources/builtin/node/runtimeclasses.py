"""RuntimeClass."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.names import dns1123_label_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.labelselector import validate_labels
from apiserver.resources.builtin.parts.resources import (
    default_quantities,
    validate_requirements,
)
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy


def _cells(document: Object) -> list[Any]:
    return [document.get("handler", "")]


class RuntimeClassStrategy(Strategy):
    """A RuntimeClass names what runs containers, what that costs and where it is to be had."""

    allow_create_on_update = True
    allow_unconditional_update = False
    metadata_checks = (CHANGE,)
    printer = aged((Column("Handler", source="api.node.v1.RuntimeClass.handler"),), _cells)

    def default(self, document: Object) -> None:
        default_quantities((document.get("overhead") or {}).get("podFixed") or {})

    def validate(self, document: Object) -> list[FieldError]:
        handler = document.get("handler", "")
        problems = dns1123_label_problems(handler)
        errors = [invalid("handler", handler, problem) for problem in problems]
        fixed = (document.get("overhead") or {}).get("podFixed")
        if fixed:
            errors += validate_requirements({"limits": fixed}, "overhead.podFixed")
        scheduling = document.get("scheduling") or {}
        return errors + validate_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        handler = document.get("handler", "")
        if handler == old.get("handler", ""):
            return []
        return [invalid("handler", handler, "field is immutable")]


STRATEGY = RuntimeClassStrategy
