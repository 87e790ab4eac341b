"""ResourceSlice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.times import now
from apiserver.resources.builtin.fields import paths
from apiserver.resources.builtin.parts.affinity import validate_node_selector
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.builtin.resource.devicerequests import name_of_item
from apiserver.resources.builtin.resource.devices import (
    validate_counter_set,
    validate_device,
    without_disabled,
)
from apiserver.resources.builtin.resource.identifiers import validate_pool_name
from apiserver.resources.builtin.resource.items import validate_distinct
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import CHANGE, Strategy
from apiserver.schema.internalform import internal_form

Part = Mapping[str, Any]

_MAX_DEVICES: Final = 128
_MAX_ADVANCED_DEVICES: Final = 64
_MAX_COUNTER_SETS: Final = 8
_ONE_PLACE: Final = (
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
)
_FIELDS: Final = paths("spec.nodeName", "spec.driver")
_SPEC: Final = "api.resource.v1.ResourceSliceSpec"
_COLUMNS: Final = (
    Column("Node", source=f"{_SPEC}.nodeName"),
    Column("Driver", source=f"{_SPEC}.driver"),
    Column("Pool", source="api.resource.v1.ResourcePool.name"),
)


def _cells(document: Object) -> list[Any]:
    spec = document.get("spec") or {}
    pool = (spec.get("pool") or {}).get("name", "")
    return [spec.get("nodeName") or "", spec.get("driver", ""), pool]


class ResourceSliceStrategy(Strategy):
    """A ResourceSlice lists devices of a driver; driver, pool name and nodeName are immutable."""

    fields = _FIELDS
    returns_deleted_object = True
    metadata_checks = (CHANGE,)
    generation_of = ("spec",)
    printer = aged(_COLUMNS, _cells)

    def unknown_field(self, field: str) -> str:
        return f"field label not supported for {self.definition.gvk}: {field}"

    def default(self, document: Object) -> None:
        for device in (document.get("spec") or {}).get("devices") or ():
            for taint in device.get("taints") or ():
                if not taint.get("timeAdded"):
                    taint["timeAdded"] = now()

    def prepare_for_create(self, document: Object) -> Object:
        return _without_disabled(document, {})

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        kept = _without_disabled(document, _devices(old.get("spec") or {}))
        before = old.get("spec")
        if deep_equal(document.get("spec"), before) or not deep_equal(kept.get("spec"), before):
            return kept
        # Dropped fields still count as a change.
        return with_metadata(kept, generation=old["metadata"].get("generation", 0) + 1)

    def validate(self, document: Object) -> list[FieldError]:
        return _validate(document.get("spec") or {}, None)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return _validate(document.get("spec") or {}, old.get("spec") or {})


def _devices(spec: Part) -> dict[str, Part]:
    named: dict[str, Part] = {}
    for device in spec.get("devices") or ():
        named.setdefault(device.get("name", ""), device)
    return named


def _without_disabled(document: Object, before: dict[str, Part]) -> Object:
    spec = document.get("spec") or {}
    devices = spec.get("devices")
    if not devices:
        return document
    kept = [without_disabled(each, before.get(each.get("name", ""), {})) for each in devices]
    return {**document, "spec": {**spec, "devices": kept}}


def _validate(spec: Part, before: Part | None) -> list[FieldError]:
    errors = validate_driver_name(spec.get("driver", ""), "spec.driver")
    errors += _pool(spec.get("pool") or {})
    if before is not None:
        errors += _immutable(spec, before)
    errors += _placement(spec)
    counters, devices = spec.get("sharedCounters"), spec.get("devices")
    if counters is not None and devices is not None:
        errors.append(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"))
    advanced = any(each.get("taints") or each.get("consumesCounters") for each in devices or ())
    most = _MAX_ADVANCED_DEVICES if advanced else _MAX_DEVICES
    known, placed = _devices(before or {}), bool(spec.get("perDeviceNodeSelection"))

    def device(each: Part, path: str) -> list[FieldError]:
        old = known.get(each.get("name", ""), {})
        return validate_device(each, path, old=old, placed=placed)

    errors += validate_distinct(devices, most, device, "spec.devices", name_of_item)
    return errors + validate_distinct(
        counters, _MAX_COUNTER_SETS, validate_counter_set, "spec.sharedCounters", name_of_item
    )


def _immutable(spec: Part, before: Part) -> list[FieldError]:
    pool, old_pool = ((each.get("pool") or {}).get("name", "") for each in (spec, before))
    values = (
        ("spec.pool.name", pool, old_pool),
        ("spec.driver", spec.get("driver", ""), before.get("driver", "")),
        ("spec.nodeName", spec.get("nodeName"), before.get("nodeName")),
    )
    return [invalid(path, new, "field is immutable") for path, new, old in values if new != old]


def _pool(pool: Part) -> list[FieldError]:
    errors = validate_pool_name(pool.get("name", ""), "spec.pool.name")
    count, generation = pool.get("resourceSliceCount", 0), pool.get("generation", 0)
    if count <= 0:
        detail = "must be greater than zero"
        errors.append(invalid("spec.pool.resourceSliceCount", count, detail))
    if generation < 0:
        detail = "must be greater than or equal to zero"
        errors.append(invalid("spec.pool.generation", generation, detail))
    return errors


def _placement(spec: Part) -> list[FieldError]:
    errors: list[FieldError] = []
    found = []
    name, nodes = spec.get("nodeName"), spec.get("nodeSelector")
    if name:
        found.append("`nodeName`")
        errors += validate_dns_subdomain(name, "spec.nodeName")
    elif name is not None:
        detail = "must be either unset or set to a non-empty string"
        errors.append(invalid("spec.nodeName", name, detail))
    if nodes is not None:
        found.append("`nodeSelector`")
        errors += _node_selector(nodes)
    for member in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(member):
            found.append(f"`{member}`")
        elif spec.get(member) is not None:
            detail = "must be either unset or set to true"
            errors.append(invalid(f"spec.{member}", spec[member], detail))
    if not found:
        errors.append(required("spec", _ONE_PLACE))
    elif len(found) > 1:
        detail = f"{_ONE_PLACE}, but multiple fields are set"
        errors.append(invalid("spec", f"{{{', '.join(found)}}}", detail))
    return errors


def _node_selector(nodes: Part) -> list[FieldError]:
    path = "spec.nodeSelector"
    errors = validate_node_selector(nodes, path, any_value=False)
    terms = nodes.get("nodeSelectorTerms") or []
    if len(terms) == 1:
        return errors
    shown = internal_form("core.v1.NodeSelector", nodes)["NodeSelectorTerms"]
    detail = "must have exactly one node selector term"
    return [*errors, invalid(f"{path}.nodeSelectorTerms", shown, detail)]


STRATEGY = ResourceSliceStrategy
