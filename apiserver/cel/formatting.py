"""``format`` and ``strings.quote`` of the strings extension of cel-go."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from apiserver.cel.errors import BudgetExceededError, EvaluationError
from apiserver.cel.operators import to_string
from apiserver.cel.values import UInt, type_name, weight

_CLAUSE: Final = re.compile(r"%(?:%|(?:\.(\d*))?(.)?)", re.DOTALL)
#: A text that is longer would cost more than an evaluation may.
LONGEST_TEXT: Final = 10_000_000
_MOST_DIGITS: Final = 1000
_ESCAPES: Final = str.maketrans({
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v",
    "\\": r"\\", '"': r"\"",
})  # fmt: skip
_DEFAULT_PRECISION: Final = 6


def quote_text(text: str) -> str:
    """Return a string in quotes, with escapes."""
    return f'"{text.translate(_ESCAPES)}"'


def format_text(template: str, arguments: Any) -> str:
    """Replace the clauses of a template: ``%s %d %f %e %b %o %x %X``."""
    left = list(arguments)
    if weight(left, _length) > LONGEST_TEXT:
        raise BudgetExceededError
    used = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal used
        if match.group() == "%%":
            return "%"
        digits, verb = match.groups()
        if used >= len(left):
            raise EvaluationError(f"index {used} out of range")
        argument = left[used]
        used += 1
        precision = _DEFAULT_PRECISION if digits is None else int(digits or 0)
        if precision > _MOST_DIGITS:
            raise EvaluationError(f"precision too large: {precision}")
        return _formatted(verb or "", argument, precision)

    text = _CLAUSE.sub(replace, template)
    if used < len(left):
        raise EvaluationError(f"too many arguments supplied to string.format (expected {used})")
    return text


def _length(value: Any) -> int:
    return len(value) if type(value) in (str, bytes) else 1


def _formatted(verb: str, value: Any, precision: int) -> str:
    kind = type(value)
    is_number = kind in (int, UInt)
    match verb:
        case "s":
            return _shown(value)
        case "d" if is_number or (kind is float and not math.isfinite(value)):
            return to_string(value)
        case "f" | "e" if is_number or kind is float:
            if math.isfinite(value):
                return f"{float(value):.{precision}{verb}}"
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        case "b" if kind is bool:
            return "1" if value else "0"
        case "b" | "o" | "x" | "X" if is_number:
            return format(int(value), verb)
        case "x" | "X" if kind in (str, bytes):
            text: str = (value.encode() if kind is str else value).hex()
            return text.upper() if verb == "X" else text
        case "d" | "f" | "e" | "b" | "o" | "x" | "X":
            raise EvaluationError(
                f"error during formatting: {_NEEDS[verb]}, was given {type_name(value)}"
            )
        case _:
            raise EvaluationError(
                f'could not parse formatting clause: unrecognized formatting clause "{verb}"'
            )


_NEEDS: Final = {
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "o": "octal clause can only be used on integers",
    "x": "only integers, byte buffers, and strings can be formatted as hex",
    "X": "only integers, byte buffers, and strings can be formatted as hex",
}


def _shown(value: Any) -> str:
    if type(value) is list:
        return f"[{', '.join(map(_shown, value))}]"
    if type(value) is dict:
        entries = sorted((_shown(key), _shown(item)) for key, item in value.items())
        return "{" + ", ".join(f"{key}: {item}" for key, item in entries) + "}"
    if value is None:
        return "null"
    try:
        return to_string(value)
    except EvaluationError:
        raise EvaluationError(
            "error during formatting: string clause can only be used on strings, bools, bytes, "
            "ints, doubles, maps, lists, types, durations, and timestamps, "
            f"was given {type_name(value)}"
        ) from None
