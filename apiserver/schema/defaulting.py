"""Defaulting: sets missing fields to the defaults of a structural schema.

A default takes the place of a member that is missing, or that is null although its schema does not
allow null. Only objects that exist get members; a default is itself completed by the defaults that
its schema contains. The rules are those of the section "Defaulting" in the API documentation of
CustomResourceDefinition.
"""

from __future__ import annotations

from typing import Any

from apiserver.schema.structural import MISSING, Schema


def fill_defaults(document: Any, schema: Schema) -> None:
    """Fill in copies of the defaults, in place: the parts of the document must be the caller's."""
    if not schema.may_have_defaults:
        return
    if type(document) is dict:
        _fill_members(document, schema)
    elif type(document) is list and schema.items is not None:
        items = schema.items
        for index, value in enumerate(document):
            if value is None:
                document[index] = value = _instead_of_null(items)
            if type(value) is dict or type(value) is list:
                fill_defaults(value, items)


def _fill_members(document: dict[str, Any], schema: Schema) -> None:
    properties, values = schema.properties, schema.values
    for name, member in properties.items():
        if member.default is MISSING or document.get(name) is not None:
            continue
        if name not in document or not member.nullable:
            document[name] = copy_json(member.default)
    for name, value in document.items():
        part = properties.get(name)
        if part is None and values is not None:
            part = values
            if value is None:
                document[name] = value = _instead_of_null(values)
        if part is not None and (type(value) is dict or type(value) is list):
            fill_defaults(value, part)


def _instead_of_null(schema: Schema) -> Any:
    has_none = schema.nullable or schema.default is MISSING
    return None if has_none else copy_json(schema.default)


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if type(value) is dict:
        return {name: copy_json(member) for name, member in value.items()}
    if type(value) is list:
        return [copy_json(item) for item in value]
    return value
