"""Values as messages show them: the text forms that Go programs give to strings and JSON values.

==============  =============================================================
`quote`         ``%q``: ``"a\\n"``
`show`          a value in a field error: strings as ``%q``, the rest as JSON
`go_value`      ``%v``: ``map[name:one ports:[80 443]]``
`go_syntax`     ``%#v``: ``map[string]interface {}{"name":"one"}``
`go_string`     ``%s``, which reports values that are not strings
`go_type`       ``%T``: ``map[string]interface {}``
`json_number`   a number in JSON
`json_escaped`  a JSON text with the characters escaped that HTML gives a meaning to
==============  =============================================================
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

import orjson

from apiserver.machinery.sorting import in_order

_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_HTML: Final = str.maketrans({
    "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029",
})  # fmt: skip
_GO_TYPES: Final = {
    bool: "bool", dict: "map[string]interface {}", float: "float64",
    int: "int64", list: "[]interface {}", str: "string",
}  # fmt: skip

# Decimal exponents of the first digit: of the least number that is shown without an exponent, and
# of the least of the large ones that are shown with one.
_GO_EXPONENTS: Final = (-4, 6)
_JSON_EXPONENTS: Final = (-6, 21)


def quote(text: str) -> str:
    r"""Quote ``text`` with double quotes; what cannot be printed becomes ``\n``, ``\x01``..."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    if character.isprintable():
        return character
    point = ord(character)
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def show(value: Any) -> str:
    """Show a value as field errors do: strings quoted, numbers bare, the rest as JSON."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _go_float(value)
    return json_escaped(orjson.dumps(value).decode())


def go_value(value: Any) -> str:
    """Show a JSON value as ``%v`` does."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _go_float(value)
        case dict():
            members = (f"{key}:{go_value(value[key])}" for key in in_order(value))
            return f"map[{' '.join(members)}]"
        case list():
            return f"[{' '.join(map(go_value, value))}]"
        case _:
            return str(value)


def go_syntax(value: Any) -> str:
    """Show a JSON value as ``%#v`` does: in the syntax of a Go program."""
    match value:
        case None:
            return "interface {}(nil)"
        case str():
            return quote(value)
        case dict():
            members = ", ".join(f"{quote(key)}:{go_syntax(value[key])}" for key in in_order(value))
            return f"{go_type(value)}{{{members}}}"
        case list():
            return f"{go_type(value)}{{{', '.join(map(go_syntax, value))}}}"
        case _:
            return go_value(value)


def go_string(value: Any) -> str:
    """Show a JSON value as ``%s`` does."""
    if isinstance(value, str):
        return value
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, dict):
        members = (f"{key}:{go_string(value[key])}" for key in in_order(value))
        return f"map[{' '.join(members)}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_string, value))}]"
    return f"%!s({go_type(value)}={go_value(value)})"


def go_type(value: Any) -> str:
    """Name the type that a JSON value has in Go."""
    return "%!s(<nil>)" if value is None else _GO_TYPES[type(value)]


def json_number(value: float) -> str:
    """Write a finite number as Go's encoder does: ``1``, ``1.5``, ``1e+21``."""
    if isinstance(value, int):
        return str(value)
    # The exponent has no leading zero there.
    return _number(value, _JSON_EXPONENTS, "e{:+d}")


def json_escaped(text: str) -> str:
    """Return a JSON text as Go's encoder writes it: safe to stand in HTML."""
    return text.translate(_HTML)


def _go_float(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    return _number(value, _GO_EXPONENTS, "e{:+03d}")


def _number(value: float, exponents: tuple[int, int], form: str) -> str:
    shortest = Decimal(repr(value)).normalize()
    sign, digits, exponent = shortest.as_tuple()
    assert isinstance(exponent, int)
    if not value:
        return "-0" if sign else "0"
    magnitude = len(digits) + exponent - 1
    least, large = exponents
    if least <= magnitude < large:
        return f"{shortest:f}"
    head, rest = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{head}.{rest}" if rest else head
    return "-" * sign + mantissa + form.format(magnitude)
