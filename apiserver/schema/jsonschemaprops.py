"""Conversion of the schema in a CustomResourceDefinition to a `Schema`.

The source is a ``JSONSchemaProps``, the form in which OpenAPI schemas appear in objects, that
`apiserver.schema.structuralrules` has found no fault in.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakValueDictionary

from apiserver.machinery.documents import dump_json_to_keep
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


_UNIQUE: Final = ("set", "map")
# What a schema has that has parts, or values that need no equal.
_PARTS: Final = frozenset((
    "properties", "items", "additionalProperties", "allOf", "anyOf", "oneOf", "not", "default",
    "x-kubernetes-validations",
))  # fmt: skip
_PROSE: Final = frozenset(("description", "title", "example", "externalDocs"))

# Equal schemas without parts are one: most of those of a CustomResourceDefinition, and of all.
_LEAVES: Final[WeakValueDictionary[bytes, Schema]] = WeakValueDictionary()


def structural_schema(props: Object) -> Schema:
    """Return the schema that an ``openAPIV3Schema`` describes. Defaults in it are not copied."""
    if not _PARTS.isdisjoint(props):
        return _schema(props)
    said = {name: value for name, value in props.items() if name not in _PROSE}
    key = dump_json_to_keep(said)
    leaf = _LEAVES.get(key)
    if leaf is None:
        leaf = _LEAVES[key] = _schema(said)
    return leaf


def _schema(props: Object) -> Schema:
    items = props.get("items")
    int_or_string = bool(props.get("x-kubernetes-int-or-string"))
    type_ = "" if int_or_string else props.get("type", "")
    schema = Schema(
        type=type_,
        format=_known_format(props.get("format", ""), type_),
        values=_values(props.get("additionalProperties")),
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
    for name, member in props.get("properties", {}).items():
        schema.properties[name] = structural_schema(member)
    _summarize(schema)
    return schema


def _summarize(schema: Schema) -> None:
    """State what the parts of a schema have."""
    parts = list(schema.properties.values())
    parts += [part for part in (schema.values, schema.items) if part is not None]
    schema.may_have_defaults = any(
        part.may_have_defaults or part.default is not MISSING for part in parts
    )
    schema.may_have_unique_items = schema.list_type in _UNIQUE or any(
        part.may_have_unique_items for part in parts
    )
    found = schema.assertions
    if found is not None:
        parts += (*found.any_of, *found.all_of)
    schema.may_exclude = any(part.may_exclude for part in parts) or (
        found is not None and (bool(found.one_of) or found.not_ is not None)
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
