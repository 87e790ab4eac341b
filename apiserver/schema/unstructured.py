"""The leaves of documents that are converted from Go's maps, after a strategic merge or an apply.

Kubernetes converts such maps to typed objects without JSON: it accepts a whole float for an
integer, keeps the low bits of a large one, and its errors contain neither the member nor the path
of an invalid value. Types with their own JSON decoder have the same errors as in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.schema.scalars import SCALAR_READERS, Mismatch, Reader, Unknown

_KINDS: Final = {
    bool: "bool", dict: "map", float: "float64", int: "int64", list: "slice", str: "string",
}  # fmt: skip
# Go writes floats from this value on with an exponent.
_EXPONENT: Final = 1e21


def cannot_restore(go_kind: str, value: Any) -> ValueError:
    """Return the error for a value that is not a struct, map or slice."""
    colon = ":" if go_kind == "struct" else ""
    return ValueError(f"cannot restore {go_kind} from{colon} {_KINDS[type(value)]}")


def _text(value: Any, _: Unknown) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if type(value) is int:
        raise ValueError("cannot convert int64 to string")
    raise ValueError("unrecognized type: string")


def _boolean(value: Any, _: Unknown) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ValueError("unrecognized type: bool")


def _integer(bits: int) -> Reader:
    size, name = 1 << bits, f"int{bits}"

    def read(value: Any, _: Unknown) -> int:
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"unrecognized type: {name}")
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"cannot convert float64 to {name}")
        number = int(value) % size
        return number - size if number >= size // 2 else number

    return read


def _double(value: Any, unknown: Unknown) -> Any:
    try:
        return SCALAR_READERS["double"](value, unknown)
    except Mismatch as mismatch:
        raise ValueError("unrecognized type: float64") from mismatch


def _bytes(value: Any, unknown: Unknown) -> Any:
    if value is not None and not isinstance(value, str):
        raise cannot_restore("slice", value)
    try:
        return SCALAR_READERS["bytes"](value, unknown)
    except ValueError as error:
        raise ValueError(f"error decoding from json: {error}") from error


def _as_json(type_: str) -> Reader:
    """Return the reader of a type with its own JSON decoder, whose errors have no path."""
    read_json = SCALAR_READERS[type_]

    def read(value: Any, unknown: Unknown) -> Any:
        # In JSON a whole float is written without a decimal point.
        if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT:
            value = int(value)
        try:
            return read_json(value, unknown)
        except Mismatch as mismatch:
            raise ValueError(mismatch.message()) from mismatch

    return read


READERS: Final[Mapping[str, Reader]] = {
    **{type_: _as_json(type_) for type_ in SCALAR_READERS},
    "string": _text,
    "bytes": _bytes,
    "bool": _boolean,
    "int32": _integer(32),
    "int64": _integer(64),
    "double": _double,
}
