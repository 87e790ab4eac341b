"""The usage of an object, by the resource names of quotas.

Every object counts as ``count/<resource>.<group>``. Pods, Services, PersistentVolumeClaims and
ResourceClaims use further resources. A missing quantity counts as none: a Pod without a memory
limit uses no ``limits.memory``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from apiserver.access.quota.resource_lists import (
    ResourceList,
    add_lists,
    max_lists,
    pod_limits,
    pod_requests,
)
from apiserver.access.quota.scopes import (
    ScopeRequirement,
    claim_in_scope,
    never_in_scope,
    pod_in_scope,
)
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.quantity import canonical
from apiserver.machinery.times import parse_seconds
from apiserver.machinery.valueclasses import valueclass

_ENDED: Final = ("Failed", "Succeeded")
_HUGE_PAGES: Final = "hugepages-"
_REQUESTS: Final = "requests."
_OF_CLASS: Final = ".storageclass.storage.k8s.io/"
_DEVICES: Final = ".deviceclass.resource.k8s.io/devices"
_CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
# The maximum number of devices of a claim: the usage of a request for all devices.
_ALL_DEVICES: Final = 32

_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
# Resources that every container must specify if a quota limits them.
_SAID: Final = frozenset(
    [
        "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
    ]
)  # fmt: skip
_OF_PODS: Final = frozenset(
    [
        "pods", "count/pods", *_COMPUTE,
        *(f"requests.{name}" for name in _COMPUTE), *(f"limits.{name}" for name in _COMPUTE),
    ]
)  # fmt: skip
_OF_SERVICES: Final = frozenset(
    ["services", "count/services", "services.loadbalancers", "services.nodeports"]
)
_OF_CLAIMS: Final = frozenset(
    ["persistentvolumeclaims", "count/persistentvolumeclaims", "requests.storage"]
)
# Resources with quota names that predate ``count/``.
_LEGACY: Final = frozenset(["configmaps", "secrets", "replicationcontrollers", "resourcequotas"])
_IGNORED: Final = frozenset(
    [
        GroupResource("", "bindings"), GroupResource("", "componentstatuses"),
        GroupResource("", "events"), GroupResource("events.k8s.io", "events"),
    ]
)  # fmt: skip
# Groups of virtual resources, which are not stored.
_VIRTUAL: Final = frozenset(["authentication.k8s.io", "authorization.k8s.io"])


def _nothing(_names: Sequence[str], _document: Object) -> Mapping[str, Sequence[str]]:
    return {}


@valueclass
class Evaluator:
    """The evaluator of one resource.

    ``counts`` returns whether a name in a quota applies to its objects, ``usage`` the usage of an
    object at a time in seconds since 1970, ``in_scope`` whether an object matches a scope.
    ``missing`` returns the containers that do not specify a required resource. ``plain``: every
    object counts as one, regardless of its content.
    """

    resource: GroupResource
    counts: Callable[[str], bool]
    usage: Callable[[Object, float], dict[str, str]]
    in_scope: Callable[[ScopeRequirement, Object], bool] = never_in_scope
    missing: Callable[[Sequence[str], Object], Mapping[str, Sequence[str]]] = _nothing
    plain: bool = False


@lru_cache(maxsize=1024)
def evaluator_of(resource: GroupResource) -> Evaluator | None:
    """Return the evaluator of a resource, ``None`` if it is not counted."""
    if resource in _IGNORED or resource.group in _VIRTUAL:
        return None
    return _SPECIAL.get(resource) or _plain(resource)


def resource_counted(name: str) -> GroupResource | None:
    """Return the resource that a name in a quota counts, ``None`` if it counts none."""
    for resource, evaluator in _SPECIAL.items():
        if evaluator.counts(name):
            return resource
    if name in _LEGACY:
        return GroupResource("", name)
    prefix, _, counted = name.partition("/")
    if prefix != "count" or not counted:
        return None
    plural, _, group = counted.partition(".")
    resource = GroupResource(group, plural)
    return resource if evaluator_of(resource) is not None else None


def _plain(resource: GroupResource) -> Evaluator:
    names = {f"count/{resource}"}
    if not resource.group and resource.resource in _LEGACY:
        names.add(resource.resource)
    usage = dict.fromkeys(names, "1")
    return Evaluator(resource, names.__contains__, lambda _document, _now: usage, plain=True)


def _counts_pods(name: str) -> bool:
    if name in _OF_PODS or name.startswith((_HUGE_PAGES, f"{_REQUESTS}{_HUGE_PAGES}")):
        return True
    return name.startswith(_REQUESTS) and _is_extended(name.removeprefix(_REQUESTS))


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.endswith(_STORAGE_OF_CLASS)


_STORAGE_OF_CLASS: Final = tuple(
    f"{_OF_CLASS}{name}" for name in ("requests.storage", "persistentvolumeclaims")
)


def _usage_of_pod(pod: Object, now: float) -> dict[str, str]:
    if not _is_alive(pod, now):
        return {"count/pods": "1"}
    spec = pod["spec"]
    overhead = spec.get("overhead") or {}
    requests, limits = add_lists(pod_requests(spec), overhead), pod_limits(spec)
    # Overhead counts towards limits only if the containers have limits.
    limits = add_lists(limits, {name: text for name, text in overhead.items() if name in limits})
    return {"count/pods": "1", "pods": "1", **_computed(requests, limits)}


def _is_alive(pod: Object, now: float) -> bool:
    if (pod.get("status") or {}).get("phase") in _ENDED:
        return False
    metadata = metadata_of(pod)
    deleted, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    # A Pod on a lost node must not block its replacement.
    return deleted is None or grace is None or now <= parse_seconds(deleted) + grace


def _computed(requests: ResourceList, limits: ResourceList) -> dict[str, str]:
    used: dict[str, str] = {}
    for name, quantity in requests.items():
        if name in _COMPUTE or name.startswith(_HUGE_PAGES):
            used[name] = used[f"{_REQUESTS}{name}"] = canonical(quantity)
        elif _is_extended(name):
            used[f"{_REQUESTS}{name}"] = canonical(quantity)
    for name in _COMPUTE:
        if name in limits:
            used[f"limits.{name}"] = canonical(limits[name])
    return used


def _missing_of_pod(names: Sequence[str], pod: Object) -> dict[str, list[str]]:
    spec = pod["spec"]
    needed = _SAID.intersection(names) - _specified(spec)
    missing: dict[str, list[str]] = {}
    if needed:
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            for name in needed - _specified(container):
                missing.setdefault(name, []).append(container["name"])
    return missing


def _specified(holder: Mapping[str, Any]) -> set[str]:
    resources = holder.get("resources") or {}
    return set(_computed(resources.get("requests") or {}, resources.get("limits") or {}))


def _usage_of_service(service: Object, _now: float) -> dict[str, str]:
    used = {"services": "1", "count/services": "1"}
    spec = service["spec"]
    ports = spec.get("ports") or ()
    if spec.get("type") == "LoadBalancer":
        used["services.loadbalancers"] = "1"
        if spec.get("allocateLoadBalancerNodePorts") is False:
            ports = [port for port in ports if port.get("nodePort")]
    elif spec.get("type") != "NodePort":
        return used
    return {**used, "services.nodeports": str(len(ports))}


def _counts_claims(name: str) -> bool:
    return name in _OF_CLAIMS or name.endswith(_STORAGE_OF_CLASS)


def _usage_of_claim(claim: Object, _now: float) -> dict[str, str]:
    spec, status = claim["spec"], claim.get("status") or {}
    annotations = metadata_of(claim).get("annotations") or {}
    class_ = annotations.get(_CLASS_ANNOTATION, spec.get("storageClassName") or "")
    used = {"persistentvolumeclaims": "1"}
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" in requests:
        # While a failed expansion is reverted, the allocated size still counts.
        asked = {"storage": requests["storage"]}
        allocated = (status.get("allocatedResources") or {}).get("storage")
        most = max_lists(asked, {"storage": allocated} if allocated else {})
        used["requests.storage"] = canonical(most["storage"])
    if class_:
        used |= {f"{class_}{_OF_CLASS}{name}": quantity for name, quantity in used.items()}
    return {**used, "count/persistentvolumeclaims": "1"}


def _usage_of_resource_claim(claim: Object, _now: float) -> dict[str, str]:
    used = {"count/resourceclaims.resource.k8s.io": "1"}
    for request in ((claim.get("spec") or {}).get("devices") or {}).get("requests") or ():
        most: dict[str, str] = {}
        for class_, number in _alternatives(request):
            most = max_lists(most, {f"{class_}{_DEVICES}": str(number)})
        used = add_lists(used, most)
    return used


def _alternatives(request: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    exactly = request.get("exactly")
    for each in request.get("firstAvailable") or ([exactly] if exactly else ()):
        everything = each.get("allocationMode") == "All"
        yield each["deviceClassName"], _ALL_DEVICES if everything else each.get("count") or 1


_SPECIAL: Final[Mapping[GroupResource, Evaluator]] = {
    evaluator.resource: evaluator
    for evaluator in (
        Evaluator(
            GroupResource("", "pods"), _counts_pods, _usage_of_pod, pod_in_scope, _missing_of_pod
        ),
        Evaluator(GroupResource("", "services"), _OF_SERVICES.__contains__, _usage_of_service),
        Evaluator(
            GroupResource("", "persistentvolumeclaims"),
            _counts_claims,
            _usage_of_claim,
            claim_in_scope,
        ),
        Evaluator(
            GroupResource("resource.k8s.io", "resourceclaims"),
            lambda name: name.endswith(_DEVICES) or name == "count/resourceclaims.resource.k8s.io",
            _usage_of_resource_claim,
        ),
    )
}
