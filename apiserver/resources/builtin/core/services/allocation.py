"""Allocation and release of the cluster IPs and node ports of a Service.

An address that is taken is an IPAddress, named by it, with the Service as its parent (KEP-1880).
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.errors import InternalError, Invalid
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.times import now
from apiserver.machinery.uids import new_uid
from apiserver.resources.allocation import (
    NOTHING,
    Allocation,
    AllocationView,
    ObjectReference,
)
from apiserver.resources.builtin.core.services.addresses import family_of, normalized
from apiserver.resources.builtin.core.services.clusterips import (
    IN_USE,
    OUTSIDE,
    free_address,
    range_of,
    ranges_of,
)
from apiserver.resources.builtin.core.services.defaults import (
    EXTERNAL_NAME,
    HEADLESS,
    needs_health_check,
)
from apiserver.resources.builtin.core.services.families import assign_families, keeps_dual_stack
from apiserver.resources.builtin.core.services.nodeports import PortOperation, allocate_ports
from apiserver.resources.builtin.core.services.transitions import (
    needs_node_ports,
    node_ports_of,
    with_allocated,
)
from apiserver.resources.builtin.parts.addresses import is_canonical_ipv4, parse_ip

Spec = dict[str, Any]

IP_ADDRESSES: Final = GroupVersionResource("networking.k8s.io", "v1", "ipaddresses")
ENDPOINTS: Final = GroupVersionResource("", "v1", "endpoints")
FAMILY_LABEL: Final = "ipaddress.kubernetes.io/ip-family"
MANAGER_LABEL: Final = "ipaddress.kubernetes.io/managed-by"
MANAGER: Final = "ipallocator.k8s.io"
_KIND: Final = GroupVersionKind("", "v1", "Service")
_OWNED: Final[dict[str, Any]] = {
    "f:metadata": {"f:labels": {".": {}, f"f:{FAMILY_LABEL}": {}, f"f:{MANAGER_LABEL}": {}}},
    "f:spec": {
        "f:parentRef": {".": {}, "f:name": {}, "f:namespace": {}, "f:resource": {}},
    },
}


def allocate_service(
    document: Object, old: Object | None, view: AllocationView
) -> tuple[Object, Allocation]:
    """Return a Service with its addresses and ports, and their allocation.

    Raises Invalid for a requested value that cannot be allocated, InternalError if a range is full.
    """
    before = None if old is None else old["spec"]
    given = document["spec"]
    spec = normalized(given) if before is None else with_allocated(given, before)
    spec = {**spec}
    families = tuple(range_of(cidr).family for cidr in view.ranges.cluster_ips)
    _refuse(document, assign_families(spec, before, families))
    missing = _missing_addresses(spec, before)
    taken, errors = _take_addresses(document, spec, missing, view)
    _refuse(document, errors)
    if missing:
        addresses = list(spec.get("clusterIPs") or ())
        addresses += [""] * (max(missing) + 1 - len(addresses))
        for index, address in taken.items():
            addresses[index] = address
        spec["clusterIPs"], spec["clusterIP"] = addresses, addresses[0]
    ports = PortOperation(view)
    _refuse(document, allocate_ports(spec, before, ports))
    created = [(IP_ADDRESSES, ip_address_of(document, each)) for each in taken.values()]
    freed = [] if before is None or old is None else _freed_addresses(old, spec, before, view)
    allocated = {**document, "spec": spec}
    if view.dry_run:
        return allocated, NOTHING
    return allocated, Allocation(
        tuple(created), tuple(freed), frozenset(ports.taken), frozenset(ports.freed - ports.taken)
    )


def release_service(document: Object, view: AllocationView) -> Allocation:
    """Return what a deleted Service releases: addresses, ports, and its Endpoints."""
    spec = document["spec"]
    endpoints = ObjectReference(ENDPOINTS, namespace_of(document), name_of(document))
    deleted = [endpoints, *_owned_addresses(document, cluster_ips_of(spec), view)]
    return Allocation(deleted=deleted, freed_ports=ports_of(spec))


def ports_of(spec: Spec) -> frozenset[int]:
    """Return all ports that a Service has on all nodes."""
    ports = node_ports_of(spec) if needs_node_ports(spec) else frozenset()
    if needs_health_check(spec):
        ports |= {spec.get("healthCheckNodePort", 0)} - {0}
    return ports


def ip_address_of(service: Object, address: str) -> Object:
    """Return the IPAddress that a Service takes ``address`` with."""
    made = now()
    owner = {
        "manager": "kube-apiserver",
        "operation": "Update",
        "apiVersion": IP_ADDRESSES.api_version,
        "time": made,
        "fieldsType": "FieldsV1",
        "fieldsV1": _OWNED,
    }
    parent = {
        "resource": "services",
        "namespace": namespace_of(service),
        "name": name_of(service),
    }
    return {
        "kind": "IPAddress",
        "apiVersion": IP_ADDRESSES.api_version,
        "metadata": {
            "name": canonical(address),
            "uid": new_uid(),
            "creationTimestamp": made,
            "labels": {FAMILY_LABEL: family_of(address), MANAGER_LABEL: MANAGER},
            "managedFields": [owner],
        },
        "spec": {"parentRef": parent},
    }


def canonical(address: str) -> str:
    """Return the text of an address that IPAddresses are named by."""
    if is_canonical_ipv4(address):
        return address
    return str(parse_ip(address) or address)


def _refuse(document: Object, errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(_KIND, name_of(document), errors)


def _missing_addresses(spec: Spec, before: Spec | None) -> list[int]:
    """Return which of a Service's addresses are to be taken, by their place."""
    count = len(spec.get("ipFamilies") or ())
    if spec.get("type") == EXTERNAL_NAME or spec.get("clusterIP") == HEADLESS:
        return []
    if before is None or before.get("type") == EXTERNAL_NAME:
        return list(range(count))
    if keeps_dual_stack(spec, before) or before.get("clusterIP") == HEADLESS:
        return []
    return [1] if len(before.get("ipFamilies") or ()) == 1 and count == 2 else []


