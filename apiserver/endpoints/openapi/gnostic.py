"""How OpenAPI documents become the protobuf messages of gnostic.

The messages mostly follow the document: a member of an object is a field of its message. A table
maps members to field numbers and forms. There are three differences. A map is a list of named
values. A union is wrapped in a message with one field per alternative. An untyped value (an
extension, a member of an enumeration) is YAML text, for which JSON is used. Members without a field
in the messages are omitted.
https://github.com/google/gnostic-models
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

#: The prefix of extensions, and their name in a table of members.
EXTENSION: Final = "x-"
_VARINT, _FIXED64, _BYTES = 0, 1, 2


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def nested(number: int, value: bytes) -> bytes:
    """Encode a nested message, or bytes."""
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def text(number: int, value: str) -> bytes:
    """Encode a string."""
    return nested(number, value.encode())


def flag(number: int, value: bool) -> bytes:  # noqa: FBT001 - a value like any other here
    """Encode a ``bool``."""
    return _varint(number << 3 | _VARINT) + (b"\x01" if value else b"\x00")


def integer(number: int, value: int) -> bytes:
    """Encode an ``int64``."""
    return _varint(number << 3 | _VARINT) + _varint(int(value) & (1 << 64) - 1)


def double(number: int, value: float) -> bytes:
    """Encode a ``double``."""
    return _varint(number << 3 | _FIXED64) + struct.pack("<d", value)


def anything(number: int, value: object) -> bytes:
    """Encode an untyped value."""
    return nested(number, text(2, orjson.dumps(value).decode() + "\n"))


def message(fields: Members) -> Field:
    """Return a form for an object with these members."""
    return lambda number, value: nested(number, members(fields, value))


def members(fields: Members, value: Mapping[str, Any]) -> bytes:
    """Encode the members of an object as the fields of a message."""
    written = []
    for name, member in value.items():
        extension = name.startswith(EXTENSION)
        found = fields.get(EXTENSION if extension else name)
        if found is not None:
            number, field = found
            written.append(field(number, {name: member} if extension else member))
    return b"".join(written)


def each(field: Field) -> Field:
    """Return a form for a list, as a repeated field."""
    return lambda number, values: b"".join([field(number, value) for value in values])


def listed(field: Field) -> Field:
    """Return a form for one or several values, as a repeated message."""
    return lambda number, given: nested(
        number, each(field)(1, given if isinstance(given, list) else [given])
    )


def named(field: Field) -> Field:
    """Return a form for a map whose message repeats named values in the field itself."""
    return lambda number, value: b"".join([
        nested(number, text(1, name) + field(2, member)) for name, member in value.items()
    ])  # fmt: skip


def within(inner: int, field: Field) -> Field:
    """Return a form that wraps a value in a message, in its field ``inner``."""
    return lambda number, value: nested(number, field(inner, value))


#: The form of the extensions of an object.
vendor_extension: Final = named(anything)
