"""The allocated resources in the status of a Pod: devices, and claims for extended resources.

The devices of a plugin, or of a ResourceClaim, are listed in the status of a container with their
health. A scheduler that satisfies requests for extended resources with a ResourceClaim records the
claim in the status of the Pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_dns_subdomain
from apiserver.resources.builtin.parts.repeats import repeats

_CONTAINERS: Final = {"containerStatuses": "containers", "initContainerStatuses": "initContainers"}
_HEALTH: Final = ("Healthy", "Unhealthy", "Unknown")
_CLAIM: Final = "claim:"
_LONGEST_MESSAGE: Final = 1024


def validate_allocated(
    statuses: list[dict[str, Any]], spec: Mapping[str, Any], part: str
) -> list[FieldError]:
    """Validate the resources that the statuses of some containers list."""
    containers = {it["name"]: it for it in spec.get(_CONTAINERS.get(part, "")) or ()}
    errors: list[FieldError] = []
    for index, status in enumerate(statuses):
        where = f"status.{part}[{index}].allocatedResourcesStatus"
        allocated = status.get("allocatedResourcesStatus") or []
        if allocated and part not in _CONTAINERS:
            errors.append(forbidden(where, "must not be specified in container status"))
            continue
        container = containers.get(status["name"])
        for number, resource in enumerate(allocated):
            if container is not None:
                errors += _requested(resource["name"], container, f"{where}[{number}].name")
            errors += _devices(resource.get("resources") or [], f"{where}[{number}].resources")
    return errors


def _requested(name: str, container: Mapping[str, Any], path: str) -> list[FieldError]:
    resources = container.get("resources") or {}
    if name.startswith(_CLAIM):
        detail = (
            "must match one of the container's resource claims in a format "
            "'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
        )
        found = name in set(_claims(resources))
    else:
        detail = "must match one of the container's resource requests"
        found = name in (resources.get("requests") or {})
    return [] if found else [invalid(path, name, detail)]


def _claims(resources: Mapping[str, Any]) -> Iterator[str]:
    for claim in resources.get("claims") or ():
        request = claim.get("request")
        yield f"{_CLAIM}{claim['name']}{f'/{request}' if request else ''}"


def _devices(devices: list[dict[str, Any]], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    repeated = dict(repeats([device["resourceID"] for device in devices]))
    for index, device in enumerate(devices):
        where, health = f"{path}[{index}]", device.get("health", "")
        if health not in _HEALTH:
            errors.append(not_supported(f"{where}.health", health, _HEALTH))
        message = device.get("message")
        if message == "":
            errors.append(required(f"{where}.message", "must be non-empty if specified"))
        elif message is not None and len(message.encode()) > _LONGEST_MESSAGE:
            errors.append(too_long(f"{where}.message", _LONGEST_MESSAGE))
        if index in repeated:
            errors.append(duplicate(f"{where}.resourceID", repeated[index]))
    return errors


def validate_extended_claim(
    status: Mapping[str, Any] | None, spec: Mapping[str, Any]
) -> list[FieldError]:
    """Validate the claim for the extended resources of a Pod."""
    if status is None:
        return []
    where = "status.extendedResourceClaimStatus"
    mappings = status.get("requestMappings") or []
    errors: list[FieldError] = []
    if not mappings:
        detail = "at least one request mapping is required"
        errors.append(required(f"{where}.requestMappings", detail))
    containers = {
        it["name"]: it for part in ("initContainers", "containers") for it in spec.get(part) or ()
    }
    members = ("containerName", "resourceName", "requestName")
    seen = set()
    for index, mapping in enumerate(mappings):
        path = f"{where}.requestMappings[{index}]"
        errors += _mapped(mapping, containers, path)
        # As in Kubernetes, the path is not that of the mapping.
        errors += validate_dns_label(mapping["requestName"], f"{where}.requestName")
        values = tuple(mapping[member] for member in members)
        if values in seen:
            named = zip(members, values, strict=True)
            errors += [duplicate(f"{path}.{member}", value) for member, value in named]
        seen.add(values)
    name = status["resourceClaimName"]
    if not name:
        return [*errors, required(f"{where}.resourceClaimName")]
    return [*errors, *validate_dns_subdomain(name, f"{where}.resourceClaimName")]


def _mapped(
    mapping: Mapping[str, str], containers: Mapping[str, Mapping[str, Any]], path: str
) -> list[FieldError]:
    name, resource = mapping["containerName"], mapping["resourceName"]
    container = containers.get(name)
    if container is None:
        detail = (
            "must match the name of an entry in spec.initContainers.name or spec.containers.name"
        )
        return [invalid(f"{path}.containerName", name, detail)]
    if resource in ((container.get("resources") or {}).get("requests") or {}):
        return []
    detail = (
        "must match the extended resource name of an entry in "
        "spec.initContainers.resources.requests or spec.containers.resources.requests"
    )
    return [invalid(f"{path}.resourceName", resource, detail)]
