"""JSON values in an object, such as the default in a schema, which have no type of their own.

Kubernetes decodes and encodes them when it stores the object, so their numbers get the form that Go
gives them: a whole number has no fraction. Integers beyond 64 bits are floats.
"""

from __future__ import annotations

from typing import Any, Final

_INT64: Final = 1 << 63


def stored_value(value: Any) -> Any:
    """Return a copy of a JSON value as it is stored."""
    if isinstance(value, dict):
        return {name: stored_value(member) for name, member in value.items()}
    if isinstance(value, list):
        return [stored_value(item) for item in value]
    return stored_number(value) if type(value) in (int, float) else value


def stored_number(value: float) -> int | float:
    """Return a finite number as it is stored: an integer of 64 bits, or a float."""
    if not -_INT64 <= value < _INT64:
        return float(value)
    return int(value) if isinstance(value, int) or value.is_integer() else value
