"""Defaulting: members that a structural schema gives a default are filled in.

A default takes the place of a member that is missing, or that is null although its schema does not
allow null. Only objects that exist get members; a default is itself completed by the defaults that
its schema contains. A null that is neither allowed nor replaced is removed beforehand. The rules
are those of the section "Defaulting" in the API documentation of CustomResourceDefinition.

Both functions change a document in place, whose parts must belong to the caller alone.
"""

from __future__ import annotations

from typing import Any

from apiserver.schema.structural import MISSING, Schema


def drop_nulls(document: Any, schema: Schema) -> None:
    """Remove members that are null where null is not allowed and no default replaces it."""
    if type(document) is dict:
        properties, values = schema.properties, schema.values
        dropped = []
        for name, value in document.items():
            member = properties.get(name) or values
            if member is None:
                continue
            if value is None:
                if not member.nullable and member.default is MISSING:
                    dropped.append(name)
            elif type(value) is dict or type(value) is list:
                drop_nulls(value, member)
        for name in dropped:
            del document[name]
    elif type(document) is list and schema.items is not None:
        for item in document:
            drop_nulls(item, schema.items)


def fill_defaults(document: Any, schema: Schema) -> None:
    """Fill in copies of the defaults."""
    if type(document) is dict:
        properties, values = schema.properties, schema.values
        for name, member in properties.items():
            if member.default is MISSING or document.get(name) is not None:
                continue
            if name not in document or not member.nullable:
                document[name] = copy_json(member.default)
        for name, value in document.items():
            specified = properties.get(name)
            if specified is not None:
                fill_defaults(value, specified)
            elif values is not None:
                document[name] = _filled(value, values)
    elif type(document) is list and schema.items is not None:
        for index, item in enumerate(document):
            document[index] = _filled(item, schema.items)


def _filled(value: Any, schema: Schema) -> Any:
    if value is None and not schema.nullable and schema.default is not MISSING:
        value = copy_json(schema.default)
    fill_defaults(value, schema)
    return value


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if type(value) is dict:
        return {name: copy_json(member) for name, member in value.items()}
    if type(value) is list:
        return [copy_json(item) for item in value]
    return value
