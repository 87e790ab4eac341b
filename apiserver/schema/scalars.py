"""The leaves of documents: JSON values -> canonical values, with the error messages of Go."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from apiserver.machinery import times
from apiserver.machinery.quantity import canonical
from apiserver.machinery.quoting import quote
from apiserver.machinery.textcache import cache_by_text
from apiserver.schema.jsonvalues import stored_number


class Unknown(list[str]):
    """Paths of unknown members, relative to the value that a reader has read.

    ``empties``: the empty lists and maps that were omitted, with their object and their name in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.empties: list[tuple[dict[str, Any], str, Any]] = []


Reader: TypeAlias = Callable[[Any, Unknown], Any]

#: Go's zero time: the first second of the year 1, in seconds since 1970.
YEAR_ONE: Final = -62135596800


class Mismatch(Exception):
    """A JSON value does not match its type; its path is added while the exception propagates."""

    def __init__(self, value: Any, go_type: str, *, literal: bool = False) -> None:
        super().__init__(go_type)
        self._found = _KINDS[type(value)] + (f" {_literal(value)}" if literal else "")
        self._type = go_type
        self._path: list[str] = []
        self._struct = ""

    def enter(self, name: str, struct: str) -> None:
        """Prepend the member ``name`` of ``struct`` to the path."""
        self._path.insert(0, name)
        self._struct = self._struct or struct

    def message(self) -> str:
        """Return the error message of Go's decoder."""
        where = "value"
        if self._struct:
            where = f"struct field {self._struct}.{'.'.join(self._path)}"
        return f"json: cannot unmarshal {self._found} into Go {where} of type {self._type}"


_KINDS: Final = {
    bool: "bool", dict: "object", float: "number", int: "number", list: "array", str: "string",
}  # fmt: skip


def _literal(value: Any) -> str:
    return repr(value).replace("e+", "e")


def text_reader(go_type: str) -> Reader:
    """Return a reader of strings whose errors name the type ``go_type``."""

    def read(value: Any, _: Unknown) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Mismatch(value, go_type)
        return value

    return read


def _boolean(value: Any, _: Unknown) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Mismatch(value, "bool")
    return value


def _integer(bits: int) -> Callable[[Any, Unknown], int]:
    limit, name = 1 << (bits - 1), f"int{bits}"

    def read(value: Any, _: Unknown) -> int:
        if value is None:
            return 0
        if type(value) is not int:
            raise Mismatch(value, name, literal=isinstance(value, float))
        if not -limit <= value < limit:
            raise Mismatch(value, name, literal=True)
        return value

    return read


def _double(value: Any, _: Unknown) -> int | float:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(value, "float64")
    return stored_number(value)


_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")


def _bytes(value: Any, _: Unknown) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Mismatch(value, "[]uint8")
    text = value.replace("\r", "").replace("\n", "")
    try:
        return b64encode(binascii.a2b_base64(text, strict_mode=True)).decode()
    except (binascii.Error, ValueError) as error:
        position = _first_wrong(text)
        raise ValueError(f"illegal base64 data at input byte {position}") from error


def _first_wrong(text: str) -> int:
    match = _NOT_BASE64.search(text)
    if match is None:
        # An incomplete last group is reported at its start.
        return len(text) - len(text) % 4
    at = match.start()
    if text[at] != "=" or at % 4 < 2:
        return at
    if at % 4 == 2 and text[at + 1 : at + 2] != "=":
        return at if at + 1 < len(text) else len(text)
    return at + 4 - at % 4


def _quantity(value: Any, _: Unknown) -> str:
    if value is None:
        return "0"
    if isinstance(value, str):
        return canonical(value.strip())
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return canonical(_literal(value) if is_number else "")


def _int_or_string(value: Any, unknown: Unknown) -> int | str:
    return value if isinstance(value, str) else _INT32(value, unknown)


def _time(value: Any, _: Unknown) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Mismatch(value, "string")
    return _moment(value, _SECONDS)


def _micro_time(value: Any, _: Unknown) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Mismatch(value, "string")
    return _moment(value, _MICROS)


def _duration(value: Any, _: Unknown) -> str:
    if value is None:
        return "0s"
    if not isinstance(value, str):
        raise Mismatch(value, "string")
    return value


_DATE: Final = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"),
    ("15", r"\d\d"), (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"),
)  # fmt: skip
_ZONE: Final = ("Z07:00", r"Z|[+-]\d\d:\d\d")
_FRACTION: Final = re.compile(r"[.,]\d+", re.ASCII)
_SECONDS: Final = (*_DATE, _ZONE)
_MICROS: Final = (*_DATE, (".000000", r"[.,]\d{6}"), _ZONE)
_RANGES: Final = (
    ("month", 1, 12), ("day", 1, 31), ("hour", 0, 23), ("minute", 0, 59), ("second", 0, 59),
)  # fmt: skip


@cache_by_text(1024)
def _moment(text: str, layout: tuple[tuple[str, str], ...]) -> str | None:
    _check_moment(text, layout)
    try:
        seconds, nanos = times.parse(text)
    except ValueError as error:
        raise ValueError(f"parsing time {quote(text)}: day out of range") from error
    if seconds == YEAR_ONE and (not nanos or layout is _SECONDS):
        return None
    if layout is _SECONDS:
        return times.format_seconds(seconds)
    return times.format_micros(seconds, nanos // 1000)


def _check_moment(text: str, layout: tuple[tuple[str, str], ...]) -> None:
    rest = text
    for element, pattern in layout:
        if element == _ZONE[0] and layout is _SECONDS:
            # Go accepts a fraction after the seconds, even if the layout has none.
            fraction = _FRACTION.match(rest)
            rest = rest[fraction.end() :] if fraction else rest
        match = re.compile(pattern, re.ASCII).match(rest)
        if match is None:
            whole = "".join(name for name, _ in layout)
            raise ValueError(
                f"parsing time {quote(text)} as {quote(whole)}: "
                f"cannot parse {quote(rest)} as {quote(element)}"
            )
        rest = rest[match.end() :]
    if rest:
        raise ValueError(f"parsing time {quote(text)}: extra text: {quote(rest)}")
    numbers = (text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])
    for (name, low, high), number in zip(_RANGES, numbers, strict=True):
        if not low <= int(number) <= high:
            raise ValueError(f"parsing time {quote(text)}: {name} out of range")


_INT32: Final = _integer(32)

SCALAR_READERS: Final[dict[str, Reader]] = {
    "string": text_reader("string"),
    "bytes": _bytes,
    "bool": _boolean,
    "int32": _INT32,
    "int64": _integer(64),
    "double": _double,
    "resource.Quantity": _quantity,
    "intstr.IntOrString": _int_or_string,
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "meta.v1.Duration": _duration,
}
