"""Conversion of the schema in a CustomResourceDefinition to a `Schema`.

The source is a ``JSONSchemaProps``, the form in which OpenAPI schemas appear in objects, that
`apiserver.schema.structuralrules` has found no fault in.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.schema.formats import is_known_format
from apiserver.schema.structural import ANY_VALUE, MISSING, Assertions, Schema

# The assertions with the same form in both.
_PLAIN: Final = {
    "minimum": "minimum",
    "exclusiveMinimum": "exclusive_minimum",
    "maximum": "maximum",
    "exclusiveMaximum": "exclusive_maximum",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
    "minItems": "min_items",
    "maxItems": "max_items",
    "uniqueItems": "unique_items",
    "minProperties": "min_properties",
    "maxProperties": "max_properties",
}
_JUNCTORS: Final = {"allOf": "all_of", "anyOf": "any_of", "oneOf": "one_of"}


def structural_schema(props: Object) -> Schema:
    """Return the schema that an ``openAPIV3Schema`` describes. Defaults in it are not copied."""
    additional = props.get("additionalProperties")
    items = props.get("items")
    type_ = props.get("type", "")
    int_or_string = bool(props.get("x-kubernetes-int-or-string"))
    return Schema(
        type="" if int_or_string else type_,
        format=_known_format(props.get("format", ""), "" if int_or_string else type_),
        properties={
            name: structural_schema(member) for name, member in props.get("properties", {}).items()
        },
        values=_values(additional),
        items=structural_schema(items) if isinstance(items, dict) else None,
        list_type=props.get("x-kubernetes-list-type") or "",
        list_map_keys=tuple(props.get("x-kubernetes-list-map-keys", ())),
        map_type=props.get("x-kubernetes-map-type") or "",
        default=MISSING if props.get("default") is None else props["default"],
        int_or_string=int_or_string,
        preserve_unknown_fields=bool(props.get("x-kubernetes-preserve-unknown-fields")),
        embedded_resource=bool(props.get("x-kubernetes-embedded-resource")),
        nullable=bool(props.get("nullable")),
        assertions=_assertions(props),
        rules=tuple(props.get("x-kubernetes-validations", ())),
    )


def _values(additional: Any) -> Schema | None:
    if isinstance(additional, dict):
        return structural_schema(additional)
    return None if additional is None else ANY_VALUE


def _known_format(format_: str, type_: str) -> str:
    return format_ if format_ and is_known_format(format_, type_) else ""


def _assertions(props: Object) -> Assertions | None:
    found: dict[str, Any] = {}
    for theirs, ours in _PLAIN.items():
        value = props.get(theirs)
        if value is not None and value is not False and value != "":
            found[ours] = value
    if props.get("enum"):
        found["enum"] = tuple(props["enum"])
    if props.get("required"):
        found["required"] = tuple(props["required"])
    if props.get("additionalProperties") is False:
        found["closed"] = True
    for theirs, ours in _JUNCTORS.items():
        if props.get(theirs):
            found[ours] = tuple(structural_schema(branch) for branch in props[theirs])
    if props.get("not") is not None:
        found["not_"] = structural_schema(props["not"])
    return Assertions(**found) if found else None
