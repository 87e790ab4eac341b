"""Operators and conversions of the language: cel-spec, doc/langdef.md.

Functions take values and return one. Where the types do not fit they raise what cel-go says:
``no such overload``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.cel.timevalues import (
    duration_text,
    parse_duration,
    parse_timestamp,
    timestamp_text,
)
from apiserver.cel.values import (
    ABSENT,
    INT_MAX,
    INT_MIN,
    NANOSECONDS,
    UINT_MAX,
    Duration,
    MapList,
    OptionalValue,
    SetList,
    Timestamp,
    TypeValue,
    UInt,
    checked_int,
    checked_timestamp,
    checked_uint,
    compare,
    equal,
    type_name,
)
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import go_value


def no_overload() -> EvaluationError:
    """Return the error of arguments whose types do not fit."""
    return EvaluationError(NO_OVERLOAD)


def select_field(value: Any, field: str) -> Any:
    """Return a field of what is not a map: of an optional value that holds one, or an object."""
    if type(value) is OptionalValue:
        return _optional_field(value, field)
    members = getattr(value, "members", None)
    if members is not None:
        try:
            return members[field]
        except KeyError:
            raise _no_key(field) from None
    if isinstance(value, list):
        raise _bad_index(field)
    raise _no_key(field)


def _optional_field(value: OptionalValue, field: str) -> OptionalValue:
    held = value.value
    if type(held) is not dict or field not in held:
        return OptionalValue(present=False)
    return OptionalValue(present=True, value=held[field])


def has_field(value: Any, field: str) -> bool:
    """Return whether what is not a map has a field; of lists it is an error to ask."""
    if type(value) is OptionalValue:
        return _optional_field(value, field).present
    if isinstance(value, list):
        raise _bad_index(field)
    return field in getattr(value, "members", ())


def index_of(value: Any, key: Any) -> Any:
    """Return an item of a list or the value of a key."""
    if isinstance(value, list):
        if type(key) is float and key.is_integer():
            key = int(key)
        if type(key) is not int and type(key) is not UInt:
            raise _bad_index(key)
        if not 0 <= key < len(value):
            raise EvaluationError(f"index out of bounds: {key}")
        return value[key]
    if type(value) is dict:
        if not _has_key(value, key):
            raise _no_key(key)
        return value[key]
    if type(value) is OptionalValue:
        if not value.present:
            return value
        return OptionalValue(present=True, value=index_of(value.value, key))
    raise _no_key(key)


def optional_index(value: Any, key: Any) -> OptionalValue:
    """Return an item of a list or the value of a key, absent if there is none."""
    if type(value) is dict:
        found = _has_key(value, key)
        return OptionalValue(present=True, value=value[key]) if found else ABSENT
    if isinstance(value, list):
        if type(key) is not int and type(key) is not UInt:
            raise _bad_index(key)
        inside = 0 <= key < len(value)
        return OptionalValue(present=True, value=value[key]) if inside else ABSENT
    members = getattr(value, "members", ())
    return OptionalValue(present=True, value=members[key]) if key in members else ABSENT


def _has_key(entries: dict[Any, Any], key: Any) -> bool:
    kind = type(key)
    if kind is bool:
        # The number 1 is no key for true.
        return any(each is key for each in entries)
    return kind is not dict and not isinstance(key, list) and key in entries


def _no_key(key: Any) -> EvaluationError:
    return EvaluationError(f"no such key: {go_value(key)}")


def _bad_index(index: Any) -> EvaluationError:
    return EvaluationError(f"unsupported index type '{type_name(index)}' in list")


def add(left: Any, right: Any) -> Any:
    """Return the sum of numbers or times, or the concatenation of texts or lists."""
    if isinstance(left, list) and isinstance(right, list):
        return left.united(right) if isinstance(left, SetList | MapList) else left + right
    kind = type(left)
    if kind is Timestamp and type(right) is Duration:
        return checked_timestamp(left.nanoseconds + right.nanoseconds)
    if kind is Duration and type(right) is Timestamp:
        return checked_timestamp(left.nanoseconds + right.nanoseconds)
    if kind is not type(right):
        raise no_overload()
    if kind is int:
        return checked_int(left + right)
    if kind is UInt:
        return checked_uint(int(left) + int(right))
    if kind is Duration:
        return Duration(checked_int(left.nanoseconds + right.nanoseconds))
    if kind in (float, str, bytes):
        return left + right
    raise no_overload()


def subtract(left: Any, right: Any) -> Any:
    """Return the difference of numbers or times."""
    kind = type(left)
    if kind is Timestamp and type(right) is Timestamp:
        return Duration(checked_int(left.nanoseconds - right.nanoseconds))
    if kind is Timestamp and type(right) is Duration:
        return checked_timestamp(left.nanoseconds - right.nanoseconds)
    if kind is not type(right):
        raise no_overload()
    if kind is int:
        return checked_int(left - right)
    if kind is UInt:
        return checked_uint(int(left) - int(right))
    if kind is Duration:
        return Duration(checked_int(left.nanoseconds - right.nanoseconds))
    if kind is float:
        return left - right
    raise no_overload()


def multiply(left: Any, right: Any) -> Any:
    """Return the product of numbers."""
    if type(left) is type(right):
        if type(left) is int:
            return checked_int(left * right)
        if type(left) is UInt:
            return checked_uint(int(left) * int(right))
        if type(left) is float:
            return left * right
    raise no_overload()


def divide(left: Any, right: Any) -> Any:
    """Return the quotient of numbers; that of integers is rounded towards zero."""
    if type(left) is not type(right) or type(left) not in (int, UInt, float):
        raise no_overload()
    if type(left) is float:
        if right == 0:
            return (
                math.nan
                if left == 0 or math.isnan(left)
                else math.copysign(math.inf, math.copysign(1, left) * math.copysign(1, right))
            )
        return left / right
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    if type(left) is UInt:
        return UInt(quotient)
    return checked_int(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: Any, right: Any) -> Any:
    """Return the rest of a division of integers, with the sign of the dividend."""
    if type(left) is not type(right) or type(left) not in (int, UInt):
        raise no_overload()
    if right == 0:
        raise EvaluationError("modulus by zero")
    rest = abs(left) % abs(right)
    return UInt(rest) if type(left) is UInt else (-rest if left < 0 else rest)


def negate(value: Any) -> Any:
    """Return the number with the other sign."""
    if type(value) is int:
        return checked_int(-value)
    if type(value) is float:
        return -value
    raise no_overload()


def invert(value: Any) -> bool:
    """Return the opposite of a boolean."""
    if type(value) is not bool:
        raise no_overload()
    return not value


def contained(value: Any, container: Any) -> bool:
    """Return whether a list has an item, or a map a key."""
    if isinstance(container, list):
        return any(equal(value, item) for item in container)
    if type(container) is dict:
        return not isinstance(value, list) and type(value) is not dict and value in container
    raise no_overload()


def size(value: Any) -> int:
    """Return the number of characters, bytes, items or entries."""
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise no_overload()


def _conversion_error(value: Any, target: str) -> EvaluationError:
    """Return the error of a text that cannot be converted, or of a type that never can be."""
    if type(value) is not str:
        return no_overload()
    return EvaluationError(f"type conversion error from '{type_name(value)}' to '{target}'")


def to_int(value: Any) -> int:
    """Convert to an integer."""
    kind = type(value)
    if kind is int or kind is UInt:
        return checked_int(int(value))
    if kind is float:
        if not math.isfinite(value) or not INT_MIN < value < INT_MAX:
            raise EvaluationError("integer overflow")
        return int(value)
    if kind is Timestamp:
        return int(value.nanoseconds // NANOSECONDS)
    if kind is Duration:
        return int(value.nanoseconds)
    if kind is str:
        try:
            if value.strip() == value and "_" not in value and value.isascii():
                return checked_int(parse_integer(value))
        except (ValueError, EvaluationError):
            pass
    raise _conversion_error(value, "int")


def to_uint(value: Any) -> UInt:
    """Convert to an unsigned integer."""
    kind = type(value)
    if kind is int or kind is UInt:
        return checked_uint(int(value))
    if kind is float:
        if not math.isfinite(value):
            raise EvaluationError("unsigned integer overflow")
        return checked_uint(int(value))
    if kind is str and value.isascii() and value.isdigit():
        number = parse_integer(value)
        if number <= UINT_MAX:
            return UInt(number)
    raise _conversion_error(value, "uint")


def to_double(value: Any) -> float:
    """Convert to a double."""
    kind = type(value)
    if kind in (int, UInt, float):
        return float(value)
    if kind is str and "_" not in value and value.strip() == value:
        try:
            return float(value)
        except ValueError:
            pass
    raise _conversion_error(value, "double")


def to_string(value: Any) -> str:
    """Convert to a string."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is UInt:
        return str(int(value))
    if kind is float:
        return go_value(value)
    if kind is bytes:
        try:
            return str(value.decode())
        except UnicodeDecodeError:
            raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None
    if kind is Timestamp:
        return timestamp_text(value)
    if kind is Duration:
        return duration_text(value)
    text = getattr(value, "cel_text", None)
    if text is not None:
        return str(text())
    raise _conversion_error(value, "string")


