"""VolumeAttachment."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, required, too_long
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.core.persistentvolumes import (
    default_inline_spec,
    validate_inline_spec,
)
from apiserver.resources.builtin.parts.names import validate_dns_subdomain
from apiserver.resources.builtin.parts.storagesources import validate_driver_name
from apiserver.resources.printing import Column, aged
from apiserver.resources.strategy import Strategy, with_metadata_of
from apiserver.schema.internalform import internal_form

_SPEC: Final = "api.storage.v1.VolumeAttachmentSpec"
_LARGEST_METADATA: Final = 256 * 1024
_LONGEST_MESSAGE: Final = 1024
_HIGHEST_CODE: Final = (1 << 31) - 1
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
    """A VolumeAttachment requests to attach a volume to a node; the status has the result."""

    # The rules of the kind include metadata.
    metadata_checks = ()
    reset_fields = {"status": {"f:metadata": {}, "f:spec": {}}}  # noqa: RUF012
    allow_unconditional_update = False
    returns_deleted_object = True
    printer = aged(_COLUMNS, _cells)

    def default(self, document: Object) -> None:
        inline = document["spec"]["source"].get("inlineVolumeSpec")
        if inline is not None:
            default_inline_spec(inline)

    def validate(self, document: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        name = (spec.get("source") or {}).get("persistentVolumeName")
        errors = _validate(document)
        if spec.get("attacher"):
            errors += validate_driver_name(spec["attacher"], "spec.attacher")
        if name is not None:
            errors += validate_dns_subdomain(name, "spec.source.persistentVolumeName")
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        spec = document.get("spec") or {}
        # Kubernetes validates the new object, then the change, which includes the new object.
        errors = [*objectmeta.validate_whole(document, self), *_validate(document)] * 2
        if spec != (old.get("spec") or {}):
            shown = internal_form("storage.v1.VolumeAttachmentSpec", spec)
            errors.append(invalid("spec", shown, "field is immutable"))
        return errors

    def prepare_for_status_update(self, document: Object, old: Object) -> Object:
        return super().prepare_for_status_update(with_metadata_of(document, old), old)

    def validate_status_update(self, document: Object, old: Object) -> list[FieldError]:
        return self.validate_update(document, old)


def _validate(document: Object) -> list[FieldError]:
    status = document.get("status") or {}
    return [
        *_validate_spec(document.get("spec") or {}),
        *_validate_metadata(status.get("attachmentMetadata") or {}),
        *_validate_error(status.get("attachError") or {}, "status.attachError"),
        *_validate_error(status.get("detachError") or {}, "status.detachError"),
    ]


def _validate_metadata(metadata: dict[str, str]) -> list[FieldError]:
    path = "status.attachmentMetadata"
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    return [too_long(path, _LARGEST_METADATA)] if size > _LARGEST_METADATA else []


def _validate_error(error: dict[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(error.get("message", "").encode()) > _LONGEST_MESSAGE:
        # Kubernetes names the limit of the metadata.
        errors.append(too_long(f"{path}.message", _LARGEST_METADATA))
    code = error.get("errorCode", 0)
    if code < 0:
        detail = f"must be between 0 and {_HIGHEST_CODE}, inclusive"
        errors.append(invalid(f"{path}.errorCode", code, detail))
    return errors


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
    elif inline is not None:
        errors += validate_inline_spec(inline, "spec.source.inlineVolumeSpec")
    return errors + validate_dns_subdomain(spec.get("nodeName", ""), "spec.nodeName")


STRATEGY = VolumeAttachmentStrategy