def _take_addresses(
    document: Object, spec: Spec, missing: list[int], view: AllocationView
) -> tuple[dict[int, str], list[FieldError]]:
    addresses, families = spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    taken: dict[int, str] = {}
    for index in missing:
        asked = addresses[index] if index < len(addresses) else ""
        if not asked:
            taken[index] = _any_address(document, families[index], view)
            continue
        problem = _problem(asked, families[index], view)
        if problem:
            detail = f"failed to allocate IP {asked}: {problem}"
            shown = addresses + [""] * (len(families) - len(addresses))
            return {}, [invalid("spec.clusterIPs", shown, detail)]
        taken[index] = asked
    return taken, []


def _any_address(document: Object, family: str, view: AllocationView) -> str:
    for found in ranges_of(view, family):
        if view.dry_run:
            # An address that no Service can have, as in Kubernetes.
            return str(found.network.network_address)
        address = free_address(found, lambda name: view.probe(IP_ADDRESSES, name))
        if address is not None:
            return address
    # The cache may be stale: the store is read before the write is refused.
    list(view.list(IP_ADDRESSES))
    raise InternalError("failed to allocate a serviceIP: range is full")


def _problem(asked: str, family: str, view: AllocationView) -> str:
    address = parse_ip(asked)
    assert address is not None
    ranges = ranges_of(view, family)
    if not any(address in each for each in ranges):
        if not view.dry_run or not ranges:
            return OUTSIDE
        shown = f"the provided IP ({address}) is not in the valid range."
        return f"{shown} The range of valid IPs is {ranges[0].network}"
    taken = view.get(IP_ADDRESSES, "", str(address)) is not None
    return IN_USE if taken and not view.dry_run else ""


def _freed_addresses(
    old: Object, spec: Spec, before: Spec, view: AllocationView
) -> list[ObjectReference]:
    if spec.get("type") == EXTERNAL_NAME:
        return _owned_addresses(old, cluster_ips_of(before), view)
    kept = set(cluster_ips_of(spec))
    return _owned_addresses(old, [ip for ip in cluster_ips_of(before) if ip not in kept], view)


def cluster_ips_of(spec: Spec) -> list[str]:
    """Return the addresses of a Service within the cluster."""
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or HEADLESS]
    return [address for address in addresses if address != HEADLESS]


def _owned_addresses(
    service: Object, addresses: list[str], view: AllocationView
) -> list[ObjectReference]:
    return [
        ObjectReference(IP_ADDRESSES, "", canonical(address))
        for address in addresses
        if is_parent(service, view.get(IP_ADDRESSES, "", canonical(address)))
    ]


def is_parent(service: Object, address: Object | None) -> bool:
    """Return whether an IPAddress was taken for a Service."""
    parent = ((address or {}).get("spec") or {}).get("parentRef") or {}
    wanted = ("services", namespace_of(service), name_of(service))
    return (parent.get("resource"), parent.get("namespace"), parent.get("name")) == wanted
