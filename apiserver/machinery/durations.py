"""Parses durations in Go's format: ``1h15m30.5s``, ``300ms``. `times` formats them."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.quoting import quote

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5, micro sign
    "μs": 1e-6,  # U+03BC, Greek letter mu
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_TERM: Final = re.compile(r"(\d*(?:\.\d*)?)([^\d.]*)", re.ASCII)
# Go stores a duration as a 64-bit number of nanoseconds.
_LONGEST: Final = (1 << 63) / 1e9


class DurationError(ValueError):
    """The text is not a duration; the message is Go's."""


def parse_duration(text: str) -> float:
    """Return the seconds of a duration. Raises DurationError."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    if not rest:
        raise _invalid(text)
    total = 0.0
    position = 0
    while position < len(rest):
        term = _TERM.match(rest, position)
        assert term is not None
        number, unit = term.groups()
        if number in ("", "."):
            raise _invalid(text)
        if not unit:
            raise DurationError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNITS:
            raise DurationError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total += float(number) * _UNITS[unit]
        position = term.end()
    if total >= _LONGEST:
        raise _invalid(text)
    return sign * total


def _invalid(text: str) -> DurationError:
    return DurationError(f"time: invalid duration {quote(text)}")
