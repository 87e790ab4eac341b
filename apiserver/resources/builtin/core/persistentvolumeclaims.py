"""PersistentVolumeClaim."""

from __future__ import annotations

import copy
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.accessmodes import class_of, shown_modes
from apiserver.resources.builtin.parts.claimspecs import default_claim_spec, validate_claim_spec
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.internalform import internal_form
from apiserver.resources.builtin.parts.resources import STORAGE, amount, validate_quantity_of
from apiserver.resources.printing import AGE, NAME, UNSET, Column, Printer, age_of
from apiserver.resources.strategy import Strategy

_SPEC: Final = "api.core.v1.PersistentVolumeClaimSpec"
_STATUS: Final = "api.core.v1.PersistentVolumeClaimStatus"
_REFERENCE: Final = ("apiGroup", "kind", "name")
# What a claim could always name as its source; it may name anything in dataSourceRef.
_OLD_SOURCES: Final = frozenset(
    [("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")]
)
_IMMUTABLE: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
    "bound claims\n"
)

COLUMNS: Final = (
    NAME,
    Column("Status", source=f"{_STATUS}.phase"),
    Column("Volume", source=f"{_SPEC}.volumeName"),
    Column("Capacity", source=f"{_STATUS}.capacity"),
    Column("Access Modes", source=f"{_STATUS}.accessModes"),
    Column("StorageClass", "StorageClass of the pvc"),
    Column("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
    AGE,
    Column("VolumeMode", priority=1, source=f"{_SPEC}.volumeMode"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    phase = "Terminating" if "deletionTimestamp" in metadata else status.get("phase", "")
    volume = spec.get("volumeName", "")
    capacity = (status.get("capacity") or {}).get(STORAGE, "0") if volume else ""
    return [
        metadata.get("name", ""),
        phase,
        volume,
        capacity,
        shown_modes(status.get("accessModes")) if volume else "",
        class_of(document, spec),
        spec.get("volumeAttributesClassName", UNSET),
        age_of(metadata.get("creationTimestamp"), now),
        spec.get("volumeMode", UNSET),
    ]


class PersistentVolumeClaimStrategy(Strategy):
    """A claim wants a volume; once it has one it may ask for more of it, or for another class."""

    returns_deleted_object = True
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        default_claim_spec(document["spec"])
        document.setdefault("status", {}).setdefault("phase", "Pending")

    def prepare_for_create(self, document: Object) -> Object:
        spec = _with_sources(document["spec"], None)
        return {**document, "spec": spec, "status": {"phase": "Pending"}}

    def prepare_for_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_update(document, old)
        return {**prepared, "spec": _with_sources(document["spec"], old["spec"])}

    def validate(self, document: Object) -> list[FieldError]:
        return validate_claim_spec(document["spec"], "spec")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        return [
            *self.validate(document),
            *_validate_spec_change(document, old),
            *_validate_size_change(document["spec"], old),
            *_validate_mode_and_class(document["spec"], old["spec"]),
        ]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = []
        if not document["metadata"].get("resourceVersion"):
            errors.append(required("resourceVersion"))
        if not document["spec"].get("accessModes"):
            errors.append(required("Spec.accessModes"))
        capacity = (document.get("status") or {}).get("capacity") or {}
        for resource, quantity in capacity.items():
            errors += validate_quantity_of(resource, quantity, f"status.capacity[{resource}]")
        return errors


def _with_sources(spec: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    kept = before is not None and before.get("dataSource") is not None
    if source is not None and not kept and not _is_old_source(source):
        # Other sources were always dropped here without a word; dataSourceRef is for them.
        source = None
        spec = {key: value for key, value in spec.items() if key != "dataSource"}
    if source is not None and reference is None:
        reference = {name: source[name] for name in _REFERENCE if name in source}
        spec = {**spec, "dataSourceRef": reference}
    elif source is None and reference is not None and not reference.get("namespace"):
        source = {name: reference[name] for name in _REFERENCE if name in reference}
        spec = {**spec, "dataSource": source}
    return spec


def _is_old_source(source: dict[str, Any]) -> bool:
    return (source.get("apiGroup") or "", source.get("kind", "")) in _OLD_SOURCES


def _requests(spec: dict[str, Any]) -> dict[str, str]:
    return (spec.get("resources") or {}).get("requests") or {}


def _validate_spec_change(document: Object, old: Object) -> list[FieldError]:
    new, before = copy.deepcopy(document["spec"]), copy.deepcopy(old["spec"])
    # A volume is chosen once, and a class may be filled in where none was named.
    if not before.get("volumeName") and new.get("volumeName"):
        before["volumeName"] = new["volumeName"]
    if before.get("storageClassName") is None and new.get("storageClassName") is not None:
        before["storageClassName"] = new["storageClassName"]
    if (document.get("status") or {}).get("phase") == "Bound":
        size = _requests(before).get(STORAGE)
        if _requests(new) and size is not None:
            new["resources"]["requests"][STORAGE] = size
        if "volumeAttributesClassName" in new and "volumeAttributesClassName" in before:
            new["volumeAttributesClassName"] = before["volumeAttributesClassName"]
        elif "volumeAttributesClassName" in new:
            del new["volumeAttributesClassName"]
    if new == before:
        return []
    shown = (internal_form("core.v1.PersistentVolumeClaimSpec", spec) for spec in (before, new))
    return [forbidden("spec", _IMMUTABLE + difference(*shown))]


def _validate_size_change(spec: dict[str, Any], old: Object) -> list[FieldError]:
    new, before = _requests(spec).get(STORAGE, "0"), _requests(old["spec"]).get(STORAGE, "0")
    if amount(new) >= amount(before):
        return []
    had = ((old.get("status") or {}).get("capacity") or {}).get(STORAGE)
    if had is not None and amount(new) > amount(had):
        return []
    detail = "field can not be less than status.capacity"
    return [forbidden("spec.resources.requests.storage", detail)]


def _validate_mode_and_class(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    errors = []
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(invalid("volumeMode", spec.get("volumeMode"), "field is immutable"))
    new, old = spec.get("volumeAttributesClassName"), before.get("volumeAttributesClassName")
    if old is not None and new is None:
        detail = "update from non-nil value to nil is forbidden"
        errors.append(forbidden("spec.volumeAttributesClassName", detail))
    return errors


STRATEGY = PersistentVolumeClaimStrategy
