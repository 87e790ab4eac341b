"""JSON values in an object, such as the default in a schema, which have no type of their own.

Kubernetes decodes and encodes them when it stores the object, so their numbers get the form that Go
gives them: a whole number has no fraction.
"""

from __future__ import annotations

from typing import Any, Final

# Go writes floats from this value on with an exponent.
_EXPONENT: Final = 1e21


def stored_value(value: Any) -> Any:
    """Return a copy of a JSON value as it is stored."""
    if isinstance(value, dict):
        return {name: stored_value(member) for name, member in value.items()}
    if isinstance(value, list):
        return [stored_value(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT:
        return int(value)
    return value
