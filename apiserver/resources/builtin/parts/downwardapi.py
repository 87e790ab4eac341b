"""The downward API: fields of a Pod and resources of its containers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, not_supported, required
from apiserver.resources.builtin.parts.names import validate_qualified_name

_SUBSCRIPTED: Final = re.compile(r"(.+?)\['(.*)'\]", re.DOTALL)
_SUBSCRIPTABLE: Final = frozenset(["metadata.annotations", "metadata.labels"])
#: All supported fields, for a variable or for a file.
_KNOWN: Final = frozenset(
    [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
        "metadata.uid", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName",
        "spec.schedulerName", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP",
        "status.podIPs",
    ]
)  # fmt: skip
_RENAMED: Final = {"spec.host": "spec.nodeName"}

ENVIRONMENT_FIELDS: Final = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
VOLUME_FIELDS: Final = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
)  # fmt: skip

_RESOURCES: Final = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
    "requests.ephemeral-storage", "requests.memory",
)  # fmt: skip
_HUGE_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_BYTES: Final = (
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"
)  # fmt: skip
_DIVISORS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "cpu": (
        frozenset(["1", "1m"]),
        "only divisor's values 1m and 1 are supported with the cpu resource",
    ),
    **{
        resource: (
            frozenset(_BYTES),
            f"only divisor's values {', '.join(_BYTES)} are supported with the {name} resource",
        )
        for resource, name in (
            ("memory", "memory"),
            ("ephemeral-storage", "local ephemeral storage"),
            ("hugepages", "hugepages"),
        )
    },
}


def default_field_ref(reference: dict[str, Any]) -> None:
    """Fill in the version of the Pod whose field it is."""
    if not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"


def validate_field_ref(
    reference: dict[str, Any], allowed: tuple[str, ...], path: str
) -> list[FieldError]:
    """Validate a reference to a field of the Pod."""
    version, field = reference.get("apiVersion", ""), reference.get("fieldPath", "")
    if not version:
        return [required(f"{path}.apiVersion")]
    if not field:
        return [required(f"{path}.fieldPath")]
    if field in allowed and version == "v1":
        return []
    match = _SUBSCRIPTED.fullmatch(field)
    base, subscript = (match[1], match[2]) if match else (field, "")
    problem = _conversion_problem(version, field, base, subscripted=match is not None)
    if problem:
        detail = f"error converting fieldPath: {problem}"
        return [invalid(f"{path}.fieldPath", field, detail)]
    if match is None:
        base = _RENAMED.get(base, base)
        known = base in allowed
        return [] if known else [not_supported(f"{path}.fieldPath", base, allowed)]
    key = subscript.lower() if base == "metadata.annotations" else subscript
    return validate_qualified_name(key, path)


def _conversion_problem(version: str, field: str, base: str, *, subscripted: bool) -> str:
    if version != "v1":
        return f"unsupported pod version: {version}"
    if subscripted:
        if base in _SUBSCRIPTABLE:
            return ""
        return f"field label does not support subscript: {field}"
    if base in _KNOWN or base in _RENAMED:
        return ""
    return f"field label not supported: {field}"


def validate_resource_ref(
    reference: dict[str, Any], path: str, *, in_volume: bool
) -> list[FieldError]:
    """Validate a reference to a resource of a container."""
    errors: list[FieldError] = []
    resource = reference.get("resource", "")
    if in_volume and not reference.get("containerName"):
        errors.append(required(f"{path}.containerName"))
    elif not resource:
        errors.append(required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        errors.append(not_supported(f"{path}.resource", resource, _RESOURCES))
    divisor = reference.get("divisor", "0")
    # A divisor of 0 means 1.
    rule = _divisor_rule(resource) if divisor != "0" else None
    if rule is not None and divisor not in rule[0]:
        errors.append(invalid(f"{path}.divisor", resource, rule[1]))
    return errors


def _divisor_rule(resource: str) -> tuple[frozenset[str], str] | None:
    if resource.startswith(_HUGE_PAGES):
        return _DIVISORS["hugepages"]
    return _DIVISORS[resource.partition(".")[2]] if resource in _RESOURCES else None
