"""ControllerRevision."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, required
from apiserver.machinery.gvk import parse_api_version
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_same,
)
from apiserver.resources.builtin.parts.numbers import validate_nonnegative
from apiserver.resources.printing import NONE, Column, aged
from apiserver.resources.strategy import Strategy

_COLUMNS: Final = (
    Column("Controller", "Controller of the object"),
    Column("Revision", source="api.apps.v1.ControllerRevision.revision"),
)


def _cells(document: Object) -> list[Any]:
    return [_controller(document), document.get("revision", 0)]


def _controller(document: Object) -> str:
    for owner in document["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            group, _ = parse_api_version(owner["apiVersion"])
            kind = f"{owner['kind']}.{group}" if group else owner["kind"]
            return f"{kind.lower()}/{owner['name']}"
    return NONE


class ControllerRevisionStrategy(Strategy):
    """A ControllerRevision stores an old state of a workload; only its revision may change."""

    printer = aged(_COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        data = document.get("data")
        errors = []
        if data is None:
            errors.append(required("data", "data is mandatory"))
        elif not isinstance(data, dict):
            errors.append(required("data", "data must be a valid JSON object"))
        return errors + validate_nonnegative(document.get("revision", 0), "revision")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *validate_nonnegative(document.get("revision", 0), "revision"),
            *validate_same(document.get("data"), old.get("data"), "data"),
        ]


STRATEGY = ControllerRevisionStrategy
