"""Decoding of protobuf bodies to canonical documents, with `apiserver.schema.structtypes`.

The result equals that of `apiserver.schema.jsondecoder` for the JSON of the same object. A type is
compiled when its first message is decoded, to a table of tags, so that a tag with a known number
and the right wire type costs one lookup. Nesting is limited by the depth of the resulting document,
and the number of messages and of repeated values like that of the names and values of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from apiserver.machinery.documentlimits import MAX_DEPTH
from apiserver.machinery.valueclasses import valueclass
from apiserver.machinery.valuelimit import ValueCounter
from apiserver.schema.protobufleaves import LEAVES, Convert
from apiserver.schema.structtypes import SCALARS, Field, StructType, struct_type
from apiserver.schema.wire import (
    BYTES,
    FIXED64,
    VARINT,
    Expected,
    ProtobufError,
    check_tag,
    fields,
    fixed,
    length,
    skip,
    text,
    varint,
    wrong_wire_type,
)

MAGIC: Final = b"k8s\x00"
_ENVELOPE: Final[Expected] = {1: (BYTES, "TypeMeta"), 2: (BYTES, "Raw")}
_TYPE_META: Final[Expected] = {1: (BYTES, "APIVersion"), 2: (BYTES, "Kind")}
_LAST_COUNTS: Final = SCALARS | {"meta.v1.MicroTime", "meta.v1.Time", "resource.Quantity"}
_WIRE_TYPES: Final = {"bool": VARINT, "int32": VARINT, "int64": VARINT, "double": FIXED64}


@valueclass
class Envelope:
    """The kind and version of an object, and its encoded message."""

    api_version: str
    kind: str
    raw: bytes


def decode_envelope(data: bytes) -> Envelope:
    """Decode the envelope of an object. Raises ProtobufError."""
    if not data:
        raise ProtobufError("empty data")
    if not data.startswith(MAGIC):
        shown = " ".join(str(byte) for byte in MAGIC)
        raise ProtobufError(
            f"provided data does not appear to be a protobuf message, expected prefix [{shown}]"
        )
    if len(data) == len(MAGIC):
        raise ProtobufError("empty body")
    found: dict[int, Any] = {1: b"", 2: b""}
    identity: dict[int, Any] = {1: b"", 2: b""}
    for number, value in fields(data[len(MAGIC) :], "Unknown", _ENVELOPE):
        found[number] = value
        if number == 1:
            assert isinstance(value, bytes)
            identity.update(fields(value, "TypeMeta", _TYPE_META))
    api_version = text(identity[1])
    # An invalid apiVersion counts as missing.
    return Envelope("" if api_version.count("/") > 1 else api_version, text(identity[2]), found[2])


def decode_message(struct: StructType, raw: bytes) -> dict[str, Any]:
    """Decode a message to a canonical document, without apiVersion and kind.

    Raises ProtobufError, and RequestEntityTooLarge for too many messages.
    """
    _messages.start()
    return _message(struct.name).decode(raw, 1)


# How a field is decoded: the last value is used; messages are merged, as if their bytes were
# concatenated; the same, into the parent's members; and three kinds of repeated fields.
_VALUE, _MERGED, _EMBEDDED, _REPEATED, _PACKED, _ENTRY = range(6)

_messages: Final = ValueCounter()

_Tags: TypeAlias = dict[int, tuple[int, str, Convert, bool]]


class _Message:
    """Decodes messages of one type."""

    __slots__ = ("_always", "_labels", "_tags", "_type")

    def __init__(self, struct: StructType) -> None:
        self._type = struct
        self._tags: _Tags = {}
        self._labels: dict[int, str] = {}
        # The values of absent members that are always shown: a constant, or from an empty message.
        self._always: tuple[tuple[str, Any, Convert | None], ...] = ()

    def decode(self, data: bytes, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise ProtobufError("exceeded max depth")
        _messages.count()
        tags = self._tags or self._compiled()
        result: dict[str, Any] = {}
        chunks: dict[str, bytes] = {}
        embedded: dict[str, tuple[Convert, bytes]] = {}
        at, end = 0, len(data)
        while at < end:
            tag, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)
            member = tags.get(tag)
            if member is None:
                at = self._skipped(data, at, tag)
                continue
            mode, name, convert, keeps_empty = member
            value, at = _payload(data, at, tag & 7)
            if mode >= _REPEATED:
                _messages.count()
                _collect(result, mode, name, convert(value, depth + 2))
                continue
            if mode != _VALUE:
                value = chunks[name] = chunks.get(name, b"") + value
            if mode == _EMBEDDED:
                embedded[name] = (convert, value)
                continue
            value = convert(value, depth + 1)
            if value or (keeps_empty and value is not None):
                result[name] = value
            else:
                result.pop(name, None)
        for convert, chunk in embedded.values():
            result.update(convert(chunk, depth))
        self._complete(result, depth)
        return result

    def _complete(self, result: dict[str, Any], depth: int) -> None:
        for name, constant, of_nothing in self._always:
            if name not in result:
                result[name] = constant if of_nothing is None else of_nothing(b"", depth + 1)

    def _skipped(self, data: bytes, at: int, tag: int) -> int:
        number, wire = check_tag(tag, self._type.short_name)
        if number in self._labels:
            raise wrong_wire_type(wire, self._labels[number])
        return skip(data, at, wire)

    def _compiled(self) -> _Tags:
        tags: _Tags = {}
        for field in self._type.fields:
            self._labels[field.number] = field.label
            for wire, mode, convert in _handling(field):
                name = field.name or field.type
                tags[field.number << 3 | wire] = (mode, name, convert, field.keeps_empty)
        self._always = tuple(
            (field.name, *_shown_when_absent(field))
            for field in self._type.members()
            if not field.optional
        )
        self._tags = tags
        return tags


def _payload(data: bytes, at: int, wire: int) -> tuple[Any, int]:
    """Return the number or the bytes of a field, and the offset of its end."""
    if wire == BYTES:
        start = at + 1
        size = data[at] if at < len(data) else 0x80
        if size < 0x80 and start + size <= len(data):
            return data[start : start + size], start + size
        start, at = length(data, at)
        return data[start:at], at
    if wire == VARINT:
        return varint(data, at)
    end = fixed(data, at, 8)
    return data[at:end], end


def _collect(result: dict[str, Any], mode: int, name: str, value: Any) -> None:
    if mode == _ENTRY:
        key, member = value
        result.setdefault(name, {})[key] = member
    elif mode == _PACKED:
        result.setdefault(name, []).extend(value)
    else:
        result.setdefault(name, []).append(value)


def _handling(field: Field) -> list[tuple[int, int, Convert]]:
    """Return how a field is decoded, for each wire type that it may have."""
    if field.is_map:
        return [(BYTES, _ENTRY, _entry(field))]
    convert = _convert(field.type)
    wire = _WIRE_TYPES.get(field.type, BYTES)
    if field.repeated:
        handling = [(wire, _REPEATED, convert)]
        if wire == VARINT:
            handling.append((BYTES, _PACKED, _packed(convert)))
        return handling
    if field.embedded:
        return [(wire, _EMBEDDED, convert)]
    return [(wire, _VALUE if field.type in _LAST_COUNTS else _MERGED, convert)]


def _shown_when_absent(field: Field) -> tuple[Any, Convert | None]:
    if field.is_null_when_absent:
        return None, None
    convert = _convert(field.type)
    if field.is_struct:
        return None, convert
    return convert(0 if _WIRE_TYPES.get(field.type) == VARINT else _zero(field.type), 0), None


def _zero(type_: str) -> bytes:
    return bytes(8) if type_ == "double" else b""


def _convert(type_: str) -> Convert:
    return LEAVES.get(type_) or _SCHEMAS.get(type_) or _message(type_).decode


@cache
def _message(name: str) -> _Message:
    return _Message(struct_type(name))


def _packed(convert: Convert) -> Convert:
    def convert_all(data: bytes, depth: int) -> list[Any]:
        at, numbers = 0, []
        while at < len(data):
            number, at = varint(data, at)
            numbers.append(convert(number, depth))
        return numbers

    return convert_all


def _entry(field: Field) -> Convert:
    type_ = field.value_type
    convert = _convert(type_)
    wire = _WIRE_TYPES.get(type_, BYTES)
    nothing: int | bytes = 0 if wire == VARINT else _zero(type_)
    name, expected = field.label + "Entry", {1: (BYTES, "Key"), 2: (wire, "Value")}

    def convert_entry(data: bytes, depth: int) -> tuple[str, Any]:
        found: dict[int, Any] = {1: b"", 2: nothing}
        found.update(fields(data, name, expected))
        return text(found[1]), convert(found[2], depth)

    return convert_entry


def _schema(chunks: list[int | bytes], depth: int) -> Any:
    return _message("apiextensions.v1.JSONSchemaProps").decode(_joined(chunks), depth)


def _joined(chunks: list[int | bytes]) -> bytes:
    return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))


def _schema_or_schemas(data: bytes, depth: int) -> Any:
    expected: Expected = {1: (BYTES, "Schema"), 2: (BYTES, "JSONSchemas")}
    found = fields(data, "JSONSchemaPropsOrArray", expected)
    items = [_schema([value], depth + 1) for number, value in found if number == 2]
    if items:
        return items
    return _schema([value for _, value in found], depth) if found else None


def _schema_or_bool(data: bytes, depth: int) -> Any:
    expected: Expected = {1: (VARINT, "Allows"), 2: (BYTES, "Schema")}
    found = fields(data, "JSONSchemaPropsOrBool", expected)
    schema = [value for number, value in found if number == 2]
    if schema:
        return _schema(schema, depth)
    return bool(found) and bool(found[-1][1])


def _schema_or_texts(data: bytes, depth: int) -> Any:
    expected: Expected = {1: (BYTES, "Schema"), 2: (BYTES, "Property")}
    found = fields(data, "JSONSchemaPropsOrStringArray", expected)
    items = [text(_joined([value])) for number, value in found if number == 2]
    if items:
        return items
    return _schema([value for _, value in found], depth) if found else None


_SCHEMAS: Final[Mapping[str, Convert]] = {
    "apiextensions.v1.JSONSchemaPropsOrArray": _schema_or_schemas,
    "apiextensions.v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": _schema_or_texts,
}
