"""Admin access to devices, which only namespaces with a certain label may have (KEP-5018).

https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#admin-access
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.objects import Object

LABEL: Final = "resource.kubernetes.io/admin-access"
_REFUSAL: Final = (
    f"admin access to devices requires the `{LABEL}: true` label on the containing namespace"
)


def validate_requested_access(
    spec: Mapping[str, Any], namespace_labels: Mapping[str, str]
) -> list[FieldError]:
    """Refuse a claim's spec that requests admin access where it may not."""
    for index, request in enumerate(spec["devices"].get("requests") or ()):
        if (request.get("exactly") or {}).get("adminAccess"):
            return _validate(f"spec.devices.requests[{index}].adminAccess", namespace_labels)
    return []


def validate_granted_access(
    claim: Object, old: Object, namespace_labels: Mapping[str, str]
) -> list[FieldError]:
    """Refuse an allocation that newly grants admin access where it may not."""
    if _first_grant(old) is not None:
        return []
    index = _first_grant(claim)
    if index is None:
        return []
    path = f"status.allocation.devices.results[{index}].adminAccess"
    return _validate(path, namespace_labels)


def _first_grant(claim: Object) -> int | None:
    allocation = (claim.get("status") or {}).get("allocation") or {}
    results = (allocation.get("devices") or {}).get("results") or ()
    return next((i for i, result in enumerate(results) if result.get("adminAccess")), None)


def _validate(path: str, namespace_labels: Mapping[str, str]) -> list[FieldError]:
    return [] if namespace_labels.get(LABEL) == "true" else [forbidden(path, _REFUSAL)]
