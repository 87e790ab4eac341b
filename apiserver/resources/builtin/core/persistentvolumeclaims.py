"""PersistentVolumeClaim."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.empties import copied
from apiserver.machinery.fielderrors import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)
from apiserver.machinery.names import label_key_problems
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.accessmodes import CLASS_ANNOTATION, class_of, shown_modes
from apiserver.resources.builtin.parts.claimspecs import default_claim_spec, validate_claim_spec
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.labelselector import validate_label_selector
from apiserver.resources.builtin.parts.podwarnings import warnings_for_claim_spec
from apiserver.resources.builtin.parts.resources import (
    STORAGE,
    amount,
    is_native,
    validate_basic_quantity,
)
from apiserver.resources.printing import AGE, NAME, UNSET, Column, Printer, age_of
from apiserver.resources.strategy import Strategy
from apiserver.schema.internalform import internal_form

_SPEC: Final = "api.core.v1.PersistentVolumeClaimSpec"
_STATUS: Final = "api.core.v1.PersistentVolumeClaimStatus"
_ATTRIBUTES: Final = "volumeAttributesClassName"
_SOURCES: Final = ("dataSource", "dataSourceRef")
_GROWTH: Final = (
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
    "NodeResizeInfeasible", "NodeResizePending",
)  # fmt: skip
_REFERENCE: Final = ("apiGroup", "kind", "name")
# The kinds that dataSource may name; dataSourceRef may name any kind.
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
    """A claim requests a volume. Once bound, it may request more capacity or another class."""

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

    def warnings_on_create(self, document: Object) -> list[str]:
        annotations, where = document["metadata"].get("annotations") or {}, "metadata.annotations"
        found = []
        if CLASS_ANNOTATION in annotations:
            text = 'deprecated since v1.8; use "storageClassName" attribute instead'
            found.append(f"{where}[{CLASS_ANNOTATION}]: {text}")
        return found + warnings_for_claim_spec(document["spec"], "spec")

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec, before = document["spec"], old["spec"]
        # Values that were accepted before may stay.
        errors = validate_claim_spec(
            spec,
            "spec",
            lenient=bool(validate_label_selector(before.get("selector") or {}, "")),
            any_group=any(
                (before.get(name) or {}).get("apiGroup") is not None for name in _SOURCES
            ),
        )
        return [
            *errors,
            *_validate_spec_change(document, old),
            *_validate_size_change(document["spec"], old),
            *_validate_mode_and_class(document["spec"], old),
        ]

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        errors: list[FieldError] = []
        if not document["spec"].get("accessModes"):
            errors.append(required("Spec.accessModes"))
        status = document.get("status") or {}
        for resource, quantity in (status.get("capacity") or {}).items():
            errors += validate_basic_quantity(quantity, f"status.capacity[{resource}]")
        return errors + _validate_growth(status)


def _validate_growth(status: dict[str, Any]) -> list[FieldError]:
    path, errors = "status.allocatedResourceStatuses", []
    for resource, state in (status.get("allocatedResourceStatuses") or {}).items():
        errors += _validate_resource(resource, path)
        if state not in _GROWTH:
            errors.append(not_supported(path, resource, _GROWTH))
    path = "status.allocatedResources"
    for resource, quantity in (status.get("allocatedResources") or {}).items():
        where = f"{path}[{resource}]"
        errors += _validate_resource(resource, path) or validate_basic_quantity(quantity, where)
    return errors


def _validate_resource(resource: str, path: str) -> list[FieldError]:
    errors = [invalid(path, resource, problem) for problem in label_key_problems(resource)]
    if not errors and is_native(resource) and resource != STORAGE:
        errors.append(not_supported(path, resource, [STORAGE]))
    return errors


def _with_sources(spec: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    old = before or {}
    spec = copied(spec)
    reference = spec.get("dataSourceRef")
    if reference and reference.get("namespace") and old.get("dataSourceRef") is None:
        # A source in another namespace needs a feature that is disabled.
        reference = None
        del spec["dataSourceRef"]
    source = spec.get("dataSource")
    is_kept = any(old.get(name) is not None for name in _SOURCES)
    if source is not None and reference is None and not is_kept and not _is_old_source(source):
        # Other sources have always been dropped here silently; dataSourceRef accepts them.
        source = None
        del spec["dataSource"]
    if source is not None and reference is None:
        spec["dataSourceRef"] = {name: source[name] for name in _REFERENCE if name in source}
    elif source is None and reference is not None and not reference.get("namespace"):
        spec["dataSource"] = {name: reference[name] for name in _REFERENCE if name in reference}
    return spec


def _is_old_source(source: dict[str, Any]) -> bool:
    return (source.get("apiGroup") or "", source.get("kind", "")) in _OLD_SOURCES


def _requests(spec: dict[str, Any]) -> dict[str, str]:
    return (spec.get("resources") or {}).get("requests") or {}


def _validate_spec_change(document: Object, old: Object) -> list[FieldError]:
    new, before = copied(document["spec"]), copied(old["spec"])
    # The volume may be set once, and the class may be set if there was none.
    if not before.get("volumeName") and new.get("volumeName"):
        before["volumeName"] = new["volumeName"]
    errors = _settle_class(new, before, document, old)
    if (document.get("status") or {}).get("phase") == "Bound":
        if _requests(new):
            requests = {**_requests(new), STORAGE: _requests(before).get(STORAGE, "0")}
            new["resources"] = {**copied(new["resources"]), "requests": requests}
        if new.pop(_ATTRIBUTES, None) is not None and _ATTRIBUTES in before:
            new[_ATTRIBUTES] = before[_ATTRIBUTES]
    if new == before:
        return errors
    shown = (internal_form("core.v1.PersistentVolumeClaimSpec", spec) for spec in (before, new))
    return [*errors, forbidden("spec", _IMMUTABLE + difference(*shown))]


def _settle_class(
    new: dict[str, Any], before: dict[str, Any], document: Object, old: Object
) -> list[FieldError]:
    """Make a change of class that is allowed none, in place; it may move out of the annotation."""
    name, had = new.get("storageClassName"), before.get("storageClassName")
    given, annotated = (
        (each["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
        for each in (document, old)
    )
    is_first = had is None and name is not None
    if is_first and annotated == name and given in (None, annotated):
        del new["storageClassName"]
        return []
    if is_first and annotated in (None, name):
        before["storageClassName"] = name
    if (given or "") == (annotated or ""):
        return []
    path = f"metadata.annotations.{CLASS_ANNOTATION}"
    return [invalid(path, given or "", "field is immutable")]


def _validate_size_change(spec: dict[str, Any], old: Object) -> list[FieldError]:
    new, before = _requests(spec).get(STORAGE, "0"), _requests(old["spec"]).get(STORAGE, "0")
    if amount(new) >= amount(before):
        return []
    had = ((old.get("status") or {}).get("capacity") or {}).get(STORAGE, "0")
    if amount(new) > amount(had):
        return []
    detail = "field can not be less than status.capacity"
    return [forbidden("spec.resources.requests.storage", detail)]


def _validate_mode_and_class(spec: dict[str, Any], existing: Object) -> list[FieldError]:
    errors, before = [], existing["spec"]
    # Whether the volume got the attributes of a class. Until then, a class can be taken away.
    applied = "currentVolumeAttributesClassName" in (existing.get("status") or {})
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(invalid("volumeMode", spec.get("volumeMode"), "field is immutable"))
    new, old = spec.get("volumeAttributesClassName"), before.get("volumeAttributesClassName")
    if new != old and applied and not new:
        shown = "nil" if new is None else "empty string"
        condition = "status.currentVolumeAttributesClassName is not nil"
        detail = f"update to {shown} is forbidden when {condition}"
        errors.append(forbidden("spec.volumeAttributesClassName", detail))
    return errors


STRATEGY = PersistentVolumeClaimStrategy