def to_bytes(value: Any) -> bytes:
    """Convert to bytes."""
    if type(value) is bytes:
        return bytes(value)
    if type(value) is str:
        return value.encode()
    raise _conversion_error(value, "bytes")


def to_bool(value: Any) -> bool:
    """Convert to a boolean."""
    if type(value) is bool:
        return bool(value)
    if value in ("true", "True", "TRUE", "t", "1"):
        return True
    if value in ("false", "False", "FALSE", "f", "0"):
        return False
    raise _conversion_error(value, "bool")


def to_timestamp(value: Any) -> Timestamp:
    """Convert a text in RFC 3339 form, or seconds, to a time."""
    if type(value) is Timestamp:
        return value
    if type(value) is int:
        return Timestamp(value * NANOSECONDS)
    if type(value) is str:
        return parse_timestamp(value)
    raise _conversion_error(value, "google.protobuf.Timestamp")


def to_duration(value: Any) -> Duration:
    """Convert a text in Go's form, or nanoseconds, to a duration."""
    if type(value) is Duration:
        return value
    if type(value) is int:
        return Duration(value)
    if type(value) is str:
        return parse_duration(value)
    raise _conversion_error(value, "google.protobuf.Duration")


OPERATORS: Final[Mapping[str, Callable[..., Any]]] = {
    "_==_": equal,
    "_!=_": lambda left, right: not equal(left, right),
    "_<_": lambda left, right: compare(left, right) < 0,
    "_<=_": lambda left, right: compare(left, right) <= 0,
    "_>_": lambda left, right: compare(left, right) > 0,
    "_>=_": lambda left, right: compare(left, right) >= 0,
    "_+_": add,
    "_-_": subtract,
    "_*_": multiply,
    "_/_": divide,
    "_%_": modulo,
    "-_": negate,
    "!_": invert,
    "@in": contained,
    "size": size,
    "int": to_int,
    "uint": to_uint,
    "double": to_double,
    "string": to_string,
    "bytes": to_bytes,
    "bool": to_bool,
    "timestamp": to_timestamp,
    "duration": to_duration,
    "dyn": lambda value: value,
    "type": lambda value: TypeValue(type_name(value)),
}
