"""Formats: validation of the strings of a custom object by the ``format`` of its schema.

The formats are those that kube-apiserver v1.36 knows in CustomResourceDefinitions, as the package
``strfmt`` of k8s.io/kube-openapi checks them. A format that is not known for its type is ignored.
Hyphens in names do not count: ``date-time`` is ``datetime``. The formats of numbers are checked in
`apiserver.schema.numberassertions`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from typing import Final

from apiserver.machinery.durations import DurationError, parse_duration
from apiserver.machinery.quantity import parse_quantity
from apiserver.schema import checkdigits, netformats
from apiserver.schema.uriformat import is_uri

_OF_NUMBERS: Final = {"integer": ("int32", "int64"), "number": ("float", "double")}

_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})"
)
# Four hundred years have the same days as the next ones, and year 0 is valid in Go.
_GREGORIAN_CYCLE: Final = 400
_DURATION: Final = re.compile(r"\s*(?:[0-9]+\s*[A-Za-zµ]+\s*)+", re.ASCII)
_DURATION_TERM: Final = re.compile(r"([0-9]+)\s*([A-Za-zµ]+)", re.ASCII)
_UNITS: Final = frozenset("ns us µs ms s sec m h hr d w wk".split())
_UNIT_PREFIXES: Final = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_MAX_DIGITS: Final = 18
_HEX: Final = "[0-9a-fA-F]"
_BYTE: Final = r"(?:0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])"
_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"


def is_known_format(format_: str, type_: str) -> bool:
    """Return whether a format is known for a type, ``""`` if no type or several are declared."""
    if type_ in ("", "string"):
        return _plain_name(format_) in _CHECKS
    return format_ in _OF_NUMBERS.get(type_, ())


def format_check(format_: str) -> Callable[[str], bool] | None:
    """Return the check of the strings of a format, ``None`` if it has none."""
    return _CHECKS.get(_plain_name(format_))


def _plain_name(format_: str) -> str:
    return format_.replace("-", "")


def _matches(pattern: str, *, longest: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> bool:
        return (not longest or len(text) <= longest) and compiled.fullmatch(text) is not None

    return check


def _uuid(version: str, variant: str) -> Callable[[str], bool]:
    digits = _HEX
    groups = (f"{digits}{{8}}", f"{digits}{{4}}", f"{version}{digits}{{3}}")
    return _matches("-?".join((*groups, f"{variant}{digits}{{3}}", f"{digits}{{12}}")))


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    if not 1 <= month <= 12:
        return False
    return 1 <= day <= monthrange(year % _GREGORIAN_CYCLE + _GREGORIAN_CYCLE, month)[1]


def _is_date_time(text: str) -> bool:
    date, t, time = text.lower().partition("t")
    if not t or not _is_date(date):
        return False
    # What follows another t is not looked at.
    found = _TIME.fullmatch(time.partition("t")[0])
    return found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def _is_duration(text: str) -> bool:
    """Return whether a text is a duration of Go, or one with the units of Scala: ``3 weeks``."""
    try:
        parse_duration(text)
    except DurationError:
        return _DURATION.fullmatch(text) is not None and _has_units(text)
    return True


def _has_units(text: str) -> bool:
    found = False
    for digits, unit in _DURATION_TERM.findall(text):
        if len(digits.lstrip("0")) > _MAX_DIGITS:
            return False
        found = found or unit.lower() in _UNITS or unit.lower().startswith(_UNIT_PREFIXES)
    return found


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except ValueError:
        return False
    return True


def _is_password(_: str) -> bool:
    return True


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "bsonobjectid": _matches(f"{_HEX}{{24}}"),
    "byte": _matches(
        "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"
    ),
    "cidr": netformats.is_cidr,
    "creditcard": checkdigits.is_credit_card,
    "date": _is_date,
    "datetime": _is_date_time,
    "duration": _is_duration,
    "email": netformats.is_email,
    "hexcolor": _matches(f"#?(?:{_HEX}{{3}}|{_HEX}{{6}})"),
    "hostname": netformats.is_hostname,
    "ipv4": netformats.is_ipv4,
    "ipv6": netformats.is_ipv6,
    "isbn": checkdigits.is_isbn,
    "isbn10": checkdigits.is_isbn10,
    "isbn13": checkdigits.is_isbn13,
    "k8slongname": _matches(rf"{_LABEL}(?:\.{_LABEL})*", longest=253),
    "k8sshortname": _matches(_LABEL, longest=63),
    "mac": netformats.is_mac,
    "password": _is_password,
    "quantity": _is_quantity,
    "rgbcolor": _matches(rf"rgb\(\s*{_BYTE}\s*,\s*{_BYTE}\s*,\s*{_BYTE}\s*\)"),
    "ssn": _matches(r"[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}"),
    "uri": is_uri,
    "uuid": _uuid(_HEX, _HEX),
    "uuid3": _uuid("3", _HEX),
    "uuid4": _uuid("4", "[89abAB]"),
    "uuid5": _uuid("5", "[89abAB]"),
}
