"""Documents with their members in the order of their type, as Go writes them.

Objects are stored and sent as they came; only where a message quotes one does the order show.
"""

from __future__ import annotations

from typing import Any

from apiserver.schema.layout import Field, Layout, message
from apiserver.schema.typed import is_leaf

_TYPE_META = ("kind", "apiVersion")


def in_order(layout: Layout, document: Any) -> Any:
    """Return a copy of a document with its members in order, and those of maps by name."""
    if not isinstance(document, dict):
        return document
    result = {name: document[name] for name in _TYPE_META if name in document}
    for field in _fields(layout):
        if field.name in document:
            result[field.name] = _member(field, document[field.name])
    # What the type does not have stands behind what it has.
    return {**result, **{name: value for name, value in document.items() if name not in result}}


def _fields(layout: Layout) -> list[Field]:
    found: list[Field] = []
    for field in layout.fields:
        found += _fields(message(field.type)) if field.embedded else [field]
    return found


def _member(field: Field, value: Any) -> Any:
    if field.is_map and isinstance(value, dict):
        return {name: _value(field.value_type, value[name]) for name in sorted(value)}
    if field.repeated and isinstance(value, list):
        return [_value(field.type, item) for item in value]
    return _value(field.type, value)


def _value(type_: str, value: Any) -> Any:
    if is_leaf(type_):
        return _sorted(value)
    return in_order(message(type_), value)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
