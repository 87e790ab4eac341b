"""Protobuf bodies -> documents, by the numbers of `apiserver.schema.layout`.

What comes out is what the JSON of the same object says; what it leaves out, empties and all, the
caller settles as for JSON (`apiserver.schema.typed`). Lengths are checked against what is there before
anything is made of them, and nesting is bounded. https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import codecs
import math
import struct
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from apiserver.machinery import times
from apiserver.machinery.documents import MAX_DEPTH, DocumentError, parse_json
from apiserver.machinery.quantity import REFUSAL
from apiserver.schema.layout import SCALARS, Field, Layout, message

MAGIC: Final = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _GROUP, _END_GROUP, _FIXED32 = range(6)
_WIRE_TYPES: Final = {"bool": _VARINT, "int32": _VARINT, "int64": _VARINT, "double": _FIXED64}
_EOF: Final = "unexpected EOF"
_MASK: Final = (1 << 64) - 1
_TRUNCATED_BYTES: Final = "protobuf-text"


class ProtobufError(ValueError):
    """The bytes are no message of their type; the text is that of Kubernetes' decoder."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the object says that it is, and its message."""

    api_version: str
    kind: str
    raw: bytes


def decode_envelope(data: bytes) -> Envelope:
    """Read the envelope of an object. Raises ProtobufError."""
    if not data:
        raise ProtobufError("empty data")
    if not data.startswith(MAGIC):
        shown = " ".join(str(byte) for byte in MAGIC)
        raise ProtobufError(
            "provided data does not appear to be a protobuf message, "
            f"expected prefix [{shown}]"
        )
    if len(data) == len(MAGIC):
        raise ProtobufError("empty body")
    raw = b""
    identity = {1: "", 2: ""}
    for number, value in _Wire(data[len(MAGIC) :], "Unknown").fields(_ENVELOPE):
        if number == 1:
            for part, text in _Wire(value, "TypeMeta").fields(_TYPE_META):
                identity[part] = _text(text)
        elif number == 2:
            raw = value
    return Envelope(identity[1], identity[2], raw)


def decode_message(layout: Layout, raw: bytes) -> dict[str, Any]:
    """Read a message as a document. Raises ProtobufError."""
    return _decode(layout, raw, 0)


_Expected = dict[int, tuple[int, str]]
_ENVELOPE: Final[_Expected] = {1: (_BYTES, "TypeMeta"), 2: (_BYTES, "Raw")}
_TYPE_META: Final[_Expected] = {1: (_BYTES, "APIVersion"), 2: (_BYTES, "Kind")}


class _Wire:
    """The fields of one message as they stand on the wire."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._at = 0

    def fields(self, expected: _Expected) -> list[tuple[int, Any]]:
        """Return the known fields: numbers as int, lengths as bytes, fixed as bytes."""
        found: list[tuple[int, Any]] = []
        data, end = self._data, len(self._data)
        while self._at < end:
            tag = self._varint()
            number, wire = tag >> 3 & 0xFFFFFFFF, tag & 7
            if wire == _END_GROUP:
                raise ProtobufError(f"proto: {self._name}: wiretype end group for non-group")
            if not 0 < number < 1 << 31:
                raise ProtobufError(f"proto: {self._name}: illegal tag {number} (wire type {tag})")
            known = expected.get(number)
            if known is None:
                self._skip(wire)
                continue
            if wire != known[0] and not (known[0] == _VARINT and wire == _BYTES):
                raise ProtobufError(f"proto: wrong wireType = {wire} for field {known[1]}")
            if wire == _VARINT:
                found.append((number, self._varint()))
            elif wire == _BYTES:
                length = self._length()
                found.append((number, data[self._at : self._at + length]))
                self._at += length
            else:
                found.append((number, self._take(8)))
        return found

    def varints(self) -> list[int]:
        """Return the numbers of a packed field."""
        numbers = []
        while self._at < len(self._data):
            numbers.append(self._varint())
        return numbers

    def _varint(self) -> int:
        data, at = self._data, self._at
        value = shift = 0
        while True:
            if at >= len(data):
                raise ProtobufError(_EOF)
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                self._at = at
                return value & _MASK
            shift += 7
            if shift >= 70:
                raise ProtobufError("proto: integer overflow")

    def _length(self) -> int:
        length = self._varint()
        if length >= 1 << 63:
            raise ProtobufError("proto: negative length found during unmarshaling")
        if length > len(self._data) - self._at:
            raise ProtobufError(_EOF)
        return length

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise ProtobufError(_EOF)
        self._at += count
        return self._data[self._at - count : self._at]

    def _skip(self, wire: int) -> None:
        depth = 0
        while True:
            match wire:
                case 0:
                    self._varint()
                case 1:
                    self._take(8)
                case 2:
                    self._at += self._length()
                case 3:
                    depth += 1
                case 4:
                    depth -= 1
                case 5:
                    self._take(4)
                case _:
                    raise ProtobufError(f"proto: illegal wireType {wire}")
            if depth == 0:
                return
            wire = self._varint() & 7


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the fields of a type are read."""

    expected: _Expected
    fields: dict[int, Field]


