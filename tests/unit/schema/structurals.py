"""Schemas of custom kinds, in the form that they have in CustomResourceDefinitions."""

from __future__ import annotations

from typing import Any

from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.structural import Schema

Props = dict[str, Any]

STRING: Props = {"type": "string"}
INTEGER: Props = {"type": "integer"}


def an_object(**properties: Props) -> Props:
    return {"type": "object", "properties": properties}


def an_array(items: Props, **more: Any) -> Props:
    return {"type": "array", "items": items, **more}


def a_map(values: Any) -> Props:
    return {"type": "object", "additionalProperties": values}


def schema_of(**properties: Props) -> Schema:
    """Return the schema of an object with these members."""
    return structural_schema(an_object(**properties))
