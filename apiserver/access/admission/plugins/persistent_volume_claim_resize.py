"""PersistentVolumeClaimResize: a claim can grow only if its class allows expansion."""

from __future__ import annotations

from decimal import Decimal

from apiserver.access.admission.chain import UPDATE, AdmissionAttributes
from apiserver.access.admission.plugins.default_storage_class import CLASS_ANNOTATION
from apiserver.access.quota.resource_lists import quantity_value
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import CLAIMS, STORAGE_CLASSES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, annotations_of


class PersistentVolumeClaimResize:
    """Rejects growth of claims whose class does not allow expansion."""

    name = "PersistentVolumeClaimResize"

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == CLAIMS and operation == UPDATE and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        claim, old = attributes.object, attributes.old_object
        assert claim is not None
        assert old is not None
        if _size(claim) <= _size(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise attributes.forbidden("Only bound persistent volume claims can be expanded")
        if not _can_grow(claim, old, reader):
            raise attributes.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that "
                "provisions the pvc must support resize"
            )


def _size(claim: Object) -> Decimal:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return quantity_value(requests.get("storage", "0"))


def _class(claim: Object) -> str:
    annotation = annotations_of(claim).get(CLASS_ANNOTATION)
    return annotation if annotation is not None else claim["spec"].get("storageClassName") or ""


def _can_grow(claim: Object, old: Object, reader: Reader) -> bool:
    name = _class(claim)
    if not name or name != _class(old):
        return False
    class_ = reader.get(STORAGE_CLASSES, "", name)
    return class_ is not None and bool(class_.get("allowVolumeExpansion"))
