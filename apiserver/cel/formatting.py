"""``format`` and ``strings.quote`` of the strings extension of cel-go.

Kubernetes uses version 2 of the extension. There, numbers with ``%f`` and ``%e`` are written as in
American English, and what is in a list or a map is written as in an expression.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from apiserver.cel.errors import BudgetExceededError, EvaluationError
from apiserver.cel.operators import to_string
from apiserver.cel.values import Duration, Timestamp, TypeValue, UInt, type_name, weight
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import quote

_CLAUSE: Final = re.compile(r"%(?:%|(\.\d*)?(.)?)", re.DOTALL | re.ASCII)
#: A text that is longer would cost more than an evaluation may.
LONGEST_TEXT: Final = 10_000_000
_MAX_DIGITS: Final = 1000
_MAX_PRECISION: Final = (1 << 63) - 1
_ESCAPES: Final = str.maketrans({
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v",
    "\\": r"\\", '"': r"\"",
})  # fmt: skip
_DEFAULT_PRECISION: Final = 6
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TIMES_TEN: Final = "\u202f\u00d7\u202f10"
_LITERALS: Final[dict[type, str]] = {Timestamp: "timestamp", Duration: "duration"}
# Texts that count as numbers.
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

#: What a clause says of arguments that it cannot show.
NEEDS: Final = {
    "s": (
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, "
        "types, durations, and timestamps"
    ),
    "d": "decimal clause can only be used on integers",
    "f": "fixed-point clause can only be used on doubles",
    "e": "scientific clause can only be used on doubles",
    "b": "only integers and bools can be formatted as binary",
    "o": "octal clause can only be used on integers",
    "x": "only integers, byte buffers, and strings can be formatted as hex",
    "X": "only integers, byte buffers, and strings can be formatted as hex",
}


class UnfitArgumentError(EvaluationError):
    """An argument has a type that its clause cannot show."""

    def __init__(self, verb: str, type_: str) -> None:
        super().__init__(f"error during formatting: {NEEDS[verb]}, was given {type_}")


def quote_text(text: str) -> str:
    """Return a string in quotes, with escapes."""
    return f'"{text.translate(_ESCAPES)}"'


def clauses(template: str) -> Iterator[re.Match[str]]:
    """Yield the clauses of a template, ``%%`` and a ``%`` at its end among them."""
    return _CLAUSE.finditer(template)


def clause_of(match: re.Match[str]) -> tuple[str, int]:
    """Return the letter of a clause and its precision. Raises EvaluationError."""
    digits, verb = match.groups()
    if digits is None and verb is None:
        raise EvaluationError("unexpected end of string")
    precision = _DEFAULT_PRECISION if digits is None else _precision(digits[1:], verb)
    if verb not in NEEDS:
        first = verb.encode()[:1].decode("latin-1")
        raise _malformed(f'unrecognized formatting clause "{first}"')
    return verb, precision


def _precision(digits: str, verb: str | None) -> int:
    failed = "error while parsing precision"
    if verb is None:
        raise _malformed(f"{failed}: could not find end of precision specifier")
    precision = parse_integer(digits) if digits else _MAX_PRECISION + 1
    if precision > _MAX_PRECISION:
        problem = "value out of range" if digits else "invalid syntax"
        failed += f": error while converting precision to integer: strconv.Atoi: parsing {digits!r}"
        raise _malformed(f"{failed}: {problem}".replace("'", '"'))
    return precision


def _malformed(problem: str) -> EvaluationError:
    return EvaluationError(f"could not parse formatting clause: {problem}")


def format_text(template: str, arguments: Any) -> str:
    """Replace the clauses of a template: ``%s %d %f %e %b %o %x %X``. Raises EvaluationError."""
    left = list(arguments)
    if weight(left, _length) > LONGEST_TEXT:
        raise BudgetExceededError
    parts, end, used = [], 0, 0
    for match in clauses(template):
        parts.append(template[end : match.start()])
        end = match.end()
        if match.group() == "%%":
            parts.append("%")
            continue
        if used >= len(left):
            raise EvaluationError(f"index {used} out of range")
        verb, precision = clause_of(match)
        parts.append(_formatted(verb, left[used], precision))
        used += 1
    return "".join(parts) + template[end:]


def _length(value: Any) -> int:
    return len(value) if type(value) in (str, bytes) else 1


def _formatted(verb: str, value: Any, precision: int) -> str:
    kind = type(value)
    is_integer = kind in (int, UInt)
    match verb:
        case "s":
            return _shown(value)
        case "d" if is_integer:
            return to_string(value)
        case "f" | "e" if kind is float or (kind is str and value in _NOT_FINITE):
            if precision > _MAX_DIGITS:
                raise EvaluationError(f"precision too large: {precision}")
            return _NUMBERS[verb](_NOT_FINITE[value] if kind is str else value, precision)
        case "b" if kind is bool:
            return "1" if value else "0"
        case "b" | "o" | "x" | "X" if is_integer:
            return format(int(value), verb)
        case "x" | "X" if kind in (str, bytes):
            text: str = (value.encode() if kind is str else value).hex()
            return text.upper() if verb == "X" else text
        case _:
            raise UnfitArgumentError(verb, type_name(value))


def _fixed(value: float, precision: int) -> str:
    return f"{value:,.{precision}f}" if math.isfinite(value) else _not_finite(value)


def _scientific(value: float, precision: int) -> str:
    # The precision is taken for the least width: there are always six digits.
    text = _not_finite(value)
    if math.isfinite(value):
        mantissa, exponent = f"{value:.{_DEFAULT_PRECISION}e}".split("e")
        text = f"{mantissa}{_TIMES_TEN}{exponent.removeprefix('+').translate(_SUPERSCRIPTS)}"
    return text.rjust(precision)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else ("∞" if value > 0 else "-∞")


_NUMBERS: Final[dict[str, Callable[[float, int], str]]] = {"f": _fixed, "e": _scientific}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_within, value))}]"
    if type(value) is dict:
        entries = sorted((_key(key), _within(item)) for key, item in value.items())
        return "{" + ", ".join(f"{key}:{item}" for key, item in entries) + "}"
    if value is None:
        return "null"
    if type(value) is TypeValue:
        return str(value.name)
    try:
        return to_string(value)
    except EvaluationError:
        raise UnfitArgumentError("s", type_name(value)) from None


def _key(key: Any) -> str:
    if type(key) not in (str, bool, int, UInt):
        raise _unknown(f"map key of type {type_name(key)}")
    return _within(key)


def _within(value: Any) -> str:
    """Return a value in a list or a map."""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is bytes:
        return f"b{quote(to_string(value))}"
    if kind is float:
        finite = math.isfinite(value)
        return f"{value:.{_DEFAULT_PRECISION}f}" if finite else quote(to_string(value))
    if kind in _LITERALS:
        return f"{_LITERALS[kind]}({quote(to_string(value))})"
    try:
        return _shown(value)
    except UnfitArgumentError:
        raise _unknown(type_name(value)) from None


def _unknown(what: str) -> EvaluationError:
    return EvaluationError(f"error during formatting: no formatting function for {what}")
