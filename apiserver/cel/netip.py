"""What is wrong with texts of addresses and networks, in the words of Go's package net/netip."""

from __future__ import annotations

import re
from typing import Final

from apiserver.machinery.integers import parse_integer
from apiserver.machinery.quoting import quote

_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_GROUPS: Final = 8


class AddressError(Exception):
    """A text is no address: ``ParseAddr("1.2.3"): IPv4 address too short``."""

    def __init__(self, text: str, problem: str, rest: str = "") -> None:
        at = f" (at {quote(rest)})" if rest else ""
        super().__init__(f"ParseAddr({quote(text)}): {problem}{at}")


class PrefixError(Exception):
    """A text is no network: ``netip.ParsePrefix("1.2.3.4"): no '/'``."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"netip.ParsePrefix({quote(text)}): {problem}")


def check_address(text: str) -> None:
    """Raise AddressError for a text that is no address. An address of IPv6 may have a zone."""
    first = next((each for each in text if each in ".:%"), "")
    if first == ".":
        _check_ipv4(text, text)
    elif first == ":":
        _check_ipv6(text)
    else:
        problem = "missing IPv6 address" if first else "unable to parse IP"
        raise AddressError(text, problem)


def check_prefix(text: str) -> None:
    """Raise PrefixError for a text that is no network."""
    address, slash, bits = text.rpartition("/")
    if not slash:
        raise PrefixError(text, "no '/'")
    try:
        check_address(address)
    except AddressError as error:
        raise PrefixError(text, str(error)) from None
    if "%" in address:
        raise PrefixError(text, "IPv6 zones cannot be present in a prefix")
    if not re.fullmatch(r"[0-9]|[1-9][0-9]+", bits):
        raise PrefixError(text, f"bad bits after slash: {quote(bits)}")
    if parse_integer(bits) > (128 if ":" in address else 32):
        raise PrefixError(text, "prefix length out of range")


def _check_ipv4(text: str, part: str) -> None:
    octets, digits = 0, ""
    for at, each in enumerate(part):
        if "0" <= each <= "9":
            if digits == "0":
                raise AddressError(text, "IPv4 field has octet with leading zero")
            digits += each
            if int(digits) > 255:
                raise AddressError(text, "IPv4 field has value >255")
        elif each == ".":
            if not digits or at == len(part) - 1:
                raise AddressError(text, "IPv4 field must have at least one digit", part[at:])
            if octets == 3:
                raise AddressError(text, "IPv4 address too long")
            octets, digits = octets + 1, ""
        else:
            raise AddressError(text, "unexpected character", part[at:])
    if octets < 3:
        raise AddressError(text, "IPv4 address too short")


def _check_ipv6(text: str) -> None:
    rest, percent, zone = text.partition("%")
    if percent and not zone:
        raise AddressError(text, "zone must be a non-empty string")
    skips = rest.startswith("::")
    if skips:
        rest = rest[2:]
    groups = 0
    while rest and groups < _GROUPS:
        digits = _digits(text, rest)
        if rest[len(digits) :].startswith("."):
            _check_embedded(text, rest, groups, skips=skips)
            groups, rest = groups + 2, ""
            break
        groups += 1
        rest, skips = _after_group(text, rest[len(digits) :], skips=skips)
    if rest:
        raise AddressError(text, "trailing garbage after address", rest)
    if groups < _GROUPS and not skips:
        raise AddressError(text, "address string too short")
    if groups == _GROUPS and skips:
        raise AddressError(text, "the :: must expand to at least one field of zeros")


def _digits(text: str, rest: str) -> str:
    """Return the digits at the start of the rest of a text."""
    found = _HEX.match(rest)
    digits = found[0] if found else ""
    if len(digits) > 4:
        raise AddressError(text, "each group must have 4 or less digits", rest)
    if not digits:
        problem = "each colon-separated field must have at least one digit"
        raise AddressError(text, problem, rest)
    return digits


def _check_embedded(text: str, rest: str, groups: int, *, skips: bool) -> None:
    """Check an address of IPv4 that ends one of IPv6."""
    if not skips and groups != _GROUPS - 2:
        problem = "embedded IPv4 address must replace the final 2 fields of the address"
        raise AddressError(text, problem, rest)
    if groups > _GROUPS - 2:
        problem = "too many hex fields to fit an embedded IPv4 at the end of the address"
        raise AddressError(text, problem, rest)
    _check_ipv4(text, rest)


def _after_group(text: str, rest: str, *, skips: bool) -> tuple[str, bool]:
    """Return what is left after a group and the colons behind it, and if there was a ``::``."""
    if not rest:
        return "", skips
    if rest[0] != ":":
        raise AddressError(text, "unexpected character, want colon", rest)
    if rest == ":":
        raise AddressError(text, "colon must be followed by more characters", rest)
    rest = rest[1:]
    if rest[0] != ":":
        return rest, skips
    if skips:
        raise AddressError(text, "multiple :: in address", rest)
    return rest[1:], True
