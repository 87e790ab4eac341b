"""The leaves of protobuf messages: numbers, strings, and messages that are scalars in JSON."""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from apiserver.machinery import times
from apiserver.machinery.documentlimits import MAX_DEPTH, DocumentError, is_too_deep
from apiserver.machinery.documents import parse_json
from apiserver.machinery.quantity import REFUSAL, canonical
from apiserver.schema.jsonvalues import stored_number, stored_value
from apiserver.schema.scalars import YEAR_ONE
from apiserver.schema.wire import BYTES, VARINT, Expected, ProtobufError, fields, text

#: Converts a number or bytes to a JSON value; the second argument is its depth.
Convert: TypeAlias = Callable[[Any, int], Any]

_INT_OR_STRING: Final[Expected] = {
    1: (VARINT, "Type"),
    2: (VARINT, "IntVal"),
    3: (BYTES, "StrVal"),
}
_MOMENT: Final[Expected] = {1: (VARINT, "Seconds"), 2: (VARINT, "Nanos")}


def _text(data: bytes, _: int) -> str:
    return text(data)


def _base64(data: bytes, _: int) -> str:
    return b64encode(data).decode()


def _bool(number: int, _: int) -> bool:
    return bool(number)


def _int64(number: int, _: int = 0) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _int32(number: int, _: int = 0) -> int:
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


def _double(data: bytes, _: int) -> int | float:
    value: float = struct.unpack("<d", data)[0]
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
        raise ProtobufError(f"json: unsupported value: {name}")
    return stored_number(value)


def _quantity(data: bytes, _: int) -> str:
    found = fields(data, "Quantity", {1: (BYTES, "String_")})
    if not found:
        return "0"
    shown = text(_last(found))
    if shown != shown.strip():
        raise ProtobufError(REFUSAL)
    try:
        return canonical(shown)
    except ValueError as error:
        raise ProtobufError(str(error)) from error


def _int_or_string(data: bytes, _: int) -> int | str:
    found: dict[int, Any] = dict(fields(data, "IntOrString", _INT_OR_STRING))
    which = _int64(found.get(1, 0))
    if which == 0:
        return _int32(found.get(2, 0))
    if which == 1:
        return text(found.get(3, b""))
    raise ProtobufError(f"impossible IntOrString.Type {which}")


def _time(data: bytes, _: int) -> str | None:
    return _moment(data, lambda seconds, _: times.format_seconds(seconds), fine=False)


def _micro_time(data: bytes, _: int) -> str | None:
    return _moment(
        data, lambda seconds, nanos: times.format_micros(seconds, nanos // 1000), fine=True
    )


def _moment(data: bytes, form: Callable[[int, int], str], *, fine: bool) -> str | None:
    if not data:
        return None
    found: dict[int, Any] = dict(fields(data, "Timestamp", _MOMENT))
    carry, nanos = divmod(_int32(found.get(2, 0)) if fine else 0, 1_000_000_000)
    seconds = _int64(found.get(1, 0)) + carry
    if seconds == YEAR_ONE and not nanos:
        return None
    try:
        return form(seconds, nanos)
    except ValueError as error:
        raise ProtobufError(f"Time.MarshalJSON: {error}") from error


def _duration(data: bytes, _: int) -> str:
    found: dict[int, Any] = dict(fields(data, "Duration", {1: (VARINT, "Duration")}))
    return times.format_duration(_int64(found.get(1, 0)))


def _raw_json(data: bytes, depth: int) -> Any:
    found = fields(data, "RawExtension", {1: (BYTES, "Raw")})
    raw = _last(found) if found else b""
    if not raw:
        return None
    try:
        document = parse_json(raw)
    except DocumentError as error:
        raise ProtobufError(str(error)) from error
    if is_too_deep(document, MAX_DEPTH + 1 - depth):
        raise ProtobufError("exceeded max depth")
    return document


def _texts(data: bytes, _: int) -> list[str]:
    items = fields(data, "Items", {1: (BYTES, "Items")})
    return [text(item) for _, item in items if isinstance(item, bytes)]


def _last(found: list[tuple[int, int | bytes]]) -> bytes:
    value = found[-1][1]
    assert isinstance(value, bytes)
    return value


LEAVES: Final[Mapping[str, Convert]] = {
    "string": _text,
    "bytes": _base64,
    "bool": _bool,
    "int32": _int32,
    "int64": _int64,
    "double": _double,
    "resource.Quantity": _quantity,
    "intstr.IntOrString": _int_or_string,
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "meta.v1.Duration": _duration,
    "runtime.RawExtension": _raw_json,
    "meta.v1.FieldsV1": _raw_json,
    "apiextensions.v1.JSON": lambda data, depth: stored_value(_raw_json(data, depth)),
    "meta.v1.Verbs": _texts,
    "authentication.v1.ExtraValue": _texts,
    "authorization.v1.ExtraValue": _texts,
    "certificates.v1.ExtraValue": _texts,
}
