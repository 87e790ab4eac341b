"""PersistentVolume."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from posixpath import normpath
from typing import Any, Final

from apiserver.machinery.empties import copied, member
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.objects import Object
from apiserver.machinery.times import now as time_now
from apiserver.resources.builtin.core.accessmodes import CLASS_ANNOTATION, class_of, shown_modes
from apiserver.resources.builtin.core.volumesources import (
    SOURCES,
    default_source,
    validate_sources,
)
from apiserver.resources.builtin.parts.affinity import validate_node_selector
from apiserver.resources.builtin.parts.claimspecs import VOLUME_MODES, validate_access_modes
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.nodelabels import (
    new_node_label,
    warnings_for_node_selector_term,
)
from apiserver.resources.builtin.parts.numbers import NOT_POSITIVE
from apiserver.resources.builtin.parts.resources import (
    STORAGE,
    amount,
    default_quantities,
    validate_basic_quantity,
)
from apiserver.resources.printing import AGE, NAME, UNSET, Column, Printer, age_of
from apiserver.resources.strategy import WHOLE, Strategy
from apiserver.schema.internalform import internal_form, internal_map

_SPEC: Final = "api.core.v1.PersistentVolumeSpec"
_STATUS: Final = "api.core.v1.PersistentVolumeStatus"
RECYCLE, RETAIN = "Recycle", "Retain"
FILESYSTEM: Final = "Filesystem"
_RECLAIM_POLICIES: Final = ("Delete", RECYCLE, RETAIN)
_INLINE: Final = "in the context of inline volumes"
# An empty value of these counts.
_POINTERS: Final = ("claimRef", "nodeAffinity")
_CLASS: Final = "volumeAttributesClassName"
_OLD_ANNOTATIONS: Final = (
    (CLASS_ANNOTATION, "v1.8", "storageClassName"),
    ("volume.beta.kubernetes.io/mount-options", "v1.31", "mountOptions"),
)
# The warnings for sources, at most one: the field and the message.
_OLD_SOURCES: Final = {
    "cephfs": ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    "photonPersistentDisk": (
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    "rbd": ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    "scaleIO": ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    "storageos": ("storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    "glusterfs": ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
}

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
    """A volume has one source, which is immutable, and is bound to one claim."""

    metadata_checks = (WHOLE, WHOLE)
    returns_deleted_object = True
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        spec = document["spec"]
        document.setdefault("status", {}).setdefault("phase", "Pending")
        spec.setdefault("persistentVolumeReclaimPolicy", RETAIN)
        spec.setdefault("volumeMode", FILESYSTEM)
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
        return _validate(document, any_value=False)

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        # Values that were accepted before may stay.
        any_value = bool(_validate_affinity(before, any_value=False))
        errors = _validate(document, any_value=any_value)
        # The volume itself is validated again before its change.
        errors += errors
        new_source, old_source = _source(spec, before), _source(before, before)
        if new_source != old_source:
            shown = (internal_form(_SOURCE_TYPE, source) for source in (old_source, new_source))
            detail = "spec.persistentvolumesource is immutable after creation\n"
            errors.append(forbidden("spec.persistentvolumesource", detail + difference(*shown)))
        if spec.get("volumeMode") != before.get("volumeMode"):
            errors.append(invalid("volumeMode", spec.get("volumeMode"), "field is immutable"))
        return errors + _validate_affinity_change(spec, before) + _validate_class(spec, before)

    def warnings_on_create(self, document: Object) -> list[str]:
        return [*_of_annotations(document), *_of_spec(document["spec"])]


_SOURCE_TYPE: Final = "core.v1.PersistentVolumeSource"
_LATE_SECRET: Final = "controllerExpandSecretRef"


def _source(spec: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    source = {name: spec[name] for name in SOURCES if spec.get(name) is not None}
    csi, old = source.get("csi"), before.get("csi")
    if csi is not None and old is not None and _LATE_SECRET in csi and _LATE_SECRET not in old:
        # The secret for expansion may be added to volumes created before expansion existed.
        source["csi"] = copied(csi)
        del source["csi"][_LATE_SECRET]
    return source


def _validate(document: Object, *, any_value: bool) -> list[FieldError]:
    spec, name = document["spec"], document["metadata"].get("name", "")
    errors = _validate_modes(spec, "spec.accessModes")
    errors += _validate_capacity(spec)
    errors += _validate_policy(spec)
    errors += _validate_affinity(spec, any_value=any_value)
    errors += validate_sources(spec, name, "spec", placed=spec.get("nodeAffinity") is not None)
    errors += _validate_root(spec, "spec")
    if spec.get("storageClassName"):
        errors += validate_dns_subdomain(spec["storageClassName"], "spec.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(not_supported("spec.volumeMode", mode, VOLUME_MODES))
    return errors + _validate_attributes(spec, "spec")


def default_inline_spec(spec: dict[str, Any]) -> None:
    """Set the defaults of the spec of a volume inside another object, in place."""
    default_quantities(spec.get("capacity") or {})
    default_source(spec)


def validate_inline_spec(spec: dict[str, Any], path: str) -> list[FieldError]:
    """Validate the spec of a volume inside another object: it has nothing but a source."""
    errors = _forbid_inline(spec, path, "claimRef", "capacity")
    if spec.get("csi") is None:
        errors.append(required(f"{path}.csi", f"has to be specified {_INLINE}"))
    errors += _validate_modes(spec, f"{path}.accessModes")
    if spec.get("persistentVolumeReclaimPolicy") not in (None, "", RETAIN):
        where = f"{path}.persistentVolumeReclaimPolicy"
        errors.append(forbidden(where, f"may only be {RETAIN} {_INLINE}"))
    errors += _forbid_inline(spec, path, "nodeAffinity")
    errors += validate_sources(spec, "", path, placed=False)
    errors += _validate_root(spec, path)
    errors += _forbid_inline(spec, path, "storageClassName")
    if spec.get("volumeMode") not in (None, FILESYSTEM):
        detail = f"may not specify volumeMode other than {FILESYSTEM} {_INLINE}"
        errors.append(forbidden(f"{path}.volumeMode", detail))
    return errors + _validate_attributes(spec, path)


def _forbid_inline(spec: dict[str, Any], path: str, *members: str) -> list[FieldError]:
    return [
        forbidden(f"{path}.{name}", f"may not be specified {_INLINE}")
        for name in members
        if spec.get(name) or (name in _POINTERS and spec.get(name) is not None)
    ]


def _validate_modes(spec: dict[str, Any], path: str) -> list[FieldError]:
    modes = spec.get("accessModes") or []
    return [*([] if modes else [required(path)]), *validate_access_modes(modes, path)]


def _validate_capacity(spec: dict[str, Any]) -> list[FieldError]:
    capacity, path = spec.get("capacity") or {}, "spec.capacity"
    errors = [] if capacity else [required(path)]
    if STORAGE not in capacity or len(capacity) > 1:
        errors.append(not_supported(path, internal_map(member(spec, "capacity")), [STORAGE]))
    for resource, quantity in capacity.items():
        where = f"{path}[{resource}]"
        errors += validate_basic_quantity(quantity, where)
        if amount(quantity) <= 0:
            errors.append(invalid(where, quantity, NOT_POSITIVE))
    return errors


def _validate_policy(spec: dict[str, Any]) -> list[FieldError]:
    policy = spec.get("persistentVolumeReclaimPolicy")
    if not policy or policy in _RECLAIM_POLICIES:
        return []
    return [not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM_POLICIES)]


def _validate_affinity(spec: dict[str, Any], *, any_value: bool) -> list[FieldError]:
    affinity = spec.get("nodeAffinity")
    if affinity is None:
        return []
    needed, path = affinity.get("required"), "spec.nodeAffinity.required"
    if needed is None:
        return [required(path, "must specify required node constraints")]
    return validate_node_selector(needed, path, any_value=any_value)


def _validate_root(spec: dict[str, Any], path: str) -> list[FieldError]:
    folder = (spec.get("hostPath") or {}).get("path", "")
    recycles = spec.get("persistentVolumeReclaimPolicy") == RECYCLE
    if not recycles or not folder.startswith("/") or normpath(folder).strip("/"):
        return []
    detail = "may not be 'recycle' for a hostPath mount of '/'"
    return [forbidden(f"{path}.persistentVolumeReclaimPolicy", detail)]


def _validate_attributes(spec: dict[str, Any], path: str) -> list[FieldError]:
    name, where = spec.get(_CLASS), f"{path}.{_CLASS}"
    if name is None:
        return []
    detail = "an empty string is disallowed"
    errors = validate_dns_subdomain(name, where) if name else [required(where, detail)]
    if spec.get("csi") is None:
        detail = f"has to be specified when using {_CLASS}"
        errors.append(required(f"{path}.csi", detail))
    return errors


def _validate_affinity_change(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    new, old = spec.get("nodeAffinity"), before.get("nodeAffinity")
    if old is None or new == old or new == _with_new_labels(old, new):
        return []
    detail = "field is immutable, except for updating from beta label to GA"
    return [invalid("nodeAffinity", internal_form("core.v1.VolumeNodeAffinity", new), detail)]


def _with_new_labels(old: dict[str, Any], new: dict[str, Any] | None) -> dict[str, Any]:
    """Return the old affinity with the new label names that ``new`` uses."""
    renamed = deepcopy(old)
    for term, other in zip(_terms(renamed), _terms(new), strict=False):
        pairs = (each.get("matchExpressions") or () for each in (term, other))
        for one, two in zip(*pairs, strict=False):
            if two.get("key") and new_node_label(one.get("key", "")) == two["key"]:
                one["key"] = two["key"]
    return renamed


def _terms(affinity: dict[str, Any] | None) -> list[dict[str, Any]]:
    return ((affinity or {}).get("required") or {}).get("nodeSelectorTerms") or []


def _validate_class(spec: dict[str, Any], before: dict[str, Any]) -> list[FieldError]:
    if before.get(_CLASS) is None or spec.get(_CLASS) is not None:
        return []
    return [forbidden(f"spec.{_CLASS}", "update from non-nil value to nil is forbidden")]


def _of_annotations(document: Object) -> Iterator[str]:
    annotations = document["metadata"].get("annotations") or {}
    for key, since, member_ in _OLD_ANNOTATIONS:
        if key in annotations:
            where = f"metadata.annotations[{key}]"
            yield f'{where}: deprecated since {since}; use "{member_}" attribute instead'


def _of_spec(spec: dict[str, Any]) -> Iterator[str]:
    if spec.get("persistentVolumeReclaimPolicy") == RECYCLE:
        yield (
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        )
    for index, term in enumerate(_terms(spec.get("nodeAffinity"))):
        path = f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]"
        yield from warnings_for_node_selector_term(term, path)
    for name, (shown, text) in _OLD_SOURCES.items():
        if spec.get(name) is not None:
            yield f"spec.{shown}: {text}"
            return


STRATEGY = PersistentVolumeStrategy
