"""The EndpointSlices that mirror Endpoints which no controller wrote. Pure.

Clients read EndpointSlices only, so those of a Service without a selector are derived from its
Endpoints: one slice for each subset and IP family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apiserver.controllers.serviceendpoints.endpoint_ports import PortKey, port_key
from apiserver.controllers.serviceendpoints.endpoint_subsets import repacked
from apiserver.controllers.serviceendpoints.slice_filling import endpoint_key
from apiserver.controllers.serviceendpoints.slice_metadata import (
    MANAGED_BY,
    MIRRORING_CONTROLLER,
    SERVICE_NAME,
    owned_metadata,
)
from apiserver.controllers.serviceendpoints.slice_plan import SlicePlan
from apiserver.controllers.serviceendpoints.trigger_times import LAST_CHANGE
from apiserver.machinery.objects import Object, with_metadata
from apiserver.resources.builtin.parts.addresses import parse_ip

SKIP_MIRROR: Final = "endpointslice.kubernetes.io/skip-mirror"
MAX_ENDPOINTS: Final = 1000
_LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
_NOT_MIRRORED: Final = (LAST_CHANGE, "kubectl.kubernetes.io/last-applied-configuration")

#: IP family and ports of a slice.
_SliceKey = tuple[str, PortKey]


@dataclass(slots=True)
class Mirror:
    """The slices to write, and the numbers of addresses that cannot be mirrored."""

    plan: SlicePlan = field(default_factory=SlicePlan)
    invalid: int = 0
    too_many: int = 0


@dataclass(slots=True)
class _Slice:
    ports: list[Object]
    endpoints: list[Object]


def should_mirror(endpoints: Object) -> bool:
    """Return whether Endpoints are to be mirrored if their Service has no selector."""
    metadata = endpoints["metadata"]
    return (
        (metadata.get("labels") or {}).get(SKIP_MIRROR) != "true"
        and _LEADER not in (metadata.get("annotations") or {})
    )  # fmt: skip


def mirror(endpoints: Object, existing: Sequence[Object]) -> Mirror:
    """Return the writes after which slices mirror Endpoints."""
    result = Mirror()
    slices = _slices(endpoints, result)
    plan = result.plan
    known: dict[_SliceKey, list[Object]] = {}
    for document in existing:
        key = (document["addressType"], port_key(document.get("ports") or ()))
        known.setdefault(key, []).append(document)
    for key, wanted in slices.items():
        documents = known.pop(key, [])
        plan.delete += documents[1:]
        if not documents:
            plan.create.append(_new_slice(endpoints, key[0], wanted))
        elif _differs(documents[0], wanted, endpoints):
            plan.update.append(_updated(documents[0], wanted, endpoints))
    for documents in known.values():
        plan.delete += documents
    _recycle(endpoints, plan)
    if "deletionTimestamp" in endpoints["metadata"]:
        plan.create.clear()
    return result


def _slices(endpoints: Object, result: Mirror) -> dict[_SliceKey, _Slice]:
    slices: dict[_SliceKey, _Slice] = {}
    for subset in repacked(endpoints.get("subsets") or ()):
        ports = [_port(each) for each in subset.get("ports") or ()]
        count = 0
        for member, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(member) or ():
                ip = parse_ip(address["ip"])
                if count >= MAX_ENDPOINTS:
                    result.too_many += 1
                elif ip is None:
                    result.invalid += 1
                else:
                    key = (f"IPv{ip.version}", port_key(ports))
                    found = slices.setdefault(key, _Slice(ports, []))
                    found.endpoints.append(_endpoint(address, str(ip), ready=ready))
                    count += 1
    return slices


def _port(port: Mapping[str, Any]) -> Object:
    return {"name": port.get("name", ""), **port}


def _endpoint(address: Mapping[str, Any], ip: str, *, ready: bool) -> Object:
    endpoint: Object = {"addresses": [ip], "conditions": {"ready": ready}}
    for member in ("targetRef", "nodeName", "hostname"):
        if address.get(member):
            endpoint[member] = address[member]
    return endpoint


def _labels(endpoints: Object) -> dict[str, str]:
    metadata = endpoints["metadata"]
    return {
        **(metadata.get("labels") or {}),
        SERVICE_NAME: metadata["name"],
        MANAGED_BY: MIRRORING_CONTROLLER,
    }


def _annotations(endpoints: Object) -> dict[str, str] | None:
    given: Mapping[str, str] = endpoints["metadata"].get("annotations") or {}
    return {name: given[name] for name in given if name not in _NOT_MIRRORED} or None


def _new_slice(endpoints: Object, family: str, wanted: _Slice) -> Object:
    metadata = owned_metadata(endpoints, "Endpoints", _labels(endpoints))
    annotations = _annotations(endpoints)
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": family,
        "endpoints": wanted.endpoints,
        "ports": wanted.ports,
    }


def _differs(document: Object, wanted: _Slice, endpoints: Object) -> bool:
    metadata = document["metadata"]
    before = {endpoint_key(each): each for each in document.get("endpoints") or ()}
    after = {endpoint_key(each): each for each in wanted.endpoints}
    return (
        before != after
        or (metadata.get("labels") or {}) != _labels(endpoints)
        or (metadata.get("annotations") or None) != _annotations(endpoints)
        or metadata.get("ownerReferences") != _owners(endpoints)
    )


def _updated(document: Object, wanted: _Slice, endpoints: Object) -> Object:
    changed = with_metadata(
        document,
        labels=_labels(endpoints),
        annotations=_annotations(endpoints),
        ownerReferences=_owners(endpoints),
    )
    return {**changed, "endpoints": wanted.endpoints, "ports": wanted.ports}


def _owners(endpoints: Object) -> list[Object]:
    owners: list[Object] = owned_metadata(endpoints, "Endpoints", {})["ownerReferences"]
    return owners


def _recycle(endpoints: Object, plan: SlicePlan) -> None:
    """Replace creations by updates of slices of the same family that would be deleted."""
    spared = []
    for document in plan.delete:
        family = document["addressType"]
        new = next((each for each in plan.create if each["addressType"] == family), None)
        if new is None:
            spared.append(document)
            continue
        plan.create.remove(new)
        wanted = _Slice(new["ports"], new["endpoints"])
        plan.update.append(_updated(document, wanted, endpoints))
    plan.delete = spared
