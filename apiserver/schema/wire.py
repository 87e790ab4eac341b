"""The protobuf wire format: tags, varints, lengths, and skipping of unknown fields.

Lengths are checked against the available bytes before they are used. The errors are those of
Kubernetes' decoder. https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import codecs
from typing import Final, TypeAlias

VARINT, FIXED64, BYTES, _GROUP, _END_GROUP, _FIXED32 = range(6)

_EOF: Final = "unexpected EOF"
_MASK: Final = (1 << 64) - 1
_INVALID: Final = "protobuf-text"

#: The fields that a message may have: the wire type and the name for each number.
Expected: TypeAlias = dict[int, tuple[int, str]]


class ProtobufError(ValueError):
    """The bytes are not a message of their type; the text is that of Kubernetes' decoder."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at ``at``, and the offset of its end."""
    value = shift = 0
    end = len(data)
    while True:
        if at >= end:
            raise ProtobufError(_EOF)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, at
        shift += 7
        if shift >= 70:
            raise ProtobufError("proto: integer overflow")


def length(data: bytes, at: int) -> tuple[int, int]:
    """Return the offsets of the start and the end of the data whose length is at ``at``."""
    size, at = varint(data, at)
    if size >= 1 << 63:
        raise ProtobufError("proto: negative length found during unmarshaling")
    if size > len(data) - at:
        raise ProtobufError(_EOF)
    return at, at + size


def fixed(data: bytes, at: int, size: int) -> int:
    """Return the offset of the end of ``size`` bytes that begin at ``at``."""
    if size > len(data) - at:
        raise ProtobufError(_EOF)
    return at + size


def check_tag(tag: int, message: str) -> tuple[int, int]:
    """Return the field number and the wire type of a tag in ``message``."""
    number, wire = tag >> 3 & 0xFFFFFFFF, tag & 7
    if wire == _END_GROUP:
        raise ProtobufError(f"proto: {message}: wiretype end group for non-group")
    if not 0 < number < 1 << 31:
        raise ProtobufError(f"proto: {message}: illegal tag {number} (wire type {tag})")
    return number, wire


def skip(data: bytes, at: int, wire: int) -> int:
    """Return the offset of the end of an unknown field, whose tag has been read."""
    depth = 0
    while True:
        match wire:
            case 0:
                _, at = varint(data, at)
            case 1:
                at = fixed(data, at, 8)
            case 2:
                _, at = length(data, at)
            case 3:
                depth += 1
            case 4:
                depth -= 1
            case 5:
                at = fixed(data, at, 4)
            case _:
                raise ProtobufError(f"proto: illegal wireType {wire}")
        if depth == 0:
            return at
        tag, at = varint(data, at)
        wire = tag & 7


def fields(data: bytes, message: str, expected: Expected) -> list[tuple[int, int | bytes]]:
    """Return the known fields of a small message, in their order."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = check_tag(tag, message)
        known = expected.get(number)
        if known is None:
            at = skip(data, at, wire)
            continue
        if wire != known[0]:
            raise wrong_wire_type(wire, known[1])
        if wire == VARINT:
            value, at = varint(data, at)
            found.append((number, value))
        else:
            start, at = length(data, at) if wire == BYTES else (at, fixed(data, at, 8))
            found.append((number, data[start:at]))
    return found


def wrong_wire_type(wire: int, field: str) -> ProtobufError:
    """Return the error for a known field with another wire type."""
    return ProtobufError(f"proto: wrong wireType = {wire} for field {field}")


def text(data: bytes) -> str:
    """Decode a string; every invalid byte becomes U+FFFD, as in Go."""
    return data.decode("utf-8", _INVALID)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


codecs.register_error(_INVALID, _replaced)
