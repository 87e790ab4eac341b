"""IP addresses and CIDRs, parsed as leniently as Kubernetes parses them in old fields."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from socket import inet_aton, inet_ntoa
from typing import Final, TypeAlias

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.textcache import cache_by_text

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

NOT_AN_IP: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9a-fA-F:.])0+(?=\d)|(?<=\.)0+(?=\d)")


# One write looks at the same address many times.
@cache_by_text(1024)
def parse_ip(text: str) -> Address | None:
    """Return an address, ``None`` if invalid; an IPv4-mapped IPv6 address becomes IPv4."""
    if is_canonical_ipv4(text):
        return IPv4Address(text)
    if "." in text:
        text = _LEADING_ZEROS.sub("", text)
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_canonical_ipv4(text: str) -> bool:
    """Return whether a text is an IPv4 address as it is usually written."""
    try:
        return inet_ntoa(inet_aton(text)) == text
    except (OSError, ValueError):
        return False


def parse_cidr(text: str) -> Network | None:
    """Return the network of a CIDR, whose address may have bits beyond the mask."""
    address, slash, bits = text.partition("/")
    if not slash or not bits.isascii() or not bits.isdigit() or parse_ip(address) is None:
        return None
    try:
        return ip_network(f"{_LEADING_ZEROS.sub('', address)}/{bits}", strict=False)
    except ValueError:
        return None


def is_dual_stack(networks: list[str]) -> bool:
    """Return whether two CIDRs are of different families."""
    families = {network.version for text in networks if (network := parse_cidr(text))}
    return len(families) > 1


def validate_endpoint_ip(text: str, path: str) -> list[FieldError]:
    """Reject addresses with a node-local meaning, which no endpoint can have."""
    address = parse_ip(text)
    if address is None:
        return [invalid(path, text, "must be a valid IP address")]
    problems = []
    if address.is_unspecified:
        problems.append(f"may not be unspecified ({text})")
    if address.is_loopback:
        problems.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        problems.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_link_local_multicast(address):
        problems.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return [invalid(path, text, problem) for problem in problems]


def _is_link_local_multicast(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.packed[:3] == b"\xe0\x00\x00"
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02
