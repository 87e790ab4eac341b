"""Formats of numbers with a check digit: ISBNs and credit cards."""

from __future__ import annotations

import re
from typing import Final

_GAPS: Final = re.compile(r"[\s-]+", re.ASCII)
_ISBN10: Final = re.compile(r"[0-9]{9}[0-9X]")
_ISBN13: Final = re.compile(r"[0-9]{13}")
_NO_DIGITS: Final = re.compile(r"[^0-9]+")
# The lengths and the first digits of the known issuers.
_CARD: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|"
    r"3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11}"
)


def is_isbn10(text: str) -> bool:
    """Return whether a text is an ISBN of ten digits."""
    digits = _GAPS.sub("", text)
    if not _ISBN10.fullmatch(digits):
        return False
    values = [10 if digit == "X" else int(digit) for digit in digits]
    return sum(weight * value for weight, value in enumerate(values, 1)) % 11 == 0


def is_isbn13(text: str) -> bool:
    """Return whether a text is an ISBN of thirteen digits."""
    digits = _GAPS.sub("", text)
    if not _ISBN13.fullmatch(digits):
        return False
    return (sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))) % 10 == 0


def is_isbn(text: str) -> bool:
    """Return whether a text is an ISBN."""
    return is_isbn10(text) or is_isbn13(text)


def is_credit_card(text: str) -> bool:
    """Return whether the digits in a text are the number of a credit card."""
    digits = _NO_DIGITS.sub("", text)
    if not _CARD.fullmatch(digits):
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[::-2]))) % 10 == 0
