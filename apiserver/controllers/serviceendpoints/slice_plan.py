"""Plans the writes after which the EndpointSlices of a Service match its Pods. Pure.

The slices of a Service are grouped by IP family and by ports: named target ports may have another
number in every Pod. A Service without endpoints has one empty slice of each family, so that clients
can tell it from one whose slices are not written yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from apiserver.controllers.serviceendpoints.endpoint_pods import EndpointPod, family_of
from apiserver.controllers.serviceendpoints.endpoint_ports import (
    PortKey,
    endpoint_ports,
    families_of,
    has_named_targets,
    port_key,
)
from apiserver.controllers.serviceendpoints.slice_filling import filled
from apiserver.controllers.serviceendpoints.slice_hints import hinted
from apiserver.controllers.serviceendpoints.slice_metadata import (
    is_owned_by,
    owned_metadata,
    slice_labels,
)
from apiserver.controllers.serviceendpoints.trigger_times import with_last_change
from apiserver.machinery.objects import Object, with_metadata

_SERVICE: Final = "Service"


@dataclass(slots=True)
class SlicePlan:
    """EndpointSlices to create, to update and to delete."""

    create: list[Object] = field(default_factory=list)
    update: list[Object] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)

    def extend(self, other: SlicePlan) -> None:
        """Add another plan."""
        self.create += other.create
        self.update += other.update
        self.delete += other.delete


@dataclass(slots=True)
class _Group:
    """The endpoints of one set of ports."""

    ports: list[Object]
    endpoints: list[Object]


def plan_slices(
    service: Object,
    pods: Iterable[EndpointPod],
    zones: Mapping[str, str],
    existing: Sequence[Object],
    last_change: str,
) -> SlicePlan:
    """Return the writes for the slices of a Service.

    ``zones`` are those of existing Nodes, ``existing`` the slices of the controller that are linked
    to the Service by name, ``last_change`` the value of the annotation for written slices.
    """
    plan = SlicePlan()
    served = _served(service, pods, zones)
    families = families_of(service["spec"])
    for family in families:
        slices = [each for each in existing if each["addressType"] == family]
        plan.extend(_family_plan(service, family, served, zones, slices))
    plan.delete += [each for each in existing if each["addressType"] not in families]
    plan.create = [_dated(each, last_change) for each in plan.create]
    plan.update = [_dated(each, last_change) for each in plan.update]
    if "deletionTimestamp" in service["metadata"]:
        # The garbage collector may be deleting the slices.
        plan.create.clear()
    return plan


def _served(
    service: Object, pods: Iterable[EndpointPod], zones: Mapping[str, str]
) -> Sequence[EndpointPod]:
    """Return the Pods that may be endpoints: not those of a Node that does not exist."""
    if service["spec"].get("publishNotReadyAddresses"):
        return list(pods)
    return [pod for pod in pods if pod.node in zones]


def _family_plan(
    service: Object,
    family: str,
    pods: Sequence[EndpointPod],
    zones: Mapping[str, str],
    existing: Sequence[Object],
) -> SlicePlan:
    owned: dict[PortKey, list[Object]] = {}
    plan = SlicePlan()
    for document in existing:
        if is_owned_by(document, service):
            owned.setdefault(port_key(document.get("ports") or ()), []).append(document)
        else:
            plan.delete.append(document)
    groups = _groups(service, family, pods, zones)
    for key, group in groups.items():
        plan.extend(_group_plan(service, family, group, owned.pop(key, [])))
    for documents in owned.values():
        plan.delete += documents
    if not plan.create and len(plan.delete) == len(existing):
        _keep_placeholder(service, family, plan)
    _recycle(service, plan)
    return plan


def _groups(
    service: Object, family: str, pods: Sequence[EndpointPod], zones: Mapping[str, str]
) -> dict[PortKey, _Group]:
    spec, groups = service["spec"], dict[PortKey, _Group]()
    differ, group = has_named_targets(spec), None
    for pod in pods:
        if group is None or differ:
            ports = endpoint_ports(spec, pod)
            group = groups.setdefault(port_key(ports), _Group(ports, []))
        addresses = [ip for ip in pod.ips if family_of(ip) == family]
        if addresses:
            group.endpoints.append(_endpoint(service, pod, addresses, zones.get(pod.node, "")))
    return groups


def _endpoint(service: Object, pod: EndpointPod, addresses: list[str], zone: str) -> Object:
    everyone = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Object = {
        "addresses": addresses,
        "conditions": {
            "ready": everyone or (pod.ready and not pod.terminating),
            "serving": pod.ready,
            "terminating": pod.terminating,
        },
        "targetRef": pod.reference,
    }
    if pod.node:
        endpoint["nodeName"] = pod.node
    if zone:
        endpoint["zone"] = zone
    if pod.hostname and pod.subdomain == service["metadata"]["name"]:
        endpoint["hostname"] = pod.hostname
    return endpoint


def _group_plan(
    service: Object, family: str, group: _Group, existing: Sequence[Object]
) -> SlicePlan:
    plan = SlicePlan()
    labels = slice_labels(service)
    for filling in filled(existing, group.endpoints):
        document, endpoints = filling.existing, filling.endpoints
        endpoints = [hinted(service, each) for each in endpoints]
        if document is None:
            plan.create.append(_new_slice(service, family, group.ports, endpoints))
        elif filling.changed and not endpoints:
            plan.delete.append(document)
        elif endpoints != (document.get("endpoints") or []) or labels != _labels_of(document):
            changed = with_metadata(document, labels=labels)
            plan.update.append({**changed, "endpoints": endpoints})
    return plan


def _new_slice(
    service: Object, family: str, ports: list[Object], endpoints: list[Object]
) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": owned_metadata(service, _SERVICE, slice_labels(service)),
        "addressType": family,
        "endpoints": endpoints,
        "ports": ports,
    }


def _keep_placeholder(service: Object, family: str, plan: SlicePlan) -> None:
    placeholder = _new_slice(service, family, [], [])
    if len(plan.delete) == 1 and _is_placeholder(plan.delete[0], service):
        plan.delete.clear()
    else:
        plan.create.append(placeholder)


def _is_placeholder(document: Object, service: Object) -> bool:
    return (
        not document.get("ports")
        and not document.get("endpoints")
        and is_owned_by(document, service)
        and _labels_of(document) == slice_labels(service)
    )


def _recycle(service: Object, plan: SlicePlan) -> None:
    """Replace creations by updates of slices that would be deleted."""
    spared = []
    for document in plan.delete:
        if not plan.create or not is_owned_by(document, service):
            spared.append(document)
            continue
        new = plan.create.pop()
        changed = with_metadata(document, labels=new["metadata"]["labels"])
        plan.update.append({**changed, "endpoints": new["endpoints"], "ports": new["ports"]})
    plan.delete = spared


def _dated(document: Object, last_change: str) -> Object:
    annotations = with_last_change(document["metadata"].get("annotations"), last_change)
    return with_metadata(document, annotations=annotations)


def _labels_of(document: Object) -> Mapping[str, str]:
    return document["metadata"].get("labels") or {}
