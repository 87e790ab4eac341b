"""Integers in text. Python limits their digits, and is slow for many digits."""

from __future__ import annotations

import re
from typing import Final

#: More characters than an integer of 64 bits has, zeros in front of it aside.
_MAX_DIGITS: Final = 30
_BEYOND: Final = 1 << 80
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+")


def parse_integer(text: str) -> int:
    """Return the integer that a text of decimal digits, maybe signed, stands for.

    An integer far beyond 64 bits is replaced by another one beyond 64 bits. Raises ValueError.
    """
    if len(text) <= _MAX_DIGITS:
        return int(text)
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text[:_MAX_DIGITS]}... is no integer")
    figures = digits.lstrip("0") or "0"
    value = int(figures) if len(figures) <= _MAX_DIGITS else _BEYOND
    return -value if sign == "-" else value


def parse_int64(text: str) -> int:
    """Return the integer that a text of decimal digits, maybe signed, stands for.

    Raises ValueError for all other text, and OverflowError for more than 64 bits.
    """
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError(f"{text[:_MAX_DIGITS]!r} is no integer")
    value = parse_integer(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{text[:_MAX_DIGITS]} has more than 64 bits")
    return value
