"""Quota scopes: a quota may count only some objects, such as Pods of a priority class.

All scopes of a quota must match. A scope that does not apply to a kind matches no object of it: a
quota for Pods of a priority class counts no Services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from apiserver.access.quota.resource_lists import quantity_value
from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass


@valueclass
class ScopeRequirement:
    """A scope, with its operator and values."""

    scope: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()

    def holds(self, value: str) -> bool:
        """Return whether a value matches; the value of an object without one is ``""``."""
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "DoesNotExist":
                return not value
            case _:
                return bool(value)


def requirements_of(quota: Object) -> list[ScopeRequirement]:
    """Return the scopes of a quota."""
    spec = quota.get("spec") or {}
    selector = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return [
        *(ScopeRequirement(scope) for scope in spec.get("scopes") or ()),
        *(
            ScopeRequirement(each["scopeName"], each["operator"], tuple(each.get("values") or ()))
            for each in selector
        ),
    ]


def never_in_scope(_requirement: ScopeRequirement, _document: Object) -> bool:
    """Return False, for kinds that no scope applies to."""
    return False


def pod_in_scope(requirement: ScopeRequirement, pod: Object) -> bool:
    """Return whether a Pod is in a scope."""
    rule = _OF_PODS.get(requirement.scope)
    return rule is not None and rule(requirement, pod)


def claim_in_scope(requirement: ScopeRequirement, claim: Object) -> bool:
    """Return whether a claim is in a scope. Its current class counts until a change is complete."""
    if requirement.scope != "VolumeAttributesClass":
        return False
    status = claim.get("status") or {}
    classes = {
        claim["spec"].get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    }
    return any(requirement.holds(name) for name in filter(None, classes)) or (
        not any(classes) and requirement.holds("")
    )


def _is_terminating(pod: Object) -> bool:
    return (pod["spec"].get("activeDeadlineSeconds") or 0) > 0


def is_best_effort(pod: Object) -> bool:
    """Return whether no container of a Pod, nor the Pod, has requests or limits."""
    known = (pod.get("status") or {}).get("qosClass")
    if known:
        return bool(known == "BestEffort")
    spec = pod["spec"]
    holders = (spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return not any(map(_has_resources, holders))


def _has_resources(holder: Mapping[str, Any]) -> bool:
    resources = holder.get("resources") or {}
    return any(
        quantity_value((resources.get(member) or {}).get(name, "0")) > 0
        for member in ("requests", "limits")
        for name in ("cpu", "memory")
    )


def _uses_cross_namespace_affinity(pod: Object) -> bool:
    affinity = pod["spec"].get("affinity") or {}
    return any(
        term.get("namespaces") or term.get("namespaceSelector") is not None
        for member in ("podAffinity", "podAntiAffinity")
        for term in _terms(affinity.get(member) or {})
    )


def _terms(affinity: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    for weighted in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
        yield weighted.get("podAffinityTerm") or {}


_OF_PODS: Final[Mapping[str, Callable[[ScopeRequirement, Object], bool]]] = {
    "Terminating": lambda _, pod: _is_terminating(pod),
    "NotTerminating": lambda _, pod: not _is_terminating(pod),
    "BestEffort": lambda _, pod: is_best_effort(pod),
    "NotBestEffort": lambda _, pod: not is_best_effort(pod),
    "PriorityClass": lambda requirement, pod: requirement.holds(
        pod["spec"].get("priorityClassName") or ""
    ),
    "CrossNamespacePodAffinity": lambda _, pod: _uses_cross_namespace_affinity(pod),
}
