"""ResourceQuota."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.empties import member
from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.resources import (
    default_quantities,
    is_huge_page,
    validate_quantity_of,
    validate_resource_name,
)
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.internalform import internal_form

TERMINATING: Final = "Terminating"
NOT_TERMINATING: Final = "NotTerminating"
BEST_EFFORT: Final = "BestEffort"
NOT_BEST_EFFORT: Final = "NotBestEffort"
PRIORITY_CLASS: Final = "PriorityClass"
CROSS_NAMESPACE: Final = "CrossNamespacePodAffinity"
VOLUME_ATTRIBUTES_CLASS: Final = "VolumeAttributesClass"

_COMPUTE: Final = frozenset(
    [
        "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
    ]
)  # fmt: skip
_STANDARD: Final = _COMPUTE | frozenset(
    [
        "ephemeral-storage", "requests.storage", "requests.ephemeral-storage",
        "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers",
        "secrets", "persistentvolumeclaims", "configmaps", "services.nodeports",
        "services.loadbalancers",
    ]
)  # fmt: skip
_OF_PODS: Final = _COMPUTE | {"pods"}
# What a scope can count.
_SCOPES: Final[Mapping[str, frozenset[str]]] = {
    TERMINATING: _OF_PODS,
    NOT_TERMINATING: _OF_PODS,
    NOT_BEST_EFFORT: _OF_PODS,
    CROSS_NAMESPACE: _OF_PODS,
    BEST_EFFORT: frozenset(["pods"]),
    PRIORITY_CLASS: _OF_PODS,
    VOLUME_ATTRIBUTES_CLASS: frozenset(["persistentvolumeclaims", "requests.storage"]),
}
_CONFLICTS: Final = (
    frozenset([BEST_EFFORT, NOT_BEST_EFFORT]),
    frozenset([TERMINATING, NOT_TERMINATING]),
)
_EXISTS_ONLY: Final = frozenset(
    [BEST_EFFORT, NOT_BEST_EFFORT, TERMINATING, NOT_TERMINATING, CROSS_NAMESPACE]
)


def _cells(document: Object) -> list[Any]:
    status = document.get("status") or {}
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for resource, hard in sorted((status.get("hard") or {}).items()):
        column = limits if resource.startswith("limits.") else requests
        column.append(f"{resource}: {used.get(resource, '0')}/{hard}")
    return [", ".join(requests), ", ".join(limits)]


class ResourceQuotaStrategy(Strategy):
    """A quota limits the totals of a namespace, or of its objects within the scopes."""

    metadata_checks = (CHANGE,)
    returns_deleted_object = True
    printer = aged(
        (
            Column(
                "Request",
                "Request represents a minimum amount of cpu/memory that a container may consume.",
            ),
            Column(
                "Limit",
                "Limits control the maximum amount of cpu/memory that a container may use "
                "independent of contention on the node.",
            ),
        ),
        _cells,
    )

    def default(self, document: Object) -> None:
        spec, status = document.get("spec") or {}, document.get("status") or {}
        for amounts in (spec.get("hard"), status.get("hard"), status.get("used")):
            default_quantities(amounts or {})

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        return _validate_amounts(spec.get("hard"), "spec.hard") + _validate_scopes(spec)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = self.validate(document)
        scopes = (document.get("spec") or {}).get("scopes") or []
        if set(scopes) != set((old.get("spec") or {}).get("scopes") or ()):
            shown = member(document.get("spec") or {}, "scopes")
            errors.append(invalid("spec.scopes", shown, "field is immutable"))
        return errors

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        status = document.get("status") or {}
        return [
            *_validate_amounts(status.get("hard"), "status.hard"),
            *_validate_amounts(status.get("used"), "status.used"),
        ]


def is_standard(resource: str) -> bool:
    """Return whether a name without a domain is that of something that a quota can limit."""
    return (
        resource in _STANDARD
        or is_huge_page(resource)
        or resource.startswith("requests.hugepages-")
    )


def _validate_amounts(amounts: Mapping[str, str] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for resource, quantity in (amounts or {}).items():
        where = f"{path}[{resource}]"
        errors += validate_resource_name(resource, where)
        if "/" not in resource and not is_standard(resource):
            errors.append(invalid(where, resource, "must be a standard resource for quota"))
        errors += validate_quantity_of(resource, quantity, where)
    return errors


def _validate_scopes(spec: Mapping[str, Any]) -> list[FieldError]:
    scopes, limited = spec.get("scopes") or [], sorted(spec.get("hard") or ())
    errors: list[FieldError] = []
    for scope in scopes:
        errors += _validate_scope(scope, limited, "spec.scopes", scopes)
    errors += _conflicts(scopes, "spec.scopes", scopes)
    selector = spec.get("scopeSelector")
    if selector is not None:
        errors += _validate_selector(selector, limited, scopes)
    return errors


def _validate_scope(scope: str, limited: list[str], path: str, shown: Any) -> list[FieldError]:
    if scope not in _SCOPES:
        return [invalid(path, shown, "unsupported scope")]
    return [
        invalid(path, shown, "unsupported scope applied to resource")
        for resource in limited
        if is_standard(resource) and resource not in _SCOPES[scope]
    ]


def _conflicts(scopes: list[str], path: str, shown: Any) -> list[FieldError]:
    return [
        invalid(path, shown, "conflicting scopes") for pair in _CONFLICTS if pair <= set(scopes)
    ]


def _validate_selector(
    selector: Mapping[str, Any], limited: list[str], scopes: list[str]
) -> list[FieldError]:
    path = "spec.scopeSelector.matchExpressions"
    requirements = selector.get("matchExpressions") or []
    shown = internal_form("core.v1.ScopeSelector", selector)
    errors: list[FieldError] = []
    for requirement in requirements:
        scope, operator = requirement.get("scopeName", ""), requirement.get("operator", "")
        if scope not in _SCOPES:
            errors.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        else:
            errors += _validate_scope(scope, limited, path, shown)
        errors += _validate_requirement(requirement, scope, operator, path)
    names = [requirement.get("scopeName", "") for requirement in requirements]
    # The error about conflicting selectors quotes ``scopes``.
    return errors + _conflicts(names, path, scopes or None)


def _validate_requirement(
    requirement: dict[str, Any], scope: str, operator: str, path: str
) -> list[FieldError]:
    values = requirement.get("values") or []
    errors = []
    if scope in _EXISTS_ONLY and operator != "Exists":
        detail = (
            "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, "
            "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
            "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
        )
        errors.append(invalid(f"{path}.operator", operator, detail))
    if operator in ("In", "NotIn"):
        if not values:
            detail = (
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            )
            errors.append(required(f"{path}.values", detail))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = (
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            )
            errors.append(invalid(f"{path}.values", values, detail))
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors


STRATEGY = ResourceQuotaStrategy
