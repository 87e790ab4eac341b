"""Quantities: 100m, 64Mi, 1e3.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

A quantity is a decimal number with at most nine decimal places, rounded up, and a format: the
family of its suffix. Only numbers with a binary suffix are capped, at the largest of 64 bits. Its
canonical form has no fraction and the largest possible suffix.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal
from enum import Enum
from typing import Final

from apiserver.machinery.integers import parse_integer
from apiserver.machinery.textcache import cache_by_text

REFUSAL: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_PATTERN: Final = re.compile(
    r"([+-]?)(\d++\.?+\d*+|\.\d++)(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?+\d++|[numkMGTPE]|)", re.ASCII
)
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = {power: suffix for suffix, power in _BINARY.items()}
_NANO: Final = Decimal("1e-9")
_FINEST: Final = -9
_LARGEST: Final = Decimal((1 << 63) - 1)
_EXACT: Final = Context(prec=200)
# Numbers with more digits than these before the point are not rounded.
_MAX_DIGITS: Final = 180
_MAX_EXPONENT: Final = 1000


class QuantityFormat(Enum):
    """The families of suffixes."""

    BINARY = "BinarySI"
    DECIMAL = "DecimalSI"
    EXPONENT = "DecimalExponent"


def parse_quantity(text: str) -> tuple[Decimal, QuantityFormat]:
    """Return number and format of a quantity. Raises ValueError."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(REFUSAL)
    sign, digits, suffix = match.groups()
    number, family = _scaled(Decimal(digits), suffix)
    if family is QuantityFormat.BINARY:
        number = min(number, _LARGEST)
    if number.adjusted() < _MAX_DIGITS:
        # Rounded away from zero, so that a nonzero request never becomes zero.
        number = number.quantize(_NANO, rounding=ROUND_UP, context=_EXACT)
    return (-number if sign == "-" else number), family


def has_no_fraction(number: Decimal) -> bool:
    """Return whether a number has no fraction, however large it is."""
    return number == number.to_integral_value()


@cache_by_text(4096)
def canonical(text: str) -> str:
    """Return a quantity in canonical form. Raises ValueError."""
    number, family = parse_quantity(text)
    if not number:
        return "0"
    if _is_kept(text):
        return text
    if family is QuantityFormat.BINARY:
        if abs(number) >= 1024 and number == number.to_integral_value():
            return _binary(int(number))
        family = QuantityFormat.DECIMAL
    return _decimal(number, family)


def format_quantity(number: Decimal, family: QuantityFormat) -> str:
    """Return a number as a quantity in a format."""
    if family is QuantityFormat.BINARY:
        return canonical(f"{number / 1024:f}Ki")
    return canonical(f"{number:f}")


def _is_kept(text: str) -> bool:
    """Return whether upstream keeps the text, because it is canonical or looks canonical.

    It checks only the digits, so signs, leading zeros and ``1.500`` are kept.
    """
    match = _PATTERN.fullmatch(text)
    assert match is not None
    _, digits, suffix = match.groups()
    whole, _, fraction = digits.partition(".")
    whole = whole.lstrip("0") or "0"
    if suffix in _BINARY:
        precision = 14 - len(whole) - 3 * _BINARY[suffix]
        return not fraction and precision >= 0 and int(whole) % 8 != 0
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else parse_integer(suffix[1:])
    number, scale = whole + fraction, exponent - len(fraction)
    return (
        len(number) <= 18
        and scale >= -9
        and scale % 3 == 0
        and not number.startswith("0")
        and not number.endswith("000")
    )


def _scaled(number: Decimal, suffix: str) -> tuple[Decimal, QuantityFormat]:
    if suffix in _BINARY:
        return _EXACT.multiply(number, Decimal(1024 ** _BINARY[suffix])), QuantityFormat.BINARY
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix], _EXACT), QuantityFormat.DECIMAL
    exponent = max(-_MAX_EXPONENT, min(_MAX_EXPONENT, parse_integer(suffix[1:])))
    return number.scaleb(exponent, _EXACT), QuantityFormat.EXPONENT


def _binary(number: int) -> str:
    power = 0
    while power < 6 and number % 1024 == 0:
        number //= 1024
        power += 1
    return f"{number}{_BINARY_SUFFIX.get(power, '')}"


def _decimal(number: Decimal, family: QuantityFormat) -> str:
    exponent, largest = _FINEST, 18 if family is QuantityFormat.DECIMAL else _MAX_EXPONENT
    mantissa = int(number.scaleb(-exponent, _EXACT))
    while exponent < largest and mantissa % 1000 == 0:
        mantissa //= 1000
        exponent += 3
    if family is QuantityFormat.DECIMAL:
        return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"
    return f"{mantissa}e{exponent}" if exponent else str(mantissa)
