"""Rules of the fields by which custom objects can be selected (KEP-4358)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    invalid,
    required,
    too_many,
)

_MAX_FIELDS: Final = 8
_TYPES: Final = ("string", "boolean", "integer")
_TOKEN: Final = re.compile(r"[.\[\]]|'(?:[^']|(?<=\\)')*(?:(?<!\\)')?|[^.\[\]']+[^.\[\]]*")
_NOT_A_FIELD: Final = "does not refer to a valid field"
_UNEXPECTED_END: Final = "unexpected end of JSON path"
_WRONG_TYPE: Final = (
    "must point to a field of type string, boolean or integer. "
    "Enum string fields and strings with formats are allowed."
)


class _InvalidPath(ValueError):
    """A path does not lead to a field; the text says why."""


def validate_selectable_fields(
    fields: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], path: str
) -> list[FieldError]:
    """Validate the selectable fields of a version; ``schema`` is its structural schema."""
    errors: list[FieldError] = []
    seen: set[tuple[str, ...]] = set()
    for index, field in enumerate(fields):
        where, given = f"{path}[{index}].jsonPath", field.get("jsonPath", "")
        if not given:
            errors.append(required(where))
            continue
        try:
            names, found = _resolve(given, schema)
        except _InvalidPath as problem:
            errors.append(invalid(where, given, f"is an invalid path: {problem}"))
            continue
        if names[0] == "metadata":
            errors.append(invalid(where, given, "must not point to fields in metadata"))
        if (found or {}).get("type") not in _TYPES:
            errors.append(invalid(where, given, _WRONG_TYPE))
        if names in seen:
            errors.append(duplicate(where, given))
        seen.add(names)
    if len(seen) > _MAX_FIELDS:
        errors.append(too_many(path, len(seen), _MAX_FIELDS))
    return errors


def _resolve(
    text: str, schema: Mapping[str, Any] | None
) -> tuple[tuple[str, ...], Mapping[str, Any] | None]:
    """Return the names along a path and the schema of its field, ``None`` if it has none."""
    names: list[str] = []
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        if token == "[":
            raise _InvalidPath("array notation is not allowed")
        if token != ".":
            raise _InvalidPath(f"expected [ or . but got: {token}")
        name = next(tokens, None)
        if name is None:
            raise _InvalidPath(_UNEXPECTED_END)
        schema = _member(schema or {}, name)
        names.append(name)
    return tuple(names), schema


def _member(schema: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    if "properties" in schema:
        found: Mapping[str, Any] | None = schema["properties"].get(name)
        if found is None:
            raise _InvalidPath(_NOT_A_FIELD)
        return found
    values = schema.get("additionalProperties")
    if values is None:
        raise _InvalidPath(_NOT_A_FIELD)
    return values if isinstance(values, dict) else None
