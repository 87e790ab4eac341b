"""The schemas in a CustomResourceDefinition: what its rules look for inside of them.

A schema is one of the ``JSONSchemaProps`` of the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.resources.builtin.apiextensions.internalspec import internal_spec
from apiserver.schema.formats import is_known_format

# The members of a schema that contain others: one, a list or a map of them, in the order of a walk.
_MEMBERS: Final = (
    "items", "allOf", "anyOf", "oneOf", "not", "properties", "additionalProperties",
    "patternProperties", "additionalItems", "definitions", "dependencies",
)  # fmt: skip
_MAPS: Final = frozenset(["properties", "patternProperties", "definitions", "dependencies"])


def subschemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and all schemas in it, each before those that it contains."""
    left = [schema]
    while left:
        current = left.pop()
        yield current
        left += reversed(list(_children(current)))


def has_defaults(spec: Mapping[str, Any]) -> bool:
    """Return whether any schema of a definition has a default."""
    return any(
        inner.get("default") is not None
        for schema in _schemas(spec)
        for inner in subschemas(schema)
    )


def unrecognized_formats(spec: Mapping[str, Any]) -> list[str]:
    """Return the formats that validation ignores, in the order of their first mention."""
    formats = dict.fromkeys(
        inner["format"]
        for schema in _schemas(spec)
        for inner in subschemas(schema)
        if inner.get("format") and not is_known_format(inner["format"], inner.get("type", ""))
    )
    return list(formats)


def _schemas(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    internal = internal_spec(spec)
    for part in (internal.shared, *internal.own):
        if part.openapi_schema is not None:
            yield part.openapi_schema


def _children(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in _MEMBERS:
        value = schema.get(name)
        if isinstance(value, dict) and name not in _MAPS:
            yield value
        elif value and not isinstance(value, bool):
            each = value.values() if isinstance(value, dict) else value
            yield from (item for item in each if isinstance(item, dict))
