"""Documents of any built-in type in which everything is there."""

from __future__ import annotations

from typing import Any

from apiserver.machinery.objects import Object
from apiserver.schema.structtypes import LEAVES, Field, StructType, struct_type

NOW = "2026-01-01T00:00:00Z"
LEAF_VALUES: dict[str, Any] = {
    "string": "x", "bytes": "eA==", "bool": True, "int32": 1, "int64": 1, "double": 1.0,
    "intstr.IntOrString": 1, "resource.Quantity": "1", "meta.v1.Time": NOW,
    "meta.v1.MicroTime": "2026-01-01T00:00:00.000000Z", "meta.v1.Duration": "1s",
    "apiextensions.v1.JSONSchemaPropsOrBool": True, "apiextensions.v1.JSONSchemaPropsOrArray": {},
}  # fmt: skip


def sample(type_: StructType, around: tuple[str, ...] = ()) -> Object:
    """Return a document of a type in which everything is there, each list with one item."""
    return {
        field.name: value
        for field in type_.members()
        if (value := _sample_field(field, (*around, type_.name))) is not None
    }


def _sample_field(field: Field, around: tuple[str, ...]) -> Any:
    type_ = field.value_type if field.is_map else field.type
    if type_ in LEAVES:
        value = LEAF_VALUES.get(type_)
    elif type_ in around or field.name == "managedFields":
        return None
    else:
        value = sample(struct_type(type_), around)
    if value is None:
        return None
    return {"k": value} if field.is_map else [value] if field.repeated else value
