"""ResourceSlice."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.fields import paths
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy

_FIELDS: Final = paths("spec.nodeName", "spec.driver")
_SPEC: Final = "api.resource.v1.ResourceSliceSpec"
_COLUMNS: Final = (
    Column("Node", source=f"{_SPEC}.nodeName"),
    Column("Driver", source=f"{_SPEC}.driver"),
    Column("Pool", source="api.resource.v1.ResourcePool.name"),
)


def _cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    pool = (spec.get("pool") or {}).get("name", "")
    return [spec.get("nodeName") or "", spec.get("driver", ""), pool]


class ResourceSliceStrategy(Strategy):
    """A ResourceSlice lists devices of a driver; whose they are never changes."""

    fields = _FIELDS
    returns_deleted_object = True
    metadata_checks = (CHANGE,)
    generation_of = ("spec",)
    printer = aged(_COLUMNS, _cells)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        new, before = (d.get("spec") or {} for d in (document, old))
        errors = [
            invalid(f"spec.{member}", new.get(member), "field is immutable")
            for member in ("driver", "nodeName")
            if new.get(member) != before.get(member)
        ]
        pool, old_pool = ((spec.get("pool") or {}).get("name") for spec in (new, before))
        if pool != old_pool:
            errors.append(invalid("spec.pool.name", pool, "field is immutable"))
        return errors


STRATEGY = ResourceSliceStrategy
