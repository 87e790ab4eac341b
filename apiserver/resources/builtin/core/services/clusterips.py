"""Cluster IPs: the addresses of the service ranges, and the choice of a free one.

Addresses that are not requested explicitly come from the upper band of a range while it has free
ones; the lower band is left to explicit requests (KEP-3070). The first address of a range is not
used, nor is the last one of an IPv4 range.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from random import randrange
from socket import inet_ntoa
from typing import Final, TypeAlias

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.textcache import cache_by_text
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.allocation import AllocationView

SERVICE_CIDRS: Final = GroupVersionResource("networking.k8s.io", "v1", "servicecidrs")
OUTSIDE: Final = "the provided network does not match the current range"
IN_USE: Final = "provided IP is already allocated"

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_MIN_STATIC: Final = 16
_MAX_STATIC: Final = 256
#: How many random addresses are tried before the range is searched, from a random one on.
_PROBES: Final = 32


@valueclass
class AddressRange:
    """A range of addresses of an IP family; ``first``, ``last`` and ``middle`` are numbers.

    ``middle`` begins the upper band. The network's own address and the last one of IPv4 are not
    used, so they are not between ``first`` and ``last``.
    """

    network: Network
    family: str
    first: int
    middle: int
    last: int

    def __contains__(self, address: Address) -> bool:
        same = address.version == self.network.version
        return same and self.first <= int(address) <= self.last

    def text(self, number: int) -> str:
        """Return an address of the range in canonical form."""
        if self.network.version == 4:
            return inet_ntoa(number.to_bytes(4))
        return str(IPv6Address(number))


@cache_by_text(64)
def range_of(cidr: str) -> AddressRange:
    """Return the range of a CIDR."""
    network = ip_network(cidr)
    first = int(network.network_address) + 1
    last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
    middle = first + static_size(last - first + 1)
    return AddressRange(network, f"IPv{network.version}", first, middle, last)


def ranges_of(view: AllocationView, family: str) -> list[AddressRange]:
    """Return the ranges of a family from which addresses may be had now."""
    found: list[str] = []
    for each in view.list(SERVICE_CIDRS):
        if _is_ready(each):
            found += _cidrs(each)
    # Until the first ServiceCIDR is there, and the Service of the API needs an address before.
    ranges = [range_of(cidr) for cidr in dict.fromkeys(found or view.ranges.cluster_ips)]
    return [each for each in ranges if each.family == family]


def _cidrs(document: Object) -> list[str]:
    return (document.get("spec") or {}).get("cidrs") or []


def _is_ready(document: Object) -> bool:
    if "deletionTimestamp" in document["metadata"]:
        return False
    for condition in (document.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready":
            return bool(condition.get("status") == "True")
    # Without a controller that says so, a range counts as ready.
    return True


def static_size(size: int) -> int:
    """Return how many addresses the lower band of a range of ``size`` addresses has."""
    if size <= _MIN_STATIC:
        return 0
    return min(max(_MIN_STATIC, size // 16), _MAX_STATIC)


def free_address(found: AddressRange, is_used: Callable[[str], bool]) -> str | None:
    """Return an address of a range that is not used, ``None`` where there is none."""
    text = ""

    def is_number_used(number: int) -> bool:
        nonlocal text
        text = found.text(number)
        return is_used(text)

    for low, high in ((found.middle, found.last), (found.first, found.middle - 1)):
        if free_number(low, high, is_number_used) is not None:
            return text
    return None


def free_number(low: int, high: int, is_used: Callable[[int], bool]) -> int | None:
    """Return a number from ``low`` to ``high`` that is not used, ``None`` where there is none."""
    size = high - low + 1
    if size <= 0:
        return None
    for _ in range(_PROBES):
        number = low + randrange(size)  # noqa: S311 - an address is no secret
        if not is_used(number):
            return number
    start = randrange(size)  # noqa: S311
    for offset in range(size):
        number = low + (start + offset) % size
        if not is_used(number):
            return number
    return None
