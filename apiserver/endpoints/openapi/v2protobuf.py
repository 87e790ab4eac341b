"""The version 2 document in protobuf form, as kubectl reads it.

The messages are those of gnostic's ``OpenAPIv2.proto`` and mostly follow the document: a member of
an object is a field of its message. A table maps members to field numbers and forms. There are
three differences. A map is a list of named values. A union is wrapped in a message with one field
per alternative. An untyped value (an extension, a member of an enumeration) is YAML text, for which
JSON is used. Members without a field in the messages are omitted.
https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson

#: Encodes a value as the field of this number.
Field: TypeAlias = Callable[[int, Any], bytes]
#: The field number and the form of each member of an object.
Members: TypeAlias = Mapping[str, tuple[int, Field]]

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_EXTENSION: Final = "x-"


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a version 2 document as a gnostic ``openapi.v2.Document``."""
    return _members(_DOCUMENT, document)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _flag(number: int, value: bool) -> bytes:  # noqa: FBT001 - a value like any other here
    return _varint(number << 3 | _VARINT) + (b"\x01" if value else b"\x00")


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(int(value) & (1 << 64) - 1)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | _FIXED64) + struct.pack("<d", value)


def _anything(number: int, value: object) -> bytes:
    return _bytes(number, _text(2, orjson.dumps(value).decode() + "\n"))


def _message(fields: Members) -> Field:
    return lambda number, value: _bytes(number, _members(fields, value))


def _members(fields: Members, value: Mapping[str, Any]) -> bytes:
    written = []
    for name, member in value.items():
        extension = name.startswith(_EXTENSION)
        found = fields.get(_EXTENSION if extension else name)
        if found is not None:
            number, field = found
            written.append(field(number, {name: member} if extension else member))
    return b"".join(written)


def _each(field: Field) -> Field:
    return lambda number, values: b"".join([field(number, value) for value in values])


def _listed(field: Field) -> Field:
    """Return a form for one or several values, as a repeated message."""
    return lambda number, given: _bytes(
        number, _each(field)(1, given if isinstance(given, list) else [given])
    )


def _named(field: Field) -> Field:
    """Return a form for a map whose message repeats named values in the field itself."""
    return lambda number, value: b"".join([
        _bytes(number, _text(1, name) + field(2, member)) for name, member in value.items()
    ])  # fmt: skip


def _within(inner: int, field: Field) -> Field:
    """Return a form that wraps a value in a message, in its field ``inner``."""
    return lambda number, value: _bytes(number, field(inner, value))


def _schema(number: int, value: Any) -> bytes:
    return _bytes(number, _members(_SCHEMA, value))


def _additional_properties(number: int, value: Any) -> bytes:
    allowed = isinstance(value, bool)
    return _bytes(number, _flag(2, value) if allowed else _schema(1, value))


_VENDOR_EXTENSION = _named(_anything)
_SCHEMA: Final[Members] = {
    "$ref": (1, _text),
    "format": (2, _text),
    "title": (3, _text),
    "description": (4, _text),
    "default": (5, _anything),
    "multipleOf": (6, _double),
    "maximum": (7, _double),
    "exclusiveMaximum": (8, _flag),
    "minimum": (9, _double),
    "exclusiveMinimum": (10, _flag),
    "maxLength": (11, _integer),
    "minLength": (12, _integer),
    "pattern": (13, _text),
    "maxItems": (14, _integer),
    "minItems": (15, _integer),
    "uniqueItems": (16, _flag),
    "maxProperties": (17, _integer),
    "minProperties": (18, _integer),
    "required": (19, _each(_text)),
    "enum": (20, _each(_anything)),
    "additionalProperties": (21, _additional_properties),
    "type": (22, _listed(_text)),
    "items": (23, _listed(_schema)),
    "allOf": (24, _each(_schema)),
    "properties": (25, _within(1, _named(_schema))),
    "externalDocs": (29, _message({"description": (1, _text), "url": (2, _text)})),
    "example": (30, _anything),
    _EXTENSION: (31, _VENDOR_EXTENSION),
}

_BODY: Final[Members] = {
    "description": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "required": (4, _flag),
    "schema": (5, _schema),
}
_IN_PATH: Final[Members] = {
    "required": (1, _flag),
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
    "type": (5, _text),
    "uniqueItems": (19, _flag),
}
_IN_QUERY: Final[Members] = {**_IN_PATH, "type": (6, _text), "uniqueItems": (20, _flag)}
#: The field that wraps a parameter, by its ``in`` value.
_PARAMETERS: Final = {
    "body": _within(1, _within(1, _message(_BODY))),
    "query": _within(1, _within(2, _within(3, _message(_IN_QUERY)))),
    "path": _within(1, _within(2, _within(4, _message(_IN_PATH)))),
}


def _parameter(number: int, value: Mapping[str, Any]) -> bytes:
    return _PARAMETERS[value["in"]](number, value)


_RESPONSE: Final[Members] = {"description": (1, _text), "schema": (2, _within(1, _schema))}
_OPERATION: Final[Members] = {
    "tags": (1, _each(_text)),
    "description": (3, _text),
    "operationId": (5, _text),
    "produces": (6, _each(_text)),
    "consumes": (7, _each(_text)),
    "parameters": (8, _each(_parameter)),
    "responses": (9, _within(1, _named(_within(1, _message(_RESPONSE))))),
    "schemes": (10, _each(_text)),
    _EXTENSION: (13, _VENDOR_EXTENSION),
}
_PATH_ITEM: Final[Members] = {
    "get": (2, _message(_OPERATION)),
    "put": (3, _message(_OPERATION)),
    "post": (4, _message(_OPERATION)),
    "delete": (5, _message(_OPERATION)),
    "options": (6, _message(_OPERATION)),
    "head": (7, _message(_OPERATION)),
    "patch": (8, _message(_OPERATION)),
    "parameters": (9, _each(_parameter)),
    _EXTENSION: (10, _VENDOR_EXTENSION),
}
_API_KEY: Final[Members] = {
    "type": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "description": (4, _text),
}
_DOCUMENT: Final[Members] = {
    "swagger": (1, _text),
    "info": (2, _message({"title": (1, _text), "version": (2, _text)})),
    "paths": (8, _within(2, _named(_message(_PATH_ITEM)))),
    "definitions": (9, _within(1, _named(_schema))),
    "security": (12, _each(_within(1, _named(_listed(_text))))),
    "securityDefinitions": (13, _within(1, _named(_within(2, _message(_API_KEY))))),
}
