"""The status of a claim: allocated devices, their users, and the status from their drivers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from ipaddress import ip_interface
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.affinity import validate_node_selector
from apiserver.resources.builtin.parts.names import validate_dns_label, validate_qualified_name
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.builtin.policy.conditions import validate_conditions
from apiserver.resources.builtin.resource.devicerequests import (
    MAX_CONFIGURATIONS,
    request_names,
    validate_configuration,
    validate_raw,
    validate_references,
    validate_tolerations,
)
from apiserver.resources.builtin.resource.identifiers import (
    validate_pool_name,
    validate_request_reference,
    validate_share,
)
from apiserver.resources.builtin.resource.items import validate_distinct, validate_items
from apiserver.schema.internalform import internal_form

_MAX_USERS: Final = 256
_MAX_RESULTS: Final = 32
_MAX_CONDITIONS: Final = 8
_MAX_ADDRESSES: Final = 16
_MAX_DATA: Final = 10 * 1024
_LONGEST_INTERFACE: Final = 256
_LONGEST_HARDWARE: Final = 128
_MAX_BINDING_CONDITIONS: Final = 4
_SOURCES: Final = ("FromClaim", "FromClass")
_MEMBERS: Final = ("driver", "pool", "device", "shareID")
_NOT_AN_ADDRESS: Final = (
    "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
)

Part = Mapping[str, Any]


def device_id(device: Part) -> str:
    """Return the ID of an allocated device: ``driver/pool/device``, and its share."""
    return "/".join(device.get(member) or "" for member in _MEMBERS).removesuffix("/")


def allocated_devices(status: Part) -> set[str]:
    """Return the devices that are allocated to a claim."""
    allocation = status.get("allocation") or {}
    return set(map(device_id, (allocation.get("devices") or {}).get("results") or ()))


def validate_claim_status(document: Object, old: Object) -> list[FieldError]:
    """Validate a change of the status of a claim."""
    status, before = document.get("status") or {}, old.get("status") or {}
    known = request_names((document.get("spec") or {}).get("devices") or {})
    users = status.get("reservedFor")
    errors = validate_distinct(
        users, _MAX_USERS, _user, "status.reservedFor", lambda user: user.get("uid", "")
    )
    errors += _validate_devices(status)
    deleted = "deletionTimestamp" in document["metadata"]
    errors += _validate_reservation(status, before, deleted=deleted)
    allocation, path = status.get("allocation"), "status.allocation"
    if allocation is None:
        return errors
    if before.get("allocation") is None:
        return errors + _allocation(allocation, path, known)
    if not deep_equal(allocation, before["allocation"]):
        shown = internal_form("resource.v1.AllocationResult", allocation)
        errors.append(invalid(path, shown, "field is immutable"))
    return errors


def _validate_reservation(status: Part, before: Part, *, deleted: bool) -> list[FieldError]:
    users, path = status.get("reservedFor"), "status.reservedFor"
    if not users:
        return []
    if status.get("allocation") is None:
        return [forbidden(path, "may not be specified when `allocated` is not set")]
    known = {frozenset(user.items()) for user in before.get("reservedFor") or ()}
    if deleted and any(frozenset(user.items()) not in known for user in users):
        detail = (
            "new entries may not be added while `deallocationRequested` or `deletionTimestamp` "
            "are set"
        )
        return [forbidden(path, detail)]
    return []


def _user(user: Part, path: str) -> list[FieldError]:
    members = ("resource", "name", "uid")
    return [required(f"{path}.{member}") for member in members if not user.get(member)]


def _validate_devices(status: Part) -> list[FieldError]:
    rule = partial(_device_status, allocated=allocated_devices(status))
    devices = status.get("devices") or ()
    errors = validate_items(devices, None, rule, "status.devices")
    seen: set[str] = set()
    for index, device in enumerate(devices):
        one = device_id(device)
        if one in seen:
            path = f"status.devices[{index}]"
            errors.append(FieldError("FieldValueDuplicate", path, f"Duplicate value: {one}"))
        seen.add(one)
    return errors


def _device_status(device: Part, path: str, *, allocated: set[str]) -> list[FieldError]:
    errors = _named_device(device, path)
    if device.get("shareID") is not None:
        errors += validate_share(device["shareID"], f"{path}.shareID")
    one = device_id(device)
    if one not in allocated:
        body = f"Invalid value: {one}: must be an allocated device in the claim"
        errors.append(FieldError("FieldValueInvalid", path, body))
    conditions, where = device.get("conditions") or [], f"{path}.conditions"
    if len(conditions) > _MAX_CONDITIONS:
        errors.append(too_many(where, len(conditions), _MAX_CONDITIONS))
    errors += validate_conditions(conditions, where)
    if device.get("data") is not None:
        errors += validate_raw(device["data"], f"{path}.data", _MAX_DATA)
    return errors + _network(device.get("networkData") or {}, f"{path}.networkData")


def _named_device(device: Part, path: str) -> list[FieldError]:
    return [
        *validate_driver_name(device.get("driver", ""), f"{path}.driver"),
        *validate_pool_name(device.get("pool", ""), f"{path}.pool"),
        *validate_dns_label(device.get("device", ""), f"{path}.device"),
    ]


def _network(data: Part, path: str) -> list[FieldError]:
    limits = {"interfaceName": _LONGEST_INTERFACE, "hardwareAddress": _LONGEST_HARDWARE}
    errors = [
        too_long(f"{path}.{member}", limit)
        for member, limit in limits.items()
        if len(data.get(member, "").encode()) > limit
    ]
    return errors + validate_distinct(data.get("ips"), _MAX_ADDRESSES, _address, f"{path}.ips")


def _address(text: str, path: str) -> list[FieldError]:
    address, _, prefix = text.partition("/")
    try:
        interface = ip_interface(text)
    except ValueError:
        return [invalid(path, text, _NOT_AN_ADDRESS)]
    if not prefix.isdigit():
        return [invalid(path, text, _NOT_AN_ADDRESS)]
    canonical = f"{interface.ip}/{interface.network.prefixlen}"
    detail = f'must be in canonical form ("{canonical}")'
    return [] if text == canonical and address else [invalid(path, text, detail)]


def _allocation(allocation: Part, path: str, known: frozenset[str]) -> list[FieldError]:
    devices, where = allocation.get("devices") or {}, f"{path}.devices"
    errors = validate_items(
        devices.get("results"), _MAX_RESULTS, partial(_result, known=known), f"{where}.results"
    )
    errors += validate_items(
        devices.get("config"),
        2 * MAX_CONFIGURATIONS,
        partial(_configuration, known=known),
        f"{where}.config",
    )
    nodes = allocation.get("nodeSelector")
    if nodes is not None:
        errors += validate_node_selector(nodes, f"{path}.nodeSelector", any_value=False)
    return errors


def _result(result: Part, path: str, *, known: frozenset[str]) -> list[FieldError]:
    errors = validate_request_reference(result.get("request", ""), f"{path}.request", known)
    errors += _named_device(result, path)
    errors += validate_binding_conditions(result, path)
    errors += validate_tolerations(result, path)
    if result.get("shareID") is not None:
        errors += validate_share(result["shareID"], f"{path}.shareID")
    return errors


def _configuration(configuration: Part, path: str, *, known: frozenset[str]) -> list[FieldError]:
    source, where = configuration.get("source", ""), f"{path}.source"
    errors = [] if source else [required(where)]
    if source and source not in _SOURCES:
        errors.append(not_supported(where, source, _SOURCES))
    errors += validate_references(configuration, path, known)
    return errors + validate_configuration(configuration, path)


def validate_binding_conditions(holder: Part, path: str) -> list[FieldError]:
    """Validate the binding conditions and the binding failure conditions."""
    bound, failed = "bindingConditions", "bindingFailureConditions"
    wanted, failures = holder.get(bound) or [], holder.get(failed) or []
    errors: list[FieldError] = []
    for name, values in ((bound, wanted), (failed, failures)):
        where = f"{path}.{name}"
        errors += validate_items(values, _MAX_BINDING_CONDITIONS, validate_qualified_name, where)
    both = set(wanted) & set(failures)
    for name, values in ((bound, wanted), (failed, failures)):
        seen: set[str] = set()
        for index, value in enumerate(values):
            where = f"{path}.{name}[{index}]"
            if value in seen:
                errors.append(duplicate(where, value))
            seen.add(value)
            if name == failed and value in both:
                detail = f"{failed} must not overlap with {bound}"
                errors.append(invalid(where, value, detail))
    if failures and not wanted:
        errors.append(invalid(f"{path}.{bound}", None, f"{bound} are required to use {failed}"))
    if wanted and not failures:
        errors.append(invalid(f"{path}.{failed}", None, f"{failed} are required to use {bound}"))
    return errors
