"""Documents -> protobuf request bodies, as the layouts of the built-in types have them."""

from __future__ import annotations

import base64
from typing import Any

from apiserver.schema.structtypes import LEAVES, StructType, struct_type

_LENGTH, _VARINT = 2, 0


def envelope(document: dict[str, Any], type_: StructType) -> bytes:
    """Return a body; what a type cannot hold is left out, so that it may be a little wrong."""
    meta = _text(1, str(document.get("apiVersion"))) + _text(2, str(document.get("kind")))
    return b"k8s\0" + _block(1, meta) + _block(2, _message(document, type_))


def _message(value: Any, type_: StructType) -> bytes:
    if not isinstance(value, dict):
        return b""
    parts: list[bytes] = []
    for field in type_.fields:
        if field.embedded:
            parts.append(_block(field.number, _message(value, struct_type(field.type))))
            continue
        member = value.get(field.name)
        if member is None:
            continue
        if field.is_map:
            items = member.items() if isinstance(member, dict) else ()
            parts += [
                _block(field.number, _text(1, str(key)) + _value(2, item, field.value_type))
                for key, item in items
            ]
        elif field.repeated:
            items = member if isinstance(member, list) else ()
            parts += [_value(field.number, item, field.type) for item in items]
        else:
            parts.append(_value(field.number, member, field.type))
    return b"".join(parts)


def _value(number: int, value: Any, type_: str) -> bytes:
    if type_ not in LEAVES:
        return _block(number, _message(value, struct_type(type_)))
    if type_ == "resource.Quantity":
        return _block(number, _text(1, str(value)))
    if isinstance(value, bool | int):
        return _varint(number << 3 | _VARINT) + _varint(int(value) & (1 << 64) - 1)
    if type_ == "bytes" and isinstance(value, str):
        return _block(number, base64.b64encode(value.encode()))
    return _text(number, str(value))


def _text(number: int, text: str) -> bytes:
    return _block(number, text.encode("utf-8", "replace"))


def _block(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])
