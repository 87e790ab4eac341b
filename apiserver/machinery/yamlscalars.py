"""The values of YAML scalars as in Go's YAML library: YAML 1.1 with some differences."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from decimal import Decimal
from typing import Any, Final

from apiserver.machinery.documentlimits import DocumentError

#: What the names of the tags of the YAML specification begin with.
TAG: Final = "tag:yaml.org,2002:"

_TRUE: Final = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE: Final = frozenset(
    ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
)
_NULL: Final = frozenset(["", "~", "null", "Null", "NULL"])
_NOT_NUMBERS: Final = frozenset(
    [".nan", ".NaN", ".NAN"]
    + [f"{sign}.{name}" for sign in ("", "+", "-") for name in ("inf", "Inf", "INF")]
)
# All others are strings, which most scalars are.
_NO_STRINGS: Final = _TRUE | _FALSE | _NULL | _NOT_NUMBERS
_NUMERIC: Final = frozenset("0123456789+-.")

_INTEGER: Final = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII)
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?", re.ASCII)
_RUNS: Final = re.compile(r"[0-9]+|.", re.DOTALL)
#: An integer of more characters, whatever its base, is beyond 64 bits and read as a float.
_MAX_DIGITS: Final = 70
_BASES: Final = {"x": 4, "b": 1, "o": 3}
_FLOAT_BITS: Final = 1024
#: Floats from this value on are no 64-bit integers.
_NO_INTEGER: Final = 1 << 63

#: The types that a plain scalar may have, by tag; a tag that is not here means a string.
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    TAG + "bool": (bool,),
    TAG + "int": (int,),
    TAG + "float": (float, int),
    TAG + "null": (type(None),),
}


def tagged(text: str, tag: str) -> Any:
    """Return the value of a scalar with a tag. Raises DocumentError."""
    if tag == TAG + "binary":
        try:
            data = b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
        except ValueError as error:
            raise DocumentError("yaml: !!binary value contains invalid base64 data") from error
        return data.decode("utf-8", "replace")
    kinds = _KINDS.get(tag)
    if kinds is None:
        return text
    value = resolve(text)
    if type(value) not in kinds:
        raise DocumentError(
            f"yaml: cannot decode {_name_of(value)} `{text}` as a !!{tag.removeprefix(TAG)}"
        )
    return float(value) if kinds[0] is float else value


def _name_of(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float", type(None): "null"}
    return f"!!{names.get(type(value), 'str')}"


def resolve(text: str) -> Any:
    """Return the value of a plain scalar: a boolean, a number, null or a string.

    Raises DocumentError for numbers that JSON, or a float, does not have.
    """
    if text[:1] not in _NUMERIC and text not in _NO_STRINGS:
        return text
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text in _NOT_NUMBERS:
        raise DocumentError(f"json: unsupported value: {text}")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    return _float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str) -> int | float:
    body = digits.lstrip("+-")
    if len(body) > _MAX_DIGITS:
        return _long_integer(digits, body)
    if len(body) > 1 and body[0] == "0" and body[1] in "01234567":
        body = f"0o{body[1:]}"
    value = -int(body, 0) if digits[0] == "-" else int(body, 0)
    return value if -(1 << 63) <= value < 1 << 64 else float(value)


def _long_integer(digits: str, body: str) -> int | float:
    """Return the value of an integer with very many digits; of a large one, as a float."""
    bits = _BASES.get(body[1].lower(), 3) if body[0] == "0" else 0
    if not bits:
        return _float(digits)
    figures = body[1:].lstrip("xXbBoO").lstrip("0")
    if len(figures) <= _MAX_DIGITS:
        return _integer(digits[: -len(body)] + body[:2] + figures) if figures else 0
    if len(figures) * bits > _FLOAT_BITS:
        raise _out_of_range(digits)
    value = float(int(figures, 1 << bits))
    return -value if digits[0] == "-" else value


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _out_of_range(digits)
    return value


def _out_of_range(digits: str) -> DocumentError:
    return DocumentError(f"json: cannot unmarshal number {digits} into Go value of type float64")


def without_fraction(value: float) -> int | float:
    """Return a float as it is after Go has written it as JSON: a whole number is an integer."""
    if value.is_integer() and abs(value) < _NO_INTEGER:
        # The digits that identify the float, and zeros: not its exact value.
        return int(Decimal(repr(value)))
    return value


def is_ambiguous(text: str) -> bool:
    """Return whether a string without quotes would be parsed as another type."""
    if text in _NOT_NUMBERS or _BASE_60.fullmatch(text) or _TIMESTAMP.fullmatch(text):
        return True
    try:
        return text == "<<" or not isinstance(resolve(text), str)
    except DocumentError:
        return True


def natural(key: str) -> list[tuple[int, int, str, int]]:
    """Return the sort key of Go's library: symbols, numbers, letters, which lead after digits."""
    parts: list[tuple[int, int, str, int]] = []
    after_digits = False
    for run in _RUNS.findall(key):
        is_number = run[0] in "0123456789"
        if is_number:
            # The longer of two numbers is the greater one, and none is too long to be compared.
            number = run.lstrip("0")
            parts.append((2, len(number), number, len(run)))
        elif run.isalpha():
            parts.append((0 if after_digits else 3, ord(run), "", 0))
        else:
            parts.append((1, ord(run), "", 0))
        after_digits = is_number
    return parts
