"""Documents as messages about patches show them: Go's ``%v``, and the JSON of its patch library."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

_ESCAPES: Final = (
    ("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"),
    ("\u2028", "\\u2028"), ("\u2029", "\\u2029"),
)  # fmt: skip

# Numbers from here on have an exponent, and those below the least of five digits after the point.
_LARGE: Final = 21
_SMALL: Final = -5

_GO_TYPES: Final = {
    bool: "bool", dict: "map[string]interface {}", float: "float64",
    int: "int64", list: "[]interface {}", str: "string",
}  # fmt: skip


def go_value(value: Any) -> str:
    """Show a value as ``%v`` does: ``map[name:one ports:[80 443]]``."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case dict():
            members = (f"{key}:{go_value(value[key])}" for key in sorted(value))
            return f"map[{' '.join(members)}]"
        case list():
            return f"[{' '.join(map(go_value, value))}]"
        case _:
            return str(value)


def go_type(value: Any) -> str:
    """Name the type that a JSON value has in Go."""
    return "%!s(<nil>)" if value is None else _GO_TYPES[type(value)]


def go_text(value: Any) -> str:
    """Show a value as ``%s`` does, which complains about what is no text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, dict):
        members = (f"{key}:{go_text(value[key])}" for key in sorted(value))
        return f"map[{' '.join(members)}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    return f"%!s({go_type(value)}={go_value(value)})"


def patched_json(before: Any, after: Any, in_order: Callable[[Any], Any]) -> str:
    """Return the JSON of a patched document: what the patch has touched is sorted by name.

    The document itself always is. The objects in ``after`` that are still those of ``before``,
    which was patched, stand in the order of their type, which ``in_order`` gives to a copy.
    """
    # The order is found for the whole document; its parts are known by what they were made of.
    ordered: dict[int, Any] = {}
    _pair(before, in_order(before), ordered)
    del ordered[id(before)]
    return go_json_text(_arranged(after, ordered))


def go_json_text(value: Any) -> str:
    """Return the JSON of a value with the characters escaped that Go escapes for HTML's sake."""
    text = orjson.dumps(value).decode()
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return text


def _pair(before: Any, after: Any, ordered: dict[int, Any]) -> None:
    if isinstance(before, dict):
        ordered[id(before)] = after
        for name, member in before.items():
            _pair(member, after[name], ordered)
    elif isinstance(before, list):
        ordered[id(before)] = after
        for item, arranged in zip(before, after, strict=True):
            _pair(item, arranged, ordered)


def _arranged(value: Any, ordered: dict[int, Any]) -> Any:
    if not isinstance(value, dict | list):
        return value
    if id(value) in ordered:
        return ordered[id(value)]
    if isinstance(value, dict):
        return {name: _arranged(value[name], ordered) for name in sorted(value)}
    return [_arranged(item, ordered) for item in value]


def _float(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    if not any(digits):
        return "-0" if sign else "0"
    magnitude = len(digits) + exponent - 1
    if _SMALL < magnitude < _LARGE:
        return f"{Decimal(repr(value)).normalize():f}"
    head, rest = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{head}.{rest}" if rest else head
    return f"{'-' * sign}{mantissa}e{magnitude:+03d}"
