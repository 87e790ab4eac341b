"""The subsets of Endpoints: which addresses offer which ports. Pure.

An Endpoints object is one document, whatever the number of Pods, so it holds at most
`MAX_ADDRESSES` of them. EndpointSlices (KEP-752) have no such limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, Final, TypeAlias

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod
from apiserver.controllers.serviceendpoints.endpoint_ports import (
    endpoint_ports,
    families_of,
    is_headless,
)
from apiserver.machinery.objects import Object

MAX_ADDRESSES: Final = 1000
_READY: Final = "addresses"
_NOT_READY: Final = "notReadyAddresses"

#: IP address, and uid of the target: Pods on the network of their host share addresses.
_AddressKey: TypeAlias = tuple[str, str]
_PortKey: TypeAlias = tuple[str, int, str, str]
#: Stands for the ports of an address that offers none.
_NO_PORT: Final[_PortKey] = ("", -1, "", "")


def service_subsets(service: Object, pods: Iterable[EndpointPod]) -> list[Object]:
    """Return the subsets for the Pods of a Service, as long as they may be."""
    spec = service["spec"]
    everyone = bool(spec.get("publishNotReadyAddresses"))
    family = families_of(spec)[0]
    found: list[Object] = []
    for pod in pods:
        if pod.terminating and not everyone:
            continue
        address = _address(service, pod, family)
        if address is None:
            continue
        member = _READY if everyone or pod.ready else _NOT_READY
        if not spec.get("ports"):
            # Only a headless Service may have no ports.
            if is_headless(spec):
                found.append({member: [address]})
            continue
        ports = endpoint_ports(spec, pod)
        if ports:
            found.append(
                {member: [address], "ports": [_without_empty_name(each) for each in ports]}
            )
    return repacked(found)


def repacked(subsets: Iterable[Object]) -> list[Object]:
    """Return the same endpoints in canonical form.

    Ports that the same addresses offer, in the same state, are one subset. An address that is both
    ready and not ready for a port is not ready. Everything is sorted.
    """
    addresses: dict[_AddressKey, Object] = {}
    ports: dict[_PortKey, Object] = {}
    ready_by_port: dict[_PortKey, dict[_AddressKey, bool]] = {}
    for subset in subsets:
        keys = [_port_key(port) for port in subset.get("ports") or ()]
        ports.update(zip(keys, subset.get("ports") or (), strict=True))
        for address, ready in _addresses(subset):
            key = (address["ip"], (address.get("targetRef") or {}).get("uid", ""))
            addresses.setdefault(key, address)
            for port in keys or [_NO_PORT]:
                states = ready_by_port.setdefault(port, {})
                states[key] = states.get(key, True) and ready
    ports_by_hosts: dict[frozenset[tuple[_AddressKey, bool]], list[_PortKey]] = {}
    for port, states in ready_by_port.items():
        ports_by_hosts.setdefault(frozenset(states.items()), []).append(port)
    groups = sorted((sorted(keys), hosts) for hosts, keys in ports_by_hosts.items())
    return [
        _subset([ports[key] for key in keys if key != _NO_PORT], sorted(hosts), addresses)
        for keys, hosts in groups
    ]


def truncated(subsets: Sequence[Object]) -> tuple[list[Object], bool]:
    """Return subsets of at most `MAX_ADDRESSES` addresses, and whether that lost any.

    Ready addresses stay first. Each subset keeps a share in proportion to its size, rounded up
    while there is room.
    """
    ready = sum(len(each.get(_READY, ())) for each in subsets)
    unready = sum(len(each.get(_NOT_READY, ())) for each in subsets)
    if ready + unready <= MAX_ADDRESSES:
        return list(subsets), False
    member, total, most = _NOT_READY, unready, MAX_ADDRESSES - ready
    if ready > MAX_ADDRESSES:
        member, total, most = _READY, ready, MAX_ADDRESSES
    room, kept = most, []
    for subset in subsets:
        addresses = subset.get(member, [])[
            : min(ceil(len(subset.get(member, ())) / total * most), room)
        ]
        room -= len(addresses)
        left = {name: value for name, value in subset.items() if name not in (member, _NOT_READY)}
        if addresses:
            left[member] = addresses
        if left.get(_READY) or left.get(_NOT_READY):
            kept.append(left)
    return kept, True


def _address(service: Object, pod: EndpointPod, family: str) -> Object | None:
    ip = pod.address(family)
    if not ip:
        return None
    address: Object = {"ip": ip, "targetRef": pod.reference}
    if pod.node:
        address["nodeName"] = pod.node
    if pod.hostname and pod.subdomain == service["metadata"]["name"]:
        address["hostname"] = pod.hostname
    return address


def _without_empty_name(port: Object) -> Object:
    return port if port["name"] else {key: port[key] for key in port if key != "name"}


def _addresses(subset: Mapping[str, Any]) -> Iterator[tuple[Object, bool]]:
    for member, ready in ((_READY, True), (_NOT_READY, False)):
        for address in subset.get(member) or ():
            yield address, ready


def _port_key(port: Mapping[str, Any]) -> _PortKey:
    return (
        port.get("name", ""),
        port["port"],
        port.get("protocol", "TCP"),
        port.get("appProtocol") or "",
    )


def _subset(
    ports: list[Object],
    hosts: Iterable[tuple[_AddressKey, bool]],
    addresses: Mapping[_AddressKey, Object],
) -> Object:
    members: dict[str, list[Object]] = {_READY: [], _NOT_READY: [], "ports": ports}
    for key, ready in hosts:
        members[_READY if ready else _NOT_READY].append(addresses[key])
    return {name: value for name, value in members.items() if value}
