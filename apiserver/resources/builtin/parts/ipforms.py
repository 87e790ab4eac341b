"""The accepted forms of IP addresses.

Older versions accepted IPv4 numbers with leading zeros and IPv4-mapped IPv6 addresses. New objects
may not have such addresses; an existing object may keep those that it has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.parts.addresses import (
    NOT_A_CIDR,
    NOT_AN_IP,
    is_canonical_ipv4,
    parse_cidr,
    parse_ip,
)

Address: TypeAlias = IPv4Address | IPv6Address

_MAPPED_BITS: Final = 96
_LEADING_ZEROS: Final = re.compile(r"(?:^|[.:])0+[0-9]+(?=\.|$)")


def validate_new_ip(text: str, path: str, known: Collection[str] = ()) -> list[FieldError]:
    """Reject an IP address not in its canonical form; ``known`` ones may have any form."""
    problem = new_ip_problem(text)
    if not problem or (problem != NOT_AN_IP and text in known):
        return []
    return [invalid(path, text, problem)]


def new_ip_problem(text: str) -> str:
    """Return why a text is not an IP address in one of the usual forms."""
    if is_canonical_ipv4(text):
        return ""
    address = parse_ip(text)
    if address is None:
        return NOT_AN_IP
    if has_leading_zeros(text):
        return "must not have leading 0s"
    return "must not be an IPv4-mapped IPv6 address" if is_mapped(text, address) else ""


def validate_new_cidr(text: str, path: str, known: Collection[str] = ()) -> list[FieldError]:
    """Reject a value that is not a CIDR in its usual form; ``known`` ones may have any form."""
    network = parse_cidr(text)
    if network is None:
        return [invalid(path, text, NOT_A_CIDR)]
    if text in known:
        return []
    shown, _, bits = text.partition("/")
    if has_leading_zeros(shown) or (len(bits) > 1 and bits.startswith("0")):
        return [invalid(path, text, "must not have leading 0s in IP or prefix length")]
    address = parse_ip(shown)
    if address is not None and is_mapped(shown, address):
        return [invalid(path, text, "must not have an IPv4-mapped IPv6 address")]
    if address != network.network_address:
        return [invalid(path, text, "must not have bits set beyond the prefix length")]
    return []


def validate_canonical_cidr(text: str, path: str) -> list[FieldError]:
    """Reject a value that is not a CIDR in its canonical form."""
    errors = validate_new_cidr(text, path)
    network = parse_cidr(text)
    if errors or network is None or str(network) == text:
        return errors
    return [invalid(path, text, f"must be in canonical form ({quote(str(network))})")]


def warnings_for_ip(text: str, path: str) -> list[str]:
    """Return the warnings for an address that is valid but not in canonical form."""
    if is_canonical_ipv4(text):
        return []
    address = parse_ip(text)
    if address is None:
        return []
    if has_leading_zeros(text) or is_mapped(text, address):
        return [
            f"{path}: non-standard IP address {quote(text)} will be considered invalid in a future "
            f"Kubernetes release: use {quote(str(address))}"
        ]
    if address.version == 6 and str(address) != text:
        return [
            f"{path}: IPv6 address {quote(text)} should be in RFC 5952 canonical format "
            f"({quote(str(address))})"
        ]
    return []


def warnings_for_cidr(text: str, path: str) -> list[str]:
    """Return the warnings for a CIDR that is valid but not in canonical form."""
    host, _, bits = text.partition("/")
    address = parse_ip(host)
    if address is None or parse_cidr(text) is None:
        return []
    mapped, length = is_mapped(host, address), int(bits)
    if mapped:
        length -= _MAPPED_BITS
    if length < 0:
        # It is wider than all addresses of IPv4: there is no other way to write it.
        return []
    network = ip_network(f"{address}/{length}", strict=False)
    found = []
    if address != network.network_address:
        one = f"{address}/{network.max_prefixlen}"
        found.append(
            f"{path}: CIDR value {quote(text)} is ambiguous in this context (should be "
            f"{quote(str(network))} or {quote(one)}?)"
        )
    if mapped or has_leading_zeros(host) or bits != str(int(bits)):
        found.append(
            f"{path}: non-standard CIDR value {quote(text)} will be considered invalid in a future "
            f"Kubernetes release: use {quote(str(network))}"
        )
    if not found and network.version == 6 and str(network) != text:
        found.append(
            f"{path}: IPv6 CIDR value {quote(text)} should be in RFC 5952 canonical format "
            f"({quote(str(network))})"
        )
    return found


def has_leading_zeros(text: str) -> bool:
    """Return whether a decimal number of an IPv4 address has leading zeros."""
    return "." in text and _LEADING_ZEROS.search(text) is not None


def is_mapped(text: str, address: Address) -> bool:
    """Return whether a text is an IPv4 address written as an IPv6 one."""
    return address.version == 4 and ":" in text


def has_both_families(texts: Sequence[str]) -> bool:
    """Return whether there are addresses of IPv4 and of IPv6."""
    found = [parse_ip(text) for text in texts]
    return {4, 6} <= {address.version for address in found if address is not None}
