"""The schemas in a CustomResourceDefinition: searches that its rules need.

A schema is one of the ``JSONSchemaProps`` of the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError
from apiserver.resources.builtin.apiextensions.internalspec import InternalSpec, internal_spec
from apiserver.resources.embeddedobjects import embedded_object_errors
from apiserver.schema.defaultrules import ValueChecks
from apiserver.schema.formats import is_known_format
from apiserver.schema.structural import Schema, has_rules
from apiserver.schema.structuralrules import structural_problems

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


def validate_schema(
    spec: InternalSpec, index: int | None, before: InternalSpec | None
) -> list[FieldError]:
    """Validate the schema of a version, or that of all versions (``None``).

    A schema that does not change (``before``) stays valid: it may be large, and it may be older
    than a rule.
    """
    found = _schema_at(spec, index)
    if found is None or (before is not None and _is_known(spec, index, before)):
        return []
    path = "spec.validation" if index is None else f"spec.versions[{index}].schema"
    schema, has_status = found
    where = f"{path}.openAPIV3Schema"
    return structural_problems(
        schema,
        where,
        has_status=has_status,
        checks=ValueChecks(embedded_object_errors, _rule_errors),
        declared_rules=lambda faulty: _rule_problems(schema, where, faulty),
    )


def _rule_problems(schema: dict[str, Any], path: str, faulty: list[str]) -> list[FieldError]:
    if not any(inner.get("x-kubernetes-validations") for inner in subschemas(schema)):
        return []
    # The language is loaded with the first rule.
    from apiserver.cel.rulechecks import rule_problems

    return rule_problems(schema, path, faulty)


def _rule_errors(default: Any, schema: Schema) -> list[FieldError]:
    if not has_rules(schema):
        return []
    from apiserver.cel.rulevalidation import default_errors

    return default_errors(default, schema)


def _schema_at(spec: InternalSpec, index: int | None) -> tuple[dict[str, Any], bool] | None:
    """Return a schema, and whether it is that of objects with a status subresource."""
    part = spec.shared if index is None else spec.own[index]
    schema = part.openapi_schema
    if schema is None:
        return None
    return schema, spec.has_any_status if index is None else spec.has_status(index)


def _is_known(spec: InternalSpec, index: int | None, before: InternalSpec) -> bool:
    name = spec.versions[index or 0].get("name")
    names = [each.get("name") for each in before.versions]
    if name not in names:
        return False
    found = _schema_at(spec, index)
    known = _schema_at(before, None) or _schema_at(before, names.index(name))
    if found is None or known is None or found[1] != known[1]:
        return False
    return deep_equal(found[0], known[0])


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
