"""Formats of names and addresses on networks, as Go's standard library parses them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from unicodedata import category

# IPv4 numbers may have leading zeros here, as in versions of Go before 1.17.
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9a-fA-F])0+(?=[0-9a-fA-F])")
_MAC: Final = re.compile(
    r"[0-9a-f]{2}(?:(?::[0-9a-f]{2})+|(?:-[0-9a-f]{2})+)|[0-9a-f]{4}(?:\.[0-9a-f]{4})+",
    re.IGNORECASE | re.ASCII,
)
_MAC_DIGITS: Final = (12, 16, 40)
_DIGITS: Final = frozenset("0123456789")
_LONGEST_HOSTNAME: Final = 255
_LONGEST_LABEL: Final = 63
# RFC 5322, with characters outside of ASCII: an address, or one in angle brackets behind a name.
_ATOM: Final = r'[^\x00-\x20\x7f()<>\[\]:;@\\,."]+'
_QUOTED: Final = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e])*"'
_DOT_ATOM: Final = rf"{_ATOM}(?:\.{_ATOM})*"
_ADDRESS: Final = rf"(?:{_QUOTED}|{_DOT_ATOM})@[ \t]*(?:{_DOT_ATOM}|\[([^\]]*)\])"
_NAME: Final = rf'(?:{_QUOTED}|[^\x00-\x08\x0a-\x1f\x7f()<>\[\]:;@\\,"])*'
_EMAIL: Final = re.compile(
    rf"[ \t]*(?:{_ADDRESS}|{_NAME}<[ \t]*{_ADDRESS}[ \t]*>)(?:[ \t]*\([^()\\]*\))*[ \t]*"
)


def is_ip(text: str) -> bool:
    """Return whether a text is an IP address without a zone."""
    if "%" in text:
        return False
    try:
        ip_address(_LEADING_ZEROS.sub("", text))
    except ValueError:
        return False
    return True


def is_ipv4(text: str) -> bool:
    """Return whether a text is an IPv4 address, or an IPv6 address that contains one."""
    return "." in text and is_ip(text)


def is_ipv6(text: str) -> bool:
    """Return whether a text is an IPv6 address."""
    return ":" in text and is_ip(text)


def is_cidr(text: str) -> bool:
    """Return whether a text is an address and the length of a prefix: ``10.0.0.0/8``."""
    address, _, length = text.partition("/")
    longest = 128 if ":" in address else 32
    digits = length.isascii() and length.isdigit() and len(length.lstrip("0")) <= 3
    return digits and int(length) <= longest and is_ip(address)


def is_mac(text: str) -> bool:
    """Return whether a text is a hardware address of 6, 8 or 20 bytes."""
    digits = len(text) - text.count(":") - text.count("-") - text.count(".")
    return digits in _MAC_DIGITS and _MAC.fullmatch(text) is not None


def is_hostname(text: str) -> bool:
    """Return whether a text is the name of a host, by RFC 1034 and RFC 1123.

    Letters and symbols may be of any script. A top-level domain has letters only.
    """
    *labels, last = text.split(".")
    if len(text.encode()) > _LONGEST_HOSTNAME or len(last.encode()) > _LONGEST_LABEL:
        return False
    if not labels:
        return last[:1] not in ("", "-") and _is_label(last[:1] + last[1:].removeprefix("-"))
    return last.isalpha() and len(last) > 1 and all(map(_is_label_with_hyphens, labels))


def _is_label_with_hyphens(text: str) -> bool:
    inner = text[1:-1].replace("-", "")
    return (
        len(text.encode()) <= _LONGEST_LABEL
        and bool(text)
        and _is_label(text[0] + inner + text[-1])
    )


def _is_label(text: str) -> bool:
    return all(
        character.isalpha() or character in _DIGITS or category(character).startswith("S")
        for character in text
    )


def is_email(text: str) -> bool:
    """Return whether a text is one address of RFC 5322, with a name or without."""
    found = _EMAIL.fullmatch(text)
    if found is None:
        return False
    return all(is_ip(literal) for literal in found.groups() if literal is not None)
