"""Rules about single numbers."""

from __future__ import annotations

from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid

MAX_INT32: Final = (1 << 31) - 1
NEGATIVE: Final = "must be greater than or equal to 0"
NOT_POSITIVE: Final = "must be greater than zero"
#: The message of newer rules for the same error.
NOT_ABOVE_0: Final = "must be greater than 0"


def validate_nonnegative(value: int, path: str) -> list[FieldError]:
    """Reject a negative number."""
    return [invalid(path, value, NEGATIVE)] if value < 0 else []


def validate_positive(value: int, path: str) -> list[FieldError]:
    """Reject a number below 1."""
    return [invalid(path, value, NOT_ABOVE_0)] if value <= 0 else []


def range_problem(low: int, high: int) -> str:
    """Return the error message for a number that is not between ``low`` and ``high``."""
    return f"must be between {low} and {high}, inclusive"
