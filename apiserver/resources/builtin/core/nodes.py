"""Node."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, duplicate, forbidden, invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.core.nodeconfigs import validate_config
from apiserver.resources.builtin.fields import flag
from apiserver.resources.builtin.parts.addresses import is_dual_stack, parse_cidr
from apiserver.resources.builtin.parts.ipforms import validate_new_cidr, warnings_for_cidr
from apiserver.resources.builtin.parts.numbers import NOT_POSITIVE
from apiserver.resources.builtin.parts.repeats import repeats
from apiserver.resources.builtin.parts.resources import (
    default_quantities,
    validate_quantity_of,
)
from apiserver.resources.builtin.parts.taints import validate_taints
from apiserver.resources.printing import AGE, NAME, NONE, UNKNOWN, Column, Printer, age_of
from apiserver.resources.strategy import CHANGE, WHOLE, Strategy

_ROLE_PREFIX: Final = "node-role.kubernetes.io/"
_ROLE: Final = "kubernetes.io/role"
_INFO: Final = "api.core.v1.NodeSystemInfo"
_ADDRESSES: Final = "api.core.v1.NodeStatus.addresses"

COLUMNS: Final = (
    NAME,
    Column("Status", "The status of the node"),
    Column("Roles", "The roles of the node"),
    AGE,
    Column("Version", source=f"{_INFO}.kubeletVersion"),
    Column("Internal-IP", priority=1, source=_ADDRESSES),
    Column("External-IP", priority=1, source=_ADDRESSES),
    Column("OS-Image", priority=1, source=f"{_INFO}.osImage"),
    Column("Kernel-Version", priority=1, source=f"{_INFO}.kernelVersion"),
    Column("Container-Runtime", priority=1, source=f"{_INFO}.containerRuntimeVersion"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, status = document["metadata"], document.get("status") or {}
    info, addresses = status.get("nodeInfo") or {}, status.get("addresses") or []
    return [
        metadata.get("name", ""),
        _readiness(document, status),
        ",".join(_roles(metadata.get("labels") or {})) or NONE,
        age_of(metadata.get("creationTimestamp"), now),
        info.get("kubeletVersion", ""),
        _address(addresses, "InternalIP"),
        _address(addresses, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _readiness(document: Object, status: dict[str, Any]) -> str:
    shown = "Unknown"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            shown = "Ready" if condition.get("status") == "True" else "NotReady"
    unschedulable = (document.get("spec") or {}).get("unschedulable")
    return f"{shown},SchedulingDisabled" if unschedulable else shown


def _roles(labels: dict[str, str]) -> list[str]:
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    roles.add(labels.get(_ROLE, ""))
    return sorted(role for role in roles if role)


def _address(addresses: list[dict[str, str]], type_: str) -> str:
    return next((entry["address"] for entry in addresses if entry["type"] == type_), NONE)


_LONGEST_FEATURE: Final = 253
_FEATURE: Final = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*").fullmatch
_NOT_A_FEATURE: Final = (
    "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., "
    "MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
)
_FIELDS: Final = {"spec.unschedulable": flag("spec.unschedulable")}


class NodeStrategy(Strategy):
    """A node reports its state when it registers, and later through ``status``."""

    fields = _FIELDS
    metadata_checks = (WHOLE, CHANGE)
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec, status = document.get("spec") or {}, document.get("status") or {}
        if status.get("capacity") and not status.get("allocatable"):
            status["allocatable"] = dict(status["capacity"])
        for member in ("capacity", "allocatable"):
            default_quantities(status.get(member) or {})
        _pair_cidrs(spec)

    def prepare_for_create(self, document: Object) -> Object:
        return _without_config(document, {})

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        return _without_config(super().prepare_for_update(document, old), old)

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return _without_config(super().prepare_for_status_update(document, old), old)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate(document, known=())

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        known = (old.get("spec") or {}).get("podCIDRs") or []
        return [*_validate(document, known), *self.validate_status_update(document, old)]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document.get("spec") or {}, old.get("spec") or {}
        status = document.get("status") or {}
        errors = _validate_resources(document)
        errors += _validate_features(status.get("declaredFeatures") or [])
        errors += _validate_addresses(status.get("addresses") or [])
        errors += _validate_change(spec, before)
        errors += validate_config(status.get("config") or {}, "status.config")
        errors += validate_taints(spec.get("taints") or (), "metadata.taints")
        if spec.get("externalID", "") != before.get("externalID", ""):
            errors.append(forbidden("spec.externalID", "may not be updated"))
        return errors

    def warnings_on_create(self, document: Object) -> list[str]:
        spec = document.get("spec") or {}
        found = []
        if spec.get("configSource") is not None:
            found.append("spec.configSource: the feature is removed")
        if spec.get("externalID"):
            text = "this field is deprecated, and is unused by Kubernetes"
            found.append(f"spec.externalID: {text}")
        for index, cidr in enumerate(spec.get("podCIDRs") or ()):
            found += warnings_for_cidr(cidr, f"spec.podCIDRs[{index}]")
        return found


def _validate(document: Object, known: Collection[str]) -> list[FieldError]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    return [
        *validate_taints(spec.get("taints") or (), "metadata.taints"),
        *_validate_resources(document),
        *_validate_swap((status.get("nodeInfo") or {}).get("swap") or {}),
        *_validate_features(status.get("declaredFeatures") or []),
        *_validate_cidrs(spec.get("podCIDRs") or [], known),
    ]


def _without_config(document: Object, old: Object) -> Object:
    """Return a node without the removed field configSource, unless the old node has it."""
    for part, name in (("spec", "configSource"), ("status", "config")):
        members = document.get(part) or {}
        if members.get(name) is not None and (old.get(part) or {}).get(name) is None:
            kept = {key: value for key, value in members.items() if key != name}
            document = {**document, part: kept}
    return document


def _pair_cidrs(spec: dict[str, Any]) -> None:
    # podCIDR is the first of podCIDRs; if both are given, podCIDR takes precedence.
    one, many = spec.get("podCIDR"), spec.get("podCIDRs")
    if one and (not many or many[0] != one):
        spec["podCIDRs"] = [one]
    elif many and not one:
        spec["podCIDR"] = many[0]


def _validate_resources(document: Object) -> list[FieldError]:
    status = document.get("status") or {}
    return [
        *_validate_amounts(status.get("capacity") or {}, "status.capacity"),
        *_validate_amounts(status.get("allocatable") or {}, "status.allocatable"),
    ]


def _validate_amounts(amounts: dict[str, str], path: str) -> list[FieldError]:
    return [
        error
        for resource, quantity in amounts.items()
        for error in validate_quantity_of(resource, quantity, f"{path}.{resource}")
    ]


def _validate_swap(swap: dict[str, Any]) -> list[FieldError]:
    capacity = swap.get("capacity")
    if capacity is None or capacity > 0:
        return []
    return [invalid("metadata.nodeSwapStatus.capacity", capacity, NOT_POSITIVE)]


def _validate_features(features: list[str]) -> list[FieldError]:
    path = "status.declaredFeatures"
    errors: list[FieldError] = []
    for index, name in enumerate(features):
        where, before = f"{path}[{index}]", features[index - 1] if index else None
        if name == before:
            errors.append(duplicate(where, name))
        elif before is not None and name < before:
            errors.append(invalid(where, name, "list must be sorted alphabetically"))
        problem = _feature_problem(name)
        if problem:
            detail = f"invalid feature name {quote(name)}: {problem}"
            errors.append(invalid(where, name, detail))
    return errors


def _feature_problem(name: str) -> str:
    if len(name.encode()) > _LONGEST_FEATURE:
        return f"must be no more than {_LONGEST_FEATURE} characters"
    return "" if _FEATURE(name) else _NOT_A_FEATURE


def _validate_cidrs(cidrs: list[str], known: Collection[str]) -> list[FieldError]:
    path = "spec.podCIDRs"
    errors: list[FieldError] = []
    for index, cidr in enumerate(cidrs):
        errors += validate_new_cidr(cidr, f"{path}[{index}]", known)
    if len(cidrs) < 2:
        return errors
    wrong = next((at for at, cidr in enumerate(cidrs) if parse_cidr(cidr) is None), None)
    if wrong is not None:
        body = (
            "Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid "
            f"CIDR[{wrong}]: <nil> (invalid CIDR address: {cidrs[wrong]})"
        )
        errors.append(FieldError("InternalError", path, body))
    if len(cidrs) > 2 or wrong is not None or not is_dual_stack(cidrs):
        detail = "may specify no more than one CIDR for each IP family"
        errors.append(invalid(path, cidrs, detail))
    return errors


def _validate_addresses(addresses: list[dict[str, str]]) -> list[FieldError]:
    pairs = [(address["type"], address["address"]) for address in addresses]
    return [
        duplicate(f"status.addresses[{index}]", {"Type": type_, "Address": address})
        for index, (type_, address) in repeats(pairs)
    ]


def _validate_change(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    cidrs, known = spec.get("podCIDRs") or [], before.get("podCIDRs") or []
    detail = 'node updates may not change podCIDR except from "" to valid'
    if len(cidrs) == len(known):
        changes = sum(cidr != was for cidr, was in zip(cidrs, known, strict=True))
    else:
        changes = 1 if known else 0
    errors = [forbidden("spec.podCIDRs", detail)] * changes
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        detail = 'node updates may not change providerID except from "" to valid'
        errors.append(forbidden("spec.providerID", detail))
    return errors


STRATEGY = NodeStrategy
