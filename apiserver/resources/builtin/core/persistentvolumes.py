"""PersistentVolume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.times import now as time_now
from apiserver.resources.builtin.core.accessmodes import class_of, shown_modes
from apiserver.resources.builtin.core.volumesources import (
    SOURCES,
    default_source,
    validate_sources,
)
from apiserver.resources.builtin.parts.affinity import validate_node_selector
from apiserver.resources.builtin.parts.claimspecs import VOLUME_MODES, validate_access_modes
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.internalform import internal_form
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.numbers import NOT_POSITIVE
from apiserver.resources.builtin.parts.resources import (
    STORAGE,
    amount,
    default_quantities,
    validate_quantity_of,
)
from apiserver.resources.printing import AGE, NAME, UNSET, Column, Printer, age_of
from apiserver.resources.strategy import WHOLE, Strategy

_SPEC: Final = "api.core.v1.PersistentVolumeSpec"
_STATUS: Final = "api.core.v1.PersistentVolumeStatus"
_RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")

COLUMNS: Final = (
    NAME,
    Column("Capacity", source=f"{_SPEC}.capacity"),
    Column("Access Modes", source=f"{_SPEC}.accessModes"),
    Column("Reclaim Policy", source=f"{_SPEC}.persistentVolumeReclaimPolicy"),
    Column("Status", source=f"{_STATUS}.phase"),
    Column("Claim", source=f"{_SPEC}.claimRef"),
    Column("StorageClass", "StorageClass of the pv"),
    Column("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
    Column("Reason", source=f"{_STATUS}.reason"),
    AGE,
    Column("VolumeMode", priority=1, source=f"{_SPEC}.volumeMode"),
)


def _cells(document: Object, now: float) -> list[Any]:
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    claim = spec.get("claimRef")
    return [
        metadata.get("name", ""),
        (spec.get("capacity") or {}).get(STORAGE, "0"),
        shown_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if "deletionTimestamp" in metadata else status.get("phase", ""),
        "" if claim is None else f"{claim.get('namespace', '')}/{claim.get('name', '')}",
        class_of(document, spec),
        spec.get("volumeAttributesClassName", UNSET),
        status.get("reason", ""),
        age_of(metadata.get("creationTimestamp"), now),
        spec.get("volumeMode", UNSET),
    ]


class PersistentVolumeStrategy(Strategy):
    """A volume has one source, which never changes, and is given to one claim."""

    metadata_checks = (WHOLE, WHOLE)
    returns_deleted_object = True
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        document.setdefault("status", {}).setdefault("phase", "Pending")
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
        spec.setdefault("volumeMode", "Filesystem")
        default_quantities(spec.get("capacity") or {})
        default_source(spec)

    def prepare_for_create(self, document: Object) -> Object:
        status = {"phase": "Pending", "lastPhaseTransitionTime": time_now()}
        return {**document, "status": status}

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        prepared = super().prepare_for_status_update(document, old)
        status, before = (d.get("status") or {} for d in (prepared, old))
        since = status.get("lastPhaseTransitionTime")
        if status.get("phase") == before.get("phase") or (
            since is not None and since != before.get("lastPhaseTransitionTime")
        ):
            return prepared
        return {**prepared, "status": {**status, "lastPhaseTransitionTime": time_now()}}

    def validate(self, document: Object) -> list[FieldError]:
        spec = document["spec"]
        modes = spec.get("accessModes") or []
        errors = [] if modes else [required("spec.accessModes")]
        for rule in (_validate_modes, _validate_capacity, _validate_policy, _validate_affinity):
            errors += rule(spec)
        errors += validate_sources(spec)
        return errors + _validate_rest(spec)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        errors = self.validate(document)
        new_source, old_source = _source(spec, before), _source(before, before)
        if new_source != old_source:
            shown = (internal_form(_SOURCE_TYPE, source) for source in (old_source, new_source))
            detail = "spec.persistentvolumesource is immutable after creation\n"
            errors.append(forbidden("spec.persistentvolumesource", detail + difference(*shown)))
        if spec.get("volumeMode") != before.get("volumeMode"):
            errors.append(invalid("volumeMode", spec.get("volumeMode"), "field is immutable"))
        if before.get("nodeAffinity") and spec.get("nodeAffinity") != before["nodeAffinity"]:
            shown_affinity = internal_form("core.v1.VolumeNodeAffinity", spec.get("nodeAffinity"))
            errors.append(invalid("nodeAffinity", shown_affinity, "field is immutable"))
        return errors

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        version = document["metadata"].get("resourceVersion")
        return [] if version else [required("resourceVersion")]


_SOURCE_TYPE: Final = "core.v1.PersistentVolumeSource"
_LATE_SECRETS: Final = ("controllerExpandSecretRef", "nodeExpandSecretRef")


def _source(spec: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    source = {name: spec[name] for name in SOURCES if spec.get(name) is not None}
    csi, old = source.get("csi"), before.get("csi") or {}
    if csi:
        # Secrets for growing may be added to volumes that are older than growing is.
        late = {name for name in _LATE_SECRETS if name not in old}
        source["csi"] = {name: value for name, value in csi.items() if name not in late}
    return source


Rule = Callable[[dict[str, Any]], list[FieldError]]


def _validate_modes(spec: dict[str, Any]) -> list[FieldError]:
    return validate_access_modes(spec.get("accessModes") or [], "spec.accessModes")


def _validate_capacity(spec: dict[str, Any]) -> list[FieldError]:
    capacity, path = spec.get("capacity") or {}, "spec.capacity"
    errors = [] if capacity else [required(path)]
    if STORAGE not in capacity or len(capacity) > 1:
        errors.append(not_supported(path, capacity or None, [STORAGE]))
    for resource, quantity in capacity.items():
        where = f"{path}[{resource}]"
        errors += validate_quantity_of(resource, quantity, where)
        if amount(quantity) <= 0:
            errors.append(invalid(where, quantity, NOT_POSITIVE))
    return errors


def _validate_policy(spec: dict[str, Any]) -> list[FieldError]:
    policy = spec.get("persistentVolumeReclaimPolicy")
    if not policy or policy in _RECLAIM_POLICIES:
        return []
    return [not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM_POLICIES)]


def _validate_affinity(spec: dict[str, Any]) -> list[FieldError]:
    affinity = spec.get("nodeAffinity")
    if affinity is None:
        return []
    needed = affinity.get("required")
    if needed is None:
        return [required("spec.nodeAffinity.required", "must specify required node constraints")]
    return validate_node_selector(needed, "spec.nodeAffinity.required")


def _validate_rest(spec: dict[str, Any]) -> list[FieldError]:
    errors: list[FieldError] = []
    host = spec.get("hostPath") or {}
    if host.get("path") == "/" and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(forbidden("spec.persistentVolumeReclaimPolicy", detail))
    if spec.get("storageClassName"):
        errors += validate_dns_subdomain(spec["storageClassName"], "spec.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(not_supported("spec.volumeMode", mode, VOLUME_MODES))
    return errors


STRATEGY = PersistentVolumeStrategy