@cache
def _plan(name: str) -> _Plan:
    fields = {field.number: field for field in message(name).fields}
    expected = {
        number: (
            _BYTES if field.is_map else _WIRE_TYPES.get(field.type, _BYTES),
            field.label,
        )
        for number, field in fields.items()
    }
    return _Plan(expected, fields)


def _decode(layout: Layout, raw: bytes, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise ProtobufError("exceeded max depth")
    plan = _plan(layout.name)
    result: dict[str, Any] = {}
    parts: dict[int, list[bytes]] = {}
    for number, value in _Wire(raw, layout.short_name).fields(plan.expected):
        field = plan.fields[number]
        if field.repeated:
            result.setdefault(field.name, []).extend(_items(field, value, depth))
        elif field.is_map:
            key, member = _entry(field, value, depth)
            result.setdefault(field.name, {})[key] = member
        elif field.type in SCALARS or field.type in _LAST_WINS:
            result[field.name] = _value(field.type, _single(field, value), depth)
        else:
            # A message that comes twice is one message: merged, as if its bytes were joined.
            parts.setdefault(number, []).append(value)
    for number, chunks in parts.items():
        field = plan.fields[number]
        value = _value(field.type, b"".join(chunks), depth)
        if field.embedded:
            result.update(value)
        else:
            result[field.name] = value
    return result


def _single(field: Field, value: Any) -> Any:
    if isinstance(value, bytes) and _WIRE_TYPES.get(field.type) == _VARINT:
        raise ProtobufError(f"proto: wrong wireType = {_BYTES} for field {field.label}")
    return value


def _items(field: Field, value: Any, depth: int) -> list[Any]:
    if isinstance(value, bytes) and _WIRE_TYPES.get(field.type) == _VARINT:
        return [_value(field.type, number, depth) for number in _Wire(value, "").varints()]
    return [_value(field.type, value, depth)]


def _entry(field: Field, raw: Any, depth: int) -> tuple[str, Any]:
    key, value = "", None
    wire_type = _WIRE_TYPES.get(field.value_type, _BYTES)
    expected = {1: (_BYTES, "Key"), 2: (wire_type, "Value")}
    for number, part in _Wire(raw, field.label + "Entry").fields(expected):
        if number == 1:
            key = _text(part)
        else:
            value = part
    if value is None:
        value = 0 if wire_type == _VARINT else b""
    return key, _value(field.value_type, value, depth)


def _value(type_: str, value: Any, depth: int) -> Any:
    convert = _CONVERT.get(type_)
    if convert is not None:
        return convert(value)
    special = _SPECIAL.get(type_)
    if special is not None:
        return special(value, depth)
    return _decode(message(type_), value, depth + 1)


def _gobble(error: UnicodeError) -> tuple[str, int]:
    """Stand in for invalid bytes as Go does: one replacement character for each."""
    assert isinstance(error, UnicodeDecodeError)
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


codecs.register_error(_TRUNCATED_BYTES, _gobble)


def _text(data: bytes) -> str:
    return data.decode("utf-8", _TRUNCATED_BYTES)


def _int64(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _int32(number: int) -> int:
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


def _double(data: bytes) -> float:
    value: float = struct.unpack("<d", data)[0]
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
        raise ProtobufError(f"json: unsupported value: {name}")
    return value


def _quantity(data: bytes) -> str:
    text = ""
    found = False
    for _, value in _Wire(data, "Quantity").fields({1: (_BYTES, "String_")}):
        text, found = _text(value), True
    if not found:
        return "0"
    if text != text.strip():
        raise ProtobufError(REFUSAL)
    return text


_INT_OR_STRING: Final[_Expected] = {
    1: (_VARINT, "Type"),
    2: (_VARINT, "IntVal"),
    3: (_BYTES, "StrVal"),
}


def _int_or_string(data: bytes) -> int | str:
    found = dict(_Wire(data, "IntOrString").fields(_INT_OR_STRING))
    which = _int64(found.get(1, 0))
    if which == 0:
        return _int32(found.get(2, 0))
    if which == 1:
        return _text(found.get(3, b""))
    raise ProtobufError(f"impossible IntOrString.Type {which}")


_MOMENT: Final[_Expected] = {1: (_VARINT, "Seconds"), 2: (_VARINT, "Nanos")}


def _moment(data: bytes, *, micros: bool) -> str | None:
    if not data:
        return None
    found = dict(_Wire(data, "Timestamp").fields(_MOMENT))
    seconds, nanos = _int64(found.get(1, 0)), _int32(found.get(2, 0))
    seconds, nanos = seconds + nanos // 1_000_000_000, nanos % 1_000_000_000
    try:
        if micros:
            return times.format_micros(seconds, nanos // 1000)
        return times.format_seconds(seconds)
    except ValueError as error:
        raise ProtobufError(f"Time.MarshalJSON: {error}") from error


def _duration(data: bytes) -> str:
    found = dict(_Wire(data, "Duration").fields({1: (_VARINT, "Duration")}))
    return times.format_duration(_int64(found.get(1, 0)))


def _raw_json(data: bytes) -> Any:
    raw = b""
    for _, value in _Wire(data, "RawExtension").fields({1: (_BYTES, "Raw")}):
        raw = value
    if not raw:
        return None
    try:
        return parse_json(raw)
    except DocumentError as error:
        raise ProtobufError(str(error)) from error


def _texts(data: bytes) -> list[str]:
    return [_text(value) for _, value in _Wire(data, "Items").fields({1: (_BYTES, "Items")})]


_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"


def _schema(data: bytes, depth: int) -> Any:
    return _decode(message(_SCHEMA), data, depth + 1)


def _schema_or_schemas(data: bytes, depth: int) -> Any:
    expected: _Expected = {1: (_BYTES, "Schema"), 2: (_BYTES, "JSONSchemas")}
    found = _Wire(data, "JSONSchemaPropsOrArray").fields(expected)
    items = [_schema(value, depth) for number, value in found if number == 2]
    if items:
        return items
    schema = [value for number, value in found if number == 1]
    return _schema(b"".join(schema), depth) if schema else None


def _schema_or_bool(data: bytes, depth: int) -> Any:
    expected: _Expected = {1: (_VARINT, "Allows"), 2: (_BYTES, "Schema")}
    found = _Wire(data, "JSONSchemaPropsOrBool").fields(expected)
    schema = [value for number, value in found if number == 2]
    if schema:
        return _schema(b"".join(schema), depth)
    return any(value for number, value in found if number == 1)


def _schema_or_texts(data: bytes, depth: int) -> Any:
    expected: _Expected = {1: (_BYTES, "Schema"), 2: (_BYTES, "Property")}
    found = _Wire(data, "JSONSchemaPropsOrStringArray").fields(expected)
    items = [_text(value) for number, value in found if number == 2]
    if items:
        return items
    schema = [value for number, value in found if number == 1]
    return _schema(b"".join(schema), depth) if schema else None


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "string": _text,
    "bytes": lambda data: b64encode(data).decode(),
    "bool": bool,
    "int32": _int32,
    "int64": _int64,
    "double": _double,
    "resource.Quantity": _quantity,
    "intstr.IntOrString": _int_or_string,
    "meta.v1.Time": lambda data: _moment(data, micros=False),
    "meta.v1.MicroTime": lambda data: _moment(data, micros=True),
    "meta.v1.Duration": _duration,
    "runtime.RawExtension": _raw_json,
    "meta.v1.FieldsV1": _raw_json,
    "apiextensions.v1.JSON": _raw_json,
    "meta.v1.Verbs": _texts,
    "authentication.v1.ExtraValue": _texts,
    "authorization.v1.ExtraValue": _texts,
    "certificates.v1.ExtraValue": _texts,
}
_LAST_WINS: Final = frozenset(["resource.Quantity", "meta.v1.Time", "meta.v1.MicroTime"])
_SPECIAL: Final[dict[str, Callable[[bytes, int], Any]]] = {
    "apiextensions.v1.JSONSchemaPropsOrArray": _schema_or_schemas,
    "apiextensions.v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": _schema_or_texts,
}
