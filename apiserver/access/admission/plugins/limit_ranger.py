"""LimitRanger: applies the defaults and limits of a namespace's LimitRanges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.quota.resource_lists import pod_limits, pod_requests, quantity_value
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import CLAIMS, LIMIT_RANGES, PODS
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of, metadata_of, with_metadata

ANNOTATION: Final = "kubernetes.io/limit-ranger"
_MEMBERS: Final = (("containers", "container"), ("initContainers", "init container"))

ResourceList = Mapping[str, str]


class LimitRanger:
    """Sets default requests and limits, and rejects those out of range."""

    name = "LimitRanger"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if resource == PODS:
            # The resources of an existing Pod can only change through resize.
            return (operation, subresource) in ((CREATE, ""), (UPDATE, "resize"))
        return resource == CLAIMS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod = attributes.object
        if attributes.gvr != PODS or pod is None or attributes.operation == UPDATE:
            return None
        changed = pod
        for limit_range in reader.list(LIMIT_RANGES, attributes.namespace):
            changed = _with_defaults(changed, limit_range)
        return None if changed is pod else changed

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        document, old = attributes.object, attributes.old_object
        if document is None or (old is not None and "deletionTimestamp" in metadata_of(old)):
            return
        check = _pod_violations if attributes.gvr == PODS else _claim_violations
        for limit_range in reader.list(LIMIT_RANGES, attributes.namespace):
            violations = list(dict.fromkeys(check(document, limit_range)))
            if violations:
                text = ", ".join(violations)
                raise attributes.forbidden(f"[{text}]" if len(violations) > 1 else text)


def _items(limit_range: Object, type_: str) -> Iterator[dict[str, Any]]:
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == type_:
            yield item


def _with_defaults(pod: Object, limit_range: Object) -> Object:
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for item in _items(limit_range, "Container"):
        requests.update(item.get("defaultRequest") or {})
        limits.update(item.get("default") or {})
    notes: list[str] = []
    spec = dict(pod["spec"])
    for member, what in _MEMBERS:
        if spec.get(member):
            spec[member] = [_filled(c, requests, limits, what, notes) for c in spec[member]]
    if not notes:
        return pod
    note = f"LimitRanger plugin set: {'; '.join(notes)}"
    annotations = {**annotations_of(pod), ANNOTATION: note}
    return with_metadata({**pod, "spec": spec}, annotations=annotations)


def _filled(
    container: dict[str, Any],
    requests: ResourceList,
    limits: ResourceList,
    what: str,
    notes: list[str],
) -> dict[str, Any]:
    resources = dict(container.get("resources") or {})
    for member, defaults in (("requests", requests), ("limits", limits)):
        given = resources.get(member) or {}
        missing = sorted(defaults.keys() - given.keys())
        if missing:
            resources[member] = {**given, **{name: defaults[name] for name in missing}}
            singular = member.removesuffix("s")
            notes.append(f"{', '.join(missing)} {singular} for {what} {container['name']}")
    return {**container, "resources": resources}


def _pod_violations(pod: Object, limit_range: Object) -> Iterator[str]:
    spec = pod["spec"]
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            for member, _ in _MEMBERS:
                for container in spec.get(member) or ():
                    resources = container.get("resources") or {}
                    yield from _violations(
                        item, resources.get("requests") or {}, resources.get("limits") or {}
                    )
        elif item.get("type") == "Pod":
            yield from _violations(item, pod_requests(spec), pod_limits(spec))


def _claim_violations(claim: Object, limit_range: Object) -> Iterator[str]:
    resources = claim["spec"].get("resources") or {}
    requests = resources.get("requests") or {}
    for item in _items(limit_range, "PersistentVolumeClaim"):
        for name, bound in (item.get("min") or {}).items():
            yield from _below_minimum(_Bound(name, item["type"], bound), requests, {})
        for name, bound in (item.get("max") or {}).items():
            yield from _request_exceeds_maximum(_Bound(name, item["type"], bound), requests)


class _Bound:
    """A bound on one resource, with its text for messages."""

    def __init__(self, resource: str, type_: str, text: str) -> None:
        self.resource, self.type, self.text = resource, type_, text
        self.amount = quantity_value(text)

    def usage(self, which: str) -> str:
        return f"{which} {self.resource} usage per {self.type} is {self.text}"


def _violations(
    item: dict[str, Any], requests: ResourceList, limits: ResourceList
) -> Iterator[str]:
    rules: tuple[tuple[str, Callable[[_Bound, ResourceList, ResourceList], Iterator[str]]], ...] = (
        ("min", _below_minimum),
        ("max", _exceeds_maximum),
        ("maxLimitRequestRatio", _exceeds_ratio),
    )
    for member, rule in rules:
        for name, text in (item.get(member) or {}).items():
            yield from rule(_Bound(name, item["type"], text), requests, limits)


def _below_minimum(bound: _Bound, requests: ResourceList, limits: ResourceList) -> Iterator[str]:
    usage = bound.usage("minimum")
    request, limit = requests.get(bound.resource), limits.get(bound.resource)
    if request is None:
        yield f"{usage}.  No request is specified"
    elif quantity_value(request) < bound.amount:
        yield f"{usage}, but request is {request}"
    elif limit is not None and quantity_value(limit) < bound.amount:
        yield f"{usage}, but limit is {limit}"


def _exceeds_maximum(bound: _Bound, requests: ResourceList, limits: ResourceList) -> Iterator[str]:
    usage = bound.usage("maximum")
    request, limit = requests.get(bound.resource), limits.get(bound.resource)
    if limit is None:
        yield f"{usage}.  No limit is specified"
    elif quantity_value(limit) > bound.amount:
        yield f"{usage}, but limit is {limit}"
    elif request is not None and quantity_value(request) > bound.amount:
        yield f"{usage}, but request is {request}"


def _request_exceeds_maximum(bound: _Bound, requests: ResourceList) -> Iterator[str]:
    usage = bound.usage("maximum")
    request = requests.get(bound.resource)
    if request is None:
        yield f"{usage}.  No request is specified"
    elif quantity_value(request) > bound.amount:
        yield f"{usage}, but request is {request}"


def _exceeds_ratio(bound: _Bound, requests: ResourceList, limits: ResourceList) -> Iterator[str]:
    rule = f"{bound.resource} max limit to request ratio per {bound.type} is {bound.text}"
    request, limit = requests.get(bound.resource), limits.get(bound.resource)
    if request is None or not quantity_value(request):
        yield f"{rule}, but no request is specified or request is 0"
    elif limit is None or not quantity_value(limit):
        yield f"{rule}, but no limit is specified or limit is 0"
    else:
        ratio = quantity_value(limit) / quantity_value(request)
        if ratio > bound.amount:
            yield f"{rule}, but provided ratio is {float(ratio):f}"
