"""Which addresses the server may forward requests to. Pure.

A client that can write Nodes, Pods or Endpoints chooses where the server connects. It must not
reach addresses that only the server's own machine can reach: loopback and link-local addresses (the
metadata services of clouds). IPv6 has several forms that embed an IPv4 address, and sockets accept
them: mapped (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215), Teredo (RFC 4380). A zone may
follow any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

_BROADCAST: Final = IPv4Address("255.255.255.255")
_COMPATIBLE: Final = IPv6Network("::/96")
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def is_reachable(address: str) -> bool:
    """Return whether requests may be forwarded to an IP address, in any of its forms."""
    parsed = _parsed(address)
    return parsed is not None and all(map(_is_public, (parsed, *_embedded(parsed))))


def is_kubelet_reachable(address: str) -> bool:
    """Return whether a kubelet may be at an IP address.

    A kubelet may run on the server's machine, so loopback is allowed in its plain form.
    """
    parsed = _parsed(address)
    if parsed is None:
        return False
    if parsed.is_loopback and not any(_embedded(parsed)):
        return True
    return is_reachable(address)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None


def _embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _NAT64):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _COMPATIBLE and int(address) > 1:
        yield IPv4Address(int(address))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address == _BROADCAST
    )
