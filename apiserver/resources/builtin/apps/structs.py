"""Values as messages quote them: members in the order of their type, labels sorted.

Kubernetes validates its own, internal types and quotes a whole struct as JSON of that type: every
member is there, under the name that it has in the program, ``null`` or zero where it is not set.
Structs of metadata are the exception: they have one form only, that of documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.schema.structtypes import Field, struct_type

_DOCUMENTS: Final = ("meta.v1.", "intstr.", "resource.", "runtime.")
_ZERO: Final[Mapping[str, Any]] = {"string": "", "bool": False, "int32": 0, "int64": 0, "double": 0}
# Where members stand in another order than their numbers say.
_FIRST: Final[Mapping[str, str]] = {"autoscaling.v2.HPAScalingRules": "stabilizationWindowSeconds"}
_EXPRESSION: Final = ("key", "operator", "values")


def struct(type_name: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a canonical value of a type, ``policy.v1.Eviction``, as messages quote it."""
    if value is None:
        return None
    first = _FIRST.get(type_name)
    fields = sorted(struct_type(type_name).fields, key=lambda field: field.name != first)
    return {field.label: _member(field, member(value, field.name)) for field in fields}


def _member(field: Field, value: Any) -> Any:
    if value is None:
        many = field.pointer or field.repeated or field.is_map
        return None if many else _ZERO.get(field.type)
    if field.type == "meta.v1.LabelSelector":
        return selector(value)
    if field.type in _ZERO or field.is_map or field.type.startswith(_DOCUMENTS):
        return value
    if field.repeated:
        return [struct(field.type, item) for item in value]
    return struct(field.type, value)


def selector(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a label selector as messages quote it."""
    if value is None:
        return None
    shown: dict[str, Any] = {}
    if value.get("matchLabels"):
        shown["matchLabels"] = labels(value["matchLabels"])
    if value.get("matchExpressions"):
        shown["matchExpressions"] = [
            {name: item.get(name, "") for name in _EXPRESSION if name in item or name != "values"}
            for item in value["matchExpressions"]
        ]
    return shown


def labels(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return labels as messages quote them; ``None`` where there are none."""
    return None if value is None else dict(sorted(value.items()))
