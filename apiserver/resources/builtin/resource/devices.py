"""Devices of a ResourceSlice: attributes, capacity, taints, counters and the nodes that see them.

https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from apiserver.resources.builtin.parts.affinity import validate_node_selector
from apiserver.resources.builtin.parts.names import (
    validate_dns_label,
    validate_dns_subdomain,
    validate_label_value,
    validate_qualified_name,
)
from apiserver.resources.builtin.resource.claimstatus import validate_binding_conditions
from apiserver.resources.builtin.resource.devicerequests import EFFECTS
from apiserver.resources.builtin.resource.identifiers import validate_attribute_name
from apiserver.resources.builtin.resource.items import (
    validate_distinct,
    validate_entries,
    validate_items,
)
from apiserver.resources.builtin.resource.requestpolicies import validate_request_policy
from apiserver.schema.internalform import internal_form

_MAX_ATTRIBUTES: Final = 32
_MAX_TAINTS: Final = 16
_MAX_CONSUMPTIONS: Final = 2
_MAX_COUNTERS: Final = 32
_LONGEST_VALUE: Final = 64
_LONGEST_NAME: Final = 63 + 1 + 32
_LONGEST_LABEL: Final = 63
#: The types of an attribute's value; the list types are a disabled feature.
_VALUES: Final = ("int", "bool", "string", "version")
_LISTS: Final = ("ints", "bools", "strings", "versions")
_NUMBER: Final = r"(0|[1-9]\d*)"
_PRERELEASE: Final = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRERELEASE}(\.{_PRERELEASE})*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
_PLACES: Final = ("nodeName", "nodeSelector", "allNodes")
_ONE_PLACE: Final = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when "
    "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
)
_NO_PLACE: Final = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set "
    "to true in the ResourceSlice spec"
)

Part = Mapping[str, Any]


def without_disabled(device: dict[str, Any], before: Part) -> dict[str, Any]:
    """Return a device without the fields of disabled features, unless in use."""
    attributes = device.get("attributes") or {}
    if any(member in value for value in attributes.values() for member in _LISTS):
        kept = {
            name: {key: item for key, item in value.items() if key not in _LISTS}
            for name, value in attributes.items()
        }
        used = (before.get("attributes") or {}).values()
        if not any(member in value for value in used for member in _LISTS):
            device = {**device, "attributes": kept}
    mappings = "nodeAllocatableResourceMappings"
    if mappings in device and mappings not in before:
        device = {key: value for key, value in device.items() if key != mappings}
    return device


def validate_device(device: Part, path: str, *, old: Part, placed: bool) -> list[FieldError]:
    """Validate a device; ``placed``: every device selects its own nodes."""
    errors = validate_dns_label(device.get("name", ""), f"{path}.name")
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    count = len(attributes) + len(capacity)
    if count > _MAX_ATTRIBUTES:
        detail = f"the total number of attributes and capacities must not exceed {_MAX_ATTRIBUTES}"
        errors.append(invalid(path, count, detail))
    rules = (validate_attribute_name, _attribute)
    where = f"{path}.attributes"
    errors += validate_entries(attributes, (None, _LONGEST_NAME), rules, where)
    if not deep_equal(capacity, old.get("capacity") or {}):
        of_value = partial(_capacity, shared=bool(device.get("allowMultipleAllocations")))
        rules = (validate_attribute_name, of_value)
        where = f"{path}.capacity"
        errors += validate_entries(capacity, (None, _LONGEST_NAME), rules, where)
    if not deep_equal(device.get("taints") or [], old.get("taints") or []):
        errors += validate_items(device.get("taints"), _MAX_TAINTS, _taint, f"{path}.taints")
    errors += validate_distinct(
        device.get("consumesCounters"),
        _MAX_CONSUMPTIONS,
        _consumption,
        f"{path}.consumesCounters",
        lambda consumption: consumption.get("counterSet", ""),
    )
    errors += _placement(device, path) if placed else _no_placement(device, path)
    return errors + validate_binding_conditions(device, path)


def _placement(device: Part, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    found = []
    name, nodes, everywhere = (device.get(member) for member in _PLACES)
    if name:
        found.append("`nodeName`")
        errors += validate_dns_subdomain(name, f"{path}.nodeName")
    elif name is not None:
        errors.append(invalid(f"{path}.nodeName", name, "must not be empty"))
    if nodes is not None:
        found.append("`nodeSelector`")
        errors += validate_node_selector(nodes, f"{path}.nodeSelector", any_value=False)
    if everywhere:
        found.append("`allNodes`")
    elif everywhere is not None:
        detail = "must be either unset or set to true"
        errors.append(invalid(f"{path}.allNodes", everywhere, detail))
    if not found:
        errors.append(required(path, _ONE_PLACE))
    elif len(found) > 1:
        errors.append(invalid(path, f"{{{', '.join(found)}}}", _ONE_PLACE))
    return errors


def _no_placement(device: Part, path: str) -> list[FieldError]:
    if all(device.get(member) is None for member in _PLACES):
        return []
    return [invalid(path, None, _NO_PLACE)]


def _attribute(attribute: Part, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    text, version = attribute.get("string"), attribute.get("version")
    if text is not None:
        errors += _text(text, f"{path}.string")
    if version is not None:
        errors += _semantic_version(version, f"{path}.version")
    for index, each in enumerate(attribute.get("strings") or ()):
        errors += _text(each, f"{path}.strings[{index}]")
    for index, each in enumerate(attribute.get("versions") or ()):
        errors += _semantic_version(each, f"{path}.versions[{index}]")
    count = sum(attribute.get(member) is not None for member in (*_VALUES, *_LISTS))
    if count == 1:
        return errors
    shown = internal_form("resource.v1.DeviceAttribute", attribute) if count else ""
    return [*errors, invalid(path, shown, "exactly one value must be specified")]


def _text(value: str, path: str) -> list[FieldError]:
    return [too_long(path, _LONGEST_VALUE)] if len(value.encode()) > _LONGEST_VALUE else []


def _semantic_version(value: str, path: str) -> list[FieldError]:
    detail = "must be a string compatible with semver.org spec 2.0.0"
    errors = [] if _VERSION.fullmatch(value) else [invalid(path, value, detail)]
    return errors + _text(value, path)


def _capacity(capacity: Part, path: str, *, shared: bool) -> list[FieldError]:
    policy, where = capacity.get("requestPolicy"), f"{path}.requestPolicy"
    if policy is None:
        return []
    if not shared:
        return [forbidden(where, "allowMultipleAllocations must be true")]
    return validate_request_policy(policy, capacity.get("value", "0"), where)


def _taint(taint: Part, path: str) -> list[FieldError]:
    errors = validate_qualified_name(taint.get("key", ""), f"{path}.key")
    errors += validate_label_value(taint.get("value", ""), f"{path}.value")
    effect, where = taint.get("effect", ""), f"{path}.effect"
    if not effect:
        errors.append(required(where))
    elif effect not in EFFECTS:
        errors.append(not_supported(where, effect, EFFECTS))
    return errors


def _consumption(consumption: Part, path: str) -> list[FieldError]:
    return _counters(consumption, "counterSet", path)


def validate_counter_set(counters: Part, path: str) -> list[FieldError]:
    """Validate counters that devices share."""
    return _counters(counters, "name", path)


def _counters(holder: Part, name: str, path: str) -> list[FieldError]:
    called, where = holder.get(name, ""), f"{path}.{name}"
    errors = validate_dns_label(called, where) if called else [required(where)]
    counters, where = holder.get("counters"), f"{path}.counters"
    if not counters:
        return [*errors, required(where)]
    rules = (validate_dns_label, _any_counter)
    return errors + validate_entries(counters, (_MAX_COUNTERS, _LONGEST_LABEL), rules, where)


def _any_counter(counter: Part, path: str) -> list[FieldError]:
    return []
