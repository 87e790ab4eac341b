"""Cluster IPs: the addresses of the service ranges, and the choice of a free one.

Addresses that are not requested explicitly come from the upper band of a range while it has free
ones; the lower band is left to explicit requests (KEP-3070). The first address of a range is not
used, nor is the last one of an IPv4 range.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from secrets import randbelow
from typing import Final, TypeAlias

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.textcache import cache_by_text
from apiserver.resources.allocation import AllocationView

SERVICE_CIDRS: Final = GroupVersionResource("networking.k8s.io", "v1", "servicecidrs")
OUTSIDE: Final = "the provided network does not match the current range"
IN_USE: Final = "provided IP is already allocated"

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_LEAST_STATIC: Final = 16
_MOST_STATIC: Final = 256
#: How many addresses are tried at random before the range is gone through from one of them.
_PROBES: Final = 32


@cache_by_text(64)
def network_of(cidr: str) -> Network:
    """Return a range."""
    return ip_network(cidr)


def family_of_range(cidr: str) -> str:
    """Return the IP family of a range."""
    return f"IPv{network_of(cidr).version}"


def ranges_of(view: AllocationView, family: str) -> list[Network]:
    """Return the ranges of a family from which addresses may be had now."""
    found = [cidr for each in view.list(SERVICE_CIDRS) if _is_ready(each) for cidr in _cidrs(each)]
    # Until the first ServiceCIDR is there, and the Service of the API needs an address before.
    given = found or view.ranges.cluster_ips
    networks = [network_of(cidr) for cidr in dict.fromkeys(given)]
    return [network for network in networks if f"IPv{network.version}" == family]


def _cidrs(document: Object) -> list[str]:
    return (document.get("spec") or {}).get("cidrs") or []


def _is_ready(document: Object) -> bool:
    if "deletionTimestamp" in document["metadata"]:
        return False
    conditions = (document.get("status") or {}).get("conditions") or ()
    ready = [each.get("status") for each in conditions if each.get("type") == "Ready"]
    # Without a controller that says so, a range counts as ready.
    return ready in ([], ["True"])


def bounds(network: Network) -> tuple[int, int]:
    """Return the first and the last address of a range, as numbers."""
    last = int(network.broadcast_address) - (1 if network.version == 4 else 0)
    return int(network.network_address) + 1, last


def is_within(network: Network, address: Address) -> bool:
    """Tell whether an address is one of a range."""
    first, last = bounds(network)
    return address.version == network.version and first <= int(address) <= last


def static_size(network: Network) -> int:
    """Return how many addresses the lower band of a range has."""
    first, last = bounds(network)
    size = last - first + 1
    if size <= _LEAST_STATIC:
        return 0
    return min(max(_LEAST_STATIC, size // 16), _MOST_STATIC)


def free_address(network: Network, is_used: Callable[[str], bool]) -> str | None:
    """Return an address of a range that is not used, ``None`` where there is none."""
    first, last = bounds(network)
    middle = first + static_size(network)
    for low, high in ((middle, last), (first, middle - 1)):
        number = free_number(low, high, lambda number: is_used(_text(network, number)))
        if number is not None:
            return _text(network, number)
    return None


def _text(network: Network, number: int) -> str:
    return str(IPv4Address(number) if network.version == 4 else IPv6Address(number))


def free_number(low: int, high: int, is_used: Callable[[int], bool]) -> int | None:
    """Return a number from ``low`` to ``high`` that is not used, ``None`` where there is none."""
    size = high - low + 1
    if size <= 0:
        return None
    for _ in range(_PROBES):
        number = low + randbelow(size)
        if not is_used(number):
            return number
    start = randbelow(size)
    for offset in range(size):
        number = low + (start + offset) % size
        if not is_used(number):
            return number
    return None
