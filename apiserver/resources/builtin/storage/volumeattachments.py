"""VolumeAttachment."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.internalform import internal_form
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import WHOLE, Strategy

_SPEC: Final = "api.storage.v1.VolumeAttachmentSpec"
_ONE: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"

_COLUMNS: Final = (
    Column("Attacher", format="name", source=f"{_SPEC}.attacher"),
    Column("PV", source="api.storage.v1.VolumeAttachmentSource.persistentVolumeName"),
    Column("Node", source=f"{_SPEC}.nodeName"),
    Column("Attached", type="boolean", source="api.storage.v1.VolumeAttachmentStatus.attached"),
)


def _cells(document: Object) -> list[Any]:
    spec, status = document.get("spec") or {}, document.get("status") or {}
    return [
        spec.get("attacher", ""),
        (spec.get("source") or {}).get("persistentVolumeName") or "",
        spec.get("nodeName", ""),
        status.get("attached", False),
    ]


class VolumeAttachmentStrategy(Strategy):
    """A VolumeAttachment wants a volume attached to a node, and is told what became of it."""

    metadata_checks = (WHOLE, WHOLE)
    allow_unconditional_update = False
    returns_deleted_object = True
    printer = aged(_COLUMNS, _cells)

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        name = (spec.get("source") or {}).get("persistentVolumeName")
        errors = _validate_spec(spec)
        errors += validate_driver_name(spec.get("attacher", ""), "spec.attacher")
        if name is not None:
            errors += validate_dns_subdomain(name, "spec.source.persistentVolumeName")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        errors = _validate_spec(spec)
        if spec != (old.get("spec") or {}):
            shown = internal_form("storage.v1.VolumeAttachmentSpec", spec)
            errors.append(invalid("spec", shown, "field is immutable"))
        return errors

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return self.validate_update(document, old)


def _validate_spec(spec: dict[str, Any]) -> list[FieldError]:
    source = spec.get("source") or {}
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    errors = [] if spec.get("attacher") else [required("spec.attacher")]
    if inline is None and name is None:
        errors.append(required("spec.source", _ONE))
    elif inline is not None and name is not None:
        errors.append(forbidden("spec.source", _ONE))
    elif name == "":
        detail = "must specify non empty persistentVolumeName"
        errors.append(required("spec.source.persistentVolumeName", detail))
    return errors + validate_dns_subdomain(spec.get("nodeName", ""), "spec.nodeName")


STRATEGY = VolumeAttachmentStrategy
