"""Numbers that may also be given as a share of a whole: ``3`` or ``"25%"``."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.integers import parse_integer
from apiserver.resources.builtin.parts.numbers import validate_nonnegative

IntOrPercent: TypeAlias = int | str

_PERCENT: Final = re.compile(r"[0-9]+%")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_NOT_A_PERCENTAGE: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
    "'93%', regex used for validation is '[0-9]+%')"
)


def percentage(value: IntOrPercent) -> int | None:
    """Return the percentage as an integer, ``None`` if the value is not a percentage."""
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return parse_integer(value[:-1])
    return None


def validate_int_or_percent(value: IntOrPercent, path: str) -> list[FieldError]:
    """Reject a value that is neither a number from 0 nor a percentage."""
    if isinstance(value, int):
        return validate_nonnegative(value, path)
    return [] if _PERCENT.fullmatch(value) else [invalid(path, value, _NOT_A_PERCENTAGE)]


def validate_at_most_100_percent(value: IntOrPercent, path: str) -> list[FieldError]:
    """Reject percentages above 100; numbers are not checked."""
    share = percentage(value)
    if share is None or share <= 100:
        return []
    return [invalid(path, value, "must not be greater than 100%")]


def scaled(value: IntOrPercent, whole: int, *, round_up: bool) -> int:
    """Return the number that the value means, given the whole. Raises ValueError."""
    if isinstance(value, int):
        return value
    share = percentage(value)
    if share is None:
        raise ValueError(f"invalid value for IntOrString: {value}")
    return -(-share * whole // 100) if round_up else share * whole // 100


def amount(value: IntOrPercent) -> int:
    """Return the number itself, or of a percentage its hundredths; 0 for anything else.

    A number in a text counts too, although it is invalid: it is not said to be 0 as well.
    """
    if isinstance(value, int):
        return value
    if _INTEGER.fullmatch(value):
        return parse_integer(value)
    return percentage(value) or 0
