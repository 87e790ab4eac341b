"""Values of documents as values of the language, by their schema.

Most are what they are. Texts of some formats become times, durations or bytes, numbers become
doubles, and members get the names that expressions use.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeAlias

from apiserver.cel.errors import EvaluationError
from apiserver.cel.propertynames import escaped
from apiserver.cel.timevalues import parse_duration, parse_timestamp
from apiserver.cel.values import MapList, SetList
from apiserver.schema.structural import Schema

Adapter: TypeAlias = Callable[[Any], Any]


def adapter(schema: Schema) -> Adapter | None:
    """Return the converter of the values of a schema, ``None`` if they need no conversion."""
    if schema.int_or_string:
        return None
    if schema.type == "number":
        return lambda value: float(value) if type(value) is int else value
    if schema.type == "string":
        return _TEXTS.get(schema.format)
    if schema.type == "array" and schema.items is not None:
        return _list_adapter(schema, adapter(schema.items))
    if schema.type == "object":
        if schema.values is not None and not schema.properties:
            return _map_adapter(adapter(schema.values))
        return _object_adapter(schema)
    return None


def _list_adapter(schema: Schema, inner: Adapter | None) -> Adapter | None:
    make: Callable[[Iterable[Any]], list[Any]] = list
    if schema.list_type == "set":
        make = SetList
    elif schema.list_type == "map":
        keys = tuple(escaped(key) or key for key in schema.list_map_keys)
        make = partial(MapList, keys=keys)
    elif inner is None:
        return None

    def adapt(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return make(value if inner is None else map(inner, value))

    return adapt


def _map_adapter(inner: Adapter | None) -> Adapter | None:
    if inner is None:
        return None

    def adapt(value: Any) -> Any:
        if type(value) is not dict:
            return value
        return {name: inner(member) for name, member in value.items()}

    return adapt


def _object_adapter(schema: Schema) -> Adapter | None:
    members = {name: adapter(member) for name, member in schema.properties.items()}
    renamed = {name: escaped(name) for name in members}
    special = {
        name: (renamed[name] or name, convert)
        for name, convert in members.items()
        if convert is not None or renamed[name] not in ("", name)
    }
    if not special:
        return None

    def adapt(value: Any) -> Any:
        if type(value) is not dict:
            return value
        adapted = {}
        for name, member in value.items():
            known = special.get(name)
            if known is None:
                adapted[name] = member
            else:
                shown, convert = known
                adapted[shown] = member if convert is None else convert(member)
        return adapted

    return adapt


def _text(parse: Callable[[str], Any]) -> Adapter:
    def adapt(value: Any) -> Any:
        if type(value) is not str:
            return value
        try:
            return parse(value)
        except (EvaluationError, binascii.Error, ValueError):
            # An invalid text is reported by the validation of formats, and fits no function.
            return value

    return adapt


_TIME: Final = _text(parse_timestamp)
_TEXTS: Final = {
    "byte": _text(lambda text: b64decode(text, validate=True)),
    "date": _text(lambda text: parse_timestamp(f"{text}T00:00:00Z")),
    "date-time": _TIME,
    "datetime": _TIME,
    "duration": _text(parse_duration),
}
